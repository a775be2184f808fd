/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Routes, and requests on them: answers now and later, problems, long answers, early departures. */
#include "runtime_fixture.h"

#include <json-c/json.h>
#include <ocppd/json.h>

struct world {
	struct fixture fixture;
	struct ocppd_host owner;
	struct ocppd_host server;
	struct ocppd_request *open; /* as the handler keeps it */
	char said[2048];            /* what the server was told */
	int write_result;
	bool goes_while_writing;
	struct ocppd_request *handle; /* as the server keeps it */
	uint32_t ready;
	uint32_t gone;
	bool is_older; /* the server was built for another minor */
};

static void on_now(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
static void on_later(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

static const struct ocppd_field query[] = {
	{ "limit", OCPPD_T_INTEGER },
	{ "active", OCPPD_T_BOOLEAN },
	{ "from", OCPPD_T_TIMESTAMP },
};
static const struct ocppd_route routes[] = {
	{ "GET", "/v1/things/{thingId}", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(query),
	  .summary = "One thing.", .on_request = on_now },
	{ "POST", "/v1/things/{thingId}", OCPPD_ROLE_OPERATOR, .summary = "Change it.",
	  .on_request = on_later },
};
static const struct ocppd_route colliding_routes[] = {
	{ "GET", "/v1/things/{id}", OCPPD_ROLE_VIEWER, .summary = "The same.",
	  .on_request = on_now },
};
static const struct ocppd_plugin owner_plugin = {
	.guard = OCPPD_GUARD, .name = "owner", .version = "1", .routes = OCPPD_TABLE(routes)
};
static const struct ocppd_plugin other_plugin = { .guard = OCPPD_GUARD,
						  .name = "other",
						  .version = "1",
						  .routes = OCPPD_TABLE(colliding_routes) };
static const struct ocppd_plugin server_plugin = { .guard = OCPPD_GUARD,
						   .name = "server",
						   .version = "1" };

static void
say(struct world *world, const char *what, int64_t number, const char *text)
{
	size_t len = strlen(world->said);

	(void)snprintf(world->said + len, sizeof(world->said) - len, "%s %lld %s;", what,
		       (long long)number, text);
}

static void
server_reply(void *connection, uint32_t status, uint32_t is_problem, struct json_object *body)
{
	say(connection, is_problem ? "problem" : "reply", status,
	    body ? json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE)
		 : "-");
	(void)json_object_put(body);
}

static void
server_begin(void *connection, uint32_t status, const char *content_type)
{
	say(connection, "begin", status, content_type);
}

static int
server_write(void *connection, const char *data, size_t len)
{
	struct world *world = connection;
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*s", (int)len, data);
	say(world, "write", world->write_result, text);
	if (world->goes_while_writing)
		ocppd_request_gone(world->handle);
	return world->write_result;
}

static void
server_end(void *connection)
{
	say(connection, "end", 0, "-");
}

static void
server_cut(void *connection)
{
	say(connection, "cut", 0, "-");
}

static const struct ocppd_request_server server = {
	sizeof(server), 0, server_reply, server_begin, server_write, server_end, server_cut,
};
/* Of an older minor. */
static const struct ocppd_request_server older_server = {
	offsetof(struct ocppd_request_server, cut),
	0,
	server_reply,
	server_begin,
	server_write,
	server_end,
};

static void
on_now(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct json_object *body = json_object_new_object();

	(void)ctx;
	(void)ocppd_json_add_str(body, "id", ocppd_request_param(request, "thingId"));
	(void)ocppd_json_add_str(body, "nothing", ocppd_request_param(request, "nothing"));
	(void)ocppd_json_add_int(body, "limit", ocppd_request_query_int(request, "limit", 100));
	(void)ocppd_json_add_int(body, "active", ocppd_request_query_int(request, "active", -1));
	(void)ocppd_json_add_int(body, "from", ocppd_request_query_int(request, "from", -1));
	(void)ocppd_json_add_str(body, "user", ocppd_request_user(request));
	(void)ocppd_json_add_int(body, "role", ocppd_request_role(request));
	ocppd_request_reply(host, request, 200, body);
}

static void
on_later(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct world *world = ctx;

	assert_ptr_equal(host, &world->owner);
	world->open = request;
}

static void
world_init(struct world *world)
{
	*world = (struct world){ 0 };
	fixture_init(&world->fixture, true);
	fixture_host(&world->fixture, &world->owner, "owner", &owner_plugin);
	fixture_host(&world->fixture, &world->server, "server", &server_plugin);
	world->owner.ctx = world;
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

static uint32_t
call(struct world *world, const struct ocppd_route *route, struct json_object *body)
{
	static const char *const params[] = { "thingId", "T 1", NULL };
	static const char *const parameters[] = { "limit", "7",    "active",
						  "true",  "from", "1970-01-01T00:00:01Z",
						  NULL };
	const struct ocppd_request_info info = {
		.struct_size = sizeof(info),
		.role = OCPPD_ROLE_OPERATOR,
		.user = "uid:1000",
		.params = params,
		.query = parameters,
		.body = body,
	};
	uint32_t is_open = 7;

	world->said[0] = '\0';
	world->handle =
		ocppd_request_call(&world->server, route, &world->owner, &info,
				   world->is_older ? &older_server : &server, world, &is_open);
	assert_non_null(world->handle);
	return is_open;
}

static int
count_route(const struct ocppd_route *route, struct ocppd_host *owner, void *arg)
{
	assert_non_null(route->path);
	assert_string_equal(owner->name, "owner");
	++*(int *)arg;
	return 0;
}

static void
routes_are_seen_while_their_module_runs(void **state)
{
	struct world world;
	uint64_t generation;
	int count = 0;

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_route_each(&world.server, count_route, &count), 0);
	assert_int_equal(count, 2);
	world.owner.state = HOST_STOPPING;
	assert_int_equal(ocppd_route_each(&world.server, count_route, &count), 0);
	assert_int_equal(count, 2);
	generation = ocppd_catalogue_generation(&world.server);
	host_unregister(&world.owner);
	assert_true(ocppd_catalogue_generation(&world.server) > generation);
	world_fini(&world);
}

static void
route_of_two_modules_is_refused(void **state)
{
	struct world world;
	struct ocppd_host other;
	struct ocppd_error err;

	(void)state;
	world_init(&world);
	fixture_host(&world.fixture, &other, "other", &other_plugin);
	assert_int_equal(host_register(&other, &err), OCPPD_EEXIST);
	assert_string_equal(err.text, "owner and other both have the route GET /v1/things/{id}");
	fixture_host_stop(&other);
	world_fini(&world);
}

static void
request_answered_at_once_is_closed(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(call(&world, &routes[0], NULL), 0);
	assert_string_equal(world.said,
			    "reply 200 {\"id\":\"T 1\",\"limit\":7,\"active\":1,\"from\":1000000,"
			    "\"user\":\"uid:1000\",\"role\":2};");
	ocppd_request_gone(world.handle);
	(void)core_turn(&world.fixture.core);
	world_fini(&world);
}

static void
request_answered_later_is_told_once(void **state)
{
	struct world world;
	struct json_object *body = json_object_new_object();

	(void)state;
	world_init(&world);
	assert_int_equal(call(&world, &routes[1], body), 1);
	assert_ptr_equal(world.handle, world.open);
	assert_ptr_equal(ocppd_request_body(world.open), body);
	assert_string_equal(world.said, "");
	ocppd_request_reply(&world.owner, world.open, 200, NULL);
	assert_string_equal(world.said, "reply 204 -;");
	(void)call(&world, &routes[1], NULL);
	ocppd_request_reply(&world.owner, world.open, 201, json_object_new_object());
	assert_string_equal(world.said, "reply 201 {};");
	world_fini(&world);
}

static void
problem_is_rfc_9457(void **state)
{
	static const struct {
		int result;
		const char *text;
	} cases[] = {
		{ OCPPD_EINVAL, "problem 400 {\"type\":\"urn:ocppd:problem:invalid\",\"title\":"
				"\"Invalid\",\"status\":400,\"detail\":\"breaks a rule\"};" },
		{ OCPPD_ERANGE, "problem 400 " },
		{ OCPPD_EDENIED, "problem 403 " },
		{ OCPPD_ENOENT, "problem 404 " },
		{ OCPPD_EEXIST, "problem 409 " },
		{ OCPPD_ECONFLICT, "problem 409 " },
		{ OCPPD_ESTATE, "problem 409 " },
		{ OCPPD_ENOTCONN, "problem 409 {\"type\":\"urn:ocppd:problem:not-connected\","
				  "\"title\":\"Not connected\"" },
		{ OCPPD_EREFUSED, "problem 422 " },
		{ OCPPD_EBUSY, "problem 429 " },
		{ OCPPD_ENOTSUP, "problem 501 " },
		{ OCPPD_ESHUTDOWN, "problem 503 " },
		{ OCPPD_EIO, "problem 503 " },
		{ OCPPD_ENOMEM, "problem 503 " },
		{ OCPPD_ESPACE, "problem 503 " },
		{ OCPPD_ETIMEDOUT, "problem 504 " },
		{ OCPPD_EVERSION, "problem 500 {\"type\":\"urn:ocppd:problem:internal\"" },
		{ -1000, "problem 500 " },
	};
	struct ocppd_error err;
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)call(&world, &routes[1], NULL);
		ocppd_request_fail(&world.owner, world.open, cases[i].result, NULL);
		assert_memory_equal(world.said, cases[i].text, strlen(cases[i].text));
	}
	(void)ocppd_error_option(&err, OCPPD_EINVAL, "a.b", "must be \"x\"");
	(void)call(&world, &routes[1], NULL);
	ocppd_request_fail(&world.owner, world.open, OCPPD_EINVAL, &err);
	assert_non_null(strstr(world.said, "\"detail\":\"must be \\\"x\\\"\",\"member\":\"a.b\"}"));
	(void)call(&world, &routes[1], NULL);
	ocppd_request_problem(&world.owner, world.open, 404, "unknown-station", "no station %d", 5);
	assert_string_equal(world.said,
			    "problem 404 {\"type\":\"urn:ocppd:problem:unknown-station\",\"title\":"
			    "\"Unknown station\",\"status\":404,\"detail\":\"no station 5\"};");
	world_fini(&world);
}

static void
on_ready(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct world *world = arg;

	world->ready++;
	if (world->ready == 2) {
		assert_int_equal(ocppd_request_write(host, request, "c", 1), 0);
		ocppd_request_end(host, request);
	}
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct world *world = arg;

	(void)host;
	(void)request;
	world->gone++;
}

static void
begin(struct world *world)
{
	(void)call(world, &routes[1], NULL);
	assert_int_equal(ocppd_request_begin(&world->owner, world->open, 200, "text/event-stream",
					     on_ready, on_gone, world),
			 0);
}

static void
long_answer_waits_for_room(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	begin(&world);
	assert_int_equal(ocppd_request_begin(&world.owner, world.open, 200, "x", NULL, NULL, NULL),
			 OCPPD_ESTATE);
	assert_int_equal(ocppd_request_write(&world.owner, world.open, "a", 1), 0);
	world.write_result = OCPPD_EBUSY;
	assert_int_equal(ocppd_request_write(&world.owner, world.open, "b", 1), OCPPD_EBUSY);
	world.write_result = 0;
	ocppd_request_ready(world.handle);
	ocppd_request_ready(world.handle);
	assert_int_equal(world.ready, 0);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.ready, 1);
	ocppd_request_ready(world.handle);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.ready, 2);
	assert_string_equal(world.said, "begin 200 text/event-stream;write 0 a;write -5 b;"
					"write 0 c;end 0 -;");
	world_fini(&world);
}

static void
long_answer_whose_asker_goes(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	/* Told by the loop. */
	begin(&world);
	ocppd_request_gone(world.handle);
	assert_int_equal(world.gone, 0);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.gone, 1);
	/* The handler is faster: then it is not told again. */
	begin(&world);
	ocppd_request_gone(world.handle);
	assert_int_equal(ocppd_request_write(&world.owner, world.open, "a", 1), OCPPD_EGONE);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.gone, 1);
	/* The server notices while it writes. */
	begin(&world);
	world.goes_while_writing = true;
	assert_int_equal(ocppd_request_write(&world.owner, world.open, "a", 1), OCPPD_EGONE);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.gone, 1);
	/* The server answers EGONE by itself. */
	world.goes_while_writing = false;
	world.write_result = OCPPD_EGONE;
	begin(&world);
	assert_int_equal(ocppd_request_write(&world.owner, world.open, "a", 1), OCPPD_EGONE);
	assert_null(strstr(world.said, "end"));
	world_fini(&world);
}

static void
long_answer_to_who_takes_none_is_a_problem(void **state)
{
	static const struct ocppd_request_server short_server = {
		.struct_size = sizeof(short_server),
		.reply = server_reply,
	};
	static const char *const none[] = { NULL };
	const struct ocppd_request_info info = { .struct_size = sizeof(info),
						 .role = OCPPD_ROLE_OPERATOR,
						 .user = "uid:1000",
						 .params = none,
						 .query = none };
	struct world world;
	uint32_t is_open = 0;

	(void)state;
	world_init(&world);
	assert_non_null(ocppd_request_call(&world.server, &routes[1], &world.owner, &info,
					   &short_server, &world, &is_open));
	assert_int_equal(is_open, 1);
	assert_int_equal(ocppd_request_begin(&world.owner, world.open, 200, "text/event-stream",
					     on_ready, on_gone, &world),
			 OCPPD_EGONE);
	assert_ptr_equal(
		strstr(world.said, "problem 501 {\"type\":\"urn:ocppd:problem:unsupported\""),
		world.said);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.ready, 0);
	assert_int_equal(world.gone, 0);
	world_fini(&world);
}

static void
request_whose_asker_went_is_still_answered(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	(void)call(&world, &routes[1], NULL);
	ocppd_request_gone(world.handle);
	ocppd_request_reply(&world.owner, world.open, 200, json_object_new_object());
	assert_string_equal(world.said, "");
	(void)call(&world, &routes[1], NULL);
	ocppd_request_gone(world.handle);
	assert_int_equal(ocppd_request_begin(&world.owner, world.open, 200, "x", NULL, NULL, NULL),
			 OCPPD_EGONE);
	assert_string_equal(world.said, "");
	world_fini(&world);
}

static void
request_of_a_stopping_module_gets_503(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	(void)call(&world, &routes[1], NULL);
	world.owner.state = HOST_STOPPED;
	host_unregister(&world.owner);
	assert_ptr_equal(strstr(world.said, "problem 503 {\"type\":\"urn:ocppd:problem:stopping\""),
			 world.said);
	assert_int_equal(call(&world, &routes[1], NULL), 0);
	assert_memory_equal(world.said, "problem 503 ", 12);
	world.owner.state = HOST_RUNNING;
	begin(&world);
	ocppd_request_ready(world.handle);
	world.owner.state = HOST_STOPPED;
	host_unregister(&world.owner);
	assert_string_equal(world.said, "begin 200 text/event-stream;cut 0 -;");
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.ready, 0);
	world_fini(&world);
}

static void
request_whose_server_stops_is_forgotten(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	(void)call(&world, &routes[1], NULL);
	host_unregister(&world.server);
	ocppd_request_reply(&world.owner, world.open, 200, NULL);
	assert_string_equal(world.said, "");
	begin(&world);
	host_unregister(&world.server);
	(void)core_turn(&world.fixture.core);
	assert_int_equal(world.gone, 1);
	assert_string_equal(world.said, "begin 200 text/event-stream;");
	world_fini(&world);
}

static void
request_answered_after_begin_is_cut(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	begin(&world);
	ocppd_request_fail(&world.owner, world.open, OCPPD_EIO, NULL);
	assert_string_equal(world.said, "begin 200 text/event-stream;cut 0 -;");
	assert_non_null(strstr(world.fixture.last_line, "ev=request.misused plugin=owner"));
	(void)call(&world, &routes[1], NULL);
	ocppd_request_end(&world.owner, world.open);
	assert_string_equal(world.said, "reply 204 -;");
	(void)call(&world, &routes[1], NULL);
	ocppd_request_cut(&world.owner, world.open);
	assert_memory_equal(world.said, "problem 503 ", 12);
	begin(&world);
	ocppd_request_cut(&world.owner, world.open);
	assert_string_equal(world.said, "begin 200 text/event-stream;cut 0 -;");
	world.is_older = true;
	begin(&world);
	ocppd_request_cut(&world.owner, world.open);
	assert_string_equal(world.said, "begin 200 text/event-stream;end 0 -;");
	world_fini(&world);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(routes_are_seen_while_their_module_runs),
		cmocka_unit_test(route_of_two_modules_is_refused),
		cmocka_unit_test(request_answered_at_once_is_closed),
		cmocka_unit_test(request_answered_later_is_told_once),
		cmocka_unit_test(problem_is_rfc_9457),
		cmocka_unit_test(long_answer_waits_for_room),
		cmocka_unit_test(long_answer_whose_asker_goes),
		cmocka_unit_test(long_answer_to_who_takes_none_is_a_problem),
		cmocka_unit_test(request_whose_asker_went_is_still_answered),
		cmocka_unit_test(request_of_a_stopping_module_gets_503),
		cmocka_unit_test(request_whose_server_stops_is_forgotten),
		cmocka_unit_test(request_answered_after_begin_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
