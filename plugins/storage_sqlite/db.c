/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * One connection to the database, used by one thread: opening with the settings that durability
 * needs, compiled statements by number, what a module's statement may touch, binding and reading,
 * and what an error of the engine means. It decides nothing about transactions.
 */
#include "storage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_STEPS 20000 /* of SQLite's machine between two signs of life */

/* Functions that both engines know with one meaning. */
static const char *const functions[] = {
	"abs",        "avg",    "coalesce", "count", "first_value", "lag",  "last_value", "lead",
	"length",     "lower",  "max",      "min",   "nullif",      "rank", "replace",    "round",
	"row_number", "substr", "sum",      "trim",  "upper",       NULL,
};

static bool
is_own(const char *module, const char *name)
{
	size_t len = strlen(module);

	return strncmp(name, module, len) == 0 && (name[len] == '_' || name[len] == '\0');
}

static bool
is_function(const char *name)
{
	for (uint32_t i = 0; functions[i] != NULL; i++)
		if (sqlite3_stricmp(functions[i], name) == 0)
			return true;
	return false;
}

static int
deny(struct db *db, const char *what, const char *name)
{
	(void)snprintf(db->denied, sizeof(db->denied), "%s %s is not for module %s", what,
		       name != NULL ? name : "", db->module);
	return SQLITE_DENY;
}

static int
check_schema(struct db *db, const char *name)
{
	if (!db->is_migrating)
		return deny(db, "a change of the schema, of", name);
	/* The engine's own indexes of UNIQUE and PRIMARY KEY. */
	if (strncmp(name, "sqlite_", 7) == 0 || is_own(db->module, name))
		return SQLITE_OK;
	(void)snprintf(db->denied, sizeof(db->denied),
		       "the name of table or index \"%.60s\" must begin with \"%.40s_\"", name,
		       db->module);
	return SQLITE_DENY;
}

/* Called while a statement is compiled, for each thing that it touches. */
static int
authorize(void *arg, int action, const char *a, const char *b, const char *database,
	  const char *trigger)
{
	struct db *db = arg;

	(void)database;
	if (db->module == NULL)
		return SQLITE_OK;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_RECURSIVE:
	case SQLITE_REINDEX:
		return SQLITE_OK;
	case SQLITE_INSERT:
	case SQLITE_UPDATE:
	case SQLITE_DELETE:
		/* A foreign key's action runs in a trigger of its own; while migrating, the engine
		 * writes its schema. */
		if (trigger != NULL || is_own(db->module, a) ||
		    (db->is_migrating && strncmp(a, "sqlite_", 7) == 0))
			return SQLITE_OK;
		return deny(db, "writing to table", a);
	case SQLITE_FUNCTION:
		/* ALTER TABLE runs functions of the engine; the dialect looked at the text. */
		return db->is_migrating || is_function(b) ? SQLITE_OK : deny(db, "function", b);
	case SQLITE_CREATE_TABLE:
	case SQLITE_DROP_TABLE:
	case SQLITE_CREATE_INDEX:
	case SQLITE_DROP_INDEX:
		return check_schema(db, a);
	case SQLITE_ALTER_TABLE:
		return check_schema(db, b);
	default:
		return deny(db, "this kind of statement", "");
	}
}

static int
on_progress(void *arg)
{
	struct db *db = arg;

	if (db->beat != NULL)
		ocppd_beat_busy(db->beat);
	if (atomic_load_explicit(&db->storage->is_cancelled, memory_order_relaxed))
		return 1;
	if (db->deadline_mono_us == 0 || ocppd_mono_us(db->storage->host) < db->deadline_mono_us)
		return 0;
	db->is_timed_out = true;
	return 1;
}

enum fate
db_fate(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return FATE_FINE;
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_MISUSE:
	case SQLITE_RANGE:
	case SQLITE_TOOBIG:
	case SQLITE_AUTH:
		return FATE_STATEMENT;
	default:
		return FATE_STORE;
	}
}

/* The system's error behind the last one of the engine's, 0 where it is not known. */
static int
system_error(struct db *db)
{
	sqlite3_file *journal = NULL;
	int error;

	if (db->conn == NULL)
		return 0;
	error = sqlite3_system_errno(db->conn);
	if (error != 0)
		return error;
	/* SQLite does not keep it when COMMIT fails; the file of the write-ahead log does. */
	if (sqlite3_file_control(db->conn, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal) ==
		    SQLITE_OK &&
	    journal != NULL && journal->pMethods != NULL)
		(void)journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &error);
	return error;
}

int
db_code(struct db *db, int rc)
{
	int error;

	if (db_fate(rc) == FATE_STATEMENT)
		return OCPPD_EINVAL;
	if ((rc & 0xff) == SQLITE_FULL)
		return OCPPD_ESPACE;
	if ((rc & 0xff) != SQLITE_IOERR)
		return OCPPD_EIO;
	/* A quota or a limit on a file's size reads as an input/output error to SQLite. */
	error = system_error(db);
	return error == ENOSPC || error == EDQUOT || error == EFBIG ? OCPPD_ESPACE : OCPPD_EIO;
}

void
db_text(struct db *db, int rc, char ret_text[STORAGE_TEXT_SIZE])
{
	const char *text = db->conn != NULL ? sqlite3_errmsg(db->conn) : sqlite3_errstr(rc);
	int error = system_error(db);
	int base = rc & 0xff;

	if (base == SQLITE_AUTH && db->denied[0] != '\0')
		text = db->denied;
	if ((base == SQLITE_IOERR || base == SQLITE_CANTOPEN || base == SQLITE_FULL) && error != 0)
		(void)snprintf(ret_text, STORAGE_TEXT_SIZE, "%s: %s", text, strerrordesc_np(error));
	else if (base == SQLITE_CORRUPT || base == SQLITE_NOTADB)
		(void)snprintf(ret_text, STORAGE_TEXT_SIZE,
			       "the database file is damaged (%s): examine it with PRAGMA "
			       "integrity_check, or restore a backup",
			       text);
	else if (base == SQLITE_BUSY)
		(void)snprintf(ret_text, STORAGE_TEXT_SIZE,
			       "the database is locked by another process");
	else
		(void)snprintf(ret_text, STORAGE_TEXT_SIZE, "%s", text);
}

int
db_exec(struct db *db, const char *sql)
{
	db->module = NULL;
	return sqlite3_exec(db->conn, sql, NULL, NULL, NULL);
}

int
db_int(struct db *db, const char *sql, int64_t *ret_value)
{
	sqlite3_stmt *stmt = NULL;
	int rc;

	db->module = NULL;
	rc = sqlite3_prepare_v2(db->conn, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*ret_value = sqlite3_column_int64(stmt, 0);
		rc = SQLITE_OK;
	}
	(void)sqlite3_finalize(stmt);
	return rc;
}

int
db_compile(struct db *db, const char *sql, const char *module, bool is_kept,
	   sqlite3_stmt **ret_stmt)
{
	db->module = module;
	db->denied[0] = '\0';
	return sqlite3_prepare_v3(db->conn, sql, -1, is_kept ? SQLITE_PREPARE_PERSISTENT : 0,
				  ret_stmt, NULL);
}

int
db_statement(struct db *db, const struct statement *statement, sqlite3_stmt **ret_stmt)
{
	/* The engine compiles it again by itself when the schema changed, so for each use. */
	db->module = statement->module;
	if (statement->id >= db->stmt_size) {
		uint32_t size = statement->id + 64;
		sqlite3_stmt **stmts = realloc(db->stmts, size * sizeof(sqlite3_stmt *));

		if (stmts == NULL)
			return SQLITE_NOMEM;
		memset(stmts + db->stmt_size, 0, (size - db->stmt_size) * sizeof(sqlite3_stmt *));
		db->stmts = stmts;
		db->stmt_size = size;
	}
	if (db->stmts[statement->id] == NULL) {
		int rc = db_compile(db, statement->sql, statement->module, true,
				    &db->stmts[statement->id]);

		if (rc != SQLITE_OK)
			return rc;
	}
	*ret_stmt = db->stmts[statement->id];
	return SQLITE_OK;
}

/* ---- Running ----------------------------------------------------------------------------- */

static int
bind_ref(sqlite3_stmt *stmt, int at, const struct cell *cell, const struct result *result)
{
	const void *data = NULL;
	const struct ocppd_value *value =
		result_value(result, (uint32_t)cell->as.number, cell->column, &data);

	if (value == NULL)
		return OCPPD_ECONFLICT;
	/* Rows that follow may move the bytes: SQLite takes a copy. */
	switch (value->type) {
	case OCPPD_VALUE_INT:
		return sqlite3_bind_int64(stmt, at, value->number);
	case OCPPD_VALUE_DOUBLE:
		return sqlite3_bind_double(stmt, at, value->real);
	case OCPPD_VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, data, value->len, SQLITE_TRANSIENT,
					   SQLITE_UTF8);
	case OCPPD_VALUE_BYTES:
		return sqlite3_bind_blob64(stmt, at, data, value->len, SQLITE_TRANSIENT);
	default:
		return sqlite3_bind_null(stmt, at);
	}
}

static int
bind_cell(sqlite3_stmt *stmt, int at, const struct cell *cell, const struct ocppd_unit *unit)
{
	switch (cell->type) {
	case OCPPD_VALUE_INT:
		return sqlite3_bind_int64(stmt, at, cell->as.number);
	case OCPPD_VALUE_DOUBLE:
		return sqlite3_bind_double(stmt, at, cell->as.real);
	case OCPPD_VALUE_TEXT:
		return sqlite3_bind_text64(stmt, at, unit->data + cell->as.offset, cell->len,
					   SQLITE_STATIC, SQLITE_UTF8);
	case OCPPD_VALUE_BYTES:
		return sqlite3_bind_blob64(stmt, at, unit->data + cell->as.offset, cell->len,
					   SQLITE_STATIC);
	case OCPPD_VALUE_REF:
		return bind_ref(stmt, at, cell, &unit->result);
	default:
		return sqlite3_bind_null(stmt, at);
	}
}

/* All rows, of which at most the unit's max_rows are kept. */
static int
step(struct ocppd_unit *unit, sqlite3_stmt *stmt)
{
	struct result *result = &unit->result;
	bool is_query = unit->job.kind == JOB_QUERY;
	bool is_cut = false;
	uint32_t limit = unit->max_rows;
	uint32_t count = 0;
	int64_t changes = 0;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int r;

		is_cut = count == limit;
		if (is_cut && is_query) {
			rc = SQLITE_DONE;
			break;
		}
		if (is_cut)
			continue;
		r = result_add_row(result, stmt);
		/* The changes of a unit's statement are made by now: its rows are cut instead. */
		if (r == OCPPD_ESPACE && !is_query)
			limit = count;
		else if (r < 0)
			return r;
		else
			count++;
	}
	if (rc != SQLITE_DONE)
		return rc;
	if (!sqlite3_stmt_readonly(stmt))
		changes = sqlite3_changes64(sqlite3_db_handle(stmt));
	result_end(result, changes, is_cut || limit < unit->max_rows);
	return SQLITE_DONE;
}

static struct failure *
explain(struct db *db, const struct statement *statement, int rc)
{
	char text[STORAGE_TEXT_SIZE];

	if (rc == OCPPD_ECONFLICT)
		return failure_new(rc, "statement %s of module %s met no row", statement->name,
				   statement->module);
	if (rc == OCPPD_ESPACE)
		return failure_new(rc, "the rows of statement %s of module %s are too large",
				   statement->name, statement->module);
	if (rc < 0)
		return failure_new(rc, "out of memory");
	db_text(db, rc, text);
	return failure_new(db_code(db, rc), "statement %s of module %s: %s", statement->name,
			   statement->module, text);
}

int
db_run(struct db *db, struct ocppd_unit *unit, const struct op *op, struct failure **ret_failure)
{
	const struct cell *cells = (const struct cell *)(const void *)(op + 1);
	sqlite3_stmt *stmt = NULL;
	int rc;

	rc = db_statement(db, op->statement, &stmt);
	for (uint32_t i = 0; rc == SQLITE_OK && i < op->count; i++)
		rc = bind_cell(stmt, (int)i + 1, &cells[i], unit);
	if (rc == SQLITE_OK)
		rc = result_begin(&unit->result, (uint32_t)sqlite3_column_count(stmt));
	if (rc == SQLITE_OK)
		rc = step(unit, stmt);
	if (rc == SQLITE_DONE && (op->flags & OCPPD_UNIT_EXPECT_ROW) != 0) {
		const struct ocppd_rows *rows = &unit->result.rows[unit->result.count - 1];

		if (rows->count == 0 && rows->changes == 0)
			rc = OCPPD_ECONFLICT;
	}
	if (rc != SQLITE_DONE)
		*ret_failure = explain(db, op->statement, rc);
	if (stmt != NULL)
		(void)sqlite3_reset(stmt);
	return rc;
}

/* ---- Opening ----------------------------------------------------------------------------- */

bool
db_file_id(const char *path, dev_t *ret_device, ino_t *ret_inode)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	*ret_device = st.st_dev;
	*ret_inode = st.st_ino;
	return true;
}

static int
set_up(struct db *db, bool is_reader)
{
	const struct storage_conf *conf = db->storage->conf;
	static const int switches[] = { SQLITE_DBCONFIG_ENABLE_FKEY, SQLITE_DBCONFIG_DEFENSIVE };
	char sql[48];
	static const int off[] = { SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_DQS_DDL,
				   SQLITE_DBCONFIG_DQS_DML };
	int rc;

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		(void)sqlite3_db_config(db->conn, switches[i], 1, NULL);
	for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
		(void)sqlite3_db_config(db->conn, off[i], 0, NULL);
	(void)sqlite3_busy_timeout(db->conn, (int)conf->busy_timeout_ms);
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_LENGTH, (int)STORAGE_VALUE_MAX);
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_progress_handler(db->conn, PROGRESS_STEPS, on_progress, db);
	rc = sqlite3_set_authorizer(db->conn, authorize, db);
	if (rc == SQLITE_OK)
		rc = db_exec(db, "PRAGMA temp_store=MEMORY");
	/* Negative: KiB. */
	(void)snprintf(sql, sizeof(sql), "PRAGMA cache_size=-%lld",
		       (long long)(conf->cache_size / 1024));
	if (rc == SQLITE_OK)
		rc = db_exec(db, sql);
	if (rc == SQLITE_OK && is_reader)
		rc = db_exec(db, "PRAGMA query_only=ON");
	return rc;
}

static int
set_durable(struct db *db)
{
	const struct storage_conf *conf = db->storage->conf;
	sqlite3_stmt *stmt = NULL;
	const char *mode = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db->conn, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		mode = (const char *)sqlite3_column_text(stmt, 0);
		/* A file system without shared memory stays in another mode. */
		rc = mode != NULL && strcmp(mode, "wal") == 0 ? SQLITE_OK : SQLITE_CANTOPEN;
	}
	(void)sqlite3_finalize(stmt);
	if (rc == SQLITE_OK)
		rc = db_exec(db, conf->synchronous == 1 ? "PRAGMA synchronous=EXTRA"
							: "PRAGMA synchronous=FULL");
	if (rc == SQLITE_OK)
		rc = db_exec(db, "PRAGMA journal_size_limit=67108864");
	return rc;
}

int
db_open(struct db *db, struct storage *storage, bool is_reader, struct failure **ret_failure)
{
	struct ocppd_beat *beat = db->beat;
	char text[STORAGE_TEXT_SIZE];
	int code;
	int rc;

	*db = (struct db){ .storage = storage, .beat = beat };
	rc = sqlite3_open_v2(storage->path, &db->conn,
			     (is_reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) |
				     SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc == SQLITE_OK)
		rc = set_up(db, is_reader);
	/* Whose file it is, before anything is written to it. */
	if (rc == SQLITE_OK && !is_reader) {
		code = schema_prepare(db, ret_failure);
		if (code < 0) {
			db_close(db);
			return code;
		}
		rc = set_durable(db);
	}
	if (rc == SQLITE_OK)
		return 0;
	db_text(db, rc, text);
	code = db_code(db, rc);
	*ret_failure = failure_new(code, "cannot open the database %s: %s", storage->path, text);
	db_close(db);
	return code;
}

void
db_close(struct db *db)
{
	for (uint32_t i = 0; i < db->stmt_size; i++)
		(void)sqlite3_finalize(db->stmts[i]);
	free(db->stmts);
	db->stmts = NULL;
	db->stmt_size = 0;
	(void)sqlite3_close(db->conn);
	db->conn = NULL;
}
