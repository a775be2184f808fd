/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The portable dialect of storage: what is translated, and what is refused with which word.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "dialect.h"

struct accepted {
	const char *label;
	enum dialect_use use;
	const char *sql;
	const char *expected;
	uint32_t params;
};

static const struct accepted accepted[] = {
	{ "parameter", DIALECT_QUERY, "SELECT a FROM t WHERE a = $1",
	  "SELECT a FROM t WHERE a = ?1", 1 },
	{ "parameter twice", DIALECT_QUERY, "SELECT a FROM t WHERE a = $2 OR b = $1 OR c=$1",
	  "SELECT a FROM t WHERE a = ?2 OR b = ?1 OR c=?1", 2 },
	{ "text is left alone", DIALECT_QUERY, "SELECT 'it''s $1 LIKE ?' FROM \"date\"",
	  "SELECT 'it''s $1 LIKE ?' FROM \"date\"", 0 },
	{ "blanks and comments", DIALECT_QUERY, "SELECT  a -- PRAGMA\n /* ? */ FROM t ;",
	  "SELECT a FROM t ", 0 },
	{ "key and bytes", DIALECT_MIGRATION, "CREATE TABLE m_t (id {key}, data {bytes} NOT NULL)",
	  "CREATE TABLE m_t (id INTEGER PRIMARY KEY AUTOINCREMENT, data BLOB NOT NULL)", 0 },
	{ "types and constraints", DIALECT_MIGRATION,
	  "CREATE TABLE IF NOT EXISTS m_t (a BIGINT NOT NULL CHECK (a > 0), b DOUBLE PRECISION, "
	  "c TEXT DEFAULT 'x,y', PRIMARY KEY (a, c), FOREIGN KEY (c) REFERENCES m_u (c) ON DELETE "
	  "CASCADE)",
	  "CREATE TABLE IF NOT EXISTS m_t (a BIGINT NOT NULL CHECK (a > 0), b DOUBLE PRECISION, "
	  "c TEXT DEFAULT 'x,y', PRIMARY KEY (a, c), FOREIGN KEY (c) REFERENCES m_u (c) ON DELETE "
	  "CASCADE)",
	  0 },
	{ "partial index", DIALECT_MIGRATION,
	  "CREATE UNIQUE INDEX m_i ON m_t (a) WHERE b IS NOT NULL",
	  "CREATE UNIQUE INDEX m_i ON m_t (a) WHERE b IS NOT NULL", 0 },
	{ "added column", DIALECT_MIGRATION, "ALTER TABLE m_t ADD COLUMN x TEXT",
	  "ALTER TABLE m_t ADD COLUMN x TEXT", 0 },
	{ "upsert", DIALECT_UNIT,
	  "INSERT INTO m_t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = excluded.b "
	  "RETURNING id",
	  "INSERT INTO m_t (a) VALUES (?1) ON CONFLICT (a) DO UPDATE SET b = excluded.b "
	  "RETURNING id",
	  1 },
	{ "conflict do nothing", DIALECT_UNIT,
	  "INSERT INTO m_t (a) VALUES ($1) ON CONFLICT DO NOTHING",
	  "INSERT INTO m_t (a) VALUES (?1) ON CONFLICT DO NOTHING", 1 },
	{ "common table expression", DIALECT_QUERY,
	  "WITH x (a) AS (SELECT max(b) FROM t) SELECT a FROM x",
	  "WITH x (a) AS (SELECT max(b) FROM t) SELECT a FROM x", 0 },
	{ "columns named like functions", DIALECT_QUERY, "SELECT date, time, total, format FROM t",
	  "SELECT date, time, total, format FROM t", 0 },
	{ "distinct from", DIALECT_QUERY, "SELECT a FROM t WHERE a IS NOT DISTINCT FROM $1",
	  "SELECT a FROM t WHERE a IS NOT DISTINCT FROM ?1", 1 },
};

static const struct {
	const char *label;
	enum dialect_use use;
	const char *sql;
	const char *word; /* in the message */
} refused[] = {
	{ "question mark", DIALECT_QUERY, "SELECT ? FROM t", "\"?\"" },
	{ "named parameter", DIALECT_QUERY, "SELECT :a FROM t", "\":\"" },
	{ "at parameter", DIALECT_QUERY, "SELECT @a FROM t", "\"@\"" },
	{ "cast of others", DIALECT_QUERY, "SELECT a::text FROM t", "\"::\"" },
	{ "parameter zero", DIALECT_QUERY, "SELECT $0 FROM t", "$0" },
	{ "parameter by word", DIALECT_QUERY, "SELECT $a FROM t", "$a" },
	{ "parameter too high", DIALECT_QUERY, "SELECT $1000 FROM t", "$1000" },
	{ "parameter far too high", DIALECT_QUERY, "SELECT $99999999999999999999 FROM t", "$999" },
	{ "parameter missing", DIALECT_QUERY, "SELECT $1, $3 FROM t", "$2" },
	{ "parameter in a schema", DIALECT_MIGRATION, "DELETE FROM m_t WHERE a = $1", "$1" },
	{ "collation", DIALECT_QUERY, "SELECT a FROM t ORDER BY a COLLATE NOCASE", "COLLATE" },
	{ "glob", DIALECT_QUERY, "SELECT a FROM t WHERE a GLOB 'x*'", "GLOB" },
	{ "like", DIALECT_QUERY, "SELECT a FROM t WHERE a like 'x%'", "like" },
	{ "ifnull", DIALECT_QUERY, "SELECT ifnull(a, 1) FROM t", "ifnull" },
	{ "typeof", DIALECT_QUERY, "SELECT typeof (a) FROM t", "typeof" },
	{ "strftime", DIALECT_QUERY, "SELECT strftime('%s', a) FROM t", "strftime" },
	{ "date", DIALECT_QUERY, "SELECT date(a) FROM t", "date" },
	{ "json function", DIALECT_QUERY, "SELECT json_extract(a, '$.x') FROM t", "json_extract" },
	{ "json operator", DIALECT_QUERY, "SELECT a->'x' FROM t", "->" },
	{ "rowid", DIALECT_QUERY, "SELECT rowid FROM t", "rowid" },
	{ "min of two", DIALECT_QUERY, "SELECT min(a, (b)) FROM t", "min" },
	{ "current time", DIALECT_UNIT, "UPDATE t SET a = CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP" },
	{ "pragma", DIALECT_QUERY, "PRAGMA user_version", "PRAGMA" },
	{ "attach", DIALECT_MIGRATION, "ATTACH 'x' AS y", "ATTACH" },
	{ "transaction", DIALECT_UNIT, "COMMIT", "COMMIT" },
	{ "replace", DIALECT_UNIT, "REPLACE INTO t VALUES ($1)", "REPLACE" },
	{ "insert or", DIALECT_UNIT, "INSERT OR ROLLBACK INTO t VALUES ($1)", "OR" },
	{ "conflict clause", DIALECT_MIGRATION,
	  "CREATE TABLE m_t (a BIGINT UNIQUE ON CONFLICT ROLLBACK)", "CONFLICT" },
	{ "deferred", DIALECT_MIGRATION,
	  "CREATE TABLE m_t (a BIGINT REFERENCES m_u (a) DEFERRABLE INITIALLY DEFERRED)",
	  "DEFERRABLE" },
	{ "engine's tables", DIALECT_QUERY, "SELECT name FROM sqlite_schema", "sqlite_schema" },
	{ "two statements", DIALECT_UNIT, "DELETE FROM t; DELETE FROM u", "\";\"" },
	{ "write as a query", DIALECT_QUERY, "DELETE FROM t", "DELETE" },
	{ "schema in a unit", DIALECT_UNIT, "CREATE TABLE m_t (a BIGINT)", "CREATE" },
	{ "trigger", DIALECT_MIGRATION, "CREATE TRIGGER m_x AFTER INSERT ON m_t BEGIN", "TRIGGER" },
	{ "temporary", DIALECT_MIGRATION, "CREATE TEMP TABLE m_t (a BIGINT)", "TEMP" },
	{ "other type", DIALECT_MIGRATION, "CREATE TABLE m_t (a INTEGER)", "INTEGER" },
	{ "other second type", DIALECT_MIGRATION, "CREATE TABLE m_t (a TEXT, b VARCHAR(20))",
	  "VARCHAR" },
	{ "no type", DIALECT_MIGRATION, "CREATE TABLE m_t (a, b TEXT)", "" },
	{ "double alone", DIALECT_MIGRATION, "CREATE TABLE m_t (a DOUBLE)", "DOUBLE" },
	{ "autoincrement", DIALECT_MIGRATION,
	  "CREATE TABLE m_t (a BIGINT PRIMARY KEY AUTOINCREMENT)", "AUTOINCREMENT" },
	{ "without rowid", DIALECT_MIGRATION, "CREATE TABLE m_t (a TEXT) WITHOUT ROWID", "ROWID" },
	{ "added column's type", DIALECT_MIGRATION, "ALTER TABLE m_t ADD COLUMN x INT", "INT" },
	{ "column added in short", DIALECT_MIGRATION, "ALTER TABLE m_t ADD x INT", "ADD" },
	{ "unknown token", DIALECT_MIGRATION, "CREATE TABLE m_t (a {text})", "{text}" },
	{ "open token", DIALECT_MIGRATION, "CREATE TABLE m_t (a {key", "\"{\"" },
	{ "type in a query", DIALECT_QUERY, "SELECT {key} FROM t", "{key}" },
	{ "double equals", DIALECT_QUERY, "SELECT a FROM t WHERE a == 1", "==" },
	{ "is with a value", DIALECT_QUERY, "SELECT a FROM t WHERE a IS 1", "IS" },
	{ "is not with a value", DIALECT_QUERY, "SELECT a FROM t WHERE a IS NOT $1", "NOT" },
	{ "backtick", DIALECT_QUERY, "SELECT `a` FROM t", "`" },
	{ "bracket", DIALECT_QUERY, "SELECT [a] FROM t", "[" },
	{ "bytes in text", DIALECT_UNIT, "INSERT INTO t VALUES (x'00')", "\"x\"" },
	{ "hexadecimal", DIALECT_QUERY, "SELECT 0x10 FROM t", "0x10" },
	{ "open text", DIALECT_QUERY, "SELECT 'a FROM t", "\"'\"" },
	{ "nothing", DIALECT_QUERY, "  -- nothing", "" },
};

static void
dialect_portable_statement_is_translated(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		struct ocppd_error err = { 0 };
		uint32_t params = 99;
		char *sql = NULL;
		int r = dialect_translate(accepted[i].sql, accepted[i].use, &sql, &params, &err);

		if (r != 0)
			fail_msg("%s: %s", accepted[i].label, err.text);
		if (strcmp(sql, accepted[i].expected) != 0)
			fail_msg("%s: %s", accepted[i].label, sql);
		if (params != accepted[i].params)
			fail_msg("%s: %u parameters", accepted[i].label, params);
		free(sql);
	}
}

static void
dialect_other_statement_is_refused_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct ocppd_error err = { 0 };
		uint32_t params = 0;
		char *sql = NULL;
		int r = dialect_translate(refused[i].sql, refused[i].use, &sql, &params, &err);

		if (r != OCPPD_EINVAL)
			fail_msg("%s: %d", refused[i].label, r);
		if (strstr(err.text, refused[i].word) == NULL)
			fail_msg("%s: %s", refused[i].label, err.text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dialect_portable_statement_is_translated),
		cmocka_unit_test(dialect_other_statement_is_refused_by_name),
	};

	return cmocka_run_group_tests_name("storage_dialect", tests, NULL, NULL);
}
