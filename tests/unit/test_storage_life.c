/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The life of storage_sqlite: stop with a full queue, start on what is no database of ours,
 * schemas, backups.
 */
#include "storage_fixture.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const second_step[] = { "ALTER TABLE demo_entry ADD COLUMN seen BIGINT", NULL };
static const char *const changed_step[] = { "ALTER TABLE demo_entry ADD COLUMN seen TEXT", NULL };
static const struct ocppd_migration two[] = { { 1, 0, "items", storage_first_step },
					      { 2, 0, "seen", second_step } };
static const struct ocppd_migration changed[] = { { 1, 0, "items", storage_first_step },
						  { 2, 0, "seen", changed_step } };

/* ---- Start and stop ---------------------------------------------------------------------- */

static void
stop_with_a_full_queue_completes_everything_first(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 5000; i++)
		test_add_one(t, i);
	bed_stop(&t->bed);
	assert_int_equal(t->done, 5000);
	assert_int_equal(t->failed, 0);
	test_start(t);
	assert_int_equal(test_count(t), 5000);
	bed_stop(&t->bed);
}

static void
stop_beyond_its_deadline_gives_up_truthfully(void **state)
{
	struct test *t = *state;
	int64_t stored;

	t->bed.conf.drain_timeout_ms = 0;
	t->bed.conf.batch = 1;
	test_start(t);
	for (int64_t i = 0; i < 20000; i++)
		test_add_one(t, i);
	bed_stop(&t->bed);
	assert_int_equal(t->done, 20000);
	assert_true(t->failed > 0);
	stored = t->done - t->failed;
	test_start(t);
	assert_int_equal(test_count(t), stored);
	bed_stop(&t->bed);
}

static void
expect_start_error(struct test *t, int code, const char *text)
{
	assert_int_equal(bed_start(&t->bed), code);
	if (strstr(t->bed.start_err.text, text) == NULL)
		fail_msg("%s", t->bed.start_err.text);
}

static void
start_twice_on_one_file_names_the_process(void **state)
{
	struct test *t = *state;
	struct test *other = calloc(1, sizeof(*other));
	char pid[32];

	assert_non_null(other);
	test_init(other);
	other->bed.conf.path = t->bed.path;
	test_start(t);
	(void)snprintf(pid, sizeof(pid), "process %d", (int)getpid());
	expect_start_error(other, OCPPD_EBUSY, pid);
	bed_stop(&t->bed);
	test_start(other);
	bed_stop(&other->bed);
	bed_fini(&other->bed);
	free(other);
}

static void
start_without_the_folder_says_so(void **state)
{
	struct test *t = *state;

	t->bed.conf.path = "/nonexistent/folder/x.db";
	expect_start_error(t, OCPPD_EIO, "folder of the database");
}

static void
start_makes_a_file_for_one_user(void **state)
{
	struct test *t = *state;
	struct stat st;

	test_start(t);
	assert_int_equal(stat(t->bed.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	bed_stop(&t->bed);
}

static void
overwrite(const char *path, off_t from, size_t len)
{
	char *junk = malloc(len);
	FILE *file = fopen(path, "r+");

	assert_non_null(junk);
	if (file == NULL)
		file = fopen(path, "w");
	assert_non_null(file);
	memset(junk, 0x5a, len);
	assert_int_equal(fseeko(file, from, SEEK_SET), 0);
	assert_int_equal(fwrite(junk, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	free(junk);
}

static void
start_on_a_damaged_file_is_refused(void **state)
{
	struct test *t = *state;

	overwrite(t->bed.path, 0, 5000);
	expect_start_error(t, OCPPD_EIO, "is damaged");
	assert_non_null(strstr(t->bed.start_err.text, "restore a backup"));
}

static void
start_with_a_check_finds_damage_inside(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 3000; i++)
		test_add_one(t, i);
	bed_stop(&t->bed);
	overwrite(t->bed.path, 40960, 20000);
	t->bed.conf.check_at_start = 1;
	expect_start_error(t, OCPPD_EIO, "is damaged");
}

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
start_on_a_foreign_database_is_refused(void **state)
{
	struct test *t = *state;

	run_sql(t->bed.path, "CREATE TABLE x (a)");
	expect_start_error(t, OCPPD_ECONFLICT, "not one of ocppd");
}

static void
start_on_a_newer_format_is_refused(void **state)
{
	struct test *t = *state;

	test_start(t);
	bed_stop(&t->bed);
	run_sql(t->bed.path, "PRAGMA user_version=2");
	expect_start_error(t, OCPPD_EVERSION, "newer storage_sqlite");
}

/* ---- Migrations -------------------------------------------------------------------------- */

static void
expect_migration(struct test *t, const struct ocppd_migration *migrations, uint32_t count, int code,
		 const char *expected)
{
	char text[640] = "";

	t->demo.migrations = migrations;
	t->demo.migration_count = count;
	assert_int_equal(bed_migrate(&t->bed, &t->demo, false, text), code);
	if (strstr(text, expected) == NULL)
		fail_msg("%s", text);
}

static void
migration_of_another_history_is_refused(void **state)
{
	static const struct ocppd_migration inserted[] = { { 1, 0, "items", storage_first_step },
							   { 2, 0, "seen", second_step },
							   { 3, 0, "more", second_step } };
	struct test *t = *state;

	test_start(t);
	t->demo.version = "2.0.0";
	expect_migration(t, two, 2, 0, "");
	expect_migration(t, two, 2, 0, "");
	t->demo.version = "1.5.0";
	expect_migration(t, first_migrations, 1, OCPPD_EVERSION, "written by its version 2.0.0");
	expect_migration(t, first_migrations, 1, OCPPD_EVERSION, "this is version 1.5.0");
	expect_migration(t, changed, 2, OCPPD_ECONFLICT, "been changed since");
	expect_migration(t, two + 1, 1, OCPPD_ECONFLICT, "has disappeared since");
	expect_migration(t, inserted, 3, OCPPD_EINVAL, "duplicate column");
	expect_migration(t, two, 2, 0, "");
	bed_stop(&t->bed);
}

static void
migration_that_breaks_a_rule_applies_nothing(void **state)
{
	static const char *const foreign[] = { "CREATE TABLE demo_x (a BIGINT)",
					       "CREATE TABLE other (a BIGINT)", NULL };
	static const char *const index[] = { "CREATE INDEX idx ON demo_item (a)", NULL };
	static const char *const rename[] = { "ALTER TABLE demo_entry RENAME TO x", NULL };
	static const char *const own[] = { "DELETE FROM ocppd_migrations", NULL };
	static const char *const type[] = { "CREATE TABLE demo_x (a INTEGER)", NULL };
	static const char *const drop[] = { "DROP TABLE demo_entry", NULL };
	static const struct {
		const char *const *statements;
		const char *text;
	} cases[] = {
		{ foreign, "must begin with \"demo_\"" },
		{ index, "must begin with \"demo_\"" },
		{ rename, "without the module's prefix" },
		{ own, "ocppd_migrations is not for module demo" },
		{ type, "migration 2 of module demo, statement 1" },
		{ drop, "statement add_entry" }, /* which needs that table */
	};
	struct test *t = *state;

	test_start(t);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct ocppd_migration migrations[] = {
			{ 1, 0, "items", storage_first_step }, { 2, 0, "bad", cases[i].statements }
		};

		expect_migration(t, migrations, 2, OCPPD_EINVAL, cases[i].text);
	}
	expect_migration(t, two, 2, 0, "");
	bed_stop(&t->bed);
}

static void
migration_run_dry_changes_nothing(void **state)
{
	struct test *t = *state;

	test_start(t);
	t->demo.migrations = two;
	t->demo.migration_count = 2;
	assert_int_equal(bed_migrate(&t->bed, &t->demo, true, NULL), 0);
	expect_migration(t, changed, 2, 0, "");
	bed_stop(&t->bed);
}

static void
statement_on_another_modules_table_is_refused(void **state)
{
	static const struct ocppd_statement foreign[] = { { "steal", "DELETE FROM demo_item" } };
	static const struct ocppd_statement lying[] = {
		{ "lying", "WITH x AS (SELECT 1) DELETE FROM demo_item", OCPPD_STATEMENT_READ }
	};
	struct test *t = *state;

	test_start(t);
	t->demo.statements = lying;
	t->demo.statement_count = 1;
	expect_migration(t, first_migrations, 1, OCPPD_EINVAL, "declared to read, but writes");
	t->demo.name = "other";
	t->demo.statements = foreign;
	expect_migration(t, NULL, 0, OCPPD_EINVAL,
			 "writing to table demo_item is not for module other");
	bed_stop(&t->bed);
}

/* ---- Backup ------------------------------------------------------------------------------ */

static int
back_up(struct test *t, const char *path)
{
	int r;

	t->is_stored = false;
	r = t->bed.ops->backup(t->bed.ctx, &t->demo, path, on_stored, t);
	if (r < 0)
		return r;
	bed_run(&t->bed, &t->is_stored);
	return t->stored;
}

static void
backup_while_units_commit_is_whole(void **state)
{
	struct test *t = *state;
	sqlite3 *copy = NULL;
	sqlite3_stmt *stmt = NULL;
	char path[128];

	t->bed.conf.backup_pages_per_step = 1;
	test_start(t);
	(void)snprintf(path, sizeof(path), "%s/copy.db", t->bed.dir);
	for (int64_t i = 0; i < 2000; i++)
		test_add_one(t, i);
	bed_run(&t->bed, &t->is_done);
	for (int64_t i = 2000; i < 2100; i++)
		test_add_one(t, i);
	if (back_up(t, path) != 0)
		fail_msg("%s", t->text);
	assert_int_equal(back_up(t, path), OCPPD_EEXIST);
	assert_int_equal(back_up(t, "/nonexistent/copy.db"), OCPPD_EIO);
	bed_stop(&t->bed);
	assert_int_equal(t->done, 2100);
	assert_int_equal(sqlite3_open(path, &copy), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(copy, "SELECT count(*) FROM demo_item", -1, &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_in_range(sqlite3_column_int(stmt, 0), 2000, 2100);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(copy), SQLITE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(stop_with_a_full_queue_completes_everything_first),
		TEST(stop_beyond_its_deadline_gives_up_truthfully),
		TEST(start_twice_on_one_file_names_the_process),
		TEST(start_without_the_folder_says_so),
		TEST(start_makes_a_file_for_one_user),
		TEST(start_on_a_damaged_file_is_refused),
		TEST(start_with_a_check_finds_damage_inside),
		TEST(start_on_a_foreign_database_is_refused),
		TEST(start_on_a_newer_format_is_refused),
		TEST(migration_of_another_history_is_refused),
		TEST(migration_that_breaks_a_rule_applies_nothing),
		TEST(migration_run_dry_changes_nothing),
		TEST(statement_on_another_modules_table_is_refused),
		TEST(backup_while_units_commit_is_whole),
	};

	return cmocka_run_group_tests_name("storage_life", tests, NULL, NULL);
}
