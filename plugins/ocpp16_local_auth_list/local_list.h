/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef LOCAL_LIST_H
#define LOCAL_LIST_H

#include <sys/queue.h>

#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/authorization.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>

#include "list.h"

/*
 * The module's state and the seams between its files: wanted.c (which tags a station should have),
 * store.c (what stations acknowledged), sync.c (bringing a station up to date), command.c (an
 * operator's own SendLocalList), automatic.c (when nobody asks), routes.c (operator API), tables.c
 * (messages, SQL, routes), list.c (pure).
 *
 * A job is one piece of work about one station. Of those that send or store (SYNC, COMMAND) a
 * station has one at a time; others wait in its slot.
 */
#define PROTOCOL "ocpp1.6"
#define MODULE "ocpp16_local_auth_list"
#define TEXT_SIZE 200

struct rule_conf { /* an element of the option `lists` */
	struct ocppd_strings stations;
	struct ocppd_strings groups;
	const char *label; /* "name=value", or NULL */
	uint32_t list;     /* LIST_* */
	uint32_t reserved;
};
#define LIST_ALL 0
#define LIST_NONE 1

struct local_list_conf {
	uint32_t list; /* LIST_* of stations that no rule names */
	uint32_t is_automatic;
	uint32_t resends_on_conflict;
	uint32_t reserved;
	int64_t message_entries;
	int64_t list_entries;
	int64_t max_tags;
	int64_t parallel;
	int64_t pace_ms;
	int64_t settle_ms;
	int64_t retry_ms;
	struct ocppd_sections lists;
};

/* How the last attempt ended. Stored: never renumber. */
#define OUTCOME_NONE 0
#define OUTCOME_DONE 1
#define OUTCOME_UNSUPPORTED 2
#define OUTCOME_REFUSED 3 /* Failed after a full list */
#define OUTCOME_ERROR 4   /* CALLERROR, or an answer beyond reading */
#define OUTCOME_TIMEOUT 5
#define OUTCOME_GONE 6
#define OUTCOME_UNSTORED 7 /* our own failure */

/* What is stored of a station. */
struct record {
	bool exists;
	bool is_full_next; /* what it has is in doubt */
	int64_t version;   /* acknowledged; 0: none */
	int64_t used;      /* highest ever sent */
	int64_t reported;  /* by GetLocalListVersion; INT64_MIN: never */
	uint64_t digest;   /* of what it acknowledged */
	int64_t entries;
	int64_t acknowledged_us; /* 0: never */
	int64_t attempted_us;    /* 0: never */
	int64_t outcome;         /* OUTCOME_* */
	int64_t max_entries;     /* LocalAuthListMaxLength, as last used */
	char text[TEXT_SIZE];    /* why the last attempt failed */
};
#define REPORTED_NEVER INT64_MIN

struct wanted {
	uint64_t digest;
	uint32_t entries;
	uint32_t left_out; /* beyond LocalAuthListMaxLength */
};

struct lists;
struct job;
typedef void job_fn(struct job *job);

enum job_kind {
	JOB_VIEW,
	JOB_SYNC,
	JOB_COMMAND,
};

TAILQ_HEAD(job_list, job);

/* With every station. */
struct list_slot {
	struct ocppd_station *station;
	struct job *job; /* SYNC or COMMAND under way */
	struct job_list waits;
	uint32_t wait_count;
	TAILQ_ENTRY(list_slot) queue; /* automatic.c */
	bool is_set;
	bool is_queued;
	bool is_check; /* ask for its version even if nothing changed here */
	bool is_conflict;
	bool is_full_wanted;      /* it reported a conflict */
	int64_t used;             /* highest version that this process sent */
	int64_t reported;         /* REPORTED_NEVER */
	int64_t failed_mono_us;   /* 0: the last attempt did not fail */
	int64_t conflict_mono_us; /* when it was last sent again for that; 0: never */
};

struct job {
	TAILQ_ENTRY(job) all;
	TAILQ_ENTRY(job) wait; /* for the station, or for the tags */
	struct job_list *waits_in;
	struct lists *ctx;
	struct ocppd_station *station;
	struct list_slot *slot;
	enum job_kind kind;
	job_fn *next; /* what follows the step under way */
	struct record record;
	struct entry_list acknowledged;
	struct entry_list wanted;
	struct wanted summary;
	uint32_t max_entries;
	uint32_t per_message;
	struct ocppd_request *request; /* NULL: nobody waits, or answered */
	bool is_broken;                /* a step failed here; record.text says which */

	/* SYNC */
	struct plan plan;
	uint32_t part;
	uint32_t sent;   /* messages */
	int64_t version; /* of the plan's first message */
	bool is_forced;
	bool is_automatic;
	bool is_check;
	bool is_conflict; /* only because the station reported one */
	bool did_fall_back;

	/* COMMAND */
	struct ocppd_outcall *call;
	struct entry_list given;
	bool is_preparing;
};

struct lists {
	struct ocppd_host *host;
	const struct local_list_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	const struct ocppd_stations_ops *stations;
	void *stations_self;
	const struct ocppd_authorization_ops *authorization;
	void *authorization_self;
	struct ocppd_subscription *subscriptions[4];
	struct job_list jobs;
	int slot;
	uint32_t outstanding; /* callbacks that will come: stop waits for them */
	bool is_stopping;

	/* wanted.c: all tags, by tag */
	struct entry_list tags;
	struct entry_list walked; /* of a walk under way */
	struct job_list tag_waits;
	int64_t tags_us;   /* when they were read */
	uint32_t too_long; /* tags that OCPP 1.6 cannot carry */
	uint32_t too_many; /* beyond max_tags */
	bool is_fresh;
	bool is_walking;
	bool is_walk_stale; /* changed while it was walked */

	/* automatic.c */
	TAILQ_HEAD(slot_queue, list_slot) queue;
	struct ocppd_timer *pace_timer;
	struct ocppd_timer *settle_timer;
	bool is_settling;
	uint32_t running;
};

/* ocpp16_local_auth_list.c */
void lists_done(struct lists *ctx); /* one callback less to wait for */
struct list_slot *lists_slot(struct lists *ctx, struct ocppd_station *station);
/* NULL: out of memory. It stays until job_free. */
struct job *job_new(struct lists *ctx, struct ocppd_station *station, enum job_kind kind);
/* Frees it and lets the station's next ones begin. */
void job_free(struct job *job);
/* Begins, or waits for its turn at the station. OCPPD_EBUSY: too many wait. */
int job_begin(struct job *job);

/* store.c */
/* A step that cannot be done leaves job->is_broken and goes on. */
/* Reads record and acknowledged list, then calls fn. Negative: could not; fn will not run. */
int store_load(struct job *job, job_fn *fn);
/*
 * Writes the record and, in one unit, changes of the list (NULL: none; is_full: it was replaced);
 * then calls fn. Negative: could not begin; fn will not run.
 */
int store_save(struct job *job, const struct entry_list *changes, bool is_full, job_fn *fn);
/* What the station has is in doubt, also after a restart. */
void store_doubt(struct lists *ctx, struct ocppd_station *station);
void store_read_record(const struct ocppd_value *row, struct record *ret_record);

/* The station is deleted. */
extern const struct ocppd_station_data_ops store_data_ops;

/* wanted.c */
/* Reads the station's limits and sees that the tags are fresh, then calls fn. */
void wanted_need(struct job *job, job_fn *fn);
/* Only the latter. */
void wanted_need_tags(struct job *job, job_fn *fn);
void wanted_sum(const struct lists *ctx, struct ocppd_station *station, uint32_t max_entries,
		struct wanted *ret_sum);
/* The list itself into job->wanted, with job->summary. 0 or OCPPD_ENOMEM. */
int wanted_build(struct job *job);
void wanted_tags_changed(struct lists *ctx);
/* Whether the station is known to have what it should. */
bool wanted_is_known(const struct record *record, const struct wanted *wanted);

/* sync.c */
void sync_run(struct job *job);
/* An answer to SendLocalList, whoever sent that; status: NULL where it has none. */
void count_answer(struct ocppd_host *host, const char *status);
extern const char *const auth_words[]; /* by OCPPD_AUTH_* - 1 */

/* command.c */
int prepare_send_list(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		      void *ctx, struct ocppd_error *err);
void completed_send_list(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			 struct json_object *req, struct json_object *conf, void *ctx);
void completed_get_version(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			   struct json_object *req, struct json_object *conf, void *ctx);
void command_run(struct job *job);
bool is_own_call(const struct ocppd_outcall *call);

/* automatic.c */
int automatic_start(struct lists *ctx);
/* The configuration changed. */
void automatic_reload(struct lists *ctx);
/* A job that it began has ended. */
void automatic_ended(struct lists *ctx);

/* routes.c */
void view_run(struct job *job);
struct json_object *list_json(const struct lists *ctx, struct ocppd_station *station,
			      const struct record *record, const struct wanted *wanted);
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_sync(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

/* tables.c */
enum {
	STATEMENT_FIND,
	STATEMENT_RANGE,
	STATEMENT_ENTRIES,
	STATEMENT_PUT,
	STATEMENT_DOUBT,
	STATEMENT_CLEAR,
	STATEMENT_ENTRY_PUT,
	STATEMENT_ENTRY_DELETE,
	STATEMENT_DELETE,
	STATEMENT_COUNT,
};
#define RECORD_COLUMNS 12
extern const struct ocppd_statement local_list_statements[STATEMENT_COUNT];
extern const struct ocppd_migration local_list_migrations[];
#define LOCAL_LIST_MIGRATIONS 1
extern const struct ocppd_action local_list_actions[];
#define LOCAL_LIST_ACTIONS 2
extern const struct ocppd_route local_list_routes[];
#define LOCAL_LIST_ROUTES 3
extern const struct ocppd_topic local_list_topics[];
#define LOCAL_LIST_TOPICS 2
extern const struct ocppd_metric local_list_metrics[];
#define LOCAL_LIST_METRICS 2
#define METRIC_MESSAGES 0
#define METRIC_SYNCS 1
#define EVENT_SYNCED "local_list.synchronised"
#define EVENT_FAILED "local_list.failed"

#endif
