/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The writer: one thread, one connection. It takes all units that gathered while the last commit
 * was under way, commits them as one transaction and hands them back as one list. No unit is ever
 * reported as done before its COMMIT returned well, and one that fails takes no other along.
 *
 * Savepoints: a unit of one statement is atomic by itself, a unit that is alone in its transaction
 * is undone with it, and one whose first statement fails did nothing. For the others a savepoint
 * costs a copy of each page that they touch, and hardly any fails. So a batch runs without them;
 * should a unit fail halfway, all is rolled back and run again with them, as are some batches to
 * come.
 *
 * When the database takes no writes (disk full, input/output error, lock), units fail at once and
 * the next attempt waits for a growing while; with no unit at hand the writer tries by itself, so
 * that health recovers without traffic.
 */
#include "storage.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define RETRY_FIRST_MS 100
#define RETRY_LAST_MS 5000
#define IDLE_MS 250         /* quiet for so long: time for a checkpoint */
#define CAREFUL_BATCHES 100 /* with savepoints, after a unit failed halfway */
#define RUN_AGAIN (-1000)   /* beside SQLite's results and OCPPD_E…: the batch, with savepoints */
#define WAL_LONG_FACTOR 16  /* times checkpoint_pages: a reader holds it */

/* ---- State that the core thread shows ---------------------------------------------------- */

static void
report(struct writer *writer, uint32_t level, const char *text)
{
	struct storage *storage = writer->db.storage;
	struct report *shared = &storage->done.report;
	bool is_changed;

	(void)pthread_mutex_lock(&storage->done.lock);
	is_changed = shared->level != level || strcmp(shared->text, text) != 0;
	if (is_changed) {
		shared->level = level;
		(void)snprintf(shared->text, sizeof(shared->text), "%s", text);
		shared->is_changed = true;
	}
	(void)pthread_mutex_unlock(&storage->done.lock);
	if (is_changed)
		done_wake(storage);
}

static void
keep_commit(struct storage *storage, int64_t duration_us)
{
	struct report *shared = &storage->done.report;

	(void)pthread_mutex_lock(&storage->done.lock);
	if (shared->commit_count < STORAGE_COMMITS_KEPT)
		shared->commits_s[shared->commit_count++] = (double)duration_us / 1e6;
	(void)pthread_mutex_unlock(&storage->done.lock);
}

static int64_t
file_bytes(const char *path, const char *suffix)
{
	char *full = NULL;
	struct stat st;
	int64_t bytes = 0;

	if (asprintf(&full, "%s%s", path, suffix) < 0)
		return 0;
	if (stat(full, &st) == 0)
		bytes = (int64_t)st.st_size;
	free(full);
	return bytes;
}

/* Sizes and room on the disk, and from them the health. Every few seconds. */
static void
monitor(struct writer *writer)
{
	struct storage *storage = writer->db.storage;
	struct report *shared = &storage->done.report;
	char text[STORAGE_TEXT_SIZE];
	int64_t database = file_bytes(storage->path, "");
	int64_t wal = file_bytes(storage->path, "-wal");
	int64_t room = 0;
	struct statvfs vfs;

	if (statvfs(storage->path, &vfs) == 0)
		room = (int64_t)(vfs.f_bavail * vfs.f_frsize);
	(void)pthread_mutex_lock(&storage->done.lock);
	shared->database_bytes = database;
	shared->wal_bytes = wal;
	shared->free_bytes = room;
	shared->is_changed = true;
	(void)pthread_mutex_unlock(&storage->done.lock);
	done_wake(storage);
	writer->monitor_mono_us = ocppd_mono_us(storage->host) + STORAGE_MONITOR_MS * 1000;
	if (writer->is_stuck)
		return;
	if (room < storage->conf->min_free) {
		(void)snprintf(text, sizeof(text), "only %lld MiB are free on the disk of %.200s",
			       (long long)(room >> 20), storage->path);
		report(writer, OCPPD_HEALTH_DEGRADED, text);
	} else if (writer->is_wal_long) {
		report(writer, OCPPD_HEALTH_DEGRADED,
		       "the write-ahead log cannot be moved into the database: a reader holds it, "
		       "or the disk is full");
	} else {
		report(writer, OCPPD_HEALTH_OK, "");
	}
}

static void
set_stuck(struct writer *writer, int code, const char *text)
{
	struct storage *storage = writer->db.storage;

	if (!writer->is_stuck || strcmp(writer->stuck_text, text) != 0)
		OCPPD_ERROR(storage->host, "storage.failed",
			    OCPPD_STR("code", ocppd_error_name(code)), OCPPD_STR("err", text),
			    OCPPD_STR("path", storage->path));
	writer->retry_ms = writer->is_stuck ? writer->retry_ms * 2 : RETRY_FIRST_MS;
	if (writer->retry_ms > RETRY_LAST_MS)
		writer->retry_ms = RETRY_LAST_MS;
	writer->retry_mono_us = ocppd_mono_us(storage->host) + writer->retry_ms * 1000;
	writer->is_stuck = true;
	writer->stuck_code = code;
	if (text != writer->stuck_text)
		(void)snprintf(writer->stuck_text, sizeof(writer->stuck_text), "%s", text);
	report(writer, OCPPD_HEALTH_FAILED, text);
}

static void
set_recovered(struct writer *writer)
{
	if (!writer->is_stuck)
		return;
	writer->is_stuck = false;
	OCPPD_INFO(writer->db.storage->host, "storage.recovered",
		   OCPPD_STR("path", writer->db.storage->path));
	monitor(writer);
}

/* ---- The connection ---------------------------------------------------------------------- */

static int
on_wal(void *arg, sqlite3 *conn, const char *name, int pages)
{
	struct writer *writer = arg;

	(void)conn;
	(void)name;
	writer->wal_pages = (uint32_t)pages;
	return SQLITE_OK;
}

static void
disconnect(struct writer *writer)
{
	sqlite3_stmt **const own[] = { &writer->begin,     &writer->commit,  &writer->rollback,
				       &writer->savepoint, &writer->release, &writer->rollback_to };

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		(void)sqlite3_finalize(*own[i]);
		*own[i] = NULL;
	}
	db_close(&writer->db);
}

static int
prepare_own(struct writer *writer)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} own[] = {
		{ &writer->begin, "BEGIN IMMEDIATE" }, { &writer->commit, "COMMIT" },
		{ &writer->rollback, "ROLLBACK" },     { &writer->savepoint, "SAVEPOINT unit" },
		{ &writer->release, "RELEASE unit" },  { &writer->rollback_to, "ROLLBACK TO unit" },
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		int rc = db_compile(&writer->db, own[i].sql, NULL, true, own[i].stmt);

		if (rc != SQLITE_OK)
			return rc;
	}
	/* Instead of SQLite's own checkpoints, which fall into commits: see checkpoint(). */
	(void)sqlite3_wal_hook(writer->db.conn, on_wal, writer);
	return SQLITE_OK;
}

static int
connect_db(struct writer *writer, struct failure **ret_failure)
{
	struct storage *storage = writer->db.storage;
	int r;

	r = db_open(&writer->db, storage, false, ret_failure);
	if (r < 0)
		return r;
	if (prepare_own(writer) != SQLITE_OK) {
		*ret_failure =
			failure_new(OCPPD_EIO, "cannot prepare the database %s", storage->path);
		disconnect(writer);
		return OCPPD_EIO;
	}
	return 0;
}

static int
run_own(struct writer *writer, sqlite3_stmt *stmt)
{
	int rc;

	writer->db.module = NULL;
	(void)sqlite3_step(stmt);
	rc = sqlite3_reset(stmt);
	return rc;
}

/* Brings the connection back to no transaction, whatever happened. */
static void
undo(struct writer *writer)
{
	if (sqlite3_get_autocommit(writer->db.conn) == 0)
		(void)run_own(writer, writer->rollback);
}

/* The file that was opened is still the one at that path; else what is committed would be lost. */
static bool
is_in_place(const struct writer *writer)
{
	dev_t device;
	ino_t inode;

	return db_file_id(writer->db.storage->path, &device, &inode) && device == writer->device &&
	       inode == writer->inode;
}

/* The same of its log, which SQLite makes when it is first wanted, and keeps. What is committed
 * into one that was removed would be lost with the process. */
static bool
has_its_log(struct writer *writer)
{
	dev_t device = 0;
	ino_t inode = 0;
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s-wal", writer->db.storage->path);
	bool is_there = n > 0 && (size_t)n < sizeof(path) && db_file_id(path, &device, &inode);

	if (writer->has_wal)
		return is_there && device == writer->wal_device && inode == writer->wal_inode;
	if (is_there) {
		writer->wal_device = device;
		writer->wal_inode = inode;
		writer->has_wal = true;
	}
	return true;
}

/* Ready for a transaction: connected, and on the file that was opened. */
static bool
make_ready(struct writer *writer)
{
	struct failure *failure = NULL;
	int r;

	if (!is_in_place(writer)) {
		set_stuck(writer, OCPPD_EIO,
			  "the database file was removed or replaced: put it back, or restart");
		return false;
	}
	if (!has_its_log(writer)) {
		/* What is in it is still ours to save. */
		if (!writer->is_stuck)
			(void)sqlite3_wal_checkpoint_v2(writer->db.conn, NULL,
							SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
		set_stuck(writer, OCPPD_EIO,
			  "the -wal file of the database was removed or replaced: restart");
		return false;
	}
	if (!writer->needs_reopen)
		return true;
	disconnect(writer);
	writer->has_wal = false;
	r = connect_db(writer, &failure);
	if (r < 0) {
		set_stuck(writer, r, failure != NULL ? failure->err.text : "out of memory");
		free(failure);
		return false;
	}
	writer->needs_reopen = false;
	return true;
}

/* What failed was not one statement: the whole transaction is void. */
static void
store_failed(struct writer *writer, int rc)
{
	char text[STORAGE_TEXT_SIZE];
	int code = db_code(&writer->db, rc);
	int base = rc & 0xff;

	/* A constraint at COMMIT cannot be, as the dialect knows no deferred ones. */
	if (code == OCPPD_EINVAL)
		code = OCPPD_EIO;
	db_text(&writer->db, rc, text);
	undo(writer);
	/* A full disk or a lock leaves the connection sound; of others it may be the cause. */
	writer->needs_reopen = code != OCPPD_ESPACE && base != SQLITE_BUSY &&
			       base != SQLITE_LOCKED && base != SQLITE_NOMEM &&
			       base != SQLITE_INTERRUPT;
	set_stuck(writer, code, text);
}

/* ---- Checkpoints ------------------------------------------------------------------------- */

/* Between transactions, after the units were handed back: nobody waits for it but those that come
 * meanwhile. */
static void
checkpoint(struct writer *writer)
{
	struct storage *storage = writer->db.storage;
	int64_t limit = storage->conf->checkpoint_pages * WAL_LONG_FACTOR;
	int total = 0;
	int moved = 0;
	int rc;

	rc = sqlite3_wal_checkpoint_v2(writer->db.conn, NULL, SQLITE_CHECKPOINT_PASSIVE, &total,
				       &moved);
	if (rc == SQLITE_OK && moved >= total) {
		writer->wal_pages = 0;
		writer->checkpoint_at = (uint32_t)storage->conf->checkpoint_pages;
		writer->is_wal_long = false;
		return;
	}
	/* A reader needs the old pages, or the disk is full: later, not at every batch. */
	writer->checkpoint_at = writer->wal_pages + (uint32_t)storage->conf->checkpoint_pages;
	writer->is_wal_long = rc != SQLITE_OK || (int64_t)writer->wal_pages > limit;
}

/* ---- Units ------------------------------------------------------------------------------- */

/* All statements of one unit. SQLITE_OK, or the result that stopped it, with *ret_failure;
 * *ret_done is how many ran. */
static int
run_statements(struct writer *writer, struct ocppd_unit *unit, uint32_t *ret_done,
	       struct failure **ret_failure)
{
	const char *at = unit->data;

	result_clear(&unit->result);
	for (*ret_done = 0; *ret_done < unit->count; (*ret_done)++) {
		const struct op *op = (const struct op *)(const void *)at;
		int rc = db_run(&writer->db, unit, op, ret_failure);

		if (rc != SQLITE_DONE)
			return rc;
		at += op->size;
	}
	return SQLITE_OK;
}

/*
 * One unit inside the open transaction. Returns SQLITE_OK, also where the unit alone failed (its
 * result says so), RUN_AGAIN, or the error that voids the transaction.
 */
static int
run_unit(struct writer *writer, struct ocppd_unit *unit, bool is_alone)
{
	struct failure *failure = NULL;
	bool has_savepoint = unit->count > 1 && !is_alone && writer->careful > 0;
	uint32_t done = 0;
	int rc;

	if (has_savepoint) {
		rc = run_own(writer, writer->savepoint);
		if (rc != SQLITE_OK)
			return rc;
	}
	rc = run_statements(writer, unit, &done, &failure);
	if (rc == SQLITE_OK) {
		unit->job.result = 0;
		return has_savepoint ? run_own(writer, writer->release) : SQLITE_OK;
	}
	/* Out of memory for rows: the changes behind them are made, so everything goes. */
	if (rc == OCPPD_ENOMEM)
		rc = SQLITE_NOMEM;
	if ((rc > 0 && db_fate(rc) == FATE_STORE) || sqlite3_get_autocommit(writer->db.conn) != 0) {
		free(failure);
		return rc > 0 && db_fate(rc) == FATE_STORE ? rc : SQLITE_IOERR;
	}
	if (done > 0 && !has_savepoint && !is_alone) {
		free(failure);
		return RUN_AGAIN;
	}
	job_fail(&unit->job, rc < 0 ? rc : db_code(&writer->db, rc), failure);
	if (!has_savepoint)
		return SQLITE_OK;
	rc = run_own(writer, writer->rollback_to);
	return rc == SQLITE_OK ? run_own(writer, writer->release) : rc;
}

/* Everything that did not fail by itself fails with the store. */
static void
fail_units(struct job *first, int code, const char *text)
{
	struct failure *failure = failure_new(code, "%s", text);

	for (struct job *job = first; job != NULL; job = job->next)
		if (job->result >= 0)
			job_fail(job, code, failure);
	if (failure != NULL && failure->refs == 0)
		free(failure);
}

static int
run_units(struct writer *writer, struct job *first)
{
	bool is_alone = first->next == NULL;
	int rc = run_own(writer, writer->begin);

	for (struct job *job = first; rc == SQLITE_OK && job != NULL; job = job->next)
		rc = run_unit(writer, (struct ocppd_unit *)job, is_alone);
	return rc;
}

/* Begins, runs all, commits. 0, or the error that voided it all. */
static int
transact(struct writer *writer, struct job *first)
{
	struct storage *storage = writer->db.storage;
	int64_t began;
	int rc;

	if (writer->careful > 0)
		writer->careful--;
	rc = run_units(writer, first);
	if (rc == RUN_AGAIN) {
		for (struct job *job = first; job != NULL; job = job->next)
			job_forget(job);
		writer->careful = CAREFUL_BATCHES;
		rc = run_own(writer, writer->rollback);
		if (rc == SQLITE_OK)
			rc = run_units(writer, first);
	}
	if (rc != SQLITE_OK)
		return rc;
	if (first->next == NULL && first->result < 0)
		return run_own(writer, writer->rollback);
	began = ocppd_mono_us(storage->host);
	rc = run_own(writer, writer->commit);
	if (rc == SQLITE_OK)
		keep_commit(storage, ocppd_mono_us(storage->host) - began);
	return rc;
}

/* Units of one transaction, from first to last, which end the list. */
static void
run_batch(struct writer *writer, struct job *first, struct job *last)
{
	struct storage *storage = writer->db.storage;
	int64_t now = ocppd_mono_us(storage->host);
	int rc;

	if (atomic_load(&storage->is_cancelled)) {
		fail_units(first, OCPPD_ESHUTDOWN, "the daemon stops");
	} else if ((writer->is_stuck && now < writer->retry_mono_us) || !make_ready(writer)) {
		fail_units(first, writer->stuck_code, writer->stuck_text);
	} else {
		rc = transact(writer, first);
		if (rc == SQLITE_OK) {
			set_recovered(writer);
		} else if (atomic_load(&storage->is_cancelled)) {
			undo(writer);
			fail_units(first, OCPPD_ESHUTDOWN, "the daemon stops");
		} else {
			store_failed(writer, rc);
			fail_units(first, writer->stuck_code, writer->stuck_text);
		}
	}
	for (struct job *job = first; job != NULL; job = job->next)
		if (job->result == 0)
			result_seal(&((struct ocppd_unit *)job)->result);
	done_push(storage, first, last);
	if (!writer->is_stuck && writer->wal_pages >= writer->checkpoint_at)
		checkpoint(writer);
}

static void
run_jobs(struct writer *writer, struct job *first)
{
	while (first != NULL) {
		struct job *last = first;
		struct job *rest;

		while (first->kind == JOB_UNIT && last->next != NULL &&
		       last->next->kind == JOB_UNIT)
			last = last->next;
		rest = last->next;
		last->next = NULL;
		if (first->kind == JOB_UNIT) {
			run_batch(writer, first, last);
		} else {
			if (make_ready(writer))
				migration_run(writer, (struct migration *)first);
			else
				fail_units(first, writer->stuck_code, writer->stuck_text);
			done_push(writer->db.storage, first, first);
		}
		first = rest;
	}
}

/* ---- The thread -------------------------------------------------------------------------- */

/* A write that changes nothing but shows whether one is possible. */
static void
probe(struct writer *writer)
{
	int rc;

	if (!make_ready(writer))
		return;
	rc = run_own(writer, writer->begin);
	if (rc == SQLITE_OK)
		rc = db_exec(&writer->db, "UPDATE ocppd_storage SET probes = probes + 1");
	if (rc == SQLITE_OK)
		rc = run_own(writer, writer->commit);
	if (rc == SQLITE_OK)
		set_recovered(writer);
	else
		store_failed(writer, rc);
}

static int64_t
idle_ms(const struct writer *writer, int64_t now_us)
{
	int64_t wait_ms;

	if (writer->is_stuck)
		wait_ms = (writer->retry_mono_us - now_us) / 1000 + 1;
	else if (writer->wal_pages > 0 && writer->checkpoint_at > 0 && !writer->is_wal_long)
		wait_ms = IDLE_MS;
	else
		wait_ms = (writer->monitor_mono_us - now_us) / 1000 + 1;
	return wait_ms > 1 ? wait_ms : 1;
}

static void
on_idle(struct writer *writer, int64_t now_us)
{
	if (writer->is_stuck) {
		if (now_us >= writer->retry_mono_us)
			probe(writer);
		return;
	}
	if (writer->wal_pages > 0)
		checkpoint(writer);
}

static int
open_first(struct writer *writer, struct failure **ret_failure)
{
	struct storage *storage = writer->db.storage;
	int64_t problems = 0;
	int rc;
	int r;

	r = connect_db(writer, ret_failure);
	if (r < 0)
		return r;
	if (!db_file_id(storage->path, &writer->device, &writer->inode)) {
		*ret_failure = failure_new(OCPPD_EIO, "cannot read the database %s", storage->path);
		r = OCPPD_EIO;
	} else {
		r = lineage_check(&writer->db, ret_failure);
	}
	if (r == 0 && storage->conf->check_at_start == 1) {
		rc = db_int(&writer->db,
			    "SELECT count(*) FROM pragma_quick_check(1) WHERE quick_check <> 'ok'",
			    &problems);
		if (rc != SQLITE_OK || problems != 0) {
			*ret_failure =
				failure_new(OCPPD_EIO,
					    "the database file %s is damaged: examine it "
					    "with PRAGMA integrity_check, or restore a backup",
					    storage->path);
			r = OCPPD_EIO;
		}
	}
	if (r < 0)
		disconnect(writer);
	return r;
}

static void
work(struct writer *writer)
{
	struct storage *storage = writer->db.storage;
	bool is_closed = false;

	monitor(writer);
	while (!is_closed) {
		int64_t now = ocppd_mono_us(storage->host);
		struct job *jobs;

		if (now >= writer->monitor_mono_us)
			monitor(writer);
		if (writer->db.beat != NULL)
			ocppd_beat_idle(writer->db.beat);
		jobs = queue_take(&writer->queue, (uint32_t)storage->conf->batch,
				  idle_ms(writer, now), &is_closed);
		if (writer->db.beat != NULL)
			ocppd_beat_busy(writer->db.beat);
		if (jobs != NULL)
			run_jobs(writer, jobs);
		else if (!is_closed)
			on_idle(writer, ocppd_mono_us(storage->host));
	}
}

void *
writer_main(void *arg)
{
	struct writer *writer = arg;
	struct storage *storage = writer->db.storage;
	struct failure *failure = NULL;
	struct job *opened = writer->opened;
	int r;

	if (writer->db.beat != NULL)
		ocppd_beat_busy(writer->db.beat);
	r = open_first(writer, &failure);
	if (r < 0)
		job_fail(opened, r, failure);
	writer->checkpoint_at = (uint32_t)storage->conf->checkpoint_pages;
	done_push(storage, opened, opened);
	if (r == 0) {
		work(writer);
		disconnect(writer);
	}
	if (writer->db.beat != NULL)
		ocppd_beat_idle(writer->db.beat);
	done_push(storage, &writer->ended, &writer->ended);
	return NULL;
}
