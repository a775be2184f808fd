/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Request bodies: one JSON object, bounded in depth, valid UTF-8, without NUL, that fits the
 * route's table.
 */
#include "body.h"

#include "http_api.h"
#include "target.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#define BODY_DEPTH_MAX 32

uint32_t
body_type_check(const char *content_type, struct problem *problem)
{
	size_t len;

	if (content_type == NULL)
		return 0;
	len = strcspn(content_type, "; \t");
	if (len == strlen("application/json") &&
	    strncasecmp(content_type, "application/json", len) == 0)
		return 0;
	return problem_set(problem, 415, "unsupported-media-type",
			   "the body is %.60s, not application/json", content_type);
}

uint32_t
body_encoding_check(const char *encoding, struct problem *problem)
{
	if (encoding == NULL || encoding[0] == '\0' || strcasecmp(encoding, "identity") == 0)
		return 0;
	return problem_set(problem, 415, "unsupported-encoding",
			   "the body is encoded as %.60s; send it as it is", encoding);
}

/* A \u0000 escape that is not itself escaped: text ends at NUL everywhere behind us. */
static bool
has_nul(const char *text, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++) {
		if (text[i] != '\\')
			continue;
		if (text[i + 1] == 'u' && len - i >= 6 && memcmp(text + i + 2, "0000", 4) == 0)
			return true;
		i++; /* the escaped character */
	}
	return memchr(text, '\0', len) != NULL;
}

static bool
is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			return false;
	}
	return true;
}

static uint32_t
json_parse(const char *text, size_t len, struct json_object **ret_body, struct problem *problem)
{
	struct json_tokener *tokener = json_tokener_new_ex(BODY_DEPTH_MAX);
	enum json_tokener_error error;
	struct json_object *body;
	uint32_t status = 0;
	size_t end;

	if (tokener == NULL)
		return problem_set(problem, 503, "out-of-memory", "out of memory");

	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
						JSON_TOKENER_VALIDATE_UTF8);
	body = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);

	if (error == json_tokener_continue)
		status =
			problem_set(problem, 400, "malformed-json", "the JSON text ends too early");
	else if (error == json_tokener_error_depth)
		status = problem_set(problem, 400, "malformed-json",
				     "the JSON text is nested deeper than %d levels",
				     BODY_DEPTH_MAX);
	else if (error != json_tokener_success)
		status = problem_set(problem, 400, "malformed-json", "the JSON text breaks off: %s",
				     json_tokener_error_desc(error));
	else if (!is_blank(text + end, len - end))
		status = problem_set(problem, 400, "malformed-json",
				     "there is more behind the JSON text");
	else if (!json_object_is_type(body, json_type_object))
		status = problem_set(problem, 400, "malformed-json", "the body is no JSON object");
	if (status != 0) {
		(void)json_object_put(body);
		return status;
	}
	*ret_body = body;
	return 0;
}

int
body_is_free(const struct ocppd_route *route)
{
	return route->on_request == command_post;
}

uint32_t
body_parse(const struct ocppd_route *route, const char *text, size_t len,
	   struct json_object **ret_body, struct problem *problem)
{
	const struct ocppd_fields fields = { .rows = { route->req.items, route->req.count,
						       route->req.stride } };
	bool is_wanted = route->req.count > 0 || body_is_free(route);
	struct ocppd_error err = { 0 };
	struct json_object *body = NULL;
	uint32_t status;

	if (len == 0 && !is_wanted) {
		*ret_body = NULL;
		return 0;
	}
	if (has_nul(text, len) || !text_is_utf8(text, len))
		return problem_set(problem, 400, "malformed-json",
				   "the body is not UTF-8 text without NUL");
	status = len == 0 ? json_parse("{}", 2, &body, problem)
			  : json_parse(text, len, &body, problem);
	if (status != 0)
		return status;

	if (!body_is_free(route) && ocppd_payload_check(&fields, body, &err) < 0) {
		(void)json_object_put(body);
		return problem_set(problem, 400, "invalid-body", "%s", err.text);
	}
	if (!is_wanted) {
		(void)json_object_put(body);
		body = NULL;
	}
	*ret_body = body;
	return 0;
}
