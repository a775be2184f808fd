/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_BODY_H
#define HTTP_API_BODY_H

#include <stddef.h>
#include <stdint.h>

#include <ocppd/route.h>

#include "problem.h"

struct json_object;

/* The headers Content-Type and Content-Encoding, NULL where absent, of a body that is not empty. 0,
 * or the status in problem. */
uint32_t body_type_check(const char *content_type, struct problem *problem);
uint32_t body_encoding_check(const char *encoding, struct problem *problem);
/*
 * Reads and checks a body against the route's table. ret_body: owned by the caller, NULL where the
 * route wants none. Returns 0, or the status in problem, which names the member at fault.
 */
uint32_t body_parse(const struct ocppd_route *route, const char *text, size_t len,
		    struct json_object **ret_body, struct problem *problem);
/* 1 if the route takes any object: a command's payload, whose table depends on the path. */
int body_is_free(const struct ocppd_route *route);

#endif
