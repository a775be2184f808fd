/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The way in: a request is read whole (head, then body, both bounded, within one deadline), refused
 * as early as possible, waits for its turn and is handed to its route.
 */
#include "client.h"

#include "body.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <json-c/json.h>

/* ---- What may be asked -------------------------------------------------------------------- */

static uint32_t
authenticate(struct client *client, struct problem *problem)
{
	static const char scheme[] = "Bearer ";
	const char *header = head_get(&client->head, "Authorization");

	client->asker = client->peer;
	if (header == NULL)
		return 0;

	if (strncasecmp(header, scheme, strlen(scheme)) == 0) {
		header += strlen(scheme);
		header += strspn(header, " ");
		if (auth_token(client->api->auth, header, &client->asker) == 0)
			return 0;
	}
	client->asker.role = OCPPD_ROLE_NONE;
	return problem_set(problem, 401, "unauthorized", "the bearer token is not known");
}

static uint32_t
authorize(const struct client *client, uint32_t needed, struct problem *problem)
{
	static const char *const roles[] = { "none", "viewer", "operator", "admin" };

	if (client->asker.role >= needed)
		return 0;
	if (client->asker.role != OCPPD_ROLE_NONE || client->door->is_unix)
		return problem_set(problem, 403, "forbidden", "this needs the role %s",
				   roles[needed <= OCPPD_ROLE_ADMIN ? needed : OCPPD_ROLE_ADMIN]);
	if (auth_count(client->api->auth) == 0)
		return problem_set(
			problem, 401, "unauthorized",
			"no token is configured: use the Unix socket, or add tokens to http_api");
	return problem_set(problem, 401, "unauthorized", "a bearer token is needed");
}

/* Finds the route of the request, and whether the asker may call it. */
static uint32_t
find_route(struct client *client, struct route_match *match, struct problem *problem)
{
	uint32_t status = authenticate(client, problem);
	uint32_t needed;

	if (api_refresh(client->api) < 0)
		return problem_set(problem, 503, "out-of-memory", "out of memory");
	routes_match(&client->api->routes, client->head.method, client->segments,
		     client->segment_count, match);
	needed = match->route == NULL ? OCPPD_ROLE_VIEWER : match->route->row->role;
	if (needed == OCPPD_ROLE_NONE)
		status = 0;
	if (status == 0)
		status = authorize(client, needed, problem);
	if (status != 0)
		return status;

	if (!match->is_path_known)
		return problem_set(problem, 404, "unknown-path",
				   "no loaded module serves this path");
	if (match->route == NULL) {
		(void)snprintf(client->extra, sizeof(client->extra), "Allow: %s\r\n", match->allow);
		return problem_set(problem, 405, "method-not-allowed",
				   "this path takes the methods %s", match->allow);
	}
	return 0;
}

static uint32_t
check_body_head(struct client *client, struct problem *problem)
{
	int64_t limit = client->api->conf->max_body;
	bool may_have = strcmp(client->head.method, "GET") != 0 && !client->is_head;
	uint32_t status;

	if (client->head.content_length == 0)
		return 0;
	if (!may_have)
		return problem_set(problem, 400, "unexpected-body", "a %s has no body",
				   client->head.method);
	if (client->head.content_length > limit)
		return problem_set(problem, 413, "body-too-large",
				   "the body has more than %lld bytes", (long long)limit);
	status = body_encoding_check(head_get(&client->head, "Content-Encoding"), problem);
	if (status == 0)
		return body_type_check(head_get(&client->head, "Content-Type"), problem);
	(void)snprintf(client->extra, sizeof(client->extra), "Accept-Encoding: identity\r\n");
	return status;
}

/* An EventSource that comes back says in a header what scripts say in the query. */
static void
add_last_event_id(struct client *client)
{
	const char *id = head_get(&client->head, "Last-Event-ID");
	struct query *query = &client->query;

	if (id == NULL || query->count == TARGET_QUERY_MAX || !text_is_utf8(id, strlen(id)))
		return;
	query->pairs[2 * query->count] = "lastEventId";
	query->pairs[2 * query->count + 1] = id;
	query->count++;
}

/* Everything that can be said before the body is read. */
static uint32_t
check_head(struct client *client, size_t len, struct problem *problem)
{
	struct route_match match;
	const char *why = "malformed request";
	uint32_t status = head_parse(client->text, len, &client->head, &why);
	int count;

	if (status != 0) {
		client->head.is_keep_alive = false;
		return problem_set(problem, status, "malformed-request", "%s", why);
	}
	client->is_head = strcmp(client->head.method, "HEAD") == 0;
	count = target_split(client->head.path, client->segments);
	if (count == OCPPD_EINVAL)
		return problem_set(problem, 400, "bad-encoding",
				   "the path is not well encoded UTF-8 text");
	client->segment_count = count < 0 ? 0 : (uint32_t)count;
	status = find_route(client, &match, problem);
	if (status != 0)
		return status;

	client->logged_path = match.route->row->path;
	status = query_check(match.route->row, client->head.query, &client->query, problem);
	if (status != 0)
		return status;
	add_last_event_id(client);
	return check_body_head(client, problem);
}

/* Calls the handler; it answers now or later. body: taken. */
static void
call_route(struct client *client, const struct route *route, struct json_object *body)
{
	const char *params[2 * TARGET_SEGMENTS_MAX + 1] = { NULL };
	struct ocppd_request_info info = { .struct_size = sizeof(info),
					   .role = client->asker.role,
					   .user = client->asker.user,
					   .params = params,
					   .query = client->query.pairs,
					   .body = body };
	struct ocppd_request *request;
	uint32_t is_open = 0;
	uint32_t count = 0;

	for (uint32_t i = 0; i < route->count; i++) {
		if (!route->is_param[i])
			continue;
		params[count++] = route->segments[i];
		params[count++] = client->segments[i];
	}

	client->state = CLIENT_HANDLING;
	ocppd_timer_cancel(client->timer);
	client_bound_input(client, (size_t)client->api->conf->max_headers);
	request = ocppd_request_call(client->api->host, route->row, route->owner, &info,
				     &client_request_server, client, &is_open);
	if (request == NULL && client->state == CLIENT_HANDLING) {
		struct problem problem;

		(void)problem_set(&problem, 503, "out-of-memory", "out of memory");
		client_send_problem(client, &problem);
		return;
	}
	if (is_open != 0)
		client->request = request;
}

/* Head and body are there. */
static void
dispatch(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->bev);
	size_t len = (size_t)client->head.content_length;
	struct json_object *body = NULL;
	struct route_match match;
	struct problem problem;
	uint32_t status;

	/* Modules may have come and gone while the body was on its way. */
	status = find_route(client, &match, &problem);
	if (status == 0) {
		const char *text =
			len == 0 ? "" : (const char *)evbuffer_pullup(in, (ev_ssize_t)len);

		if (text == NULL)
			status = problem_set(&problem, 503, "out-of-memory", "out of memory");
		else
			status = body_parse(match.route->row, text, len, &body, &problem);
	}
	(void)evbuffer_drain(in, len);
	if (status != 0) {
		client_send_problem(client, &problem);
		return;
	}
	client->logged_path = match.route->row->path;
	call_route(client, match.route, body);
}

static void
refuse_early(struct client *client, const struct problem *problem)
{
	/* The body, if any, stays unread, so the connection cannot be used again. */
	if (client->head.content_length > 0)
		client->must_close = true;
	client_send_problem(client, problem);
}

static void
refuse_head(struct client *client, uint32_t status, const char *why)
{
	struct problem problem;

	client->must_close = true;
	(void)problem_set(&problem, status, "malformed-request", "%s", why);
	client_send_problem(client, &problem);
}

/* Returns whether the state changed. */
static bool
read_head(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->bev);
	size_t limit = (size_t)client->api->conf->max_headers;
	size_t len = evbuffer_get_length(in);
	struct evbuffer_ptr from;
	struct evbuffer_ptr end;
	struct problem problem;

	(void)evbuffer_ptr_set(in, &from, client->scanned, EVBUFFER_PTR_SET);
	end = evbuffer_search(in, "\r\n\r\n", 4, &from);
	if (end.pos < 0) {
		client->scanned = len > 3 ? len - 3 : 0;
		if (len < limit)
			return false;
		refuse_head(client, 431, "the request's head is too large");
		return true;
	}

	len = (size_t)end.pos + 4;
	client->text = malloc(len + 1);
	if (client->text == NULL) {
		refuse_head(client, 503, "out of memory");
		return true;
	}
	(void)evbuffer_remove(in, client->text, len);
	client->text[len] = '\0';
	if (check_head(client, len, &problem) != 0) {
		refuse_early(client, &problem);
		return true;
	}
	client->state = CLIENT_BODY;
	client_bound_input(client, client->head.content_length > 0
					   ? (size_t)client->head.content_length
					   : limit);
	if (client->head.expects_continue && client->head.content_length > 0)
		(void)evbuffer_add_printf(client_output(client), "HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

static bool
read_body(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->bev);

	if (evbuffer_get_length(in) < (size_t)client->head.content_length || !turns_take(client))
		return false;
	turns_work_begin(client->door->server);
	dispatch(client);
	turns_work_end(client->door->server);
	return true;
}

/* The first bytes of a request. */
static bool
read_begin(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->bev);
	char first[2];

	/* An empty line before a request is tolerated (RFC 9112, section 2.2). */
	while (evbuffer_copyout(in, first, 2) == 2 && first[0] == '\r' && first[1] == '\n')
		(void)evbuffer_drain(in, 2);
	if (evbuffer_copyout(in, first, 1) != 1 || first[0] == '\r')
		return false;

	client->state = CLIENT_HEAD;
	client->began_mono_us = ocppd_mono_us(client->api->host);
	ocppd_timer_set(client->timer, client->api->conf->request_timeout_ms);
	if (first[0] < 'A' || first[0] > 'Z')
		refuse_head(client, 400, "this is not HTTP/1.1");
	return true;
}

/*
 * What comes while a request is being answered waits in the buffer. When that is full it is not
 * read: libevent would tell of a full buffer again and again, and nothing else would get a turn.
 */
static void
hold_input(struct client *client)
{
	size_t high = 0;

	(void)bufferevent_getwatermark(client->bev, EV_READ, NULL, &high);
	if (high > 0 && evbuffer_get_length(bufferevent_get_input(client->bev)) >= high)
		(void)bufferevent_disable(client->bev, EV_READ);
}

void
client_read(struct client *client)
{
	bool has_moved = true;

	while (has_moved) {
		switch (client->state) {
		case CLIENT_IDLE:
			has_moved = read_begin(client);
			break;
		case CLIENT_HEAD:
			has_moved = read_head(client);
			break;
		case CLIENT_BODY:
			has_moved = read_body(client);
			break;
		case CLIENT_LINGERING: {
			struct evbuffer *in = bufferevent_get_input(client->bev);

			(void)evbuffer_drain(in, evbuffer_get_length(in));
			return;
		}
		case CLIENT_HANDLING:
		case CLIENT_WRITING:
		case CLIENT_STREAMING:
		case CLIENT_ANSWERING:
			hold_input(client);
			return;
		}
	}
}
