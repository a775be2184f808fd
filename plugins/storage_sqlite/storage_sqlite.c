/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The module `storage_sqlite`: the service ocppd.storage over one SQLite file. This file and
 * service.c are the core thread's side: here are completions, health and metrics, and the life of
 * the threads. It runs no SQL and never waits for a disk; writer.c, reader.c, migrate.c and
 * backup.c do.
 */
#include "storage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define DONE_AT_ONCE 256u /* completions before others of the loop get their turn */

/* ---- Completions ------------------------------------------------------------------------- */

static const struct ocppd_error no_memory = { .code = OCPPD_ENOMEM, .text = "out of memory" };

static const struct ocppd_error *
job_error(const struct job *job)
{
	if (job->result >= 0)
		return NULL;
	return job->failure != NULL ? &job->failure->err : &no_memory;
}

static void
complete_unit(struct storage *storage, struct ocppd_unit *unit)
{
	const struct job *job = &unit->job;
	bool is_done = job->result == 0;

	storage->live_units--;
	storage->live_bytes -= unit->size;
	(void)ocppd_metric_add(storage->host, is_done ? METRIC_UNITS : METRIC_FAILURES, NULL, 1);
	if (unit->unit_fn != NULL)
		unit->unit_fn(job->host, job->result, is_done ? unit->result.rows : NULL,
			      is_done ? unit->result.count : 0, job_error(job), job->arg);
}

static void
complete_query(struct storage *storage, struct ocppd_unit *query)
{
	const struct job *job = &query->job;

	storage->live_queries--;
	(void)ocppd_metric_add(storage->host, METRIC_QUERIES, NULL, 1);
	if (query->rows_fn != NULL)
		query->rows_fn(job->host, job->result, job->result == 0 ? query->result.rows : NULL,
			       job_error(job), job->arg);
}

static void
complete_migration(struct migration *migration)
{
	const struct job *job = &migration->job;

	if (migration->fn != NULL)
		migration->fn(job->host, job->result, job_error(job), job->arg);
}

static void
complete_backup(struct storage *storage, struct backup *backup)
{
	const struct job *job = &backup->job;

	(void)pthread_join(backup->thread, NULL);
	storage->backup = NULL;
	if (backup->fn != NULL)
		backup->fn(job->host, job->result, job_error(job), job->arg);
}

/* ---- Threads ----------------------------------------------------------------------------- */

static void
set_health(struct storage *storage, uint32_t level, const char *text)
{
	ocppd_health_set(storage->host, "storage", level, text[0] != '\0' ? text : NULL);
}

static int
start_readers(struct storage *storage)
{
	for (uint32_t i = 0; i < (uint32_t)storage->conf->readers; i++) {
		struct reader *reader = &storage->readers[i];
		int r;

		*reader = (struct reader){ .storage = storage };
		reader->ended.kind = JOB_ENDED;
		reader->db.beat = ocppd_beat_new(storage->host, "storage-reader");
		r = thread_start(&reader->thread, reader_main, reader, "ocppd-read");
		if (r < 0) {
			ocppd_beat_free(reader->db.beat);
			return r;
		}
		storage->reader_count++;
		storage->running_threads++;
	}
	return 0;
}

/* No more jobs; the threads end when their queues are empty. */
static void
close_queues(struct storage *storage)
{
	storage->state = STORAGE_STOPPING;
	/* The readers first: the writer's connection, closed last, puts the log into the file. */
	queue_close(&storage->read_queue);
	if (storage->reader_count == 0)
		queue_close(&storage->writer.queue);
}

/* What start made, once the threads are gone. */
static void
take_down(struct storage *storage)
{
	ocppd_io_free(storage->io);
	ocppd_timer_free(storage->drain_timer);
	watch_stop(storage);
	storage->io = NULL;
	storage->drain_timer = NULL;
	if (storage->done.event >= 0)
		(void)close(storage->done.event);
	storage->done.event = -1;
	lock_drop(storage);
	queue_fini(&storage->writer.queue);
	queue_fini(&storage->read_queue);
	(void)pthread_mutex_destroy(&storage->done.lock);
	storage->state = STORAGE_CLOSED;
}

/* The last thread but perhaps a backup's ended. */
static void
finish(struct storage *storage)
{
	struct job *opened = &storage->opened;
	struct ocppd_error err = { 0 };
	bool has_failed = opened->result < 0;

	if (has_failed)
		err = *job_error(opened);
	job_forget(opened);
	take_down(storage);
	if (atomic_load(&storage->is_stopping))
		ocppd_stopped(storage->host);
	else
		ocppd_started(storage->host, &err);
}

static void
on_opened(struct storage *storage, const struct job *job)
{
	struct failure *failure;

	/* A failed writer ends by itself; its last word brings the answer. */
	if (job->result < 0) {
		storage->state = STORAGE_STOPPING;
		return;
	}
	if (storage->state != STORAGE_OPENING)
		return;
	if (start_readers(storage) < 0) {
		failure = failure_new(OCPPD_EIO, "cannot start a thread for queries");
		job_fail(&storage->opened, OCPPD_EIO, failure);
		close_queues(storage);
		return;
	}
	storage->state = STORAGE_OPEN;
	OCPPD_INFO(storage->host, "storage.opened", OCPPD_STR("path", storage->path));
	ocppd_started(storage->host, NULL);
}

static void
on_ended(struct storage *storage, struct job *job)
{
	struct reader *reader = NULL;

	storage->running_threads--;
	if (job == &storage->writer.ended) {
		(void)pthread_join(storage->writer.thread, NULL);
		ocppd_beat_free(storage->writer.db.beat);
		storage->writer.db.beat = NULL;
		return;
	}
	for (uint32_t i = 0; i < STORAGE_READERS_MAX; i++)
		if (job == &storage->readers[i].ended)
			reader = &storage->readers[i];
	(void)pthread_join(reader->thread, NULL);
	ocppd_beat_free(reader->db.beat);
	reader->db.beat = NULL;
	if (--storage->reader_count == 0)
		queue_close(&storage->writer.queue);
}

static void
complete(struct storage *storage, struct job *job)
{
	switch (job->kind) {
	case JOB_UNIT:
		complete_unit(storage, (struct ocppd_unit *)job);
		job_forget(job);
		unit_destroy((struct ocppd_unit *)job);
		break;
	case JOB_QUERY:
		complete_query(storage, (struct ocppd_unit *)job);
		job_forget(job);
		unit_destroy((struct ocppd_unit *)job);
		break;
	case JOB_MIGRATE:
		complete_migration((struct migration *)job);
		job_forget(job);
		migration_free((struct migration *)job);
		break;
	case JOB_BACKUP:
		complete_backup(storage, (struct backup *)job);
		job_forget(job);
		backup_free((struct backup *)job);
		break;
	case JOB_OPENED:
		on_opened(storage, job);
		break;
	case JOB_ENDED:
		on_ended(storage, job);
		break;
	}
}

/* When something joins as well: a writer that is stuck reports nothing. */
void
storage_show_queues(struct storage *storage)
{
	watch_queues(storage);
	(void)ocppd_metric_set(storage->host, METRIC_QUEUE, NULL, (double)storage->live_units);
	(void)ocppd_metric_set(storage->host, METRIC_QUERY_QUEUE, NULL,
			       (double)storage->live_queries);
}

static void
show_report(struct storage *storage, const struct report *report)
{
	struct ocppd_host *host = storage->host;

	for (uint32_t i = 0; i < report->commit_count; i++)
		(void)ocppd_metric_observe(host, METRIC_COMMIT_SECONDS, NULL, report->commits_s[i]);
	if (!report->is_changed)
		return;
	(void)ocppd_metric_set(host, METRIC_DATABASE_BYTES, NULL, (double)report->database_bytes);
	(void)ocppd_metric_set(host, METRIC_WAL_BYTES, NULL, (double)report->wal_bytes);
	(void)ocppd_metric_set(host, METRIC_FREE_BYTES, NULL, (double)report->free_bytes);
	set_health(storage, report->level, report->text);
}

/* A list of at most DONE_AT_ONCE, one query behind them, and the report. The rest wakes us again.
 */
static struct job *
take_done(struct storage *storage, struct report *ret_report, bool *ret_is_more)
{
	struct done *done = &storage->done;
	struct job *first;
	struct job **at;

	(void)pthread_mutex_lock(&done->lock);
	first = done->head;
	at = &first;
	for (uint32_t i = 0; i < DONE_AT_ONCE && *at != NULL; i++)
		at = &(*at)->next;
	done->head = *at;
	*at = NULL;
	if (done->head == NULL)
		done->tail = &done->head;
	*at = done->queries;
	if (done->queries != NULL) {
		done->queries = done->queries->next;
		(*at)->next = NULL;
	}
	if (done->queries == NULL)
		done->queries_tail = &done->queries;
	*ret_is_more = done->head != NULL || done->queries != NULL;
	*ret_report = done->report;
	done->report.is_changed = false;
	done->report.commit_count = 0;
	(void)pthread_mutex_unlock(&done->lock);
	return first;
}

/* A completion of the last round may have brought another. */
static bool
is_idle(struct storage *storage)
{
	bool is_empty;

	(void)pthread_mutex_lock(&storage->done.lock);
	is_empty = storage->done.head == NULL && storage->done.queries == NULL;
	(void)pthread_mutex_unlock(&storage->done.lock);
	return is_empty;
}

static void
on_ready(struct ocppd_host *host, int fd, uint32_t ready, void *arg)
{
	struct storage *storage = arg;
	struct report report;
	struct job *job;
	uint64_t count;
	bool is_more;

	(void)host;
	(void)ready;
	if (storage->magic != STORAGE_MAGIC)
		abort();
	/* Before the list is taken: who adds to it afterwards wakes us again. */
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		return;
	job = take_done(storage, &report, &is_more);
	show_report(storage, &report);
	while (job != NULL) {
		struct job *next = job->next;

		complete(storage, job);
		job = next;
	}
	storage_show_queues(storage);
	/* The list was not empty, so those who added to it woke nobody. */
	if (is_more)
		done_wake(storage);
	else if (storage->state == STORAGE_STOPPING && storage->running_threads == 0 &&
		 storage->backup == NULL && is_idle(storage))
		finish(storage);
}

/* ---- Life -------------------------------------------------------------------------------- */

/* The path as configured, or ocppd.db in the folder that the service manager names, or in the
 * configuration's. */
static char *
choose_path(const struct storage_conf *conf)
{
	const char *state = getenv("STATE_DIRECTORY");
	char *path = NULL;
	int len;

	if (conf->path != NULL)
		return strdup(conf->path);
	if (state != NULL && state[0] == '/')
		len = asprintf(&path, "%.*s/ocppd.db", (int)strcspn(state, ":"), state);
	else
		len = asprintf(&path, "%s/ocppd.db", conf->directory);
	return len < 0 ? NULL : path;
}

static int
storage_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct storage *storage = calloc(1, sizeof(*storage));

	if (storage == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	storage->magic = STORAGE_MAGIC;
	storage->host = host;
	storage->conf = conf;
	storage->lock_fd = -1;
	storage->done.event = -1;
	storage->path = choose_path(storage->conf);
	if (storage->path == NULL) {
		free(storage);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	*ret_ctx = storage;
	return 0;
}

static void
on_drain_timeout(struct ocppd_host *host, void *arg)
{
	struct storage *storage = arg;

	OCPPD_WARN(host, "storage.abandoned", OCPPD_INT("units", storage->live_units),
		   OCPPD_INT("queries", storage->live_queries));
	atomic_store(&storage->is_cancelled, true);
}

static int
make_channels(struct storage *storage, struct ocppd_error *err)
{
	struct done *done = &storage->done;

	queue_init(&storage->writer.queue);
	queue_init(&storage->read_queue);
	(void)pthread_mutex_init(&done->lock, NULL);
	done->head = NULL;
	done->tail = &done->head;
	done->queries = NULL;
	done->queries_tail = &done->queries;
	done->report = (struct report){ 0 };
	done->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (done->event >= 0)
		storage->io =
			ocppd_io_add(storage->host, done->event, OCPPD_IO_READ, on_ready, storage);
	storage->drain_timer = ocppd_timer_new(storage->host, on_drain_timeout, storage);
	if (storage->io != NULL && storage->drain_timer != NULL && watch_start(storage) == 0)
		return 0;
	return ocppd_error_set(err, OCPPD_EIO, "cannot make a descriptor or a timer");
}

static int
start_writer(struct storage *storage, struct ocppd_error *err)
{
	struct writer *writer = &storage->writer;
	int r;

	writer->db = (struct db){ .storage = storage };
	writer->db.beat = ocppd_beat_new(storage->host, "storage-writer");
	writer->is_stuck = false;
	writer->needs_reopen = false;
	writer->is_wal_long = false;
	writer->wal_pages = 0;
	writer->opened = &storage->opened;
	storage->opened = (struct job){ .kind = JOB_OPENED };
	writer->ended = (struct job){ .kind = JOB_ENDED };
	r = thread_start(&writer->thread, writer_main, writer, "ocppd-write");
	if (r == 0) {
		storage->running_threads = 1;
		return OCPPD_PENDING;
	}
	ocppd_beat_free(writer->db.beat);
	return ocppd_error_set(err, r, "cannot start the thread that writes");
}

static int
storage_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct storage *storage = ctx;
	int r;

	(void)host;
	if (sqlite3_libversion_number() < 3040000)
		return ocppd_error_set(err, OCPPD_ENOTSUP, "SQLite %s is older than 3.40",
				       sqlite3_libversion());
	if (sqlite3_threadsafe() == 0)
		return ocppd_error_set(err, OCPPD_ENOTSUP, "SQLite was built without threads");
	/* The engine would count each allocation under a lock of the whole process; refused,
	 * without harm, where the engine runs already. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	atomic_store(&storage->is_cancelled, false);
	atomic_store(&storage->is_stopping, false);
	r = file_prepare(storage->path, err);
	if (r < 0)
		return r;
	r = lock_take(storage, err);
	if (r < 0)
		return r;
	r = make_channels(storage, err);
	if (r == 0)
		r = start_writer(storage, err);
	if (r < 0) {
		take_down(storage);
		return r;
	}
	storage->state = STORAGE_OPENING;
	return r;
}

static int
storage_stop(struct ocppd_host *host, void *ctx)
{
	struct storage *storage = ctx;

	(void)host;
	if (storage->state == STORAGE_CLOSED)
		return 0;
	/* A backup ends at once: it would hold the end up for nothing. */
	atomic_store(&storage->is_stopping, true);
	ocppd_timer_set(storage->drain_timer, storage->conf->drain_timeout_ms);
	close_queues(storage);
	return OCPPD_PENDING;
}

static void
storage_shutdown(struct ocppd_host *host, void *ctx)
{
	struct storage *storage = ctx;

	(void)host;
	statements_fini(&storage->statements);
	free(storage->path);
	storage->magic = 0;
	free(storage);
}

static const struct ocppd_provide provides[] = {
	{ "ocppd.storage", 1, 0, 0, &storage_ops },
};

#define AT(member) .offset = offsetof(struct storage_conf, member)
#define MIB (1 << 20)

static const char *const synchronous_names[] = { "full", "extra", NULL };

static const struct ocppd_option options[] = {
	{ "path", OCPPD_CONF_PATH, AT(path),
	  .doc = "The database file; its folder must exist. Absent: ocppd.db in the folder that the "
		 "service manager names in STATE_DIRECTORY, else in `directory`." },
	{ "directory", OCPPD_CONF_PATH, AT(directory), .def = ".",
	  .doc = "Folder of ocppd.db where neither `path` nor STATE_DIRECTORY is given." },
	{ "readers", OCPPD_CONF_INT, AT(readers), .min = 1, .max = STORAGE_READERS_MAX, .def = "1",
	  .doc = "Threads for queries, each with a connection of its own." },
	{ "batch", OCPPD_CONF_INT, AT(batch), .min = 1, .max = 100000, .def = "1000",
	  .doc = "Units of work that share a commit, at most." },
	{ "queue", OCPPD_CONF_INT, AT(queue), .min = 1, .max = 10000000, .def = "100000",
	  .doc = "Units of work under way, and queries under way, at most; what comes beyond is "
		 "refused." },
	{ "queue_size", OCPPD_CONF_SIZE, AT(queue_size), .min = MIB, .max = (int64_t)1 << 40,
	  .def = "256MiB", .doc = "Bytes of the units of work that wait, at most." },
	{ "queue_warn", OCPPD_CONF_INT, AT(queue_warn), .max = 100, .def = "50",
	  .doc = "Percent of `queue` or `queue_size` from which on health is degraded, if that "
		 "lasts. 0: never." },
	{ "queue_warn_time", OCPPD_CONF_DURATION_MS, AT(queue_warn_time_ms), .min = 1,
	  .max = 3600000, .def = "10s", .doc = "How long it has to last." },
	{ "busy_timeout", OCPPD_CONF_DURATION_MS, AT(busy_timeout_ms), .max = 60000, .def = "5s",
	  .doc = "How long to wait for a lock that another process holds on the database." },
	{ "query_timeout", OCPPD_CONF_DURATION_MS, AT(query_timeout_ms), .min = 10, .max = 3600000,
	  .def = "10s", .doc = "A query that takes longer is given up." },
	{ "drain_timeout", OCPPD_CONF_DURATION_MS, AT(drain_timeout_ms), .max = 600000,
	  .def = "10s", .doc = "How long stopping waits for what was not committed yet." },
	{ "min_free", OCPPD_CONF_SIZE, AT(min_free), .max = (int64_t)1 << 50, .def = "256MiB",
	  .doc = "Health is degraded while the disk has less room than this." },
	{ "synchronous", OCPPD_CONF_ENUM, AT(synchronous), .def = "full",
	  .one_of = synchronous_names,
	  .doc = "Flushes: `full` makes every commit durable; `extra` flushes the folder as well." },
	{ "checkpoint_pages", OCPPD_CONF_INT, AT(checkpoint_pages), .min = 100, .max = 1000000,
	  .def = "4000",
	  .doc = "Pages in the write-ahead log from which on they are moved into the database even "
		 "while units wait; with nothing to do they are moved anyway." },
	{ "cache_size", OCPPD_CONF_SIZE, AT(cache_size), .min = MIB, .max = (int64_t)1 << 40,
	  .def = "32MiB",
	  .doc = "Bytes of the database that each of its connections (the writer's, each reader's) "
		 "keeps in memory, at most." },
	{ "backup_pages_per_step", OCPPD_CONF_INT, AT(backup_pages_per_step), .min = 1,
	  .max = 1000000, .def = "256", .doc = "Pages that an online backup copies at a time." },
	{ "check_at_start", OCPPD_CONF_BOOL, AT(check_at_start), .def = "false",
	  .doc = "Examine the whole file before starting; takes long on a large one." },
};

static const double commit_buckets[] = { 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02,
					 0.05,   0.1,   0.2,   0.5,   1,    5 };

static const struct ocppd_metric metrics[] = {
	[METRIC_UNITS] = { "ocppd_storage_units_total", "Units of work committed",
			   OCPPD_METRIC_COUNTER },
	[METRIC_FAILURES] = { "ocppd_storage_failures_total", "Units of work that failed",
			      OCPPD_METRIC_COUNTER },
	[METRIC_COMMIT_SECONDS] = { "ocppd_storage_commit_seconds",
				    "Time of a commit, which many units share",
				    OCPPD_METRIC_HISTOGRAM,
				    sizeof(commit_buckets) / sizeof(commit_buckets[0]),
				    commit_buckets },
	[METRIC_QUEUE] = { "ocppd_storage_queue_units", "Units of work under way",
			   OCPPD_METRIC_GAUGE },
	[METRIC_QUERIES] = { "ocppd_storage_queries_total", "Queries answered",
			     OCPPD_METRIC_COUNTER },
	[METRIC_QUERY_QUEUE] = { "ocppd_storage_queue_queries", "Queries under way",
				 OCPPD_METRIC_GAUGE },
	[METRIC_DATABASE_BYTES] = { "ocppd_storage_database_bytes", "Size of the database file",
				    OCPPD_METRIC_GAUGE },
	[METRIC_WAL_BYTES] = { "ocppd_storage_wal_bytes", "Size of the write-ahead log",
			       OCPPD_METRIC_GAUGE },
	[METRIC_FREE_BYTES] = { "ocppd_storage_free_bytes", "Room on the disk of the database",
				OCPPD_METRIC_GAUGE },
};

OCPPD_PLUGIN = {
	.guard = OCPPD_GUARD,
	.name = "storage_sqlite",
	.version = "0.1.0",
	.summary = "Storage in one SQLite file, with group commit",
	.conf_size = sizeof(struct storage_conf),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.metrics = OCPPD_TABLE(metrics),
	.init = storage_init,
	.start = storage_start,
	.stop = storage_stop,
	.shutdown = storage_shutdown,
};
