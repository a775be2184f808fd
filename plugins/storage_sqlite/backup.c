/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Online backup: a thread of its own copies one snapshot page by page into a file beside the wanted
 * one, checks it, flushes it, and only then gives it its name. The snapshot is held by an open read
 * transaction, as SQLite would begin anew at each commit otherwise; so the write-ahead log grows
 * while a backup runs.
 */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <unistd.h>

void
backup_free(struct backup *backup)
{
	if (backup == NULL)
		return;
	free(backup->path);
	free(backup);
}

static int
fail_system(const char *what, const char *path, struct failure **ret_failure)
{
	int error = errno;
	int code = error == EEXIST ? OCPPD_EEXIST : error == ENOSPC ? OCPPD_ESPACE : OCPPD_EIO;

	*ret_failure = failure_new(code, "%s %s: %s", what, path, strerrordesc_np(error));
	return code;
}

/* Nobody waits for it any more. */
static bool
is_over(const struct backup *backup)
{
	return atomic_load(&backup->storage->is_stopping) || atomic_load(&backup->is_cancelled);
}

static int
fail_engine(const struct backup *backup, int rc, const char *path, struct failure **ret_failure)
{
	int code = (rc & 0xff) == SQLITE_FULL ? OCPPD_ESPACE : OCPPD_EIO;

	const char *why = sqlite3_errstr(rc);

	if (atomic_load(&backup->is_cancelled)) {
		code = OCPPD_EGONE;
		why = "given up";
	} else if (atomic_load(&backup->storage->is_stopping)) {
		code = OCPPD_ESHUTDOWN;
		why = "the daemon stops";
	}
	*ret_failure = failure_new(code, "backup to %s: %s", path, why);
	return code;
}

static void
count_pages(struct backup *backup, sqlite3_backup *copy, int64_t page_bytes)
{
	int64_t total = sqlite3_backup_pagecount(copy);

	atomic_store(&backup->total_bytes, total * page_bytes);
	atomic_store(&backup->done_bytes, (total - sqlite3_backup_remaining(copy)) * page_bytes);
}

static int
copy_pages(struct backup *backup, struct db *source, sqlite3 *target, const char *path)
{
	struct storage *storage = source->storage;
	int pages = (int)storage->conf->backup_pages_per_step;
	sqlite3_backup *copy = sqlite3_backup_init(target, "main", source->conn, "main");
	int64_t told_mono_us = ocppd_mono_us(storage->host);
	int64_t page_bytes = 0;
	int rc = SQLITE_OK;

	if (copy == NULL)
		return sqlite3_extended_errcode(target);
	rc = db_int(source, "PRAGMA page_size", &page_bytes);
	while (rc == SQLITE_OK && !is_over(backup)) {
		int64_t now = 0;

		rc = sqlite3_backup_step(copy, pages);
		count_pages(backup, copy, page_bytes);
		now = ocppd_mono_us(storage->host);
		if (rc != SQLITE_OK || now - told_mono_us < 5000000)
			continue;
		told_mono_us = now;
		OCPPD_INFO(storage->host, "backup.progressed", OCPPD_STR("path", path),
			   OCPPD_INT("pages_left", sqlite3_backup_remaining(copy)),
			   OCPPD_INT("pages", sqlite3_backup_pagecount(copy)));
	}
	(void)sqlite3_backup_finish(copy);
	if (rc == SQLITE_OK)
		return SQLITE_INTERRUPT;
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int
on_progress(void *arg)
{
	return is_over(arg) ? 1 : 0;
}

static int
verify(struct backup *backup, sqlite3 *target)
{
	sqlite3_stmt *stmt = NULL;
	const char *answer = NULL;
	int rc;

	sqlite3_progress_handler(target, 20000, on_progress, backup);
	rc = sqlite3_prepare_v2(target, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		answer = (const char *)sqlite3_column_text(stmt, 0);
	rc = answer != NULL && strcmp(answer, "ok") == 0 ? SQLITE_OK : SQLITE_CORRUPT;
	(void)sqlite3_finalize(stmt);
	return rc;
}

static int
copy(struct backup *backup, const char *path, struct failure **ret_failure)
{
	struct db source = { 0 };
	sqlite3 *target = NULL;
	int64_t ignored = 0;
	int rc;
	int r;

	r = db_open(&source, backup->storage, true, ret_failure);
	if (r < 0)
		return r;
	rc = db_exec(&source, "BEGIN");
	if (rc == SQLITE_OK)
		rc = db_int(&source, "SELECT count(*) FROM sqlite_schema", &ignored);
	if (rc == SQLITE_OK)
		rc = sqlite3_open_v2(path, &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				     NULL);
	if (rc == SQLITE_OK)
		rc = copy_pages(backup, &source, target, path);
	if (rc == SQLITE_OK)
		rc = lineage_blank(target);
	if (rc == SQLITE_OK)
		rc = verify(backup, target);
	if (rc != SQLITE_OK)
		r = fail_engine(backup, rc, path, ret_failure);
	(void)sqlite3_close(target);
	db_close(&source);
	return r;
}

/* The name itself, and then the folder that holds it, on the disk. */
static int
publish(const char *part, const char *path, struct failure **ret_failure)
{
	char *folder = NULL;
	int fd;
	int r = 0;

	fd = open(part, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		r = fail_system("cannot flush the backup", part, ret_failure);
	if (fd >= 0)
		(void)close(fd);
	if (r < 0)
		return r;
	if (renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) < 0)
		return fail_system("cannot name the backup", path, ret_failure);
	folder = strdup(path);
	fd = folder != NULL ? open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0 || fsync(fd) < 0)
		r = fail_system("cannot flush the folder of the backup", path, ret_failure);
	if (fd >= 0)
		(void)close(fd);
	free(folder);
	return r;
}

static int
run(struct backup *backup, struct failure **ret_failure)
{
	char *part = NULL;
	int fd;
	int r;

	if (access(backup->path, F_OK) == 0) {
		*ret_failure =
			failure_new(OCPPD_EEXIST, "the file %s is there already", backup->path);
		return OCPPD_EEXIST;
	}
	if (asprintf(&part, "%s.part", backup->path) < 0) {
		*ret_failure = failure_new(OCPPD_ENOMEM, "out of memory");
		return OCPPD_ENOMEM;
	}
	fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = fail_system("cannot create the backup", part, ret_failure);
		goto out;
	}
	(void)close(fd);
	r = copy(backup, part, ret_failure);
	if (r == 0)
		r = publish(part, backup->path, ret_failure);
	if (r < 0)
		(void)unlink(part);
out:
	free(part);
	return r;
}

static void *
backup_main(void *arg)
{
	struct backup *backup = arg;
	struct storage *storage = backup->storage;
	struct failure *failure = NULL;
	int r;

	r = run(backup, &failure);
	if (r < 0)
		job_fail(&backup->job, r, failure);
	else
		OCPPD_INFO(storage->host, "backup.written", OCPPD_STR("path", backup->path));
	done_push(storage, &backup->job, &backup->job);
	return NULL;
}

int
backup_start(struct backup *backup)
{
	return thread_start(&backup->thread, backup_main, backup, "ocppd-backup");
}
