/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_ROUTER_H
#define OCPPD_OCPP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/action.h>

/*
 * The way of a station's CALL: queue of its station, checks, filters, the owner's handler, answer.
 */
struct ocpp;
struct action_row;
struct action_table;
struct inbound;
struct json_object;
struct json_tokener;
struct ocppd_station;
struct outbound;

/*
 * OPEN      a module works on it, the station waits.
 * DETACHED  the answer can no longer go out (station gone, handler too late); the module still
 *           holds the handle and frees it by answering.
 * ANSWERED  answered inside on_call: freed when that returns.
 */
enum call_state {
	CALL_OPEN,
	CALL_DETACHED,
	CALL_ANSWERED,
};

struct ocppd_call {
	uint32_t magic;
	enum call_state state;
	bool is_dispatching; /* on_call or a filter is on the stack */
	bool is_timed;       /* on router.open */
	bool is_orphan;      /* counted by its station */
	struct ocppd_station *station;
	uint64_t connection_id;
	struct ocppd_host *host;      /* who is to answer */
	const struct action_row *row; /* of table, which is held */
	struct action_table *table;
	struct inbound *message; /* owned; without payload once on_call returned */
	int64_t started_mono_us;
	LIST_ENTRY(ocppd_call) by_host;
	TAILQ_ENTRY(ocppd_call) by_start;
};

#define CALL_MAGIC 0x4f43414cu

struct filter {
	struct ocppd_host *host;
	int32_t order;
	char *protocol; /* NULL: all */
	char *action;   /* NULL: all */
	ocppd_filter_fn *fn;
	void *arg;
	TAILQ_ENTRY(filter) all;
};

#define REPLY_BUCKETS 65536u /* a power of two */

struct router {
	TAILQ_HEAD(, ocppd_call) open; /* oldest first: all have the same time to answer */
	uint32_t open_count;           /* OPEN ones */
	struct ocppd_timer *timer;     /* the oldest's deadline, or earlier */
	bool is_timer_set;
	bool is_pump_posted;
	STAILQ_HEAD(, ocppd_station) ready; /* stations whose next CALL may go */
	TAILQ_HEAD(, filter) filters;
	struct json_tokener *tokener;
	TAILQ_HEAD(, reply) replies; /* oldest first */
	LIST_HEAD(, reply) reply_buckets[REPLY_BUCKETS];
	LIST_HEAD(, reply) reply_id_buckets[REPLY_BUCKETS]; /* by station and message id */
	size_t reply_bytes;
};

int router_init(struct ocpp *ocpp);
void router_fini(struct ocpp *ocpp);
/* Ends what the module was to answer, and forgets its filters. */
void router_detach(struct ocpp *ocpp, struct ocppd_host *host);

/* A station's CALL; takes the message. */
void router_call(struct ocpp *ocpp, struct inbound *message);
/* Its connection is over: what waits is dropped, what is worked on loses its station. */
void router_gone(struct ocpp *ocpp, struct ocppd_station *station);

/* Ends a handle with its answer, which is taken; NULL only where nothing can be sent. 0 or
 * OCPPD_EGONE, OCPPD_ENOMEM; OCPPD_ESTATE: answered already. */
int call_finish(struct ocpp *ocpp, struct ocppd_call *call, struct outbound *answer,
		bool is_result);
/* The same with a CALLERROR; details are taken. */
int call_fail(struct ocpp *ocpp, struct ocppd_call *call, uint32_t code, const char *text,
	      struct json_object *details);

/* ---- replies.c: answers to flagged actions, for repetitions (C03) -------------------------- */

struct reply {
	struct ocppd_station *station;
	uint64_t hash;
	int64_t time_mono_us;
	size_t len;
	TAILQ_ENTRY(reply) by_age;
	TAILQ_ENTRY(reply) by_station;
	LIST_ENTRY(reply) by_hash;
	LIST_ENTRY(reply) by_id; /* a walk over a busy station's would be its dearest step */
	char *id;                /* inside this block */
	char text[];             /* the frame, then the id */
};

#define REPLIES_PER_STATION 64
#define REPLY_AGE_MAX_US (INT64_C(600) * 1000000)

/* Remembers a frame. Without memory for it, it is not remembered. */
void reply_keep(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message,
		struct outbound *answer);
/* A copy of the answer to the same message, or NULL. */
struct outbound *reply_find(struct ocpp *ocpp, struct ocppd_station *station,
			    const struct inbound *message, int64_t *ret_age_us);
void replies_fini(struct ocpp *ocpp);

#endif
