/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Answers as CSV: at the asker's pace, and freed once, however they end. */
#include "runtime_fixture.h"

#include <ocppd/csv.h>
#include <ocppd/json.h>
#include <ocppd/rows.h>
#include <ocppd/work.h>

#include "runtime/csv_answer.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct world {
	struct fixture fixture;
	struct ocppd_host owner;
	struct ocppd_host server;
	struct ocppd_work_owner works;
	uint32_t outstanding;
	uint32_t done;
	uint32_t finished;
	uint32_t reads;
	int read_result;
	struct own *own;
	struct ocppd_request *handle; /* the server's */
	int write_result;
	char said[1024]; /* what the server was told */
};

struct own {
	struct ocppd_csv csv;
	char *text;
};

static const char *const columns[] = { "name", "count", "time" };

static void
own_fini(void *csv)
{
	struct own *own = csv;
	struct world *world = own->csv.ctx;

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

static int
own_read(void *csv)
{
	struct own *own = csv;
	struct world *world = own->csv.ctx;

	world->reads++;
	return world->read_result;
}

static void
on_request(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct world *world = ctx;

	(void)host;
	world->own = ocppd_csv_new(&world->works, request, sizeof(struct own));
	assert_non_null(world->own);
	assert_int_equal(world->outstanding, 1);
	assert_ptr_equal(world->own->csv.ctx, world);
	world->own->csv.read = own_read;
	world->own->csv.fini = own_fini;
	world->own->text = strdup("x");
	ocppd_csv_begin(&world->own->csv, columns, 3);
}

static const struct ocppd_route routes[] = {
	{ "GET", "/v1/things.csv", OCPPD_ROLE_VIEWER, .summary = "All things.",
	  .on_request = on_request },
};
static const struct ocppd_plugin owner_plugin = {
	.guard = OCPPD_GUARD, .name = "owner", .version = "1", .routes = OCPPD_TABLE(routes)
};
static const struct ocppd_plugin server_plugin = { .guard = OCPPD_GUARD,
						   .name = "server",
						   .version = "1" };

/* ---- A server that writes down what it was told ------------------------------------------------
 */

static void
say(struct world *world, const char *what, const char *text, size_t text_len)
{
	size_t len = strlen(world->said);

	(void)snprintf(world->said + len, sizeof(world->said) - len, "%s(%.*s)", what,
		       (int)text_len, text);
}

static void
server_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	const char *type = ocppd_json_get_str(body, "type");

	(void)status;
	assert_int_equal(is_problem, 1);
	say(connection, "problem", type, strlen(type));
	(void)json_object_put(body);
}

static void
server_begin(void *connection, uint32_t status, const char *content_type)
{
	assert_int_equal(status, 200);
	say(connection, "begin", content_type, strcspn(content_type, ";"));
}

static int
server_write(void *connection, const char *data, size_t len)
{
	struct world *world = connection;

	if (world->write_result == 0)
		say(world, "write", data, len);
	return world->write_result;
}

static void
server_end(void *connection)
{
	say(connection, "end", "", 0);
}

static void
server_cut(void *connection)
{
	say(connection, "cut", "", 0);
}

static const struct ocppd_request_server server = {
	sizeof(server), 0, server_reply, server_begin, server_write, server_end, server_cut,
};
static const struct ocppd_request_server short_server = { .struct_size = sizeof(short_server),
							  .reply = server_reply };

static void
world_init(struct world *world)
{
	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->owner, "owner", &owner_plugin);
	fixture_host(&world->fixture, &world->server, "server", &server_plugin);
	world->owner.ctx = world;
	world->works.struct_size = sizeof(world->works);
	world->works.host = &world->owner;
	world->works.outstanding = &world->outstanding;
	world->works.done = on_done;
	world->works.ctx = world;
	assert_int_equal(host_register(&world->owner, NULL), 0);
	assert_int_equal(host_register(&world->server, NULL), 0);
}

static void
world_fini(struct world *world)
{
	fixture_host_stop(&world->owner);
	fixture_host_stop(&world->server);
	fixture_fini(&world->fixture);
}

/* The answer, whose first page is being read. */
static struct ocppd_csv *
ask(struct world *world, const struct ocppd_request_server *ops)
{
	static const char *const none[] = { NULL };
	const struct ocppd_request_info info = {
		.struct_size = sizeof(info),
		.role = OCPPD_ROLE_VIEWER,
		.user = "uid:1000",
		.params = none,
		.query = none,
	};
	uint32_t is_open = 0;

	world->said[0] = '\0';
	world->handle = ocppd_request_call(&world->server, &routes[0], &world->owner, &info, ops,
					   world, &is_open);
	return is_open == 0 ? NULL : &world->own->csv;
}

static void
add_row(struct ocppd_csv *csv, const char *name, int64_t count)
{
	const struct ocppd_value values[] = { ocppd_value_int(count),
					      ocppd_value_int(FIXTURE_NOW_US) };

	ocppd_csv_add_str(csv, name);
	ocppd_csv_add_value(csv, &values[0]);
	ocppd_csv_add_time_value(csv, &values[1]);
	ocppd_csv_end_row(csv);
}

static void
check_ended(struct world *world, const char *said)
{
	assert_string_equal(world->said, said);
	assert_int_equal(world->outstanding, 0);
	assert_int_equal(world->done, 1);
	assert_int_equal(world->finished, 1);
	/* What the loop still has to tell meets nobody. */
	(void)core_turn(&world->fixture.core);
	world_fini(world);
}

/* ---- Cases ------------------------------------------------------------------------------------
 */

static void
csv_answer_goes_on_until_the_last_page(void **state)
{
	struct world world;
	struct ocppd_csv *csv;

	(void)state;
	world_init(&world);
	csv = ask(&world, &server);
	assert_non_null(csv);
	assert_string_equal(world.said, "begin(text/csv)");
	add_row(csv, "a", -1);
	ocppd_csv_page(csv, 0, 0);
	assert_int_equal(world.reads, 2);
	add_row(csv, "=b,c", 7);
	ocppd_csv_page(csv, 0, 1);
	assert_int_equal(world.reads, 2);
	check_ended(&world, "begin(text/csv)"
			    "write(name,count,time\r\na,-1,2026-03-01T10:00:00.000Z\r\n)"
			    "write(\"'=b,c\",7,2026-03-01T10:00:00.000Z\r\n)end()");
}

static void
csv_answer_without_rows_names_its_columns(void **state)
{
	struct world world;
	struct ocppd_csv *csv;

	(void)state;
	world_init(&world);
	csv = ask(&world, &server);
	ocppd_csv_page(csv, 0, 1);
	check_ended(&world, "begin(text/csv)write(name,count,time\r\n)end()");
}

/* A page that turns out empty, behind another. */
static void
csv_answer_with_an_empty_last_page_ends(void **state)
{
	struct world world;
	struct ocppd_csv *csv;

	(void)state;
	world_init(&world);
	csv = ask(&world, &server);
	ocppd_csv_page(csv, 0, 0);
	ocppd_csv_page(csv, 0, 1);
	check_ended(&world, "begin(text/csv)write(name,count,time\r\n)end()");
}

static void
csv_cell_is_what_its_value_is(void **state)
{
	const struct {
		const char *label;
		struct ocppd_value value;
		const char *cell;
	} rows[] = {
		{ "text", ocppd_value_str("a b"), "\"a b\"" },
		{ "text with quotes", ocppd_value_str("say \"x\""), "\"say \"\"x\"\"\"" },
		{ "no text", ocppd_value_str(NULL), "" },
		{ "empty text", ocppd_value_str(""), "" },
		{ "a part of a text", { .type = OCPPD_VALUE_TEXT, .data = "abc", .len = 2 }, "ab" },
		{ "number", ocppd_value_int(INT64_MIN), "-9223372036854775808" },
		{ "fraction", { .type = OCPPD_VALUE_DOUBLE, .real = -0.5 }, "-0.5" },
		{ "bytes", { .type = OCPPD_VALUE_BYTES, .data = "ab", .len = 2 }, "" },
		{ "nothing", ocppd_value_null(), "" },
	};
	const struct ocppd_value texts[] = { ocppd_value_str("x"), ocppd_value_int(INT64_MAX) };
	char wanted[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;
		struct ocppd_csv *csv;

		world_init(&world);
		csv = ask(&world, &server);
		ocppd_csv_add_value(csv, &rows[i].value);
		/* No times: nothing, and one beyond the years that have a name. */
		ocppd_csv_add_time_value(csv, &texts[0]);
		ocppd_csv_add_time_value(csv, &texts[1]);
		ocppd_csv_add_str(csv, NULL);
		ocppd_csv_end_row(csv);
		ocppd_csv_page(csv, 0, 1);
		(void)snprintf(wanted, sizeof(wanted),
			       "begin(text/csv)write(name,count,time\r\n%s,,,\r\n)end()",
			       rows[i].cell);
		if (strcmp(world.said, wanted) != 0)
			fail_msg("%s: %s", rows[i].label, world.said);
		check_ended(&world, wanted);
	}
}

static void
csv_page_waits_for_a_slow_asker(void **state)
{
	struct world world;
	struct ocppd_csv *csv;

	(void)state;
	world_init(&world);
	csv = ask(&world, &server);
	/* Nothing waits yet, and one is being read. */
	ocppd_request_ready(world.handle);
	(void)core_turn(&world.fixture.core);
	world.write_result = OCPPD_EBUSY;
	add_row(csv, "a", 1);
	ocppd_csv_page(csv, 0, 0);
	assert_int_equal(world.reads, 1);
	world.write_result = 0;
	ocppd_request_ready(world.handle);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.reads, 2);
	ocppd_csv_page(csv, 0, 1);
	check_ended(&world, "begin(text/csv)"
			    "write(name,count,time\r\na,1,2026-03-01T10:00:00.000Z\r\n)end()");
}

static void
csv_answer_is_freed_when_its_asker_went(void **state)
{
	enum {
		WHILE_READING,
		WHILE_WAITING,
		WHEN_WRITING
	};

	(void)state;
	for (int when = WHILE_READING; when <= WHEN_WRITING; when++) {
		struct world world;
		struct ocppd_csv *csv;

		world_init(&world);
		csv = ask(&world, &server);
		world.write_result = when == WHEN_WRITING ? OCPPD_EGONE : OCPPD_EBUSY;
		if (when != WHILE_READING) {
			add_row(csv, "a", 1);
			ocppd_csv_page(csv, 0, 0);
		}
		if (when != WHEN_WRITING) {
			ocppd_request_gone(world.handle);
			(void)core_turn(&world.fixture.core);
		}
		if (when == WHILE_READING) {
			assert_int_equal(world.done, 0);
			add_row(csv, "a", 1);
			ocppd_csv_page(csv, 0, 0);
		}
		assert_int_equal(world.reads, 1);
		check_ended(&world, "begin(text/csv)");
	}
}

static void
csv_answer_is_cut_when_a_page_cannot_be_read(void **state)
{
	struct world world;
	struct ocppd_csv *csv;

	(void)state;
	/* At the first page, */
	world_init(&world);
	world.read_result = OCPPD_EBUSY;
	assert_null(ask(&world, &server));
	assert_non_null(strstr(world.fixture.last_line, "ev=export.cut plugin=owner err=EBUSY"));
	check_ended(&world, "begin(text/csv)cut()");
	/* when it should have come, */
	world_init(&world);
	csv = ask(&world, &server);
	add_row(csv, "a", 1);
	ocppd_csv_page(csv, OCPPD_EIO, 1);
	assert_non_null(strstr(world.fixture.last_line, "ev=export.cut plugin=owner err=EIO"));
	check_ended(&world, "begin(text/csv)cut()");
	/* and at a later one. */
	world_init(&world);
	csv = ask(&world, &server);
	world.read_result = OCPPD_ESTATE;
	ocppd_csv_page(csv, 0, 0);
	check_ended(&world, "begin(text/csv)write(name,count,time\r\n)cut()");
}

static void
csv_answer_is_cut_when_its_module_stops(void **state)
{
	enum {
		WHILE_READING,
		WHILE_WAITING,
		WHEN_GONE
	};

	(void)state;
	for (int when = WHILE_READING; when <= WHEN_GONE; when++) {
		struct world world;
		struct ocppd_csv *csv;

		world_init(&world);
		csv = ask(&world, &server);
		world.write_result = OCPPD_EBUSY;
		if (when != WHILE_READING) {
			add_row(csv, "a", 1);
			ocppd_csv_page(csv, 0, 0);
		}
		if (when == WHEN_GONE)
			ocppd_request_gone(world.handle);
		world.owner.state = HOST_STOPPING;
		csv_answers_stop(&world.owner);
		assert_int_equal(world.done, when == WHILE_READING ? 0 : 1);
		if (when == WHILE_READING)
			ocppd_csv_page(csv, 0, 1);
		assert_int_equal(world.reads, 1);
		check_ended(&world, when == WHEN_GONE ? "begin(text/csv)" : "begin(text/csv)cut()");
	}
}

static void
csv_answer_of_an_asker_who_takes_no_pieces_is_a_problem(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_null(ask(&world, &short_server));
	assert_int_equal(world.reads, 0);
	check_ended(&world, "problem(urn:ocppd:problem:unsupported)");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_answer_goes_on_until_the_last_page),
		cmocka_unit_test(csv_answer_without_rows_names_its_columns),
		cmocka_unit_test(csv_answer_with_an_empty_last_page_ends),
		cmocka_unit_test(csv_cell_is_what_its_value_is),
		cmocka_unit_test(csv_page_waits_for_a_slow_asker),
		cmocka_unit_test(csv_answer_is_freed_when_its_asker_went),
		cmocka_unit_test(csv_answer_is_cut_when_a_page_cannot_be_read),
		cmocka_unit_test(csv_answer_is_cut_when_its_module_stops),
		cmocka_unit_test(csv_answer_of_an_asker_who_takes_no_pieces_is_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
