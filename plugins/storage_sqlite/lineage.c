/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Whether the database was put back from a copy. It records which file it is, by inode and time of
 * birth, and a number, its lineage. Where that is not the file it stands in, the number rises,
 * beyond every one that was in this place: the highest is kept in a file beside it, since the same
 * copy may be put back again. A backup names no file and so is known wherever it is put.
 */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_TEXT_SIZE 64
#define NUMBER_TEXT_SIZE 24
#define NUMBER_MAX INT32_MAX

static int
file_text(const char *path, char ret_text[FILE_TEXT_SIZE])
{
	struct statx st;

	if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) < 0)
		return OCPPD_EIO;
	/* Some file systems know of no birth: by the inode alone then. */
	if ((st.stx_mask & STATX_BTIME) == 0)
		st.stx_btime = (struct statx_timestamp){ 0 };
	(void)snprintf(ret_text, FILE_TEXT_SIZE, "%" PRIu64 " %" PRId64 ".%09" PRIu32,
		       (uint64_t)st.stx_ino, (int64_t)st.stx_btime.tv_sec,
		       (uint32_t)st.stx_btime.tv_nsec);
	return 0;
}

/* ---- The highest number of this place ---------------------------------------------------- */

/* 0 where there is none, or none that can be read. */
static int64_t
highest_read(const char *path)
{
	char text[NUMBER_TEXT_SIZE];
	int64_t number = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = 0; i < len && text[i] >= '0' && text[i] <= '9' && number < NUMBER_MAX; i++)
		number = number * 10 + (text[i] - '0');
	return number < NUMBER_MAX ? number : 0;
}

static int
highest_write(const char *path, int64_t number)
{
	char text[NUMBER_TEXT_SIZE];
	char *part = NULL;
	int len = snprintf(text, sizeof(text), "%" PRId64 "\n", number);
	int r = OCPPD_EIO;
	int fd;

	if (asprintf(&part, "%s.part", path) < 0)
		return OCPPD_ENOMEM;
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0)
		r = 0;
	if (fd >= 0)
		(void)close(fd);
	if (r == 0 && rename(part, path) < 0)
		r = OCPPD_EIO;
	free(part);
	return r;
}

/* The number of a database that is not the file it was, `number` being what it says itself. */
static int64_t
next_number(const struct storage *storage, const char *path, int64_t number)
{
	int64_t highest = highest_read(path);
	int64_t next = (highest > number ? highest : number) + 1;

	/* Before the database has it: a number too high does no harm. */
	if (highest_write(path, next) < 0)
		OCPPD_WARN(storage->host, "lineage.unwritten", OCPPD_STR("path", path),
			   OCPPD_STR("err", strerrordesc_np(errno)));
	return next;
}

/* ---- The database -------------------------------------------------------------------------- */

/* SQLITE_OK: it is the file it was; SQLITE_DONE: it is not; or an error. *ret_number 0: none. */
static int
read_number(struct db *db, const char *file, int64_t *ret_number)
{
	char sql[160];
	int64_t tables = 0;
	int rc = db_int(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'ocppd_lineage'",
			&tables);

	*ret_number = 0;
	if (rc != SQLITE_OK || tables == 0)
		return rc == SQLITE_OK ? SQLITE_DONE : rc;
	(void)snprintf(sql, sizeof(sql), "SELECT number FROM ocppd_lineage WHERE file = '%s'",
		       file);
	rc = db_int(db, sql, ret_number);
	if (rc != SQLITE_DONE)
		return rc;
	rc = db_int(db, "SELECT number FROM ocppd_lineage", ret_number);
	return rc == SQLITE_OK ? SQLITE_DONE : rc;
}

static int
write_number(struct db *db, const char *file, int64_t number)
{
	char sql[512];
	int rc;

	(void)snprintf(sql, sizeof(sql),
		       "BEGIN IMMEDIATE;"
		       "CREATE TABLE IF NOT EXISTS ocppd_lineage (id INTEGER PRIMARY KEY,"
		       " number INTEGER NOT NULL, file TEXT NOT NULL);"
		       "INSERT INTO ocppd_lineage (id, number, file) VALUES (1, %" PRId64 ", '%s')"
		       " ON CONFLICT (id) DO UPDATE SET number = excluded.number,"
		       " file = excluded.file;"
		       "COMMIT",
		       number, file);
	rc = db_exec(db, sql);
	if (rc != SQLITE_OK && sqlite3_get_autocommit(db->conn) == 0)
		(void)sqlite3_exec(db->conn, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

int
lineage_check(struct db *db, struct failure **ret_failure)
{
	struct storage *storage = db->storage;
	char text[STORAGE_TEXT_SIZE];
	char file[FILE_TEXT_SIZE];
	char *beside = NULL;
	int64_t number = 0;
	int rc;
	int r = file_text(storage->path, file);

	if (r < 0 || asprintf(&beside, "%s.lineage", storage->path) < 0) {
		*ret_failure = failure_new(r < 0 ? r : OCPPD_ENOMEM, "cannot read the database %s",
					   storage->path);
		return r < 0 ? r : OCPPD_ENOMEM;
	}
	rc = read_number(db, file, &number);
	/* An older state of the very file, from before a copy was put back. */
	if (rc == SQLITE_OK && highest_read(beside) > number)
		rc = SQLITE_DONE;
	if (rc == SQLITE_DONE) {
		int64_t next = next_number(storage, beside, number);

		rc = write_number(db, file, next);
		if (rc == SQLITE_OK && number > 0)
			OCPPD_INFO(storage->host, "storage.restored",
				   OCPPD_STR("path", storage->path), OCPPD_INT("lineage", next));
		number = next;
	}
	free(beside);
	storage->lineage = number;
	if (rc == SQLITE_OK)
		return 0;
	db_text(db, rc, text);
	r = db_code(db, rc);
	*ret_failure = failure_new(r, "cannot open the database %s: %s", storage->path, text);
	return r;
}

int
lineage_blank(sqlite3 *copy)
{
	/* Without a write-ahead log, which would not be part of the copy. */
	return sqlite3_exec(copy,
			    "PRAGMA locking_mode=EXCLUSIVE;"
			    "PRAGMA journal_mode=MEMORY;"
			    "UPDATE ocppd_lineage SET file = ''",
			    NULL, NULL, NULL);
}
