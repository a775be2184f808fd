/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_SERVER_H
#define HTTP_API_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include <ocppd/error.h>

#include "http_api.h"
#include "share.h"
#include "writer.h"

/* Listening sockets and the connections that came through them. Core thread. */

struct client;
struct evconnlistener;

struct door {
	struct server *server;
	struct evconnlistener *listener; /* NULL: not open */
	bool is_unix;
	gid_t group;    /* of the Unix socket */
	uint32_t count; /* connections */
	bool is_full;   /* no more are accepted until one goes */
	char name[128]; /* as bound: "127.0.0.1:8181", "/run/ocppd/control.sock" */
	TAILQ_HEAD(door_clients, client) clients;
	struct ocppd_timer *retry; /* after running out of descriptors */
};

struct server {
	struct api *api;
	struct event_base *base;
	struct door tcp;
	struct door control;
	bool is_stopping;
	TAILQ_HEAD(ready_clients, client) ready; /* requests that wait for their turn, in order */
	struct ocppd_timer *turn;                /* when the next one has it */
	bool is_turn_set;
	bool timers_are_gone; /* the core deleted them, and forgot the requests */
	struct share share;
	struct writer_list writers;
	struct ocppd_timer *write_turn;          /* when the next piece is written */
	void (*on_empty)(struct server *server); /* while stopping: the last connection went */
};

struct server *server_new(struct api *api);
int server_open(struct server *server, struct ocppd_error *err);
/* Accepts no more, ends what is idle. 0: nothing is left; OCPPD_PENDING: on_empty will run. */
int server_stop(struct server *server, void (*on_empty)(struct server *server));
/* Closes the rest at once. */
void server_abort(struct server *server);
void server_free(struct server *server);

/* ---- client.c ------------------------------------------------------------------------------ */

/* Takes fd, also on failure. */
int client_accept(struct door *door, int fd, const char *remote);
void client_free(struct client *client);
/* While stopping: ends it if nothing is under way. */
void client_finish(struct client *client);
/* Answers what is under way with 503. */
void client_abandon(struct client *client);
bool client_is_idle(const struct client *client);
struct client *client_next(struct client *client);
/* From client.c: the door has one connection less. */
void door_left(struct door *door);

/* ---- turns.c ------------------------------------------------------------------------------- */

/* A timer's: the one that waited longest has its turn. */
void turns_next(struct ocppd_host *host, void *server);
/* Around what the API does for requests, to be taken from its share. */
void turns_work_begin(struct server *server);
void turns_work_end(struct server *server);

#endif
