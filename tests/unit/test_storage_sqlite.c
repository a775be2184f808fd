/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * storage_sqlite with real threads and files: group commit, what fails alone and what fails
 * together, durability across SIGKILL, disks that are full, locks, damage, schemas, backups, end.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/bed.h"

enum {
	ADD,       /* a, text */
	ADD_ENTRY, /* item, note */
	SET,       /* a, text */
	COUNT,
	GET,  /* a */
	SLOW, /* never ends in time */
	ALL,
	STATEMENTS,
};

static const struct ocppd_statement statements[STATEMENTS] = {
	[ADD] = { "add", "INSERT INTO demo_item (a, note) VALUES ($1, $2) RETURNING id, note" },
	[ADD_ENTRY] = { "add_entry", "INSERT INTO demo_entry (item, note) VALUES ($1, $2)" },
	[SET] = { "set", "UPDATE demo_item SET note = $2 WHERE a = $1" },
	[COUNT] = { "count", "SELECT count(*) FROM demo_item", OCPPD_STATEMENT_READ },
	[GET] = { "get", "SELECT note, id FROM demo_item WHERE a = $1", OCPPD_STATEMENT_READ },
	[SLOW] = { "slow",
		   "WITH RECURSIVE x (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) "
		   "SELECT count(*) FROM x WHERE n < $1",
		   OCPPD_STATEMENT_READ },
	[ALL] = { "all", "SELECT a FROM demo_item ORDER BY a", OCPPD_STATEMENT_READ },
};

static const char *const first_step[] = {
	"CREATE TABLE demo_item (id {key}, a BIGINT NOT NULL UNIQUE, note TEXT)",
	"CREATE TABLE demo_entry (item BIGINT NOT NULL REFERENCES demo_item (id), note TEXT NOT "
	"NULL)",
	NULL,
};
static const char *const second_step[] = { "ALTER TABLE demo_entry ADD COLUMN seen BIGINT", NULL };
static const char *const changed_step[] = { "ALTER TABLE demo_entry ADD COLUMN seen TEXT", NULL };
static const struct ocppd_migration one[] = { { 1, 0, "items", first_step } };
static const struct ocppd_migration two[] = { { 1, 0, "items", first_step },
					      { 2, 0, "seen", second_step } };
static const struct ocppd_migration changed[] = { { 1, 0, "items", first_step },
						  { 2, 0, "seen", changed_step } };

struct test {
	struct bed bed;
	struct ocppd_host demo;
	uint32_t done;
	uint32_t failed;
	uint32_t expected;
	bool is_done; /* done == expected */
	int result;   /* of the last */
	char text[640];
	int64_t key;
	int64_t changes;
	int64_t number; /* first column of the first row */
	uint32_t rows;
	uint32_t is_cut;
	bool is_stored; /* a backup ended, so: */
	int stored;
	int pipe;
};

static void
on_unit(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct test *t = arg;

	assert_ptr_equal(host, &t->demo);
	t->result = result;
	(void)snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
	if (result < 0) {
		t->failed++;
		assert_non_null(err);
		assert_null(rows);
	} else if (count > 0) {
		t->changes = rows[count - 1].changes;
		if (rows[0].count > 0)
			t->key = rows[0].values[0].number;
	}
	t->is_done = ++t->done == t->expected;
}

static void
on_rows(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct test *t = arg;

	(void)host;
	t->result = result;
	(void)snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
	if (result == 0) {
		t->rows = rows->count;
		t->is_cut = rows->is_cut;
		t->number = rows->count > 0 ? rows->values[0].number : -1;
		if (rows->count > 0 && rows->values[0].type == OCPPD_VALUE_TEXT)
			(void)snprintf(t->text, sizeof(t->text), "%s",
				       (const char *)rows->values[0].data);
	}
	t->is_done = ++t->done == t->expected;
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg)
{
	struct test *t = arg;

	(void)host;
	t->stored = result;
	(void)snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
	t->is_stored = true;
}

static struct ocppd_value
text_value(const char *text)
{
	return ocppd_value_text(text, strlen(text));
}

static struct ocppd_unit *
begin(struct test *t)
{
	struct ocppd_unit *unit = NULL;

	assert_int_equal(t->bed.ops->unit_new(t->bed.ctx, &t->demo, &unit), 0);
	return unit;
}

static int
add(struct test *t, struct ocppd_unit *unit, int64_t a, const char *note)
{
	const struct ocppd_value values[] = { ocppd_value_int(a), text_value(note) };

	return t->bed.ops->unit_add(unit, &t->demo, ADD, values, 2, 0);
}

/* note: NULL breaks a constraint. */
static int
add_entry(struct test *t, struct ocppd_unit *unit, struct ocppd_value item, const char *note)
{
	const struct ocppd_value values[] = { item, note != NULL ? text_value(note)
								 : ocppd_value_null() };

	return t->bed.ops->unit_add(unit, &t->demo, ADD_ENTRY, values, 2, 0);
}

static void
commit(struct test *t, struct ocppd_unit *unit)
{
	t->expected++;
	t->is_done = false;
	t->bed.ops->unit_commit(unit, on_unit, t);
}

static void
add_one(struct test *t, int64_t a)
{
	struct ocppd_unit *unit = begin(t);

	assert_int_equal(add(t, unit, a, "note"), 0);
	commit(t, unit);
}

static int
query(struct test *t, uint32_t statement, const struct ocppd_value *values, uint32_t count,
      uint32_t max_rows)
{
	int r;

	t->expected = t->done + 1;
	t->is_done = false;
	r = t->bed.ops->query(t->bed.ctx, &t->demo, statement, values, count, max_rows, on_rows, t);
	if (r < 0)
		return r;
	bed_run(&t->bed, &t->is_done);
	return t->result;
}

static int64_t
count_items(struct test *t)
{
	assert_int_equal(query(t, COUNT, NULL, 0, 1), 0);
	return t->number;
}

static void
test_reset(struct test *t)
{
	t->done = 0;
	t->failed = 0;
	t->expected = 0;
}

static void
test_init(struct test *t)
{
	*t = (struct test){ .demo = { .bed = &t->bed,
				      .name = "demo",
				      .version = "1.0.0",
				      .migrations = one,
				      .migration_count = 1,
				      .statements = statements,
				      .statement_count = STATEMENTS },
			    .pipe = -1 };
	bed_init(&t->bed);
}

static void
test_start(struct test *t)
{
	char text[640] = "";

	if (bed_start(&t->bed) != 0)
		fail_msg("start: %s", t->bed.start_err.text);
	if (bed_migrate(&t->bed, &t->demo, false, text) != 0)
		fail_msg("migrate: %s", text);
}

static int
set_up(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	test_init(t);
	*state = t;
	return 0;
}

static int
tear_down(void **state)
{
	struct test *t = *state;

	bed_fini(&t->bed);
	free(t);
	return 0;
}

/* ---- Units ------------------------------------------------------------------------------- */

static void
unit_failing_among_ten_thousand_fails_alone(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 10000; i++)
		add_one(t, i == 5000 ? 17 : i);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->done, 10000);
	assert_int_equal(t->failed, 1);
	assert_int_equal(count_items(t), 9999);
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
		struct ocppd_unit *unit = begin(t);

		assert_int_equal(add(t, unit, i, "x"), 0);
		/* Every third lacks its note. */
		assert_int_equal(add_entry(t, unit, ocppd_value_ref(0, 0), i % 3 == 0 ? NULL : "y"),
				 1);
		commit(t, unit);
	}
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->failed, 100);
	assert_int_equal(count_items(t), 200);
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
			add_one(t, i == 40 ? 7 : i);
			continue;
		}
		unit = begin(t);
		assert_int_equal(add(t, unit, i, "x"), 0);
		assert_int_equal(add_entry(t, unit, ocppd_value_ref(0, 0), i == 150 ? "y" : NULL),
				 1);
		commit(t, unit);
	}
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(t->failed, 4); /* the second 7, and three halves */
	assert_int_equal(count_items(t), 396);
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
	unit = begin(t);
	assert_int_equal(add(t, unit, 1, "x"), 0);
	assert_int_equal(add_entry(t, unit, ocppd_value_int(4711), "y"), 1);
	commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_EINVAL);
	assert_non_null(strstr(t->text, "FOREIGN KEY"));
	assert_non_null(strstr(t->text, "add_entry"));
	assert_int_equal(count_items(t), 0);
	bed_stop(&t->bed);
}

static void
unit_expecting_a_row_without_one_is_a_conflict(void **state)
{
	struct test *t = *state;
	const struct ocppd_value values[] = { ocppd_value_int(99), ocppd_value_null() };
	struct ocppd_unit *unit;

	test_start(t);
	unit = begin(t);
	assert_int_equal(add(t, unit, 1, "x"), 0);
	assert_int_equal(
		t->bed.ops->unit_add(unit, &t->demo, SET, values, 2, OCPPD_UNIT_EXPECT_ROW), 1);
	commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_ECONFLICT);
	assert_int_equal(count_items(t), 0);
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
	unit = begin(t);
	for (int i = 0; i < 50; i++)
		assert_int_equal(add(t, unit, i, i == 7 ? "seventh" : note), i);
	assert_int_equal(add_entry(t, unit, ocppd_value_ref(49, 0), note), 50);
	commit(t, unit);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(t->key, 1);
	assert_int_equal(t->changes, 1);
	assert_int_equal(query(t, GET, &a, 1, 10), 0);
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
	unit = begin(t);
	assert_int_equal(ops->unit_add(unit, &t->demo, STATEMENTS, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 1, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 2, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, COUNT, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(ops->unit_add(unit, &t->demo, ADD, two_values, 2, 0x80), OCPPD_EINVAL);
	ops->unit_free(unit);
	ops->unit_free(NULL);
	assert_int_equal(query(t, ADD, two_values, 2, 1), OCPPD_EINVAL);
	assert_int_equal(query(t, COUNT, NULL, 0, 0), OCPPD_EINVAL);
	assert_int_equal(query(t, COUNT, NULL, 0, 100001), OCPPD_EINVAL);
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
		add_one(t, i);
	assert_int_equal(t->bed.ops->unit_new(t->bed.ctx, &t->demo, &unit), OCPPD_EBUSY);
	bed_run(&t->bed, &t->is_done);
	add_one(t, 10);
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
		add_one(t, i);
		bed_run(&t->bed, &t->is_done);
		assert_int_equal(count_items(t), i + 1);
	}
	assert_int_equal(query(t, ALL, NULL, 0, 49), 0);
	assert_int_equal(t->rows, 49);
	assert_int_equal(t->is_cut, 1);
	assert_int_equal(query(t, ALL, NULL, 0, 50), 0);
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
	assert_int_equal(query(t, SLOW, &end, 1, 1), OCPPD_ETIMEDOUT);
	assert_int_equal(count_items(t), 0);
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
			struct ocppd_unit *unit = begin(t);

			(void)add(t, unit, next++, "x");
			(void)add_entry(t, unit, ocppd_value_ref(0, 0), "y");
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
	assert_true(count_items(t) >= acknowledged);
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
		add_one(t, i);
		bed_run(&t->bed, &t->is_done);
		stored += t->failed == 0 ? 1 : 0;
	}
	assert_int_equal(t->result, OCPPD_ESPACE);
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	assert_int_equal(count_items(t), stored);
	set_file_limit(RLIM_INFINITY);
	/* By itself, without a unit. */
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	add_one(t, 1000000);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	assert_int_equal(count_items(t), stored + 1);
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
	add_one(t, 1);
	add_one(t, 2);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->failed, 2);
	assert_int_equal(t->result, OCPPD_EIO);
	assert_non_null(strstr(t->text, "locked"));
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	/* Reading goes on. */
	assert_int_equal(count_items(t), 0);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	add_one(t, 3);
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
	add_one(t, 1);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, OCPPD_EIO);
	assert_non_null(strstr(t->text, "removed or replaced"));
	assert_int_equal(rename(away, t->bed.path), 0);
	bed_run_health(&t->bed, OCPPD_HEALTH_FAILED);
	bed_run_health(&t->bed, OCPPD_HEALTH_OK);
	test_reset(t);
	add_one(t, 2);
	bed_run(&t->bed, &t->is_done);
	assert_int_equal(t->result, 0);
	bed_stop(&t->bed);
}

/* ---- Start and stop ---------------------------------------------------------------------- */

static void
stop_with_a_full_queue_completes_everything_first(void **state)
{
	struct test *t = *state;

	test_start(t);
	for (int64_t i = 0; i < 5000; i++)
		add_one(t, i);
	bed_stop(&t->bed);
	assert_int_equal(t->done, 5000);
	assert_int_equal(t->failed, 0);
	test_start(t);
	assert_int_equal(count_items(t), 5000);
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
		add_one(t, i);
	bed_stop(&t->bed);
	assert_int_equal(t->done, 20000);
	assert_true(t->failed > 0);
	stored = t->done - t->failed;
	test_start(t);
	assert_int_equal(count_items(t), stored);
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
		add_one(t, i);
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
	static const struct ocppd_migration inserted[] = { { 1, 0, "items", first_step },
							   { 2, 0, "seen", second_step },
							   { 3, 0, "more", second_step } };
	struct test *t = *state;

	test_start(t);
	t->demo.version = "2.0.0";
	expect_migration(t, two, 2, 0, "");
	expect_migration(t, two, 2, 0, "");
	t->demo.version = "1.5.0";
	expect_migration(t, one, 1, OCPPD_EVERSION, "written by its version 2.0.0");
	expect_migration(t, one, 1, OCPPD_EVERSION, "this is version 1.5.0");
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
			{ 1, 0, "items", first_step }, { 2, 0, "bad", cases[i].statements }
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
	expect_migration(t, one, 1, OCPPD_EINVAL, "declared to read, but writes");
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
		add_one(t, i);
	bed_run(&t->bed, &t->is_done);
	for (int64_t i = 2000; i < 2100; i++)
		add_one(t, i);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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

	return cmocka_run_group_tests_name("storage_sqlite", tests, NULL, NULL);
}
