/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_H
#define FILE_HOSTING_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/files.h>
#include <ocppd/work.h>

#include "desk.h"

/*
 * The module's state and the seams between its files. On the core thread: file_hosting.c (life),
 * load.c (start), records.c (transfers and files onto record, and what happened to them),
 * catalogue.c (images in memory), service.c, routes.c, tables.c, sweep.c (retention). On threads of
 * the library that speaks HTTP: http.c, send.c, receive.c. On a thread of its own, for all else
 * that touches the disk: worker.c. Shared: desk.c. Between disk and desk: sink.c. Pure: names.c,
 * range.c.
 */
#define DOORS_MAX 8
#define EXPIRES_MAX_US ((int64_t)366 * 86400 * 1000000)

struct tls_conf {
	const char *certificate;
	const char *key;
};

struct hosting_conf {
	struct ocppd_strings addresses;
	int64_t port;
	struct tls_conf tls;
	const char *public_url;
	const char *path;
	const char *directory;
	int64_t max_image;
	int64_t max_upload;
	int64_t quota;
	int64_t min_free;
	int64_t keep_received_s;
	int64_t keep_per_station;
	int64_t keep_transfers_s;
	int64_t max_transfers;
	int64_t max_connections;
	int64_t threads;
	int64_t timeout_ms;
	int64_t min_rate;
	int64_t grace_s;
	int64_t operator_time_s;
	int64_t drain_ms;
};

/* A stored file as a struct of the service, with the memory of its texts. */
struct stored {
	struct ocppd_file file;
	char blob[BLOB_SIZE];
	char *texts; /* owned, one allocation for all of them */
};

struct door {
	struct MHD_Daemon *daemon;
	char address[OCPPD_ADDRESS_SIZE]; /* as bound */
	int fd;                           /* of the listening socket; closed once it is quiet */
};

enum job_kind {
	JOB_CLEAN,  /* what a crash left in `incoming` */
	JOB_REMOVE, /* a blob */
	JOB_SETTLE, /* an upload that is on record; then it is answered */
	JOB_DROP,   /* an upload that is not; then it is answered */
	JOB_IMPORT, /* a file of the folder `import` */
	JOB_CLOSE,  /* the listeners, for good */
};

struct job {
	STAILQ_ENTRY(job) all;
	enum job_kind kind;
	struct upload *upload;
	char blob[BLOB_SIZE];
	char (*keep)[BLOB_SIZE]; /* CLEAN: on record; sorted; owned */
	size_t keep_count;
	size_t found;   /* CLEAN: of them, in the store */
	size_t strange; /* CLEAN: others there */
	int64_t limit;  /* IMPORT */
};
STAILQ_HEAD(job_list, job);

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job_list jobs;
	struct job_list done; /* for the core */
	bool is_running;
	bool is_ending;
};

struct watch;
TAILQ_HEAD(watch_list, watch);

struct hosting {
	struct ocppd_host *host;
	const struct hosting_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct desk desk;
	struct worker worker;
	struct door doors[DOORS_MAX];
	uint32_t door_count;
	char *certificate; /* PEM, as long as the doors are open */
	char *key;
	int import_fd;
	int lock_fd;
	char (*keep)[BLOB_SIZE]; /* start: files on record */
	size_t keep_count;
	size_t step;              /* of the start */
	struct job *close_job;    /* made beforehand */
	char base[BASE_MAX + 1];  /* what stations see */
	char local[BASE_MAX + 1]; /* without TLS, from this machine; "" if there is none */
	struct stored **images;   /* in order of names */
	uint32_t image_count;
	struct watch_list watches;
	struct ocppd_io *io;
	struct ocppd_timer *timer; /* the next end of a grant, and retries */
	struct ocppd_timer *tick;  /* while somebody is connected */
	struct ocppd_timer *sweep;
	struct ocppd_timer *drain;
	uint64_t counted_served;
	uint64_t counted_received;
	uint64_t counted_refused[REFUSED_COUNT];
	uint32_t outstanding; /* callbacks that will come */
	struct ocppd_work_owner works;
	uint32_t jobs; /* given to the worker, not back yet */
	uint32_t ticks;
	int64_t armed_us; /* when the timer runs */
	bool is_ticking;
	bool is_stopping;
	bool is_closed;
	bool is_drained; /* the time for what was under way is over */
	bool is_low;     /* health: the quota is nearly full */
};

enum {
	STATEMENT_FILE_ADD,
	STATEMENT_FILE_DELETE,
	STATEMENT_TRANSFER_ADD,
	STATEMENT_TRANSFER_SAVE,
	STATEMENT_TRANSFER_RECEIVED,
	STATEMENT_TRANSFERS_FORGET,
	STATEMENT_FILES,
	STATEMENT_FILES_STATION,
	STATEMENT_FILE,
	STATEMENT_IMAGES,
	STATEMENT_BLOBS,
	STATEMENT_USED,
	STATEMENT_OPEN,
	STATEMENT_TRANSFER,
	STATEMENT_TRANSFERS,
	STATEMENT_OLD,
	STATEMENT_COUNT,
};

/* Columns of files. */
enum {
	F_ID,
	F_KIND,
	F_NAME,
	F_BLOB,
	F_SHA256,
	F_SIZE,
	F_CREATED,
	F_VENDOR,
	F_MODEL,
	F_VERSION,
	F_NOTE,
	F_SIGNATURE,
	F_CERTIFICATE,
	F_REQUESTER,
	F_STATION,
	F_REFERENCE,
	F_TRANSFER,
	F_COLUMNS,
};

/* Columns of transfers. The last four are the file's; NULL where it is gone, or there is none. */
enum {
	T_ID,
	T_TOKEN,
	T_OWNER,
	T_DIRECTION,
	T_STATION,
	T_REFERENCE,
	T_KIND,
	T_FILE,
	T_MAX,
	T_STATE,
	T_ATTEMPTS,
	T_BYTES,
	T_SIZE,
	T_SPANS,
	T_REMOTE,
	T_CREATED,
	T_EXPIRES,
	T_BEGUN,
	T_ENDED,
	T_BLOB,
	T_SHA256,
	T_NAME,
	T_COLUMNS,
};

enum {
	METRIC_SERVED,
	METRIC_RECEIVED,
	METRIC_FILES,
	METRIC_TRANSFERS,
	METRIC_REFUSED,
	METRIC_DELETED,
	METRIC_USED,
	METRIC_QUOTA,
	METRIC_CONNECTIONS,
	METRIC_OPEN,
	METRIC_COUNT,
};

#define EVENT_TRANSFER_CHANGED "file_transfer.changed"

extern const struct ocppd_statement hosting_statements[STATEMENT_COUNT];
extern const struct ocppd_migration hosting_migrations[];
#define HOSTING_MIGRATIONS 1
extern const struct ocppd_route hosting_routes[];
#define HOSTING_ROUTES 9
extern const struct ocppd_metric hosting_metrics[METRIC_COUNT];
extern const struct ocppd_topic hosting_topics[];
#define HOSTING_TOPICS 1
extern const char *const refusal_names[REFUSED_COUNT];
extern const struct ocppd_files_ops hosting_ops;

/* file_hosting.c */
void hosting_done(struct hosting *ctx); /* one callback less to wait for */
void hosting_check_stopped(struct hosting *ctx);
/* The start is over: result is negative when what is on record cannot be read; why may be NULL. */
void hosting_started(struct hosting *ctx, int result, const struct ocppd_error *why);
void hosting_cleaned(struct hosting *ctx); /* nothing of an earlier life is in `incoming` */
void hosting_count(struct hosting *ctx);   /* metrics and health */

/* load.c */
/* 0 or negative; ends in hosting_cleaned, or in hosting_started with what went wrong. */
int load_begin(struct hosting *ctx);

/* doors.c */
int doors_open(struct hosting *ctx, struct ocppd_error *err);
/* Takes no new connection from now on. */
void doors_quiet(struct hosting *ctx);
/* Blocks until their threads have ended: for the worker, or before anything ran. */
void doors_close(struct hosting *ctx);
void base_choose(struct hosting *ctx);
bool address_is_any(const char *text);

/* worker.c */
int worker_start(struct hosting *ctx);
void worker_stop(struct hosting *ctx); /* joins it */
/* NULL: out of memory. */
struct job *job_new(enum job_kind kind);
void worker_give(struct hosting *ctx, struct job *job);
void worker_collect(struct hosting *ctx); /* what is done, on the core thread */

/* catalogue.c */
int catalogue_add(struct hosting *ctx, const struct ocppd_file *file, const char *blob);
void catalogue_remove(struct hosting *ctx, int64_t id);
const struct stored *catalogue_find(const struct hosting *ctx, const char *name, int64_t id);
void catalogue_clear(struct hosting *ctx);
/* A row of STATEMENT_FILE and the like; freed by stored_free. NULL: out of memory. */
struct stored *stored_of_row(const struct ocppd_value *row);
struct stored *stored_new(const struct ocppd_file *file, const char *blob);
void stored_free(struct stored *stored);
struct json_object *file_json(const struct ocppd_file *file);

/* records.c */
struct grant *grant_of_row(struct hosting *ctx, const struct ocppd_value *row);
/* The grant as the service shows it; texts are the view's own. */
struct transfer_view {
	struct ocppd_transfer transfer;
	char url[OCPPD_FILE_URL_MAX + 1];
	char station_id[STATION_SIZE];
	char reference[OCPPD_FILE_REFERENCE_MAX + 1];
	char kind[KIND_SIZE];
	char remote[REMOTE_SIZE];
	char owner[OWNER_SIZE];
};
void transfer_view(struct hosting *ctx, const struct grant *grant, struct transfer_view *ret_view);
struct json_object *transfer_json(const struct ocppd_transfer *transfer, const char *owner);
void url_of(const char *base, const struct grant *grant, char ret_url[OCPPD_FILE_URL_MAX + 1]);
/* Puts what the grant is now on record, then tells the event (OCPPD_FILES_*). */
void transfer_save(struct hosting *ctx, struct grant *grant, uint32_t kind, const char *text);
void transfer_tell(struct hosting *ctx, const struct grant *grant, uint32_t kind, const char *text);
/* It ended with these. */
void transfer_tell_files(struct hosting *ctx, const struct grant *grant,
			 const struct ocppd_file *files, uint32_t count);
void transfer_end(struct hosting *ctx, struct grant *grant, uint32_t state);
void records_notices(struct hosting *ctx);
void records_progress(struct hosting *ctx, bool is_last);
void records_timer(struct ocppd_host *host, void *ctx);
/* The timer runs at that time at the latest. */
void records_arm(struct hosting *ctx, int64_t at_us);

/* uploads.c */
void uploads_take(struct hosting *ctx);
void upload_settled(struct hosting *ctx, struct upload *upload);
void upload_store(struct hosting *ctx, struct upload *upload);

/* watches, in service.c */
void watch_tell(struct hosting *ctx, const char *owner, const struct ocppd_files_event *event);
void watches_free(struct hosting *ctx);

/* sweep.c */
void sweep_timer(struct ocppd_host *host, void *ctx);
/* Deletes a file from record and disk. fn as of storage's units, may be NULL. Returns what storage
 * says, or OCPPD_EBUSY: a transfer of it is open. */
typedef void deleted_fn(struct hosting *ctx, int result, const struct ocppd_error *err, void *arg);
int file_delete(struct hosting *ctx, int64_t id, const char *reason, deleted_fn *fn, void *arg);

/* routes.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_download(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_upload(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_import(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_transfers(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_transfer(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_withdraw(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
