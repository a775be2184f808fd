/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Schemas: the file's own marks, and the migrations of each module. What a module declared is
 * copied and translated on the core thread; the writer compares it with the record of what was
 * applied and applies the rest in one transaction. Applied steps are never changed, and never
 * undone.
 */
#include "storage.h"

#include <inttypes.h>
#include <stdlib.h>

#include "dialect.h"

#define APPLICATION_ID 0x4f435044 /* "OCPD" */
#define FORMAT 1                  /* of the engine's own tables */

static const char own_schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE IF NOT EXISTS ocppd_migrations ("
	" module TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL,"
	" checksum TEXT NOT NULL, applied_us INTEGER NOT NULL, module_version TEXT NOT NULL,"
	" PRIMARY KEY (module, version)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS ocppd_storage (id INTEGER PRIMARY KEY, probes INTEGER NOT NULL);"
	"INSERT INTO ocppd_storage (id, probes) VALUES (1, 0) ON CONFLICT DO NOTHING;"
	"PRAGMA application_id=1329811524;"
	"PRAGMA user_version=1;"
	"COMMIT";

_Static_assert(APPLICATION_ID == 1329811524, "the number in own_schema");
_Static_assert(FORMAT == 1, "the number in own_schema");

static int
open_failed(struct db *db, int rc, struct failure **ret_failure)
{
	char text[STORAGE_TEXT_SIZE];
	int code = db_code(db, rc);

	db_text(db, rc, text);
	*ret_failure =
		failure_new(code, "cannot open the database %s: %s", db->storage->path, text);
	if (sqlite3_get_autocommit(db->conn) == 0)
		(void)db_exec(db, "ROLLBACK");
	return code;
}

int
schema_prepare(struct db *db, struct failure **ret_failure)
{
	const char *path = db->storage->path;
	int64_t application = 0;
	int64_t format = 0;
	int64_t tables = 0;
	int rc;

	rc = db_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
	if (rc == SQLITE_OK)
		rc = db_int(db, "PRAGMA application_id", &application);
	if (rc == SQLITE_OK)
		rc = db_int(db, "PRAGMA user_version", &format);
	if (rc != SQLITE_OK)
		return open_failed(db, rc, ret_failure);
	if (application == APPLICATION_ID && format == FORMAT)
		return 0;
	if (application == APPLICATION_ID && format > FORMAT) {
		*ret_failure = failure_new(
			OCPPD_EVERSION,
			"the database %s was written by a newer storage_sqlite (format %" PRId64
			", this one knows %d): install the newer one, or restore a backup",
			path, format, FORMAT);
		return OCPPD_EVERSION;
	}
	if (tables > 0 || application != 0) {
		*ret_failure = failure_new(OCPPD_ECONFLICT,
					   "%s is a SQLite database, but not one of ocppd", path);
		return OCPPD_ECONFLICT;
	}
	rc = db_exec(db, own_schema);
	return rc == SQLITE_OK ? 0 : open_failed(db, rc, ret_failure);
}

/* ---- The copy, made on the core thread --------------------------------------------------- */

/* FNV-1a: tells whether a text was edited, not whether somebody meant harm. */
static uint64_t
checksum_add(uint64_t sum, const char *text)
{
	do {
		sum = (sum ^ (unsigned char)*text) * 0x100000001b3u;
	} while (*text++ != '\0');
	return sum;
}

static void
step_fini(struct migration_step *step)
{
	for (uint32_t i = 0; i < step->count; i++)
		free(step->sql[i]);
	free(step->sql);
	free(step->name);
}

void
migration_free(struct migration *migration)
{
	if (migration == NULL)
		return;
	for (uint32_t i = 0; i < migration->count; i++)
		step_fini(&migration->steps[i]);
	free(migration->steps);
	free(migration->statements);
	free(migration->module);
	free(migration->module_version);
	free(migration);
}

/* A refusal that is told by the job's own completion. */
static int
refuse(struct migration *migration, int code, const char *text)
{
	job_fail(&migration->job, code, failure_new(code, "%s", text));
	return code;
}

static int
copy_step(struct migration *migration, struct migration_step *step,
	  const struct ocppd_migration *row)
{
	uint64_t sum = 0xcbf29ce484222325u;
	struct ocppd_error err = { 0 };
	uint32_t count = 0;
	uint32_t params = 0;
	int r;

	while (row->statements != NULL && row->statements[count] != NULL)
		count++;
	step->version = row->version;
	step->name = strdup(row->name != NULL ? row->name : "");
	step->sql = calloc(count + 1, sizeof(*step->sql));
	if (step->name == NULL || step->sql == NULL)
		return OCPPD_ENOMEM;
	for (; step->count < count; step->count++) {
		const char *sql = row->statements[step->count];

		sum = checksum_add(sum, sql);
		r = dialect_translate(sql, DIALECT_MIGRATION, &step->sql[step->count], &params,
				      &err);
		if (r == OCPPD_ENOMEM)
			return r;
		if (r < 0) {
			job_fail(&migration->job, r,
				 failure_new(r, "migration %u of module %s, statement %u: %s",
					     step->version, migration->module, step->count + 1,
					     err.text));
			return r;
		}
	}
	(void)snprintf(step->checksum, sizeof(step->checksum), "%016" PRIx64, sum);
	return 0;
}

static int
copy_steps(struct migration *migration, struct ocppd_host *owner)
{
	const struct ocppd_migration *row;
	uint32_t count = 0;

	while (ocppd_host_migration(owner, count) != NULL)
		count++;
	migration->steps = calloc(count + 1, sizeof(*migration->steps));
	if (migration->steps == NULL)
		return OCPPD_ENOMEM;
	while ((row = ocppd_host_migration(owner, migration->count)) != NULL) {
		uint32_t before =
			migration->count == 0 ? 0 : migration->steps[migration->count - 1].version;
		int r;

		if (row->version <= before)
			return refuse(migration, OCPPD_EINVAL,
				      "the versions of its migrations do not rise from 1");
		r = copy_step(migration, &migration->steps[migration->count++], row);
		if (r < 0)
			return r;
	}
	return 0;
}

static int
copy_statements(struct migration *migration, struct ocppd_host *owner)
{
	uint32_t count = 0;

	while (ocppd_host_statement(owner, count) != NULL)
		count++;
	migration->statements = calloc(count + 1, sizeof(*migration->statements));
	if (migration->statements == NULL)
		return OCPPD_ENOMEM;
	for (; migration->statement_count < count; migration->statement_count++) {
		struct ocppd_error err = { 0 };
		const struct statement *statement =
			statements_get(migration->storage, owner, migration->statement_count, &err);

		if (statement == NULL)
			return refuse(migration, err.code, err.text);
		migration->statements[migration->statement_count] = statement;
	}
	return 0;
}

struct migration *
migration_new(struct storage *storage, struct ocppd_host *owner, bool is_dry_run)
{
	struct migration *migration = calloc(1, sizeof(*migration));
	int r = OCPPD_ENOMEM;

	if (migration == NULL)
		return NULL;
	migration->job.kind = JOB_MIGRATE;
	migration->storage = storage;
	migration->is_dry_run = is_dry_run;
	migration->now_us = ocppd_now_us(storage->host);
	migration->module = strdup(ocppd_host_name(owner));
	migration->module_version = strdup(ocppd_host_version(owner));
	if (migration->module != NULL && migration->module_version != NULL)
		r = 0;
	if (r == 0 && strcmp(migration->module, "ocppd") == 0)
		r = refuse(migration, OCPPD_EINVAL,
			   "tables that begin with ocppd_ are the engine's own");
	if (r == 0)
		r = copy_steps(migration, owner);
	if (r == 0)
		r = copy_statements(migration, owner);
	if (r < 0 && migration->job.result == 0) {
		migration_free(migration);
		return NULL;
	}
	return migration;
}

/* ---- On the writer's thread -------------------------------------------------------------- */

/* Fails the job with the engine's error. Returns its code. */
static int
fail_engine(struct db *db, struct migration *migration, int rc, const char *what)
{
	char text[STORAGE_TEXT_SIZE];
	int code = db_code(db, rc);

	db_text(db, rc, text);
	job_fail(&migration->job, code,
		 failure_new(code, "module %s, %s: %s", migration->module, what, text));
	return code;
}

static const struct migration_step *
find_step(const struct migration *migration, uint32_t version)
{
	for (uint32_t i = 0; i < migration->count; i++)
		if (migration->steps[i].version == version)
			return &migration->steps[i];
	return NULL;
}

/* One row of the record against what the module declares. */
static int
compare(struct migration *migration, sqlite3_stmt *stmt)
{
	uint32_t version = (uint32_t)sqlite3_column_int64(stmt, 0);
	const char *checksum = (const char *)sqlite3_column_text(stmt, 1);
	const char *writer = (const char *)sqlite3_column_text(stmt, 2);
	const struct migration_step *step = find_step(migration, version);
	uint32_t last = migration->count == 0 ? 0 : migration->steps[migration->count - 1].version;
	struct failure *failure;

	if (checksum == NULL || writer == NULL)
		return refuse(migration, OCPPD_EIO, "the record of migrations is damaged");
	if (step == NULL && version > last) {
		failure = failure_new(
			OCPPD_EVERSION,
			"the database has step %u of module %s, written by its version %s, but "
			"this is version %s, whose last step is %u: install the newer module, or "
			"restore a backup made before",
			version, migration->module, writer, migration->module_version, last);
		job_fail(&migration->job, OCPPD_EVERSION, failure);
		return OCPPD_EVERSION;
	}
	if (step != NULL && strcmp(step->checksum, checksum) == 0)
		return 0;
	failure = failure_new(
		OCPPD_ECONFLICT,
		"step %u of module %s was applied by its version %s and has %s since: an applied "
		"step must stay as it is, add a new one",
		version, migration->module, writer, step == NULL ? "disappeared" : "been changed");
	job_fail(&migration->job, OCPPD_ECONFLICT, failure);
	return OCPPD_ECONFLICT;
}

/* Compares all applied steps. ret_last: the last of them, 0: none. */
static int
check_applied(struct db *db, struct migration *migration, uint32_t *ret_last)
{
	sqlite3_stmt *stmt = NULL;
	uint32_t last = 0;
	uint32_t count = 0;
	int r = 0;
	int rc;

	rc = db_compile(db,
			"SELECT version, checksum, module_version FROM ocppd_migrations"
			" WHERE module = ?1 ORDER BY version",
			NULL, false, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, migration->module, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK && r == 0) {
		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		last = (uint32_t)sqlite3_column_int64(stmt, 0);
		count++;
		r = compare(migration, stmt);
	}
	(void)sqlite3_finalize(stmt);
	if (r < 0)
		return r;
	if (rc != SQLITE_DONE)
		return fail_engine(db, migration, rc, "record of migrations");
	if (count > 0 && migration->steps[count - 1].version != last)
		return refuse(migration, OCPPD_ECONFLICT,
			      "a step was inserted before the last applied one: add it at the end");
	*ret_last = last;
	return 0;
}

static int
record(struct db *db, const struct migration *migration, const struct migration_step *step)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = db_compile(db, "INSERT INTO ocppd_migrations VALUES (?1, ?2, ?3, ?4, ?5, ?6)", NULL,
			false, &stmt);
	if (rc == SQLITE_OK) {
		(void)sqlite3_bind_text(stmt, 1, migration->module, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(stmt, 2, step->version);
		(void)sqlite3_bind_text(stmt, 3, step->name, -1, SQLITE_STATIC);
		(void)sqlite3_bind_text(stmt, 4, step->checksum, -1, SQLITE_STATIC);
		(void)sqlite3_bind_int64(stmt, 5, migration->now_us);
		(void)sqlite3_bind_text(stmt, 6, migration->module_version, -1, SQLITE_STATIC);
		(void)sqlite3_step(stmt);
	}
	/* Finalising tells the step's error again. */
	return sqlite3_finalize(stmt) != SQLITE_OK || rc != SQLITE_OK
		       ? sqlite3_extended_errcode(db->conn)
		       : SQLITE_OK;
}

static int
apply_step(struct db *db, struct migration *migration, const struct migration_step *step)
{
	char what[160];
	int rc = SQLITE_OK;

	for (uint32_t i = 0; i < step->count && rc == SQLITE_OK; i++) {
		sqlite3_stmt *stmt = NULL;

		(void)snprintf(what, sizeof(what), "migration %u (%.80s), statement %u",
			       step->version, step->name, i + 1);
		rc = db_compile(db, step->sql[i], migration->module, false, &stmt);
		if (rc == SQLITE_OK) {
			do
				rc = sqlite3_step(stmt);
			while (rc == SQLITE_ROW);
			rc = rc == SQLITE_DONE ? SQLITE_OK : rc;
		}
		if (rc != SQLITE_OK) {
			(void)fail_engine(db, migration, rc, what);
			(void)sqlite3_finalize(stmt);
			return migration->job.result;
		}
		(void)sqlite3_finalize(stmt);
	}
	rc = record(db, migration, step);
	return rc == SQLITE_OK ? 0 : fail_engine(db, migration, rc, "record of migrations");
}

/* Tables and indexes that are not the module's own. */
static int
count_foreign(struct db *db, const struct migration *migration, int64_t *ret_count)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = db_compile(
		db,
		"SELECT count(*) FROM sqlite_schema WHERE name <> ?1 AND"
		" substr(name, 1, length(?1) + 1) <> ?1 || '_' AND name NOT LIKE 'sqlite_%'",
		NULL, false, &stmt);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, migration->module, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_count = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

static int
apply_pending(struct db *db, struct migration *migration, uint32_t last)
{
	struct ocppd_host *host = db->storage->host;
	int64_t before = 0;
	int64_t after = 0;
	int rc;

	rc = count_foreign(db, migration, &before);
	for (uint32_t i = 0; rc == SQLITE_OK && i < migration->count; i++) {
		const struct migration_step *step = &migration->steps[i];
		int r = 0;

		if (step->version <= last)
			continue;
		if (!migration->is_dry_run)
			r = apply_step(db, migration, step);
		if (r < 0)
			return r;
		OCPPD_INFO(host, migration->is_dry_run ? "migration.planned" : "migration.applied",
			   OCPPD_STR("module", migration->module),
			   OCPPD_INT("version", step->version), OCPPD_STR("name", step->name));
	}
	if (rc == SQLITE_OK)
		rc = count_foreign(db, migration, &after);
	if (rc != SQLITE_OK)
		return fail_engine(db, migration, rc, "schema");
	/* ALTER TABLE … RENAME TO is what the compiler does not show. */
	if (before != after)
		return refuse(migration, OCPPD_EINVAL,
			      "a table was renamed to a name without the module's prefix");
	return 0;
}

/* Compiles each statement, so that a broken one is found at start and not at night. */
static int
check_statements(struct db *db, struct migration *migration)
{
	for (uint32_t i = 0; i < migration->statement_count; i++) {
		const struct statement *statement = migration->statements[i];
		sqlite3_stmt *stmt = NULL;
		char what[160];
		bool is_wrong;
		int rc;

		(void)snprintf(what, sizeof(what), "statement %.100s", statement->name);
		rc = db_compile(db, statement->sql, statement->module, false, &stmt);
		if (rc != SQLITE_OK)
			return fail_engine(db, migration, rc, what);
		is_wrong = (statement->flags & OCPPD_STATEMENT_READ) != 0 &&
			   sqlite3_stmt_readonly(stmt) == 0;
		(void)sqlite3_finalize(stmt);
		if (is_wrong) {
			job_fail(&migration->job, OCPPD_EINVAL,
				 failure_new(OCPPD_EINVAL,
					     "module %s, %s: it is declared to read, but writes",
					     migration->module, what));
			return OCPPD_EINVAL;
		}
	}
	return 0;
}

void
migration_run(struct writer *writer, struct migration *migration)
{
	struct db *db = &writer->db;
	uint32_t last = 0;
	int rc;
	int r;

	/* Refused on the core thread already. */
	if (migration->job.result < 0)
		return;
	rc = db_exec(db, "BEGIN IMMEDIATE");
	if (rc != SQLITE_OK) {
		(void)fail_engine(db, migration, rc, "beginning of a transaction");
		return;
	}
	r = check_applied(db, migration, &last);
	if (r == 0) {
		db->is_migrating = true;
		r = apply_pending(db, migration, last);
		db->is_migrating = false;
	}
	if (r == 0 && !migration->is_dry_run)
		r = check_statements(db, migration);
	if (r == 0) {
		rc = db_exec(db, "COMMIT");
		if (rc != SQLITE_OK)
			(void)fail_engine(db, migration, rc, "end of the transaction");
	}
	if (sqlite3_get_autocommit(db->conn) == 0)
		(void)db_exec(db, "ROLLBACK");
}
