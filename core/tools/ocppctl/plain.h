/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_PLAIN_H
#define OCPPCTL_PLAIN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Text for a terminal: what a station may have put into it must not be obeyed there. Valid UTF-8.
 */

/* Appends the text, `?` for each control character and each that changes the direction of text. */
void plain_add(struct buf *out, const char *text);
/* Appends JSON text, such characters in its strings written as \uXXXX: it means the same. */
void plain_add_json(struct buf *out, const char *text, size_t len);

/* The columns that it takes: East Asian wide characters two, marks that combine none. */
uint32_t plain_width(const char *text);
/* How many bytes of it fit into so many columns, and how many of these they take. */
size_t plain_fit(const char *text, uint32_t columns, uint32_t *ret_width);

/* A line on standard error: `ocppctl: ` and the text; or two blanks and the text. */
void plain_say(const char *text);
void plain_say_more(const char *text);

#endif
