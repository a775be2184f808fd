/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Requests that wait for storage: counted, answered once, freed however they end. */
#include "runtime_fixture.h"

#include <ocppd/json.h>
#include <ocppd/work.h>

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_READ 3
#define STATEMENT_WRITE 4

struct world {
	struct fixture fixture;
	struct ocppd_host owner;
	struct ocppd_host server;
	struct ocppd_work_owner works;
	struct ocppd_writes writes;
	uint32_t outstanding;
	uint32_t done;
	uint32_t finished;
	struct own *own; /* the work that the last request became */
	const char *path_id;
	char said[1024]; /* what the server was told */
	/* storage */
	int result;
	uint32_t statement;
	uint32_t count;
	uint32_t flags;
	uint32_t max_rows;
	uint32_t units; /* that exist */
	ocppd_rows_fn *rows_fn;
	ocppd_unit_fn *unit_fn;
	void *arg;
};

struct own {
	struct ocppd_work base;
	char *text;
	int64_t cursor;
};

struct ocppd_unit {
	struct world *world;
};

static void
own_fini(void *arg)
{
	struct own *own = arg;
	struct world *world = own->base.ctx;

	free(own->text);
	world->finished++;
}

static void
on_done(void *ctx)
{
	struct world *world = ctx;

	world->done++;
	world->outstanding--;
}

static void
on_request(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct world *world = ctx;

	(void)host;
	world->own = ocppd_work_new(&world->works, request, sizeof(struct own));
	assert_non_null(world->own);
	world->own->base.fini = own_fini;
	world->own->text = strdup("x");
}

static const struct ocppd_field query[] = {
	{ "limit", OCPPD_T_INTEGER },
	{ "after", OCPPD_T_STRING },
};
static const struct ocppd_route routes[] = {
	{ "GET", "/v1/things", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(query),
	  .summary = "All things.", .on_request = on_request },
};
static const struct ocppd_plugin owner_plugin = {
	.guard = OCPPD_GUARD, .name = "owner", .version = "1", .routes = OCPPD_TABLE(routes)
};
static const struct ocppd_plugin server_plugin = { .guard = OCPPD_GUARD,
						   .name = "server",
						   .version = "1" };

/* ---- A server and a storage that write down what they were asked ------------------------------
 */

static void
server_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	struct world *world = connection;
	size_t len = strlen(world->said);
	const char *type = ocppd_json_get_str(body, "type");

	(void)snprintf(world->said + len, sizeof(world->said) - len, "%u %s;", status,
		       is_problem != 0
			       ? type
			       : json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN));
	(void)json_object_put(body);
}

static const struct ocppd_request_server server = { .struct_size = sizeof(server),
						    .reply = server_reply };

static int
storage_query(void *self, struct ocppd_host *host, uint32_t statement,
	      const struct ocppd_value *values, uint32_t count, uint32_t max_rows,
	      ocppd_rows_fn *fn, void *arg)
{
	struct world *world = self;

	(void)values;
	assert_ptr_equal(host, &world->owner);
	world->statement = statement;
	world->count = count;
	world->max_rows = max_rows;
	world->rows_fn = fn;
	world->arg = arg;
	return world->result;
}

static int
storage_unit_new(void *self, struct ocppd_host *host, struct ocppd_unit **ret_unit)
{
	struct world *world = self;
	struct ocppd_unit *unit;

	assert_ptr_equal(host, &world->owner);
	if (world->result == OCPPD_EBUSY)
		return world->result;
	unit = calloc(1, sizeof(*unit));
	assert_non_null(unit);
	unit->world = world;
	world->units++;
	*ret_unit = unit;
	return 0;
}

static int
storage_unit_add(struct ocppd_unit *unit, struct ocppd_host *host, uint32_t statement,
		 const struct ocppd_value *values, uint32_t count, uint32_t flags)
{
	(void)host;
	(void)values;
	unit->world->statement = statement;
	unit->world->count = count;
	unit->world->flags = flags;
	return unit->world->result;
}

static void
storage_unit_free(struct ocppd_unit *unit)
{
	if (unit != NULL)
		unit->world->units--;
	free(unit);
}

static void
storage_unit_commit(struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg)
{
	unit->world->unit_fn = fn;
	unit->world->arg = arg;
	storage_unit_free(unit);
}

static const struct ocppd_storage_ops storage = {
	.struct_size = sizeof(storage),
	.unit_new = storage_unit_new,
	.unit_add = storage_unit_add,
	.unit_commit = storage_unit_commit,
	.unit_free = storage_unit_free,
	.query = storage_query,
};

static void
world_init(struct world *world)
{
	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->owner, "owner", &owner_plugin);
	fixture_host(&world->fixture, &world->server, "server", &server_plugin);
	world->owner.ctx = world;
	world->works = (struct ocppd_work_owner){
		sizeof(world->works), 0,       &world->owner, &storage, world,
		&world->outstanding,  on_done, world,
	};
	assert_int_equal(host_register(&world->owner, NULL), 0);
	assert_int_equal(host_register(&world->server, NULL), 0);
}

static void
world_fini(struct world *world)
{
	assert_int_equal(world->units, 0);
	fixture_host_stop(&world->owner);
	fixture_host_stop(&world->server);
	fixture_fini(&world->fixture);
}

/* A request with this query: its work. */
static struct own *
ask(struct world *world, const char *const *parameters)
{
	static const char *const none[] = { NULL };
	const char *const path[] = { "thingId", world->path_id, NULL };
	const struct ocppd_request_info info = {
		.struct_size = sizeof(info),
		.role = OCPPD_ROLE_VIEWER,
		.user = "uid:1000",
		.params = world->path_id == NULL ? none : path,
		.query = parameters == NULL ? none : parameters,
	};
	uint32_t is_open = 0;

	world->said[0] = '\0';
	assert_non_null(ocppd_request_call(&world->server, &routes[0], &world->owner, &info,
					   &server, world, &is_open));
	assert_int_equal(is_open, 1);
	assert_int_equal(world->outstanding, 1);
	assert_ptr_equal(world->own->base.ctx, world);
	return world->own;
}

static void
check_ended(const struct world *world, uint32_t times, const char *said)
{
	assert_string_equal(world->said, said);
	assert_int_equal(world->outstanding, 0);
	assert_int_equal(world->done, times);
	assert_int_equal(world->finished, times);
}

static void
on_rows(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct own *own = arg;

	(void)host;
	(void)rows;
	(void)err;
	ocppd_work_reply(&own->base, (uint32_t)result, json_object_new_object());
}

static void
on_unit(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct own *own = arg;

	(void)host;
	(void)rows;
	(void)count;
	ocppd_work_fail(&own->base, result, err);
}

static void
work_is_freed_however_it_is_answered(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	ocppd_work_reply(&ask(&world, NULL)->base, 200, json_object_new_object());
	check_ended(&world, 1, "200 {};");
	ocppd_work_problem(&ask(&world, NULL)->base, 404, "unknown-thing", "100 %s of nothing");
	check_ended(&world, 2, "404 urn:ocppd:problem:unknown-thing;");
	ocppd_work_fail(&ask(&world, NULL)->base, OCPPD_EBUSY, NULL);
	check_ended(&world, 3, "429 urn:ocppd:problem:busy;");
	ocppd_request_reply(&world.owner, ask(&world, NULL)->base.request, 201,
			    json_object_new_object());
	ocppd_work_end(&world.own->base);
	check_ended(&world, 4, "201 {};");
	world_fini(&world);
}

static void
work_that_is_parked_is_not_waited_for(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	ask(&world, NULL)->base.is_parked = 1;
	world.outstanding--;
	ocppd_work_reply(&world.own->base, 200, json_object_new_object());
	assert_string_equal(world.said, "200 {};");
	assert_int_equal(world.outstanding, 0);
	assert_int_equal(world.done, 0);
	assert_int_equal(world.finished, 1);
	world_fini(&world);
}

static void
work_asks_for_one_row_more_than_the_limit(void **state)
{
	static const struct {
		const char *limit;
		int64_t set; /* by the module; -2: not */
		uint32_t max_rows;
	} rows[] = {
		{ NULL, -2, 101 },       { "7", -2, 8 },
		{ "99999", -2, 100000 }, { "100000", -2, 100000 },
		{ "7", 0, 1 },           { "7", 1000, 1001 },
		{ "7", -1, 100000 },     { "7", INT64_MAX, 100000 },
	};
	const struct ocppd_value value = ocppd_value_int(1);
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const parameters[] = { rows[i].limit == NULL ? NULL : "limit",
						   rows[i].limit, NULL };
		struct own *own = ask(&world, parameters);

		if (rows[i].set != -2)
			own->base.limit = rows[i].set;
		ocppd_work_query(&own->base, STATEMENT_READ, &value, 1, on_rows);
		assert_int_equal(world.statement, STATEMENT_READ);
		assert_int_equal(world.count, 1);
		assert_int_equal(world.max_rows, rows[i].max_rows);
		assert_ptr_equal(world.arg, own);
		world.rows_fn(&world.owner, 200, NULL, NULL, world.arg);
		check_ended(&world, (uint32_t)i + 1, "200 {};");
	}
	world_fini(&world);
}

static void
work_whose_query_cannot_run_is_answered(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	world.result = OCPPD_EBUSY;
	ocppd_work_query(&ask(&world, NULL)->base, STATEMENT_READ, NULL, 0, on_rows);
	check_ended(&world, 1, "429 urn:ocppd:problem:busy;");
	world_fini(&world);
}

static void
work_that_writes_expects_a_row(void **state)
{
	const struct ocppd_value value = ocppd_value_int(1);
	struct world world;

	(void)state;
	world_init(&world);
	ocppd_work_write(&ask(&world, NULL)->base, STATEMENT_WRITE, &value, 1, on_unit);
	assert_int_equal(world.statement, STATEMENT_WRITE);
	assert_int_equal(world.count, 1);
	assert_int_equal(world.flags, OCPPD_UNIT_EXPECT_ROW);
	assert_ptr_equal(world.arg, world.own);
	world.unit_fn(&world.owner, OCPPD_EIO, NULL, 0, NULL, world.arg);
	check_ended(&world, 1, "503 urn:ocppd:problem:unavailable;");
	world_fini(&world);
}

static void
work_whose_unit_cannot_be_made_is_answered(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	world.result = OCPPD_EBUSY; /* no unit */
	ocppd_work_write(&ask(&world, NULL)->base, STATEMENT_WRITE, NULL, 0, on_unit);
	check_ended(&world, 1, "429 urn:ocppd:problem:busy;");
	world.result = OCPPD_ENOMEM; /* one that takes no statement */
	ocppd_work_write(&ask(&world, NULL)->base, STATEMENT_WRITE, NULL, 0, on_unit);
	check_ended(&world, 2, "503 urn:ocppd:problem:out-of-memory;");
	assert_null(world.unit_fn);
	world_fini(&world);
}

static void
work_of_a_list_reads_its_cursor(void **state)
{
	static const char *const given[] = { "after", "15", NULL };
	static const char *const broken[] = { "after", "15x", NULL };
	struct world world;
	struct own *own;

	(void)state;
	world_init(&world);
	own = ask(&world, NULL);
	assert_int_equal(ocppd_work_after(&own->base, &own->cursor), 0);
	assert_true(own->cursor == INT64_MAX);
	ocppd_work_reply(&own->base, 200, json_object_new_object());
	check_ended(&world, 1, "200 {};");

	own = ask(&world, given);
	assert_int_equal(ocppd_work_after(&own->base, &own->cursor), 0);
	assert_int_equal(own->cursor, 15);
	ocppd_work_reply(&own->base, 200, json_object_new_object());
	check_ended(&world, 2, "200 {};");

	own = ask(&world, broken);
	assert_int_equal(ocppd_work_after(&own->base, &own->cursor), OCPPD_EINVAL);
	check_ended(&world, 3, "400 urn:ocppd:problem:bad-cursor;");
	world_fini(&world);
}

static void
on_written(void *arg)
{
	struct own *own = arg;

	ocppd_work_reply(&own->base, 200, json_object_new_object());
}

/* Those that wait, in order: what each was told goes to the end of `said`. */
static void
work_waits_for_the_writes_before_it(void **state)
{
	struct world world;
	struct own *first;
	struct own *second;

	(void)state;
	world_init(&world);
	world.works.writes = &world.writes;
	ocppd_work_await(&ask(&world, NULL)->base, on_written);
	check_ended(&world, 1, "200 {};");

	ocppd_writes_begin(&world.writes);
	first = ask(&world, NULL);
	ocppd_work_await(&first->base, on_written);
	assert_string_equal(world.said, "");
	world.outstanding--; /* ask() looks at one */
	ocppd_writes_begin(&world.writes);
	second = ask(&world, NULL);
	ocppd_work_await(&second->base, on_written);
	world.outstanding++;
	assert_ptr_equal(world.writes.first, &first->base);
	assert_ptr_equal(world.writes.last, &second->base);

	ocppd_writes_end(&world.writes);
	assert_string_equal(world.said, "200 {};");
	assert_ptr_equal(world.writes.first, &second->base);
	assert_int_equal(world.outstanding, 1);
	ocppd_writes_end(&world.writes);
	check_ended(&world, 3, "200 {};200 {};");
	assert_null(world.writes.first);
	assert_null(world.writes.last);
	world_fini(&world);
}

/* A write that began later holds up nobody who came before. */
static void
work_does_not_wait_for_the_writes_after_it(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	world.works.writes = &world.writes;
	ocppd_writes_begin(&world.writes);
	ocppd_work_await(&ask(&world, NULL)->base, on_written);
	ocppd_writes_begin(&world.writes);
	assert_string_equal(world.said, "");
	ocppd_writes_end(&world.writes);
	check_ended(&world, 1, "200 {};");
	ocppd_writes_end(&world.writes);
	check_ended(&world, 1, "200 {};");
	world_fini(&world);
}

static void
work_of_an_owner_that_counts_no_writes_does_not_wait(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	ocppd_work_await(&ask(&world, NULL)->base, on_written);
	check_ended(&world, 1, "200 {};");
	world_fini(&world);
}

/* ---- Whole answers ----------------------------------------------------------------------------
 */

static struct json_object *
number_json(const struct ocppd_value *row)
{
	struct json_object *body;

	if (row[0].number < 0)
		return NULL;
	body = json_object_new_object();
	(void)ocppd_json_add_int(body, "id", row[0].number);
	return body;
}

static struct json_object *
number_json_in(const struct ocppd_value *row, void *ctx)
{
	const struct world *world = ctx;
	struct json_object *body = number_json(row);

	(void)ocppd_json_add_int(body, "outstanding", world->outstanding);
	return body;
}

static struct own *
ask_for_one(struct world *world)
{
	struct own *own = ask(world, NULL);

	own->base.unknown = "unknown-thing";
	own->base.unknown_text = "There is no such thing";
	return own;
}

static void
work_that_gets_one_answers_with_its_row(void **state)
{
	static const struct {
		const char *label;
		int result;
		uint32_t count;
		int64_t number;
		const char *said;
	} rows[] = {
		{ "a row", 0, 1, 7, "200 {\"id\":7};" },
		{ "the first of two", 0, 2, 7, "200 {\"id\":7};" },
		{ "none", 0, 0, 0, "404 urn:ocppd:problem:unknown-thing;" },
		{ "storage fails", OCPPD_EIO, 0, 0, "503 urn:ocppd:problem:unavailable;" },
		{ "no memory for it", 0, 1, -1, "503 urn:ocppd:problem:out-of-memory;" },
	};
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct ocppd_value values[] = { ocppd_value_int(rows[i].number),
						      ocppd_value_int(1) };
		const struct ocppd_rows found = { .values = values,
						  .count = rows[i].count,
						  .columns = 1 };

		ocppd_work_get(&ask_for_one(&world)->base, STATEMENT_READ, values, 1, number_json);
		assert_int_equal(world.statement, STATEMENT_READ);
		assert_int_equal(world.count, 1);
		world.rows_fn(&world.owner, rows[i].result, &found, NULL, world.arg);
		if (strcmp(world.said, rows[i].said) != 0)
			fail_msg("%s: %s", rows[i].label, world.said);
		check_ended(&world, (uint32_t)i + 1, rows[i].said);
	}
	world_fini(&world);
}

static void
work_that_lists_answers_with_a_page(void **state)
{
	static const struct ocppd_page plain = { sizeof(plain), 0, .row_json = number_json };
	static const struct ocppd_page known = { sizeof(known), 0, .row_json_in = number_json_in };
	static const char *const limit[] = { "limit", "2", NULL };
	const struct ocppd_value values[] = { ocppd_value_int(5), ocppd_value_int(4),
					      ocppd_value_int(3) };
	struct ocppd_rows found = { .values = values, .count = 3, .columns = 1 };
	struct world world;

	(void)state;
	world_init(&world);
	ocppd_work_list(&ask(&world, limit)->base, STATEMENT_READ, values, 1, &plain);
	assert_int_equal(world.max_rows, 3);
	world.rows_fn(&world.owner, 0, &found, NULL, world.arg);
	check_ended(&world, 1, "200 {\"items\":[{\"id\":5},{\"id\":4}],\"next\":\"4\"};");

	found.count = 1;
	ocppd_work_list(&ask(&world, limit)->base, STATEMENT_READ, values, 1, &known);
	world.rows_fn(&world.owner, 0, &found, NULL, world.arg);
	check_ended(&world, 2, "200 {\"items\":[{\"id\":5,\"outstanding\":1}]};");

	ocppd_work_list(&ask(&world, limit)->base, STATEMENT_READ, values, 1, &plain);
	world.rows_fn(&world.owner, OCPPD_EIO, NULL, NULL, world.arg);
	check_ended(&world, 3, "503 urn:ocppd:problem:unavailable;");
	world_fini(&world);
}

static void
work_that_deletes_tells_whether_there_was_one(void **state)
{
	static const struct {
		int result;
		const char *said;
	} rows[] = {
		{ 0, "204 null;" },
		{ OCPPD_ECONFLICT, "404 urn:ocppd:problem:unknown-thing;" },
		{ OCPPD_EIO, "503 urn:ocppd:problem:unavailable;" },
	};
	const struct ocppd_value value = ocppd_value_int(1);
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ocppd_work_delete(&ask_for_one(&world)->base, STATEMENT_WRITE, &value, 1);
		assert_int_equal(world.statement, STATEMENT_WRITE);
		assert_int_equal(world.flags, OCPPD_UNIT_EXPECT_ROW);
		world.unit_fn(&world.owner, rows[i].result, NULL, 0, NULL, world.arg);
		check_ended(&world, (uint32_t)i + 1, rows[i].said);
	}
	world_fini(&world);
}

static void
work_of_a_number_in_the_path_reads_it(void **state)
{
	static const struct {
		const char *text;
		int64_t id;
	} rows[] = { { "12", 12 }, { "0", 0 }, { "-1", -1 }, { "x", -1 }, { "", -1 } };
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct own *own;
		int64_t id = -1;
		int r;

		world.path_id = rows[i].text;
		own = ask_for_one(&world);
		r = ocppd_work_id(&own->base, "thingId", &id);
		assert_int_equal(id, rows[i].id);
		if (r == 0)
			ocppd_work_reply(&own->base, 200, json_object_new_object());
		assert_int_equal(r, rows[i].id < 0 ? OCPPD_EINVAL : 0);
		check_ended(&world, (uint32_t)i + 1,
			    r == 0 ? "200 {};" : "404 urn:ocppd:problem:unknown-thing;");
	}
	world_fini(&world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(work_is_freed_however_it_is_answered),
		cmocka_unit_test(work_that_is_parked_is_not_waited_for),
		cmocka_unit_test(work_asks_for_one_row_more_than_the_limit),
		cmocka_unit_test(work_whose_query_cannot_run_is_answered),
		cmocka_unit_test(work_that_writes_expects_a_row),
		cmocka_unit_test(work_whose_unit_cannot_be_made_is_answered),
		cmocka_unit_test(work_of_a_list_reads_its_cursor),
		cmocka_unit_test(work_waits_for_the_writes_before_it),
		cmocka_unit_test(work_does_not_wait_for_the_writes_after_it),
		cmocka_unit_test(work_of_an_owner_that_counts_no_writes_does_not_wait),
		cmocka_unit_test(work_that_gets_one_answers_with_its_row),
		cmocka_unit_test(work_that_lists_answers_with_a_page),
		cmocka_unit_test(work_that_deletes_tells_whether_there_was_one),
		cmocka_unit_test(work_of_a_number_in_the_path_reads_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
