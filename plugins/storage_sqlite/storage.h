/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STORAGE_SQLITE_STORAGE_H
#define STORAGE_SQLITE_STORAGE_H

/*
 * The module's inside: jobs travel from the core thread to the writer, to a reader or to the backup
 * thread, and come back through `done`, one wake-up for all that gathered. A job has one owner at a
 * time: whoever took it off a queue.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ocppd/plugin.h>
#include <sqlite3.h>

#define STORAGE_READERS_MAX 8u
#define STORAGE_UNIT_INLINE 640u           /* bytes of a unit before it needs a second block */
#define STORAGE_UNIT_STATEMENTS_MAX 65535u /* of the service's contract */
#define STORAGE_VALUE_MAX (64u << 20)      /* bytes of one value, of one unit, of one result */
#define STORAGE_UNIT_ROWS_MAX 10000u       /* rows kept of one statement in a unit */
#define STORAGE_COMMITS_KEPT 64u           /* durations between two reports */
#define STORAGE_TEXT_SIZE 320u
#define STORAGE_MONITOR_MS 10000

struct storage;
struct dialect;

struct storage_conf {
	const char *path;
	const char *directory;
	int64_t readers;
	int64_t batch;
	int64_t queue;
	int64_t queue_size;
	int64_t queue_warn; /* percent of both; 0: never */
	int64_t queue_warn_time_ms;
	int64_t busy_timeout_ms;
	int64_t query_timeout_ms;
	int64_t drain_timeout_ms;
	int64_t min_free;
	int64_t checkpoint_pages;
	int64_t cache_size;
	int64_t backup_pages_per_step;
	uint32_t synchronous; /* 0 full, 1 extra */
	uint32_t check_at_start;
};

/* Rows of the module's table of metrics. */
enum storage_metric {
	METRIC_UNITS,
	METRIC_FAILURES,
	METRIC_COMMIT_SECONDS,
	METRIC_QUEUE,
	METRIC_QUERIES,
	METRIC_QUERY_QUEUE,
	METRIC_DATABASE_BYTES,
	METRIC_WAL_BYTES,
	METRIC_FREE_BYTES,
};

/* ---- Jobs -------------------------------------------------------------------------------- */

enum job_kind {
	JOB_UNIT,
	JOB_QUERY,
	JOB_MIGRATE,
	JOB_BACKUP,
	JOB_OPENED, /* the writer's answer to start */
	JOB_ENDED,  /* a thread's last word */
};

/* Why jobs failed; one for all units of a batch. Counted by the core thread once handed over. */
struct failure {
	uint32_t refs;
	struct ocppd_error err;
};

struct job {
	struct job *next;
	enum job_kind kind;
	int result;
	struct ocppd_host *host;
	struct failure *failure; /* NULL with a negative result: no memory for it */
	void *arg;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *head;
	struct job **tail;
	bool is_closed; /* what is in it is still worked off */
};

void queue_init(struct queue *queue);
void queue_fini(struct queue *queue);
void queue_push(struct queue *queue, struct job *job);
void queue_close(struct queue *queue);
/* Up to `max` jobs, oldest first, waiting for the first: NULL with *ret_is_closed when the queue is
 * closed and empty, or NULL after timeout_ms (negative: none). */
struct job *queue_take(struct queue *queue, uint32_t max, int64_t timeout_ms, bool *ret_is_closed);

struct failure *failure_new(int code, const char *format, ...) OCPPD_PRINTF(2, 3);
/* Ends a job as failed; failure may be NULL. */
void job_fail(struct job *job, int code, struct failure *failure);
/* Takes that back. */
void job_forget(struct job *job);

/* ---- Statements and rows ----------------------------------------------------------------- */

/* One statement of a module, translated. Never freed before shutdown: threads hold pointers. */
struct statement {
	uint32_t id;
	uint32_t params;
	uint32_t flags;
	const char *key; /* the module's own text: its address is looked up, its content compared */
	char *source;
	char *sql; /* NULL: refused, see `reason` */
	char *module;
	char *name;
	char *reason;
};

struct statements {
	struct statement **items;
	uint32_t count;
	uint32_t size;
	struct statement **slots; /* by address of the source text, a power of two */
	uint32_t slot_count;
};

void statements_fini(struct statements *statements);
/* Core thread. The host's statement `number`; NULL with err when there is none, or it is refused.*/
const struct statement *statements_get(struct storage *storage, struct ocppd_host *host,
				       uint32_t number, struct ocppd_error *err);

/* One value inside a unit's block. */
struct cell {
	uint32_t type;
	uint32_t len;    /* TEXT, BYTES */
	uint32_t column; /* REF */
	uint32_t reserved;
	union {
		int64_t number;
		double real;
		uint64_t offset; /* TEXT, BYTES: in the unit's block */
	} as;
};

/* One statement inside a unit's block, followed by its cells and their bytes. */
struct op {
	const struct statement *statement;
	uint32_t flags; /* OCPPD_UNIT_* */
	uint32_t count;
	uint64_t size; /* up to the next one */
};

/* Rows while they are read: positions instead of pointers, until result_seal. */
struct result {
	struct ocppd_rows *rows; /* by statement */
	uint32_t count;
	uint32_t rows_size;
	struct ocppd_value *values;
	size_t value_count;
	size_t value_size;
	char *bytes;
	size_t len;
	size_t size;
	struct ocppd_rows first[4];
};

void result_init(struct result *result);
void result_fini(struct result *result);
void result_clear(struct result *result);
/* A further statement's rows, to which result_add_row adds. */
int result_begin(struct result *result, uint32_t columns);
int result_add_row(struct result *result, sqlite3_stmt *stmt);
void result_end(struct result *result, int64_t changes, bool is_cut);
void result_seal(struct result *result);
/* Of an unsealed result: the value in `column` of the first row of statement `position`, NULL where
 * there is none. TEXT and BYTES: ret_data is valid until the next row is added. */
const struct ocppd_value *result_value(const struct result *result, uint32_t position,
				       uint32_t column, const void **ret_data);

/* A unit of work, or (one statement of it) a query. */
struct ocppd_unit {
	struct job job;
	uint32_t magic;
	uint32_t count; /* statements */
	uint32_t max_rows;
	bool is_queued;
	struct storage *storage;
	ocppd_unit_fn *unit_fn;
	ocppd_rows_fn *rows_fn;
	struct result result;
	char *data;
	size_t len;
	size_t size;
	_Alignas(8) char first[STORAGE_UNIT_INLINE];
};

struct ocppd_unit *unit_make(struct storage *storage, struct ocppd_host *host, enum job_kind kind);
void unit_destroy(struct ocppd_unit *unit);
/* Copies a statement and its values into the block. Its position, OCPPD_EINVAL or OCPPD_ENOMEM. */
int unit_append(struct ocppd_unit *unit, const struct statement *statement,
		const struct ocppd_value *values, uint32_t count, uint32_t flags);

/* ---- Migrations and backups as jobs ------------------------------------------------------ */

struct migration_step {
	uint32_t version;
	uint32_t count;
	char *name;
	char checksum[17];
	char **sql;
};

struct migration {
	struct job job;
	struct storage *storage;
	ocppd_storage_fn *fn;
	bool is_dry_run;
	char *module;
	char *module_version;
	int64_t now_us;
	struct migration_step *steps;
	uint32_t count;
	const struct statement **statements; /* compiled once the schema is there */
	uint32_t statement_count;
};

/* Copies what the owner declared; a refusal stands in the job's result. NULL: no memory. */
struct migration *migration_new(struct storage *storage, struct ocppd_host *owner, bool is_dry_run);
void migration_free(struct migration *migration);

struct backup {
	struct job job;
	struct storage *storage;
	ocppd_storage_fn *fn;
	char *path;
	pthread_t thread;
	_Atomic int64_t done_bytes;
	_Atomic int64_t total_bytes;
	_Atomic bool is_cancelled;
};

/* Starts the backup's thread. 0, OCPPD_ENOMEM or OCPPD_EIO; then the caller keeps it. */
int backup_start(struct backup *backup);
void backup_free(struct backup *backup);

/* ---- Connections: each belongs to one thread --------------------------------------------- */

/* What an error of the engine means for what was under way. */
enum fate {
	FATE_FINE,
	FATE_STATEMENT, /* this statement is wrong; others are not concerned */
	FATE_STORE,     /* the engine cannot store or read at present */
};

struct db {
	sqlite3 *conn;
	struct storage *storage;
	struct ocppd_beat *beat;
	sqlite3_stmt **stmts; /* by statement id */
	uint32_t stmt_size;
	const char *module;       /* whose statement is compiled; NULL: the engine's own */
	bool is_migrating;        /* schema statements are allowed */
	int64_t deadline_mono_us; /* 0: none; progress beyond it is interrupted */
	bool is_timed_out;
	char denied[160]; /* why the last compilation was refused */
};

int db_open(struct db *db, struct storage *storage, bool is_reader, struct failure **ret_failure);
void db_close(struct db *db);
/* One of the engine's own statements, without rows. SQLite's result. */
int db_exec(struct db *db, const char *sql);
/* The first column of the first row of an own statement. SQLite's result, SQLITE_DONE: no row. */
int db_int(struct db *db, const char *sql, int64_t *ret_value);
int db_compile(struct db *db, const char *sql, const char *module, bool is_kept,
	       sqlite3_stmt **ret_stmt);
int db_statement(struct db *db, const struct statement *statement, sqlite3_stmt **ret_stmt);
enum fate db_fate(int rc);
/* OCPPD_EINVAL, OCPPD_ESPACE or OCPPD_EIO. */
int db_code(struct db *db, int rc);
/* "disk I/O error: No space left on device" */
void db_text(struct db *db, int rc, char ret_text[STORAGE_TEXT_SIZE]);
/* Runs one statement of a unit or query and adds its rows. SQLite's result (SQLITE_DONE: well), or
 * an OCPPD_E… below zero with *ret_failure. */
int db_run(struct db *db, struct ocppd_unit *unit, const struct op *op,
	   struct failure **ret_failure);
bool db_file_id(const char *path, dev_t *ret_device, ino_t *ret_inode);

/* ---- The module's context ---------------------------------------------------------------- */

enum storage_state {
	STORAGE_CLOSED,
	STORAGE_OPENING,
	STORAGE_OPEN,
	STORAGE_STOPPING,
};

/* What the writer tells the core thread; under done.lock. */
struct report {
	uint32_t level; /* OCPPD_HEALTH_* */
	char text[STORAGE_TEXT_SIZE];
	int64_t database_bytes;
	int64_t wal_bytes;
	int64_t free_bytes;
	double commits_s[STORAGE_COMMITS_KEPT];
	uint32_t commit_count;
	bool is_changed;
};

/* What is done and not yet told. To work through a query's rows takes long: its completion waits
 * for those of units, which stations wait for, and is the only one in its turn of the loop. */
struct done {
	pthread_mutex_t lock;
	struct job *head;
	struct job **tail;
	struct job *queries;
	struct job **queries_tail;
	struct report report;
	int event; /* eventfd; a post would be refused while the module stops */
};

/* Hands jobs back, last->next being overwritten. Any thread. */
void done_push(struct storage *storage, struct job *first, struct job *last);
/* Wakes the core thread for a changed report. */
void done_wake(struct storage *storage);

struct writer {
	pthread_t thread;
	struct queue queue;
	struct db db;
	sqlite3_stmt *begin;
	sqlite3_stmt *commit;
	sqlite3_stmt *rollback;
	sqlite3_stmt *savepoint;
	sqlite3_stmt *release;
	sqlite3_stmt *rollback_to;
	uint32_t wal_pages;     /* not checkpointed yet */
	uint32_t checkpoint_at; /* … and at how many they shall be */
	uint32_t careful;       /* batches to come that have savepoints */
	bool is_stuck;
	bool needs_reopen;
	bool is_wal_long;
	int stuck_code;
	char stuck_text[STORAGE_TEXT_SIZE];
	int64_t retry_mono_us; /* stuck: not before */
	int64_t retry_ms;
	int64_t monitor_mono_us;
	dev_t device;
	ino_t inode;
	dev_t wal_device; /* of the log beside it, if has_wal */
	ino_t wal_inode;
	bool has_wal;
	struct job *opened; /* the answer to start, until it is given */
	struct job ended;
};

struct reader {
	struct storage *storage;
	pthread_t thread;
	struct db db;
	struct job ended;
};

#define STORAGE_MAGIC 0x53514c74u
#define UNIT_MAGIC 0x554e4954u

/* What is seen of the queues' lengths. */
struct watch {
	struct ocppd_timer *timer; /* runs while too much waits */
	bool is_above;
	bool is_told; /* health says so */
	bool is_full; /* a bound was reached, and units or queries were refused */
	uint64_t refused;
};

struct storage {
	uint32_t magic;
	enum storage_state state;
	struct ocppd_host *host;
	const struct storage_conf *conf;
	char *path;
	int lock_fd;
	struct statements statements;
	struct done done;
	struct ocppd_io *io;
	struct ocppd_timer *drain_timer;
	struct watch watch;
	struct writer writer;
	struct queue read_queue;
	struct reader readers[STORAGE_READERS_MAX];
	uint32_t reader_count; /* that run */
	struct backup *backup; /* the one under way */
	struct job opened;
	_Atomic bool is_stopping;  /* stop was called */
	_Atomic bool is_cancelled; /* stop: what still waits is given up */
	uint32_t live_units;       /* begun and not completed */
	size_t live_bytes;         /* of units that wait */
	uint32_t live_queries;
	uint32_t running_threads;
	int64_t lineage; /* of the writer's making, before the state is STORAGE_OPEN */
};

/* storage_sqlite.c: the figures of the queues. */
void storage_show_queues(struct storage *storage);
/* service.c */
extern const struct ocppd_storage_ops storage_ops;

/* Whenever something joined a queue or left it. */
void watch_queues(struct storage *storage);
void watch_refused(struct storage *storage); /* for a bound that was reached */
int watch_start(struct storage *storage);    /* 0 or OCPPD_ENOMEM */
void watch_stop(struct storage *storage);

/* Takes the advisory lock beside the database, for as long as the module runs. */
int lock_take(struct storage *storage, struct ocppd_error *err);
void lock_drop(struct storage *storage);
/* Makes the file with the rights 0600 where it is missing. */
int file_prepare(const char *path, struct ocppd_error *err);

int thread_start(pthread_t *ret_thread, void *(*fn)(void *arg), void *arg, const char *name);
void *writer_main(void *arg);
void *reader_main(void *arg);

/* On the writer's thread: applies a migration, in one transaction of its own. */
void migration_run(struct writer *writer, struct migration *migration);
/* The table of applied migrations and the file's marks; checks them first. 0 or a failure. */
int schema_prepare(struct db *db, struct failure **ret_failure);

/* Whether the database is the file it was: sets the storage's lineage. 0 or a failure. */
int lineage_check(struct db *db, struct failure **ret_failure);
/* Makes a copy one that is known for it. SQLite's result. */
int lineage_blank(sqlite3 *copy);

#endif
