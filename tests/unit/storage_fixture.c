/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What the tests of storage_sqlite share: the module demo, its statements, and what came of them.
 */
#include "storage_fixture.h"

#include <stdlib.h>

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

const char *const storage_first_step[] = {
	"CREATE TABLE demo_item (id {key}, a BIGINT NOT NULL UNIQUE, note TEXT)",
	"CREATE TABLE demo_entry (item BIGINT NOT NULL REFERENCES demo_item (id), note TEXT NOT "
	"NULL)",
	NULL,
};
const struct ocppd_migration first_migrations[FIRST_MIGRATIONS] = { { 1, 0, "items",
								      storage_first_step } };

void
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

void
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

void
on_stored(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg)
{
	struct test *t = arg;

	(void)host;
	t->stored = result;
	(void)snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
	t->is_stored = true;
}

struct ocppd_value
test_text(const char *text)
{
	return ocppd_value_text(text, strlen(text));
}

struct ocppd_unit *
test_begin(struct test *t)
{
	struct ocppd_unit *unit = NULL;

	assert_int_equal(t->bed.ops->unit_new(t->bed.ctx, &t->demo, &unit), 0);
	return unit;
}

int
test_add(struct test *t, struct ocppd_unit *unit, int64_t a, const char *note)
{
	const struct ocppd_value values[] = { ocppd_value_int(a), test_text(note) };

	return t->bed.ops->unit_add(unit, &t->demo, ADD, values, 2, 0);
}

/* note: NULL breaks a constraint. */
int
test_add_entry(struct test *t, struct ocppd_unit *unit, struct ocppd_value item, const char *note)
{
	const struct ocppd_value values[] = { item,
					      note != NULL ? test_text(note) : ocppd_value_null() };

	return t->bed.ops->unit_add(unit, &t->demo, ADD_ENTRY, values, 2, 0);
}

void
test_commit(struct test *t, struct ocppd_unit *unit)
{
	t->expected++;
	t->is_done = false;
	t->bed.ops->unit_commit(unit, on_unit, t);
}

void
test_add_one(struct test *t, int64_t a)
{
	struct ocppd_unit *unit = test_begin(t);

	assert_int_equal(test_add(t, unit, a, "note"), 0);
	test_commit(t, unit);
}

int
test_query(struct test *t, uint32_t statement, const struct ocppd_value *values, uint32_t count,
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

int64_t
test_count(struct test *t)
{
	assert_int_equal(test_query(t, COUNT, NULL, 0, 1), 0);
	return t->number;
}

void
test_reset(struct test *t)
{
	t->done = 0;
	t->failed = 0;
	t->expected = 0;
}

void
test_init(struct test *t)
{
	*t = (struct test){ .demo = { .bed = &t->bed,
				      .name = "demo",
				      .version = "1.0.0",
				      .migrations = first_migrations,
				      .migration_count = 1,
				      .statements = statements,
				      .statement_count = STATEMENTS },
			    .pipe = -1 };
	bed_init(&t->bed);
}

void
test_start(struct test *t)
{
	char text[640] = "";

	if (bed_start(&t->bed) != 0)
		fail_msg("start: %s", t->bed.start_err.text);
	if (bed_migrate(&t->bed, &t->demo, false, text) != 0)
		fail_msg("migrate: %s", text);
}

int
test_set_up(void **state)
{
	struct test *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return -1;
	test_init(t);
	*state = t;
	return 0;
}

int
test_tear_down(void **state)
{
	struct test *t = *state;

	bed_fini(&t->bed);
	free(t);
	return 0;
}
