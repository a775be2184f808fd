/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Units and queries of storage_sqlite: group commit, what fails alone and what fails together,
 * durability across SIGKILL, disks that are full, locks, damage.
 */
#include "storage_fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Units ------------------------------------------------------------------------------- */

static void
unit_failing_among_ten_thousand_fails_alone(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 10000; i++)
		test_add_one(t, i == 5000 ? 17 : i);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->done, 10000);
	assert_int_equal(t->failed, 1);
	assert_int_equal(test_count(t), 9999);
	bed_stop(&t->bed);
	assert_true(t->bed.counters[METRIC_COMMIT_SECONDS] < 1000);
	assert_true(t->bed.counters[METRIC_UNITS] == 9999);
	assert_true(t->bed.counters[METRIC_FAILURES] == 1);
}

static void
unit_of_two_that_fails_among_others_leaves_nothing(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 300; i++) {
		struct ocppd_unit *unit = test_begin(t);

		assert_int_equal(test_add(t, unit, i, "x"), 0);
		/* Every third lacks its note. */
		assert_int_equal(
			test_add_entry(t, unit, ocppd_value_ref(0, 0), i % 3 == 0 ? NULL : "y"), 1);
		test_commit(t, unit);
	}
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->failed, 100);
	assert_int_equal(test_count(t), 200);
	bed_stop(&t->bed);
}

/* What a batch had run before such a unit is run again: each result is that of the one commit. */
static void
units_beside_one_that_fails_halfway_keep_their_results(void **state)
{
	struct test *t = *state;
	struct ocppd_unit *unit;

	test_start(t);
	for (int64_t i = 0; i < 400; i++) {
		if (i % 100 != 50) {
			test_add_one(t, i == 40 ? 7 : i);
			continue;
		}
		unit = test_begin(t);
		assert_int_equal(test_add(t, unit, i, "x"), 0);
		assert_int_equal(
			test_add_entry(t, unit, ocppd_value_ref(0, 0), i == 150 ? "y" : NULL), 1);
		test_commit(t, unit);
	}
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(t->failed, 4); /* the second 7, and three halves */
	assert_int_equal(test_count(t), 396);
	/* Ids that a void run gave away are given again. */
	assert_int_equal(t->key, 396);
	bed_stop(&t->bed);
	assert_true(t->bed.counters[METRIC_UNITS] == 396);
	assert_true(t->bed.counters[METRIC_FAILURES] == 4);
}

static void
unit_of_two_that_fails_alone_leaves_nothing(void **state)
{
	struct test *t = *state;
	struct ocppd_unit *unit;

	test_start(t);
	unit = test_begin(t);
	assert_int_equal(test_add(t, unit, 1, "x"), 0);
	assert_int_equal(test_add_entry(t, unit, ocppd_value_int(4711), "y"), 1);
	test_commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_EINVAL);
	assert_non_null(strstr(t->text, "FOREIGN KEY"));
	assert_non_null(strstr(t->text, "add_entry"));
	assert_int_equal(test_count(t), 0);
	bed_stop(&t->bed);
}

static void
unit_expecting_a_row_without_one_is_a_conflict(void **state)
{
	struct test *t = *state;
	const struct ocppd_value values[] = { ocppd_value_int(99), ocppd_value_null() };
	struct ocppd_unit *unit;

	test_start(t);
	unit = test_begin(t);
	assert_int_equal(test_add(t, unit, 1, "x"), 0);
	assert_int_equal(
		t->bed.ops->unit_add(unit, &t->demo, SET, values, 2, OCPPD_UNIT_EXPECT_ROW), 1);
	test_commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_ECONFLICT);
	assert_int_equal(test_count(t), 0);
	bed_stop(&t->bed);
}

static void
unit_with_a_large_block_and_rows_comes_back_whole(void **state)
{
	struct test *t = *state;
	struct ocppd_value a = ocppd_value_int(7);
	struct ocppd_unit *unit;
	char note[3000];

	memset(note, 'n', sizeof(note) - 1);
	note[sizeof(note) - 1] = '\0';
	test_start(t);
	unit = test_begin(t);
	for (int i = 0; i < 50; i++)
		assert_int_equal(test_add(t, unit, i, i == 7 ? "seventh" : note), i);
	assert_int_equal(test_add_entry(t, unit, ocppd_value_ref(49, 0), note), 50);
	test_commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(t->key, 1);
	assert_int_equal(t->changes, 1);
	assert_int_equal(test_query(t, GET, &a, 1, 10), 0);
	assert_string_equal(t->text, "seventh");
	bed_stop(&t->bed);
}

static void
unit_with_wrong_arguments_is_refused(void **state)
{
	struct test *t = *state;
	const struct ocppd_value two_values[] = { ocppd_value_int(1), ocppd_value_ref(0, 0) };
	const struct ocppd_storage_ops *ops;
	struct ocppd_unit *unit;

	test_start(t);
	ops = t->bed.ops;
	unit = test_begin(t);
	assert_int_equal(ops->unit_add(unit, &t->demo, STATEMENTS, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 1, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 2, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, COUNT, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 2, 0x80), OCPPD_EINVAL);
	ops->unit_free(unit);
	ops->unit_free(NULL);
	assert_int_equal(test_query(t, ADD, two_values, 2, 1), OCPPD_EINVAL);
	assert_int_equal(test_query(t, COUNT, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(test_query(t, COUNT, NULL, 0, 100001), OCPPD_EINVAL);
	bed_stop(&t->bed);
}

static void
unit_beyond_the_queue_is_refused(void **state)
{
	struct test *t = *state;
	struct ocppd_unit *unit = NULL;

	t->bed.conf.queue = 10;
	test_start(t);
	for (int64_t i = 0; i < 10; i++)
		test_add_one(t, i);
	assert_int_equal(t->bed.ops->unit_new(t->bed.ctx, &t->demo, &unit), OCPPD_EBUSY);
	bed_run(&t->bed, &t->is_done);
	test_add_one(t, 10);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->failed, 0);
	bed_stop(&t->bed);
}

/* ---- Queries ----------------------------------------------------------------------------- */

static void
query_after_a_completion_sees_the_unit(void **state)
{
	struct test *t = *state;

	t->bed.conf.readers = 3;
	test_start(t);
	for (int64_t i = 0; i < 50; i++) {
		test_reset(t);
		test_add_one(t, i);
		bed_run(&t->bed, &t->is_done);
		assert_int_equal(test_count(t), i + 1);
	}
	assert_int_equal(test_query(t, ALL, NULL, 0, 49), 0);
	assert_int_equal(t->rows, 49);
	assert_int_equal(t->is_cut, 1);
	assert_int_equal(test_query(t, ALL, NULL, 0, 50), 0);
	assert_int_equal(t->rows, 50);
	assert_int_equal(t->is_cut, 0);
	bed_stop(&t->bed);
}

static void
query_that_takes_too_long_is_given_up(void **state)
{
	struct test *t = *state;
	struct ocppd_value end = ocppd_value_int(INT64_MAX);

	t->bed.conf.query_timeout_ms = 50;
	test_start(t);
	assert_int_equal(test_query(t, SLOW, &end, 1, 1), OCPPD_ETIMEDOUT);
	assert_int_equal(test_count(t), 0);
	bed_stop(&t->bed);
}

/* ---- Durability -------------------------------------------------------------------------- */

static void
on_told(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct test *t = arg;

	(void)host;
	(void)count;
	(void)err;
	t->done++;
	if (result == 0 && write(t->pipe, &rows[0].values[0].number, 8) != 8)
		_exit(3);
}

/* Acknowledges over the pipe without end. */
static void
run_child(struct test *t)
{
	int64_t next = 0;
	bool never = false;

	test_start(t);
	for (;;) {
		while (next - (int64_t)t->done < 100) {
			struct ocppd_unit *unit = test_begin(t);

			(void)test_add(t, unit, next++, "x");
			(void)test_add_entry(t, unit, ocppd_value_ref(0, 0), "y");
			t->bed.ops->unit_commit(unit, on_told, t);
		}
		bed_turn(&t->bed);
		if (never)
			break;
	}
}

static void
unit_acknowledged_before_sigkill_is_there_after(void **state)
{
	struct test *t = *state;
	int64_t acknowledged = 0;
	int64_t last = 0;
	int64_t key;
	int status;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		(void)close(ends[0]);
		t->pipe = ends[1];
		run_child(t);
		_exit(0);
	}
	(void)close(ends[1]);
	while (read(ends[0], &key, 8) == 8) {
		assert_int_equal(key, last + 1);
		last = key;
		if (++acknowledged == 1000)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(acknowledged >= 1000);
	test_start(t);
	assert_true(test_count(t) >= acknowledged);
	bed_stop(&t->bed);
}

static void
set_file_limit(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void
fill_disk(struct test *t)
{
	uint32_t stored = 0;

	test_start(t);
	/* Files may not grow: for SQLite the disk is full. */
	set_file_limit(400000);
	for (int64_t i = 0; t->failed == 0 && i < 100000; i++) {
		test_add_one(t, i);
		bed_run(&t->bed, &t->is_done);
		stored += t->failed == 0 ? 1 : 0;
	}
	assert_int_equal(t->result, OCPPD_ESPACE);
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	assert_int_equal(test_count(t), stored);
	set_file_limit(RLIM_INFINITY);
	/* By itself, without a unit. */
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	test_add_one(t, 1000000);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(test_count(t), stored + 1);
	bed_stop(&t->bed);
}

static void
unit_on_a_full_disk_fails_until_there_is_room(void **state)
{
	struct test *t = *state;
	int status = -1;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)signal(SIGXFSZ, SIG_IGN);
		fill_disk(t);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void
unit_on_a_locked_database_fails_until_it_is_free(void **state)
{
	struct test *t = *state;
	sqlite3 *other = NULL;

	t->bed.conf.busy_timeout_ms = 20;
	test_start(t);
	assert_int_equal(sqlite3_open(t->bed.path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	test_add_one(t, 1);
	test_add_one(t, 2);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->failed, 2);
	assert_int_equal(t->result, OCPPD_EIO);
	assert_non_null(strstr(t->text, "locked"));
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	/* Reading goes on. */
	assert_int_equal(test_count(t), 0);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	test_add_one(t, 3);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	bed_stop(&t->bed);
}

static void
unit_after_the_file_went_away_is_not_acknowledged(void **state)
{
	struct test *t = *state;
	char away[128];

	test_start(t);
	(void)snprintf(away, sizeof(away), "%s/away", t->bed.dir);
	assert_int_equal(rename(t->bed.path, away), 0);
	test_add_one(t, 1);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_EIO);
	assert_non_null(strstr(t->text, "removed or replaced"));
	assert_int_equal(rename(away, t->bed.path), 0);
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	test_add_one(t, 2);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	bed_stop(&t->bed);
}

static void
unit_after_the_log_went_away_is_not_acknowledged(void **state)
{
	struct test *t = *state;
	char path[128];
	sqlite3 *other = NULL;
	sqlite3_stmt *stmt = NULL;

	test_start(t);
	test_add_one(t, 1);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	(void)snprintf(path, sizeof(path), "%s-wal", t->bed.path);
	assert_int_equal(unlink(path), 0);
	test_reset(t);
	test_add_one(t, 2);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_EIO);
	assert_non_null(strstr(t->text, "-wal file"));
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	/* As after a crash, what was acknowledged is there. */
	(void)snprintf(path, sizeof(path), "file:%s?immutable=1", t->bed.path);
	assert_int_equal(
		sqlite3_open_v2(path, &other, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL),
		SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(other, "SELECT count(*) FROM demo_item", -1, &stmt, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 1);
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	bed_stop(&t->bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unit_failing_among_ten_thousand_fails_alone),
		TEST(unit_of_two_that_fails_among_others_leaves_nothing),
		TEST(units_beside_one_that_fails_halfway_keep_their_results),
		TEST(unit_of_two_that_fails_alone_leaves_nothing),
		TEST(unit_expecting_a_row_without_one_is_a_conflict),
		TEST(unit_with_a_large_block_and_rows_comes_back_whole),
		TEST(unit_with_wrong_arguments_is_refused),
		TEST(unit_beyond_the_queue_is_refused),
		TEST(query_after_a_completion_sees_the_unit),
		TEST(query_that_takes_too_long_is_given_up),
		TEST(unit_acknowledged_before_sigkill_is_there_after),
		TEST(unit_on_a_full_disk_fails_until_there_is_room),
		TEST(unit_on_a_locked_database_fails_until_it_is_free),
		TEST(unit_after_the_file_went_away_is_not_acknowledged),
		TEST(unit_after_the_log_went_away_is_not_acknowledged),
	};

	return cmocka_run_group_tests_name("storage_sqlite", tests, NULL, NULL);
}
