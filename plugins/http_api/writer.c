/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#include "writer.h"

#include "client.h"
#include "server.h"

#include <stdlib.h>

#include <event2/buffer.h>
#include <json-c/json.h>

#define PIECE 5 /* items that are made into text in one go */
#define FORMAT (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

struct writer {
	TAILQ_ENTRY(writer) link;
	struct server *server;
	struct client *client; /* NULL: answered, only the body is still to be let go */
	struct json_object *body;
	struct evbuffer *text;
	struct json_object_iterator member;
	size_t item; /* of a list, the next one */
	uint32_t status;
	bool is_begun;
	bool has_failed; /* out of memory */
};

bool
writer_is_for(struct json_object *body)
{
	struct json_object_iterator at;
	struct json_object_iterator end;

	if (!json_object_is_type(body, json_type_object))
		return false;
	at = json_object_iter_begin(body);
	end = json_object_iter_end(body);
	for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
		struct json_object *value = json_object_iter_peek_value(&at);

		if (json_object_is_type(value, json_type_array) &&
		    json_object_array_length(value) > PIECE)
			return true;
	}
	return false;
}

static void
add(struct writer *writer, const char *text, size_t len)
{
	if (text == NULL || evbuffer_add(writer->text, text, len) != 0)
		writer->has_failed = true;
}

static void
add_value(struct writer *writer, struct json_object *value)
{
	size_t len = 4;
	const char *text =
		value == NULL ? "null" : json_object_to_json_string_length(value, FORMAT, &len);

	add(writer, text, len);
}

static void
add_name(struct writer *writer, const char *name)
{
	struct json_object *text = json_object_new_string(name);

	if (text == NULL) {
		writer->has_failed = true;
		return;
	}
	add_value(writer, text);
	add(writer, ":", 1);
	(void)json_object_put(text);
}

/* Returns whether the list is at its end. */
static bool
add_items(struct writer *writer, struct json_object *list)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < PIECE && writer->item < count; i++) {
		add(writer, writer->item == 0 ? "[" : ",", 1);
		add_value(writer, json_object_array_get_idx(list, writer->item));
		writer->item++;
	}
	if (writer->item < count)
		return false;
	add(writer, count == 0 ? "[]" : "]", count == 0 ? 2 : 1);
	writer->item = 0;
	return true;
}

/* One piece. Returns whether the text is whole, or never will be. */
static bool
write_piece(struct writer *writer)
{
	struct json_object_iterator end = json_object_iter_end(writer->body);

	while (!writer->has_failed && !json_object_iter_equal(&writer->member, &end)) {
		struct json_object *value = json_object_iter_peek_value(&writer->member);

		if (writer->item == 0) {
			add(writer, writer->is_begun ? "," : "{", 1);
			writer->is_begun = true;
			add_name(writer, json_object_iter_peek_name(&writer->member));
		}
		if (!json_object_is_type(value, json_type_array))
			add_value(writer, value);
		else if (!add_items(writer, value))
			return writer->has_failed;
		json_object_iter_next(&writer->member);
	}
	add(writer, "}", 1);
	return true;
}

static void
answer(struct writer *writer)
{
	struct client *client = writer->client;
	struct problem problem;

	writer->client = NULL;
	client->writer = NULL;
	if (!writer->has_failed) {
		client_send_text(client, writer->status, writer->text);
		return;
	}
	(void)problem_set(&problem, 503, "out-of-memory", "out of memory");
	client_send_problem(client, &problem);
}

struct writer *
writer_new(struct client *client, uint32_t status, struct json_object *body)
{
	struct server *server = client->door->server;
	struct writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		return NULL;
	writer->text = evbuffer_new();
	if (writer->text == NULL) {
		free(writer);
		return NULL;
	}
	writer->server = server;
	writer->client = client;
	writer->body = body;
	writer->status = status;
	writer->member = json_object_iter_begin(body);
	if (TAILQ_EMPTY(&server->writers))
		ocppd_timer_set(server->write_turn, 0);
	TAILQ_INSERT_TAIL(&server->writers, writer, link);
	return writer;
}

void
writer_free(struct writer *writer)
{
	if (writer->client != NULL)
		writer->client->writer = NULL;
	TAILQ_REMOVE(&writer->server->writers, writer, link);
	(void)json_object_put(writer->body);
	evbuffer_free(writer->text);
	free(writer);
}

void
writer_finish(struct writer *writer)
{
	while (!write_piece(writer))
		continue;
	answer(writer);
	writer_free(writer);
}

void
writer_next(struct ocppd_host *host, void *arg)
{
	struct server *server = arg;
	struct writer *writer = TAILQ_FIRST(&server->writers);

	(void)host;
	if (writer == NULL)
		return;
	turns_work_begin(server);
	if (writer->client == NULL) { /* letting a long body go takes a while, too */
		writer_free(writer);
	} else {
		if (write_piece(writer))
			answer(writer);
		TAILQ_REMOVE(&server->writers, writer, link);
		TAILQ_INSERT_TAIL(&server->writers, writer, link);
	}
	turns_work_end(server);
	if (!TAILQ_EMPTY(&server->writers))
		ocppd_timer_set(server->write_turn, 0);
}
