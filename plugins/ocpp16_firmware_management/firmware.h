/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <stdbool.h>
#include <sys/queue.h>

#include <ocppd/event/connector.h>
#include <ocppd/event/station.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/rows.h>
#include <ocppd/service/files.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/stations.h>
#include <ocppd/work.h>

#include "progress.h"

/*
 * The module's state and the seams between its files: progress.c (from facts to states), job.c
 * (jobs in memory), store.c (writing, and waiting for it), action.c (UpdateFirmware and
 * GetDiagnostics, before and after), send.c (when they go out), listen.c (what stations and the
 * files' service tell), version.c (which firmware stations have), rollout.c (many stations), load.c
 * (after a restart), forget.c (a station is deleted), sweep.c (what is kept), json.c, routes.c and
 * rollout_routes.c (operator API), api.c (fields and routes), tables.c (SQL),
 * ocpp16_firmware_management.c (life).
 *
 * A job is one UpdateFirmware or GetDiagnostics to one station. OCPP 1.6 has no request id: what a
 * station tells belongs to the newest of its jobs that it may know of.
 */
#define PROTOCOL "ocpp1.6"
#define MODULE "ocpp16_firmware_management"

#define SECOND_US INT64_C(1000000)
#define LOCATION_MAX 2048
#define IMAGE_MAX OCPPD_FILE_NAME_MAX
#define STATION_SIZE (OCPPD_STATION_ID_MAX * 4 + 1)
#define FOLLOWED_MAX 8 /* jobs of a station and a kind in memory */
#define LINES_MAX 32   /* of a job's story that wait for storage */
#define STORY_MAX 500  /* lines of a story; beyond, only changes of state, up to twice that */
#define NONE (-1)      /* a number that was not given */

#define EVENT_UPDATE_CHANGED "firmware.changed"
#define EVENT_DIAGNOSTICS_CHANGED "diagnostics.changed"
#define EVENT_UNASKED "firmware.unasked"
#define EVENT_VERSION_CHANGED "firmware.version"
#define EVENT_ROLLOUT_CHANGED "firmware.rollout"

struct firmware_conf {
	int64_t send_timeout_s;
	int64_t attempts;
	int64_t retry_interval_s;
	int64_t update_timeout_s;
	int64_t verify_timeout_s;
	int64_t diagnostics_timeout_s;
	int64_t upload_grace_s;
	int64_t late_window_s;
	int64_t retention_s;
	int64_t unasked;
	int64_t rollouts;
	int64_t rollout_stations;
};

struct firmware;
struct job;
struct rollout;

/* A line of a job's story that is not stored yet; whoever waits for it is told then. */
struct line {
	TAILQ_ENTRY(line) all;
	enum fact_kind kind;
	enum job_state state; /* after it */
	int64_t time_us;
	int64_t number;
	struct ocppd_call *call; /* a notification that is to be confirmed; or NULL */
	char text[REASON_SIZE];
	bool is_story; /* it is to be seen in the story */
};
TAILQ_HEAD(line_list, line);

struct job {
	TAILQ_ENTRY(job) all;
	struct job *next; /* of the same station, newest first */
	struct firmware *ctx;
	struct ocppd_station *station;
	struct progress progress;
	struct rollout *rollout; /* while that goes on */
	int64_t id;              /* 0: not stored yet */
	int64_t rollout_id;      /* 0: none */
	char *requester;
	char *location; /* NULL: hosted, and not made yet */
	char *image;    /* of the files' service; NULL: none */
	char *file_name;
	int64_t image_id;
	int64_t transfer_id;
	int64_t file_id;  /* received */
	int64_t start_us; /* 0: none */
	int64_t stop_us;
	int64_t retries;        /* NONE: not given; the station's, not ours */
	int64_t retry_interval; /* seconds */
	int64_t created_us;
	int64_t notifications; /* all, repetitions, too */
	int64_t story;         /* lines */
	struct ocppd_timer *timer;
	struct ocppd_outcall *call; /* from prepare to completed */
	struct line_list lines;
	uint32_t line_count;
	uint32_t holds; /* callbacks that will come back to it */
	bool is_listed;
	bool is_raw;    /* an operator's command: sent once, as given */
	bool is_prompt; /* an operator waits for it: it need not wait for the grace of a connection
			 */
	bool is_closed; /* the station began something else since, of its own accord */
	bool is_dirty;  /* storage does not know the present state */
	bool is_writing;
	bool is_offering; /* its URL is being made */
	bool has_turn;    /* it is counted as one that its rollout's stations are at */
	bool is_to_send;  /* as soon as it is stored that it goes out */
};
TAILQ_HEAD(job_list, job);

struct rollout {
	TAILQ_ENTRY(rollout) all;
	struct firmware *ctx;
	int64_t id;
	int64_t parallel;
	int64_t max_failures;
	int64_t out;      /* jobs that stations are at */
	int64_t open;     /* jobs that are not over */
	int64_t failed;   /* jobs that failed, expired, or stayed silent */
	int64_t offering; /* jobs whose URL is being made, to be sent then */
	bool is_pumping;
	bool is_over;
	bool is_making; /* its jobs are still being made */
	uint32_t puts;  /* writes of its row under way */
};
TAILQ_HEAD(rollout_list, rollout);

struct station_slot {
	struct job *first;
	char *version;                  /* firmware at the last boot; NULL: not known */
	bool is_version_lost;           /* that could not be stored */
	int64_t unasked_us[KIND_COUNT]; /* the last that no job was for */
	char unasked[KIND_COUNT][TOLD_SIZE];
};

struct sending;
LIST_HEAD(sending_list, sending);

struct firmware {
	struct ocppd_host *host;
	const struct firmware_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	const struct ocppd_files_ops *files; /* NULL: nobody hosts files */
	void *files_self;
	const struct ocppd_stations_ops *stations; /* NULL: not offered */
	void *stations_self;
	struct job_list jobs;
	struct rollout_list rollouts;
	uint32_t rollout_count;
	uint32_t active[KIND_COUNT];
	struct ocppd_timer *sweep_timer;
	struct ocppd_subscription *subscriptions[3];
	struct sending_list sending;
	struct ocppd_writes writes;
	struct job *asking; /* whose CALL is made just now */
	int slot;
	uint32_t outstanding;
	struct ocppd_work_owner works;
	bool is_stopping;
	bool is_starting;
};

enum {
	STATEMENT_JOB_ADD,
	STATEMENT_JOB_PUT,
	STATEMENT_STORY_ADD,
	STATEMENT_UNASKED_ADD,
	STATEMENT_UNASKED_TRIM,
	STATEMENT_VERSION_PUT,
	STATEMENT_ROLLOUT_ADD,
	STATEMENT_ROLLOUT_PUT,
	STATEMENT_JOB_FORGET,
	STATEMENT_STORY_FORGET,
	STATEMENT_ROLLOUT_FORGET,
	STATEMENT_ROLLOUT_BREAK,
	STATEMENT_ROLLOUT_BREAK_JOBS,
	STATEMENT_FOLLOWED,
	STATEMENT_VERSIONS_ALL,
	STATEMENT_ROLLOUTS_OPEN,
	STATEMENT_JOB_LIST,
	STATEMENT_JOB_LIST_STATION,
	STATEMENT_JOB_LIST_ROLLOUT,
	STATEMENT_JOB_FIND,
	STATEMENT_STORY,
	STATEMENT_UNASKED_LIST,
	STATEMENT_VERSION_LIST,
	STATEMENT_ROLLOUT_LIST,
	STATEMENT_ROLLOUT_FIND,
	STATEMENT_ROLLOUT_COUNTS,
	STATEMENT_STATION_JOBS,
	STATEMENT_STATION_UNASKED,
	STATEMENT_STATION_VERSION,
	STATEMENT_COUNT,
};

/* Columns of a job, in every statement that gives one. */
enum {
	J_ID,
	J_KIND,
	J_STATION,
	J_ROLLOUT,
	J_REQUESTER,
	J_CREATED,
	J_RAW,
	J_HOSTED,
	J_IMAGE,
	J_IMAGE_ID,
	J_RETRIEVE,
	J_START,
	J_STOP,
	J_RETRIES,
	J_RETRY_INTERVAL,
	J_EXPECTED,
	J_BEFORE,
	J_ATTEMPTS_MAX,
	J_SEND_BY,
	J_FINISH,
	J_STATE,
	J_FAILURE,
	J_REASON,
	J_LOCATION,
	J_TRANSFER,
	J_FILE_NAME,
	J_FILE_ID,
	J_ATTEMPTS,
	J_TOLD_RANK,
	J_SIGNS,
	J_UNSURE,
	J_TRY,
	J_SENT,
	J_CONFIRMED,
	J_END_BY,
	J_VERIFY_BY,
	J_TOLD,
	J_TOLD_AT,
	J_NOTIFICATIONS,
	J_FILE_BEGUN,
	J_FILE_DONE,
	J_FILE_BYTES,
	J_BOOTED,
	J_BOOTED_AT,
	J_BOOTED_AFTER,
	J_CHANGED,
	J_ENDED,
	J_STORY,
	J_COLUMNS,
};
#define JOB_FIXED J_STATE /* so many never change, J_ID among them */

enum {
	R_ID,
	R_STATE,
	R_REASON,
	R_REQUESTER,
	R_IMAGE,
	R_LOCATION,
	R_EXPECTED,
	R_RETRIEVE,
	R_PARALLEL,
	R_MAX_FAILURES,
	R_TOTAL,
	R_CREATED,
	R_EXPIRES,
	R_ENDED,
	R_COLUMNS,
};

enum {
	METRIC_ENDED,
	METRIC_ACTIVE,
	METRIC_NOTIFICATIONS,
	METRIC_COUNT,
};

extern const struct ocppd_statement firmware_statements[STATEMENT_COUNT];
extern const struct ocppd_migration firmware_migrations[];
#define FIRMWARE_MIGRATIONS 1
extern const struct ocppd_action firmware_actions[];
#define FIRMWARE_ACTIONS 4
extern const struct ocppd_topic firmware_topics[];
#define FIRMWARE_TOPICS 5
extern const struct ocppd_route firmware_routes[];
#define FIRMWARE_ROUTES 14
extern const struct ocppd_metric firmware_metrics[METRIC_COUNT];

/* ocpp16_firmware_management.c */
void firmware_done(struct firmware *ctx); /* one callback less to wait for */
void firmware_started(struct firmware *ctx, int result, const struct ocppd_error *err);
extern const char *const kind_words[KIND_COUNT];

/* ---- job.c ----------------------------------------------------------------------------------- */

struct station_slot *job_slot(struct firmware *ctx, struct ocppd_station *station);
/* In no list yet, WAITING. NULL: out of memory. */
struct job *job_new(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind);
/* With what the configuration says of deadlines, where the job says nothing. */
void job_set_limits(struct job *job);
void job_enter(struct job *job);
/* Out of the lists; it is freed when nothing comes back to it any more. */
void job_leave(struct job *job);
void job_hold(struct job *job);
void job_release(struct job *job);
void job_free_all(struct firmware *ctx); /* at the end: stations may be no more */
/* A new wish takes the place of those that wait, and that the station never saw. */
void job_replace_waiting(struct job *job);
/* The newest that the station may know of, or NULL: none, or it is at something else. */
struct job *job_current(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind);
/* The newest that is not over, or NULL. */
struct job *job_open(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind);
struct job *job_find(struct firmware *ctx, int64_t id);
struct job *job_of_transfer(struct firmware *ctx, struct ocppd_station *station, int64_t id);
/* A fact, now: state, story, storage, timer, and what follows for others. */
void job_fact(struct job *job, enum fact_kind kind, const char *text, int64_t number);
/* A notification; answers the call when that is stored. */
void job_notified(struct job *job, struct ocppd_call *call, const char *status);
void job_arm(struct job *job);
/* Whatever it is, it is stored: what was waiting for that goes on. */
void job_was_stored(struct job *job);
/* The newest of its kind begins: older ones are superseded. */
void job_supersede(struct job *job);
void job_count(struct firmware *ctx);

/* ---- store.c --------------------------------------------------------------------------------- */

/* Stores a new job and its first lines; fn hears result and job, whose id is set. Returns 0, or
 * negative and fn never runs. */
typedef void job_stored_fn(struct firmware *ctx, int result, struct job *job, void *arg);
int store_add(struct job *job, job_stored_fn *fn, void *arg);
/* Stores what is new of a job, now or after the write that is under way. */
void store_put(struct job *job);
/* Adds a line to a job's story; it is stored with the job. */
struct line *store_line(struct job *job, const struct fact *fact);
/* Answers the notifications that wait, as not recorded, and forgets the lines. */
void store_drop_lines(struct job *job);
/* A unit of other statements: counted, and so awaited by store_wait and by stop. */
int store_begin(struct firmware *ctx, struct ocppd_unit **ret_unit);
void store_commit(struct firmware *ctx, struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg);
void store_ended(struct firmware *ctx, int result, const struct ocppd_error *err);
/* A notification that no job was for. Takes the call, which it answers. */
void store_unasked(struct firmware *ctx, struct ocppd_call *call, enum job_kind kind,
		   const char *status);

/* ---- json.c ---------------------------------------------------------------------------------- */

struct json_object *job_json(const struct ocppd_value *row);
struct json_object *story_json(const struct ocppd_value *row);
struct json_object *rollout_json(const struct ocppd_value *row);
/* A password in a URL is nobody's business. */
void location_mask(const char *location, char *ret_text, size_t size);
/* And neither is what makes a URL of our own one that nobody can guess. */
void location_mask_token(const char *location, char *ret_text, size_t size);

/* ---- action.c, send.c -------------------------------------------------------------------------
 */

int prepare_update(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		   void *ctx, struct ocppd_error *err);
int prepare_diagnostics(struct ocppd_host *host, struct ocppd_outcall *call,
			struct json_object *req, void *ctx, struct ocppd_error *err);
void completed_job(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		   struct json_object *req, struct json_object *conf, void *ctx);
void mask_location(struct json_object *payload, uint32_t is_conf);
void sending_free(struct firmware *ctx);

/* Sends it if it may go now. */
void send_try(struct job *job);
/* A time as that station reads it, or "" for 0. */
void send_time_text(const struct ocppd_station *station, int64_t time_us,
		    char ret_text[OCPPD_TIME_SIZE]);
/* Everything of that station that waits. */
void send_station(struct firmware *ctx, struct ocppd_station *station);
/* It is on disk that the CALL goes out. */
void send_now(struct job *job);
/* Asks for a URL of our own, for the job. Returns OCPPD_PENDING, then fn runs once under the job's
 * hold; or negative. */
int send_offer(struct job *job, ocppd_transfer_fn *fn, void *arg, struct ocppd_error *err);
/* Until when that URL should be good. */
int64_t send_offer_end(const struct job *job);
/* Does the station take calls at present? */
bool send_is_reachable(struct ocppd_station *station);

/* ---- listen.c ---------------------------------------------------------------------------------
 */

int on_firmware_status(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		       void *ctx);
int on_diagnostics_status(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
			  void *ctx);
int on_boot(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx);
void on_station(struct ocppd_host *host, const struct ocppd_event *event, void *ctx);
void on_file(struct ocppd_host *host, const struct ocppd_files_event *event, void *ctx);
/* What happened to the files while nobody listened. */
void listen_reconcile(struct firmware *ctx);

/* ---- rollout.c --------------------------------------------------------------------------------
 */

/* May another of its jobs go out? */
bool rollout_may_send(const struct rollout *rollout);
/* A job went from one state to another. */
void rollout_moved(struct rollout *rollout, struct job *job, enum job_state before);
/* One that was read from the table, or is new. */
void rollout_loaded(struct rollout *rollout, struct job *job);
void rollout_pump(struct rollout *rollout);
struct rollout *rollout_find(struct firmware *ctx, int64_t id);
struct rollout *rollout_new(struct firmware *ctx, int64_t id);
void rollout_free(struct rollout *rollout);
void rollout_free_all(struct firmware *ctx);
/* All its jobs are made: it begins. */
void rollout_run(struct rollout *rollout);
/* Ends it: what was not sent is cancelled. state: static; reason may be NULL. */
void rollout_end(struct rollout *rollout, const char *state, const char *reason);
/* After a start: one whose end was not written down. */
void rollout_check(struct rollout *rollout);

/* ---- load.c, sweep.c, version.c ----------------------------------------------------------------
 */

/* OCPPD_PENDING: ends in firmware_started. */
int load_begin(struct firmware *ctx);
void on_sweep(struct ocppd_host *host, void *ctx);
/* A station booted with it; stored when it is new. */
void version_seen(struct firmware *ctx, struct ocppd_station *station, const char *version,
		  int64_t time_us);
const char *version_of(struct firmware *ctx, struct ocppd_station *station); /* "": not known */

/* forget.c: a station is deleted */
extern const struct ocppd_station_data_ops forget_data_ops;

/* ---- routes.c, rollout_routes.c ----------------------------------------------------------------
 */

/* One that is connected or on record; NULL: there is none. */
struct ocppd_station *routes_station(struct firmware *ctx, const char *station_id);
void routes_update_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_update_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_update_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_update_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_diagnostics_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_diagnostics_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_diagnostics_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_diagnostics_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_unasked(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_versions(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_rollout_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_rollout_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_rollout_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_rollout_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

/* What a body asks for, checked; of an update, or of each of a rollout. */
struct wish {
	const char *location; /* NULL: hosted */
	const char *image;
	const char *expected; /* "": none */
	int64_t image_id;
	int64_t retrieve_us;
	int64_t retries;
	int64_t retry_interval;
	int64_t start_us;
	int64_t stop_us;
	int64_t expires_s;
	int64_t deadline_s; /* 0: as configured */
};
/* False: the request is answered. Texts are the body's, or an image's: until the callback ends. */
bool wish_read(struct firmware *ctx, struct ocppd_request *request, enum job_kind kind,
	       struct wish *ret);
/* A job for a station, in no list yet. NULL: out of memory. */
struct job *wish_job(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind,
		     const struct wish *wish, const char *requester);

#endif
