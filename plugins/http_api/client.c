/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * One HTTP/1.1 connection. A request is read whole (head, then body, both bounded, within one
 * deadline), refused as early as possible, handed to its route, and answered; then comes the next.
 * Nothing here waits: a slow asker costs its own connection and its bounds, nothing else.
 *
 * IDLE -> HEAD -> BODY -> HANDLING -> ANSWERING -> IDLE, or LINGERING before the end; HANDLING ->
 * STREAMING -> ANSWERING for long answers.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "body.h"
#include "date.h"
#include "head.h"
#include "problem.h"
#include "server.h"
#include "target.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/util.h>
#include <json-c/json.h>

#define CLIENT_MAGIC 0x544e4c43u
#define LINGER_MS 2000
#define SLOWEST_BYTES_PER_MS 16 /* an answer that is taken more slowly is given up */
#define MS_US 1000
#define REQUESTS_A_TURN 1 /* handled before stations' messages get their turn again */

enum client_state {
	CLIENT_IDLE,
	CLIENT_HEAD,
	CLIENT_BODY,
	CLIENT_HANDLING,
	CLIENT_STREAMING,
	CLIENT_ANSWERING,
	CLIENT_LINGERING,
};

struct client {
	uint32_t magic;
	enum client_state state;
	TAILQ_ENTRY(client) link;
	TAILQ_ENTRY(client) ready; /* while is_ready */
	struct door *door;
	struct api *api;
	struct bufferevent *bev;
	struct ocppd_timer *timer;
	char remote[80];
	struct auth_peer peer;  /* by the connection itself */
	struct auth_peer asker; /* of this request */

	/* This request; text backs head, segments and query. */
	char *text;
	size_t scanned; /* bytes of the head that hold no end */
	struct head head;
	char *segments[TARGET_SEGMENTS_MAX];
	uint32_t segment_count;
	struct query query;
	int64_t began_mono_us;
	struct ocppd_request *request;
	const char *logged_path; /* the row's, while its module lives */
	char extra[128];         /* further lines of the answer's head */
	bool is_head;            /* HEAD: no body goes out */
	bool must_close;
	bool is_chunked;
	bool is_ready;   /* the request is here and waits to be handled */
	bool wants_room; /* a write was refused: tell when there is room */
};

static void client_read(struct client *client);

/* ---- Sending ------------------------------------------------------------------------------- */

static struct evbuffer *
output_of(const struct client *client)
{
	return bufferevent_get_output(client->bev);
}

static void
set_input_bound(struct client *client, size_t high)
{
	bufferevent_setwatermark(client->bev, EV_READ, 0, high);
}

/* length < 0: unknown, in chunks or up to the end of the connection. */
static void
send_head(struct client *client, uint32_t status, const char *content_type, int64_t length)
{
	struct evbuffer *out = output_of(client);
	char date[DATE_SIZE];

	if (!client->head.is_keep_alive || client->door->is_full)
		client->must_close = true;
	client->is_chunked = length < 0 && client->head.minor == 1;
	if (length < 0 && !client->is_chunked)
		client->must_close = true;

	date_format(ocppd_now_us(client->api->host), date);
	(void)evbuffer_add_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\nCache-Control: no-store\r\n",
				  status, status_phrase(status), date);
	if (content_type != NULL)
		(void)evbuffer_add_printf(out, "Content-Type: %s\r\n", content_type);
	if (length >= 0 && status != 204)
		(void)evbuffer_add_printf(out, "Content-Length: %lld\r\n", (long long)length);
	if (client->is_chunked)
		(void)evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
	(void)evbuffer_add_printf(out, "%s%s\r\n", client->extra,
				  client->must_close ? "Connection: close\r\n" : "");
}

static void
log_answer(struct client *client, uint32_t status)
{
	struct ocppd_host *host = client->api->host;
	int64_t dur_ms = (ocppd_mono_us(host) - client->began_mono_us) / MS_US;
	const char *method = client->head.method == NULL ? "-" : client->head.method;
	uint32_t level = OCPPD_LOG_INFO;

	api_count(client->api, method, client->logged_path, status);
	/* What changes something is asked about later; the path's own values may be secrets. */
	if (client->logged_path == NULL || strcmp(method, "GET") == 0 || client->is_head)
		level = OCPPD_LOG_DEBUG;
	OCPPD_LOG(host, level, "http.answered", OCPPD_STR("method", method),
		  OCPPD_STR("route", client->logged_path), OCPPD_INT("status", status),
		  OCPPD_STR("user", client->asker.user), OCPPD_STR("remote", client->remote),
		  OCPPD_INT("dur_ms", dur_ms));
}

/* All of the answer is in the output buffer; it must be taken in time. */
static void
answer_complete(struct client *client)
{
	int64_t len = (int64_t)evbuffer_get_length(output_of(client));

	client->state = CLIENT_ANSWERING;
	client->wants_room = false;
	bufferevent_setwatermark(client->bev, EV_WRITE, 0, 0);
	ocppd_timer_set(client->timer,
			client->api->conf->request_timeout_ms + len / SLOWEST_BYTES_PER_MS);
}

static void
body_release(const void *data, size_t len, void *extra)
{
	(void)data;
	(void)len;
	(void)json_object_put(extra);
}

/* Takes body. */
static void
send_json(struct client *client, uint32_t status, bool is_problem, struct json_object *body)
{
	const char *type = is_problem ? "application/problem+json" : "application/json";
	const char *text = NULL;
	size_t len = 0;

	if (body != NULL)
		text = json_object_to_json_string_length(
			body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (body == NULL && status == 200)
		status = 204;
	log_answer(client, status);
	send_head(client, status, text == NULL ? NULL : type, (int64_t)len);
	if (text == NULL || client->is_head ||
	    evbuffer_add_reference(output_of(client), text, len, body_release, body) != 0)
		(void)json_object_put(body);
	answer_complete(client);
}

static void
send_problem(struct client *client, const struct problem *problem)
{
	if (problem->status == 401)
		(void)snprintf(client->extra, sizeof(client->extra),
			       "WWW-Authenticate: Bearer realm=\"ocppd\"\r\n");
	if (problem->status == 401 || problem->status == 403)
		api_log_denied(client->api, client->remote, client->asker.user, problem->status);
	send_json(client, problem->status, true, problem_body(problem));
}

/* ---- What the core calls ------------------------------------------------------------------- */

static void
on_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct client *client = connection;

	client->request = NULL;
	send_json(client, status, is_problem != 0 || problem_is(status, body), body);
}

static void
on_begin(void *connection, uint32_t status, const char *content_type)
{
	struct client *client = connection;

	log_answer(client, status);
	send_head(client, status, content_type, -1);
	client->state = CLIENT_STREAMING;
	bufferevent_setwatermark(client->bev, EV_WRITE, (size_t)client->api->conf->max_pending / 2,
				 0);
}

static int
on_write(void *connection, const char *data, size_t len)
{
	struct client *client = connection;
	struct evbuffer *out = output_of(client);

	if (client->is_head || len == 0)
		return 0;
	if (evbuffer_get_length(out) > (size_t)client->api->conf->max_pending) {
		client->wants_room = true;
		return OCPPD_EBUSY;
	}
	if (client->is_chunked)
		(void)evbuffer_add_printf(out, "%zx\r\n", len);
	(void)evbuffer_add(out, data, len);
	if (client->is_chunked)
		(void)evbuffer_add(out, "\r\n", 2);
	return 0;
}

static void
on_end(void *connection)
{
	struct client *client = connection;

	client->request = NULL;
	if (client->is_chunked && !client->is_head)
		(void)evbuffer_add(output_of(client), "0\r\n\r\n", 5);
	answer_complete(client);
}

static const struct ocppd_request_server request_server = {
	.struct_size = sizeof(request_server),
	.reply = on_reply,
	.begin = on_begin,
	.write = on_write,
	.end = on_end,
};

/* ---- Receiving ----------------------------------------------------------------------------- */

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
check_body_head(const struct client *client, struct problem *problem)
{
	int64_t limit = client->api->conf->max_body;
	bool may_have = strcmp(client->head.method, "GET") != 0 && !client->is_head;

	if (client->head.content_length == 0)
		return 0;
	if (!may_have)
		return problem_set(problem, 400, "unexpected-body", "a %s has no body",
				   client->head.method);
	if (client->head.content_length > limit)
		return problem_set(problem, 413, "body-too-large",
				   "the body has more than %lld bytes", (long long)limit);
	return body_type_check(head_get(&client->head, "Content-Type"), problem);
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
	set_input_bound(client, (size_t)client->api->conf->max_headers);
	request = ocppd_request_call(client->api->host, route->row, route->owner, &info,
				     &request_server, client, &is_open);
	if (request == NULL && client->state == CLIENT_HANDLING) {
		struct problem problem;

		(void)problem_set(&problem, 503, "out-of-memory", "out of memory");
		send_problem(client, &problem);
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
		send_problem(client, &problem);
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
	send_problem(client, problem);
}

static void
refuse_head(struct client *client, uint32_t status, const char *why)
{
	struct problem problem;

	client->must_close = true;
	(void)problem_set(&problem, status, "malformed-request", "%s", why);
	send_problem(client, &problem);
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
	set_input_bound(client, client->head.content_length > 0
					? (size_t)client->head.content_length
					: limit);
	if (client->head.expects_continue && client->head.content_length > 0)
		(void)evbuffer_add_printf(output_of(client), "HTTP/1.1 100 Continue\r\n\r\n");
	return true;
}

/* Whether another request may be handled in this turn of the loop; else the client is queued. */
static bool
takes_turn(struct client *client)
{
	struct server *server = client->door->server;

	if (client->is_ready)
		return false;
	if (server->handled == 0 && server->turn != NULL)
		ocppd_timer_set(server->turn, 0);
	if (server->handled < REQUESTS_A_TURN || server->turn == NULL) {
		server->handled++;
		return true;
	}
	client->is_ready = true;
	ocppd_timer_cancel(client->timer);
	(void)bufferevent_disable(client->bev, EV_READ);
	TAILQ_INSERT_TAIL(&server->ready, client, ready);
	return false;
}

static void
leave_queue(struct client *client)
{
	if (!client->is_ready)
		return;
	TAILQ_REMOVE(&client->door->server->ready, client, ready);
	client->is_ready = false;
	(void)bufferevent_enable(client->bev, EV_READ);
}

static bool
read_body(struct client *client)
{
	struct evbuffer *in = bufferevent_get_input(client->bev);

	if (evbuffer_get_length(in) < (size_t)client->head.content_length || !takes_turn(client))
		return false;
	dispatch(client);
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

static void
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
		case CLIENT_STREAMING:
		case CLIENT_ANSWERING:
			hold_input(client);
			return;
		}
	}
}

void
client_turn(struct ocppd_host *host, void *arg)
{
	struct server *server = arg;

	(void)host;
	server->handled = 0;
	while (server->handled < REQUESTS_A_TURN && !TAILQ_EMPTY(&server->ready)) {
		struct client *client = TAILQ_FIRST(&server->ready);

		leave_queue(client);
		client_read(client);
	}
}

/* ---- States -------------------------------------------------------------------------------- */

static void
forget_request(struct client *client)
{
	free(client->text);
	client->text = NULL;
	client->scanned = 0;
	memset(&client->head, 0, sizeof(client->head));
	client->segment_count = 0;
	client->query.count = 0;
	client->logged_path = NULL;
	client->extra[0] = '\0';
	client->is_head = false;
	client->is_chunked = false;
	client->wants_room = false;
}

static void
become_idle(struct client *client)
{
	forget_request(client);
	client->state = CLIENT_IDLE;
	TAILQ_REMOVE(&client->door->clients, client, link);
	TAILQ_INSERT_TAIL(&client->door->clients, client, link);
	set_input_bound(client, (size_t)client->api->conf->max_headers);
	(void)bufferevent_enable(client->bev, EV_READ);
	ocppd_timer_set(client->timer, client->api->conf->idle_timeout_ms);
}

/* Says that nothing more comes, and waits a little for the peer to see it: closing with unread
 * input would make the kernel throw away the answer. */
static void
become_lingering(struct client *client)
{
	client->state = CLIENT_LINGERING;
	(void)shutdown(bufferevent_getfd(client->bev), SHUT_WR);
	(void)bufferevent_enable(client->bev, EV_READ);
	ocppd_timer_set(client->timer, LINGER_MS);
	client_read(client);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_read(arg);
}

static void
on_drained(struct bufferevent *bev, void *arg)
{
	struct client *client = arg;

	if (client->state == CLIENT_STREAMING && client->wants_room) {
		client->wants_room = false;
		if (client->request != NULL)
			ocppd_request_ready(client->request);
		return;
	}
	if (client->state != CLIENT_ANSWERING ||
	    evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (client->must_close) {
		become_lingering(client);
		return;
	}
	become_idle(client);
	client_read(client);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *client = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0 && client->state == CLIENT_ANSWERING) {
		client->must_close = true; /* half closed: it may still read */
		return;
	}
	client_free(client);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct client *client = arg;

	(void)host;
	if (client->state == CLIENT_HEAD || client->state == CLIENT_BODY) {
		struct problem problem;

		client->must_close = true;
		(void)problem_set(&problem, 408, "request-timeout",
				  "the request did not arrive in time");
		send_problem(client, &problem);
		return;
	}
	client_free(client);
}

static int
identify(struct client *client, int fd)
{
	int one = 1;

	if (client->door->is_unix)
		return auth_unix(fd, client->door->group, &client->peer);

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	client->peer.role = OCPPD_ROLE_NONE;
	(void)snprintf(client->peer.user, sizeof(client->peer.user), "anonymous");
	return 0;
}

int
client_accept(struct door *door, int fd, const char *remote)
{
	struct api *api = door->server->api;
	struct client *client = calloc(1, sizeof(*client));
	struct timeval no_progress = { .tv_sec = api->conf->request_timeout_ms / 1000,
				       .tv_usec = api->conf->request_timeout_ms % 1000 * 1000 };

	if (client == NULL) {
		(void)close(fd);
		return OCPPD_ENOMEM;
	}
	client->magic = CLIENT_MAGIC;
	client->door = door;
	client->api = api;
	(void)snprintf(client->remote, sizeof(client->remote), "%s", remote);
	client->timer = ocppd_timer_new(api->host, on_deadline, client);
	client->bev = bufferevent_socket_new(door->server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->bev == NULL)
		(void)close(fd);
	if (client->bev == NULL || client->timer == NULL || identify(client, fd) < 0) {
		ocppd_timer_free(client->timer);
		if (client->bev != NULL)
			bufferevent_free(client->bev);
		free(client);
		return OCPPD_ENOMEM;
	}
	client->asker = client->peer;
	door->count++;
	TAILQ_INSERT_TAIL(&door->clients, client, link);
	bufferevent_setcb(client->bev, on_readable, on_drained, on_event, client);
	(void)bufferevent_set_timeouts(client->bev, NULL, &no_progress);
	become_idle(client);
	(void)bufferevent_enable(client->bev, EV_READ | EV_WRITE);
	return 0;
}

void
client_free(struct client *client)
{
	struct ocppd_request *request = client->request;
	struct door *door = client->door;

	client->request = NULL;
	leave_queue(client);
	if (request != NULL && !door->server->timers_are_gone)
		ocppd_request_gone(request);
	TAILQ_REMOVE(&door->clients, client, link);
	if (!door->server->timers_are_gone)
		ocppd_timer_free(client->timer);
	bufferevent_free(client->bev);
	free(client->text);
	client->magic = 0;
	free(client);
	door_left(door);
}

void
client_finish(struct client *client)
{
	if (client->is_ready) { /* it is whole, so its asker hears that it was not handled */
		struct problem problem;

		leave_queue(client);
		client->must_close = true;
		(void)problem_set(&problem, 503, "shutting-down",
				  "the daemon or its API is stopping");
		send_problem(client, &problem);
		return;
	}
	switch (client->state) {
	case CLIENT_HANDLING:
	case CLIENT_ANSWERING:
		client->must_close = true;
		return;
	case CLIENT_IDLE:
	case CLIENT_HEAD:
	case CLIENT_BODY:
	case CLIENT_STREAMING:
	case CLIENT_LINGERING:
		client_free(client);
		return;
	}
}

void
client_abandon(struct client *client)
{
	struct ocppd_request *request = client->request;
	struct problem problem;

	if (client->state != CLIENT_HANDLING)
		return;
	client->request = NULL;
	client->must_close = true;
	if (request != NULL)
		ocppd_request_gone(request);
	(void)problem_set(&problem, 503, "shutting-down", "the daemon or its API is stopping");
	send_problem(client, &problem);
	/* The loop has no turn left for this connection; a bufferevent keeps its output frozen. */
	(void)evbuffer_unfreeze(output_of(client), 1);
	(void)evbuffer_write(output_of(client), bufferevent_getfd(client->bev));
}

bool
client_is_idle(const struct client *client)
{
	return client->state == CLIENT_IDLE;
}

struct client *
client_next(struct client *client)
{
	return TAILQ_NEXT(client, link);
}
