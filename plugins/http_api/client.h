/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_CLIENT_H
#define HTTP_API_CLIENT_H

#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "auth.h"
#include "head.h"
#include "problem.h"
#include "target.h"

/* One HTTP/1.1 connection, between client.c, receive.c and answer.c. Core thread. */

struct api;
struct bufferevent;
struct door;
struct evbuffer;
struct ocppd_request;
struct ocppd_timer;
struct writer;

/*
 * IDLE -> HEAD -> BODY -> HANDLING -> ANSWERING -> IDLE, or LINGERING before the end; HANDLING ->
 * WRITING -> ANSWERING for long lists, HANDLING -> STREAMING -> ANSWERING for what has no bound.
 */
enum client_state {
	CLIENT_IDLE,
	CLIENT_HEAD,
	CLIENT_BODY,
	CLIENT_HANDLING,
	CLIENT_WRITING,
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
	struct writer *writer;   /* while WRITING */
	const char *logged_path; /* the row's, while its module lives */
	char extra[128];         /* further lines of the answer's head */
	bool is_head;            /* HEAD: no body goes out */
	bool must_close;
	bool is_chunked;
	bool is_ready;   /* the request is here and waits to be handled */
	bool has_turn;   /* it is this client's turn */
	bool wants_room; /* a write was refused: tell when there is room */
};

/* ---- client.c ------------------------------------------------------------------------------ */

struct evbuffer *client_output(const struct client *client);
/* What may wait to be read. */
void client_bound_input(struct client *client, size_t high);

/* ---- receive.c ----------------------------------------------------------------------------- */

/* Goes on with what has come, as far as it leads. */
void client_read(struct client *client);

/* ---- turns.c ------------------------------------------------------------------------------- */

/* Whether the client's request, which is whole, may be handled now; else it waits for its turn. */
bool turns_take(struct client *client);
/* It no longer waits. */
void turns_leave(struct client *client);

/* ---- answer.c ------------------------------------------------------------------------------ */

/* What the core calls to answer. */
extern const struct ocppd_request_server client_request_server;
/* Answers the request; takes body. */
void client_send_json(struct client *client, uint32_t status, bool is_problem,
		      struct json_object *body);
/* Answers with the JSON text, which is moved out of the buffer; HEAD with its length. */
void client_send_text(struct client *client, uint32_t status, struct evbuffer *text);
void client_send_problem(struct client *client, const struct problem *problem);

#endif
