/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_TARGET_H
#define HTTP_API_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "problem.h"

/* Paths and queries: decoding, splitting, and the check of a query against a route's table. */

#define TARGET_SEGMENTS_MAX 16
#define TARGET_QUERY_MAX 32

struct ocppd_route;

/* Names and decoded values by turns, NULL at the end: as ocppd_request_info wants them. */
struct query {
	const char *pairs[2 * TARGET_QUERY_MAX + 1];
	uint32_t count; /* pairs */
};

/* Decodes %XX in place. Refuses broken escapes, control characters and what is not UTF-8. */
int target_decode(char *text, bool plus_is_blank);
/* Cuts a path into its decoded segments, in place. Returns their number, or OCPPD_EINVAL for a bad
 * encoding, OCPPD_ENOENT for a path that no route can have. */
int target_split(char *path, char *ret_segments[TARGET_SEGMENTS_MAX]);
/* Reads the query in place (NULL: none). Returns 0, or the status in problem. */
uint32_t query_check(const struct ocppd_route *route, char *text, struct query *ret_query,
		     struct problem *problem);
/* Replaces each byte that belongs to no valid sequence by `?`, in place. */
void text_mend(char *text);
/* 1 if the text is valid UTF-8. */
bool text_is_utf8(const char *text, size_t len);

/* Edit distance of two short texts; longer ones are far from all. */
size_t text_distance(const char *a, const char *b);

#endif
