/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_QUEUE_PRIVATE_H
#define HTTP_API_QUEUE_PRIVATE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "queue.h"

/* Between the files of the queue: queue.c (life, sending, routes) and queue_rows.c (what stands in
 * the database at the start, and what goes with a station). */

#define ID_DIGITS 20

struct json_object;
struct ocppd_timer;
struct pending;

/* In the database by number: append only. */
enum queued_state {
	QUEUED_WAITING,
	QUEUED_SENT,
	QUEUED_CONFIRMED,
	QUEUED_ERROR,
	QUEUED_TIMEOUT,
	QUEUED_GONE,
	QUEUED_REFUSED,
	QUEUED_EXPIRED,
	QUEUED_CANCELLED,
	QUEUED_UNKNOWN, /* the daemon ended while it was out */
	QUEUED_STATES,
};

extern const char *const queued_state_words[QUEUED_STATES];

struct queued {
	TAILQ_ENTRY(queued) link;
	struct queue *queue;
	char id[ID_DIGITS + 1];
	char *station_id;
	char *action;
	char *requester;
	struct json_object *payload; /* NULL once it ended: it may hold secrets */
	struct json_object *result;
	struct pending *pending; /* the POST, until it is kept */
	int64_t timeout_s;
	int64_t created_us;
	int64_t expires_us;
	int64_t ended_us; /* 0: not yet */
	int64_t next_try_us;
	uint32_t stores; /* under way */
	enum queued_state state;
	bool is_strict;
	bool is_durable; /* in the database: there is one, and no secret in it */
	bool is_dead;    /* on the list of those that only wait for their stores */
	bool is_orphan;  /* its station was deleted: it ends instead of waiting */
};

TAILQ_HEAD(queued_list, queued);

struct queue {
	struct api *api;
	struct ocppd_timer *timer;
	struct queued_list all; /* in order of making */
	struct queued_list dead;
	uint32_t waiting; /* WAITING and SENT */
	uint32_t ended;
	bool is_stopped;
};

static inline bool
queued_has_ended(const struct queued *queued)
{
	return queued->state > QUEUED_SENT;
}

void queued_free(struct queued *queued);
/* result: taken, may be NULL. */
void queued_end(struct queued *queued, enum queued_state state, struct json_object *result);
/* queue_rows.c: ends one that waits for a station that was deleted. */
void queued_orphan(struct queued *queued);

#endif
