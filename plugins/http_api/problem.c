/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Problem details of the server's own, in the shape that the core gives those of handlers.
 */
#include "problem.h"

#include <ocppd/json.h>

#include <stdarg.h>
#include <stdio.h>

#include <json-c/json.h>

#include "target.h"

struct phrase {
	uint32_t status;
	const char *text;
};

static const struct phrase phrases[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 204, "No Content" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 408, "Request Timeout" },
	{ 409, "Conflict" },
	{ 410, "Gone" },
	{ 411, "Length Required" },
	{ 412, "Precondition Failed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 422, "Unprocessable Content" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 501, "Not Implemented" },
	{ 502, "Bad Gateway" },
	{ 503, "Service Unavailable" },
	{ 504, "Gateway Timeout" },
	{ 505, "HTTP Version Not Supported" },
	{ 507, "Insufficient Storage" },
};

const char *
status_phrase(uint32_t status)
{
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (phrases[i].status == status)
			return phrases[i].text;
	}
	return "Unknown";
}

uint32_t
problem_set(struct problem *problem, uint32_t status, const char *kind, const char *format, ...)
{
	va_list args;

	problem->status = status;
	(void)snprintf(problem->kind, sizeof(problem->kind), "%s", kind);
	va_start(args, format);
	(void)vsnprintf(problem->detail, sizeof(problem->detail), format, args);
	va_end(args);
	/* What the peer sent may be no UTF-8, or was cut. */
	text_mend(problem->detail);
	return status;
}

struct json_object *
problem_body(const struct problem *problem)
{
	struct json_object *body = json_object_new_object();
	char type[80];
	int r = 0;

	if (body == NULL)
		return NULL;

	(void)snprintf(type, sizeof(type), "urn:ocppd:problem:%s", problem->kind);
	r |= ocppd_json_add_str(body, "type", type);
	r |= ocppd_json_add_str(body, "title", status_phrase(problem->status));
	r |= ocppd_json_add_int(body, "status", problem->status);
	r |= ocppd_json_add_str(body, "detail", problem->detail);
	if (r < 0) {
		json_object_put(body);
		return NULL;
	}
	return body;
}

bool
problem_is(uint32_t status, struct json_object *body)
{
	return status >= 400 && ocppd_json_get_str(body, "type") != NULL &&
	       ocppd_json_get_str(body, "title") != NULL;
}
