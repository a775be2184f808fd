/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_WRITER_H
#define HTTP_API_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * Long lists are made into text a few items in a turn of the loop, so that a page of a thousand
 * rows holds up no station. Core thread.
 */
struct client;
struct evbuffer;
struct json_object;
struct ocppd_host;
struct ocppd_timer;
struct server;
struct writer;

TAILQ_HEAD(writer_list, writer);

/* Whether it pays to write body in pieces. */
bool writer_is_for(struct json_object *body);
/* Takes body. When its text is whole, client_send_text answers with it. NULL: out of memory, and
 * body stays the caller's. */
struct writer *writer_new(struct client *client, uint32_t status, struct json_object *body);
/* Writes all that is left at once and answers; the writer is gone then. */
void writer_finish(struct writer *writer);
/* Its client goes. */
void writer_free(struct writer *writer);
/* A timer's: the next piece. */
void writer_next(struct ocppd_host *host, void *server);

#endif
