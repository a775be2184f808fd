/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_CALLS_H
#define OCPPD_OCPP_CALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/action.h>

/*
 * CALLs to stations: one in flight for each, the rest in a bounded queue, each with a deadline,
 * each ended exactly once.
 */
struct ocpp;
struct action_row;
struct action_table;
struct conn;
struct inbound;
struct ocppd_station;
struct station_calls;

/*
 * PREPARING  the owner's prepare has not ended yet.
 * WAITING    in its station's queue.
 * SENT       in flight.
 * ENDED      `result` is known, the callbacks are due (calls.done).
 */
enum outcall_state {
	OUTCALL_PREPARING,
	OUTCALL_WAITING,
	OUTCALL_SENT,
	OUTCALL_ENDED,
};

#define OUTCALL_ID_SIZE 37 /* a UUID and NUL */

struct ocppd_outcall {
	uint32_t magic;
	enum outcall_state state;
	uint32_t flags;           /* OCPPD_CALL_* */
	uint32_t result;          /* OCPPD_RES_*, once ENDED */
	bool is_prepared;         /* prepare passed: `completed` is due */
	bool is_preparing;        /* prepare has not said its last word: the handle must live */
	bool is_answered;         /* the asker heard already */
	bool is_listed;           /* on calls.done */
	struct ocppd_host *asker; /* NULL once it stopped */
	struct ocppd_host *owner; /* NULL once it stopped */
	const struct action_row *row;
	struct action_table *table; /* held */
	struct ocppd_station *station;
	uint64_t connection_id;
	char *requester;
	struct json_object *request;
	struct json_object *conf;
	ocppd_result_fn *fn;
	void *arg;
	void *data; /* the owner's */
	char **warnings;
	uint32_t warning_count;
	bool has_error;
	char *error_code;
	char *error_text;
	struct json_object *error_details;
	int64_t timeout_ms;
	int64_t began_mono_us;
	int64_t wait_deadline_mono_us;
	char id[OUTCALL_ID_SIZE];
	TAILQ_ENTRY(ocppd_outcall) queue; /* the station's, or calls.done */
	LIST_ENTRY(ocppd_outcall) by_station;
	LIST_ENTRY(ocppd_outcall) by_asker;
	LIST_ENTRY(ocppd_outcall) by_owner;
};

#define OUTCALL_MAGIC 0x4f4f5554u

struct calls {
	TAILQ_HEAD(, ocppd_outcall) done;
	uint32_t busy_count; /* not yet told to both sides */
	bool is_posted;
};

void calls_init(struct ocpp *ocpp);
void calls_fini(struct ocpp *ocpp);
/* Ends what the module asked for or owns, as CANCELLED; nothing of it is called afterwards. */
void calls_detach(struct ocpp *ocpp, struct ocppd_host *host);
/* A CALLRESULT or CALLERROR; takes the message. */
void calls_answer(struct ocpp *ocpp, struct inbound *message);
/* The station's connection is over. */
void calls_gone(struct ocpp *ocpp, struct ocppd_station *station);
/* Draining: what waits ends as CANCELLED. */
void calls_drain(struct ocpp *ocpp);
void station_calls_free(struct ocppd_station *station);

#endif
