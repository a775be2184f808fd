/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The way out: heads, bodies in one piece or in chunks, problems, and the log line of each answer.
 */
#include "client.h"

#include "date.h"
#include "server.h"
#include "writer.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <json-c/json.h>

#define SLOWEST_BYTES_PER_MS 16 /* an answer that is taken more slowly is given up */
#define MS_US 1000

/* length < 0: unknown, in chunks or up to the end of the connection. */
static void
send_head(struct client *client, uint32_t status, const char *content_type, int64_t length)
{
	struct evbuffer *out = client_output(client);
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
	int64_t len = (int64_t)evbuffer_get_length(client_output(client));

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

void
client_send_json(struct client *client, uint32_t status, bool is_problem, struct json_object *body)
{
	const char *type = is_problem ? "application/problem+json" : "application/json";
	const char *text = NULL;
	size_t len = 0;

	if (!is_problem && writer_is_for(body))
		client->writer = writer_new(client, status, body);
	if (client->writer != NULL) {
		client->state = CLIENT_WRITING;
		log_answer(client, status);
		client->logged_path = NULL; /* the row may be gone when the text is whole */
		return;
	}
	if (body != NULL)
		text = json_object_to_json_string_length(
			body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);
	if (body == NULL && status == 200)
		status = 204;
	log_answer(client, status);
	send_head(client, status, text == NULL ? NULL : type, (int64_t)len);
	if (text == NULL || client->is_head ||
	    evbuffer_add_reference(client_output(client), text, len, body_release, body) != 0)
		(void)json_object_put(body);
	answer_complete(client);
}

void
client_send_text(struct client *client, uint32_t status, struct evbuffer *text)
{
	send_head(client, status, "application/json", (int64_t)evbuffer_get_length(text));
	if (!client->is_head)
		(void)evbuffer_add_buffer(client_output(client), text);
	answer_complete(client);
}

void
client_send_problem(struct client *client, const struct problem *problem)
{
	if (problem->status == 401)
		(void)snprintf(client->extra, sizeof(client->extra),
			       "WWW-Authenticate: Bearer realm=\"ocppd\"\r\n");
	if (problem->status == 401 || problem->status == 403)
		api_log_denied(client->api, client->remote, client->asker.user, problem->status);
	client_send_json(client, problem->status, true, problem_body(problem));
}

/* ---- What the core calls ------------------------------------------------------------------- */

static void
on_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct client *client = connection;
	struct server *server = client->door->server;

	client->request = NULL;
	turns_work_begin(server);
	client_send_json(client, status, is_problem != 0 || problem_is(status, body), body);
	turns_work_end(server);
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

/* Of something streamed. There may be nothing left to write, whose end would be told. */
static void
stream_complete(struct client *client)
{
	client->request = NULL;
	answer_complete(client);
	bufferevent_trigger(client->bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
}

static int
on_write(void *connection, const char *data, size_t len)
{
	struct client *client = connection;
	struct evbuffer *out = client_output(client);

	if (len == 0)
		return 0;
	if (client->is_head) { /* all is said; a stream without end would hold its answer open */
		stream_complete(client);
		return OCPPD_EGONE;
	}
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

	if (client->is_chunked && !client->is_head)
		(void)evbuffer_add(client_output(client), "0\r\n\r\n", 5);
	stream_complete(client);
}

/* Without the last chunk, the end of the connection is the end of something that is not whole. */
static void
on_cut(void *connection)
{
	struct client *client = connection;

	client->must_close = true;
	stream_complete(client);
}

const struct ocppd_request_server client_request_server = {
	.struct_size = sizeof(client_request_server),
	.reply = on_reply,
	.begin = on_begin,
	.write = on_write,
	.end = on_end,
	.cut = on_cut,
};
