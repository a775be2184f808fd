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
	bool is_sent;             /* its frame was handed to the connection */
	bool is_told;             /* the asker heard, or is gone */
	bool is_listed;           /* on calls.done */
	bool is_held;             /* min_gap kept it back, which was counted (C09) */
	struct ocppd_host *asker; /* NULL once it stopped */
	struct ocppd_host *owner; /* NULL once it stopped */
	const struct ocppd_action *action; /* the owner's, as long as there is an owner */
	const struct action_row *row;
	struct action_table *table; /* held */
	struct ocppd_station *station;
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

/* Of a station that was sent something. */
#define LATE_IDS 4
struct station_calls {
	struct ocpp *ocpp;
	struct ocppd_station *station;
	struct ocppd_timer *timer; /* the next deadline of any kind; NULL while there is none */
	TAILQ_HEAD(, ocppd_outcall) waiting;
	LIST_HEAD(, ocppd_outcall) all; /* not ended */
	uint32_t count;                 /* of all */
	uint32_t timeouts;              /* in a row (B10) */
	uint32_t late_at;
	bool is_flying;               /* a CALL is out, though who asked may be gone */
	bool has_closed;              /* closed_mono_us counts */
	struct ocppd_outcall *flying; /* NULL: cancelled since */
	int64_t sent_us;
	int64_t deadline_mono_us;
	int64_t ended_mono_us; /* when the last one ended: the gap of C09 */
	int64_t closed_mono_us;
	char flying_id[OUTCALL_ID_SIZE];
	char late_ids[LATE_IDS][OUTCALL_ID_SIZE]; /* timed out: answers may come yet (C07) */
};

struct calls {
	TAILQ_HEAD(, ocppd_outcall) done;
	uint32_t busy_count; /* those whose asker has not heard */
	bool is_posted;
};

void calls_init(struct ocpp *ocpp);
void calls_fini(struct ocpp *ocpp);
/* Ends what the module asked for or owns, as CANCELLED; nothing of it is called afterwards. */
void calls_detach(struct ocpp *ocpp, struct ocppd_host *host);
/* A CALLRESULT or CALLERROR; takes the message. Who asked is told after the current callback. */
void calls_answer(struct ocpp *ocpp, struct inbound *message);
/* The same now, where no callback is under way: before what came later is looked at. */
void calls_tell(struct ocpp *ocpp);
/* The station's connection is over. */
void calls_gone(struct ocpp *ocpp, struct ocppd_station *station);
/* Draining: what waits ends as CANCELLED. */
void calls_drain(struct ocpp *ocpp);
void station_calls_free(struct ocppd_station *station);

/* ---- Between calls.c (queue, flight, end) and outcall.c (request, prepare) ------------------ */

/* The station's, made at first. NULL: out of memory. */
struct station_calls *station_calls_get(struct ocpp *ocpp, struct ocppd_station *station);
/* Enters a new call: it is PREPARING. */
void outcall_enter(struct ocpp *ocpp, struct station_calls *calls, struct ocppd_outcall *call);
/* Leaves without a word: prepare refused at once. Frees it. */
void outcall_drop(struct ocpp *ocpp, struct ocppd_outcall *call);
/* Joins the queue; goes at once if nothing is in the way. */
void outcall_queue(struct ocpp *ocpp, struct ocppd_outcall *call);
/* The result is known; both sides are told after the current callback. */
void outcall_end(struct ocpp *ocpp, struct ocppd_outcall *call, uint32_t result);
/* An ended call's owner is to be told after all: prepare passed late. */
void outcall_tell_owner(struct ocpp *ocpp, struct ocppd_outcall *call);
void outcall_free(struct ocppd_outcall *call);
/* Texts are copied; details are taken. Without memory some stay empty. */
void outcall_set_error(struct ocppd_outcall *call, const char *code, const char *text,
		       struct json_object *details);
void outcall_add_warning(struct ocppd_outcall *call, const char *text);
/* The protocol forbids the action in the station's registration. */
bool outcall_is_forbidden(const struct ocppd_outcall *call);

#endif
