/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_PROBLEM_H
#define HTTP_API_PROBLEM_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/abi.h>

/* What the server itself refuses, before any route's handler is asked (RFC 9457). */
struct problem {
	uint32_t status; /* 0: none */
	char kind[40];   /* the same word for the same cause */
	char detail[400];
};

struct json_object;

/* Fills the problem and returns its status. */
uint32_t problem_set(struct problem *problem, uint32_t status, const char *kind, const char *format,
		     ...) OCPPD_PRINTF(4, 5);
/* The body, owned by the caller; NULL: out of memory. */
struct json_object *problem_body(const struct problem *problem);
/* "Not Found" for 404. Static. */
const char *status_phrase(uint32_t status);

/* Whether an answer is one, maybe with results beside it. */
bool problem_is(uint32_t status, struct json_object *body);

#endif
