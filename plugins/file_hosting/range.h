/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_RANGE_H
#define FILE_HOSTING_RANGE_H

#include <stddef.h>
#include <stdint.h>

enum range_kind {
	RANGE_NONE,  /* none, or one that is not understood: the whole file is sent (RFC 9110) */
	RANGE_PART,  /* from and to, both included */
	RANGE_UNFIT, /* 416 */
};

/* A Range header, NULL if there is none, for a file of size bytes. Several ranges count as none. */
enum range_kind range_parse(const char *header, int64_t size, int64_t *ret_from, int64_t *ret_to);

/*
 * What was sent of a file: spans of bytes [from, to), rising, apart. Bounded: a peer that asks for
 * more separate pieces than fit loses the shortest ones, which it has to fetch again.
 */
#define SPANS_MAX 32
#define SPANS_TEXT_SIZE (SPANS_MAX * 42 + 1)

struct span {
	int64_t from;
	int64_t to;
};

struct spans {
	uint32_t count;
	struct span items[SPANS_MAX];
};

void spans_add(struct spans *spans, int64_t from, int64_t to);
/* Bytes in all of them. */
int64_t spans_total(const struct spans *spans);
/* "0-4096,8192-9000"; and back: what is no such text is left out. */
void spans_print(const struct spans *spans, char ret_text[SPANS_TEXT_SIZE]);
void spans_read(const char *text, size_t len, struct spans *ret_spans);

#endif
