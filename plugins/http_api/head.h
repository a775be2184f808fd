/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_HEAD_H
#define HTTP_API_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The head of an HTTP/1.x request, read strictly (RFC 9112). Pure: no socket, no clock. */

#define HEAD_FIELDS_MAX 64

struct head_field {
	const char *name;
	const char *value;
};

struct head {
	char *method;
	char *path;  /* as sent, still encoded */
	char *query; /* as sent, without `?`; NULL: none */
	struct head_field fields[HEAD_FIELDS_MAX];
	uint32_t field_count;
	uint32_t minor;         /* HTTP/1.minor */
	int64_t content_length; /* 0: no body */
	bool is_keep_alive;
	bool expects_continue;
};

/*
 * Reads a head from text, which is len bytes and ends with CRLF CRLF, and is cut up in place.
 * Returns 0, or the HTTP status that answers it, with a sentence in ret_why.
 */
uint32_t head_parse(char *text, size_t len, struct head *ret_head, const char **ret_why);
/* The value of the field, NULL if absent. Names compare without case. */
const char *head_get(const struct head *head, const char *name);

#endif
