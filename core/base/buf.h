/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_BUF_H
#define OCPPD_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include <ocppd/abi.h>

/* Growing text or bytes. Errors stick in `error`; data is NUL-terminated whenever len > 0 or
 * anything was reserved. {0} is an empty buffer. */
struct buf {
	char *data;
	size_t len;
	size_t size;
	int error; /* 0 or OCPPD_ENOMEM */
};

void buf_fini(struct buf *buf);
void buf_clear(struct buf *buf); /* keeps the memory */
int buf_reserve(struct buf *buf, size_t more);
void buf_add(struct buf *buf, const void *data, size_t len);
void buf_add_str(struct buf *buf, const char *text);
void buf_add_char(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) OCPPD_PRINTF(2, 3);
/* The text, owned by the caller; buf is empty then. NULL after an error. */
char *buf_steal(struct buf *buf);

#endif
