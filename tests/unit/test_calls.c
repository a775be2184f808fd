/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * CALLs to stations over a scripted transport: each ends exactly once, whatever happens.
 */
#include "scripted.h"

#include <json-c/json.h>

#include "base/text.h"

struct module {
	uint32_t completed[8]; /* by OCPPD_RES_* */
	uint32_t completed_count;
	int prepare_result;
	bool is_warning;
	struct ocppd_outcall *pending;
	uint32_t completed_before; /* what the station said next */
};

struct asked {
	uint32_t results[8];
	uint32_t count;
	uint32_t warnings;
	char code[64];
	char text[128];
	char conf[128];
};

static int
on_prepare(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req, void *ctx,
	   struct ocppd_error *err)
{
	struct module *module = ctx;

	if (module->is_warning)
		ocppd_outcall_warn(host, call, "limit of %d exceeded", 7);
	if (module->prepare_result < 0)
		return ocppd_error_set(err, module->prepare_result, "not now");
	if (json_object_object_get(req, "id") == NULL)
		json_object_object_add(req, "id", json_object_new_int(42));
	module->pending = call;
	return module->prepare_result;
}

static void
on_completed(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	     struct json_object *req, struct json_object *conf, void *ctx)
{
	struct module *module = ctx;

	(void)host;
	(void)call;
	assert_non_null(req);
	assert_int_equal(conf != NULL, result == OCPPD_RES_REPLY);
	module->completed[result]++;
	module->completed_count++;
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct asked *asked = arg;
	const char *code = "";
	const char *text = "";

	(void)host;
	asked->results[result]++;
	asked->count++;
	for (asked->warnings = 0; ocppd_outcall_warning(call, asked->warnings) != NULL;)
		asked->warnings++;
	if (ocppd_outcall_error(call, &code, &text, NULL) == 0) {
		(void)snprintf(asked->code, sizeof(asked->code), "%s", code);
		(void)snprintf(asked->text, sizeof(asked->text), "%s", text);
	}
	if (conf != NULL)
		(void)snprintf(asked->conf, sizeof(asked->conf), "%s",
			       json_object_to_json_string_ext(conf, JSON_C_TO_STRING_PLAIN));
}

static int
on_notify(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	struct module *module = ctx;

	(void)req;
	module->completed_before = module->completed_count;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

static const struct ocppd_field reset_req[] = {
	{ "type", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 5 },
};
static const struct ocppd_field reserve_req[] = {
	{ "id", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_FILLED },
};
static const char *const status_words[] = { "Accepted", "Rejected", NULL };
static const struct ocppd_field status_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = status_words },
};
static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "Reset", OCPPD_TO_STATION, .req = OCPPD_TABLE(reset_req),
	  .conf = OCPPD_TABLE(status_conf), .completed = on_completed },
	{ "ocpp1.6", "ReserveNow", OCPPD_TO_STATION, .req = OCPPD_TABLE(reserve_req),
	  .conf = OCPPD_TABLE(status_conf), .prepare = on_prepare, .completed = on_completed },
	{ "ocpp1.6", "RemoteStop", OCPPD_TO_STATION,
	  OCPPD_ACTION_ACCEPTED_ONLY | OCPPD_ACTION_PRIORITY, .conf = OCPPD_TABLE(status_conf) },
	{ "ocpp1.6", "Notify", OCPPD_FROM_STATION, .on_call = on_notify },
};
static const struct ocppd_plugin plugin = { .name = "owner", .actions = OCPPD_TABLE(actions) };
static const struct ocppd_plugin asker_plugin = { .name = "asker" };

struct world {
	struct scripted scripted;
	struct ocppd_host owner;
	struct ocppd_host asker;
	struct module module;
	struct asked asked;
	struct scripted_conn *conn;
	struct ocppd_station *station;
};

static void
world_init(struct world *world)
{
	memset(world, 0, sizeof(*world));
	scripted_init(&world->scripted, NULL);
	scripted_load(&world->scripted, &world->owner, "owner", &plugin, &world->module);
	scripted_load(&world->scripted, &world->asker, "asker", &asker_plugin, NULL);
	world->conn = scripted_connect(&world->scripted, "CP1");
	world->station = ocppd_station_find(&world->asker, "CP1");
}

static void
world_fini(struct world *world)
{
	scripted_unload(&world->scripted, &world->asker);
	scripted_unload(&world->scripted, &world->owner);
	scripted_fini(&world->scripted);
}

static int
ask(struct world *world, const char *action, const char *payload, uint32_t flags,
    struct ocppd_error *err)
{
	struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = flags,
		.station = world->station,
		.action = action,
		.payload = payload != NULL ? json_tokener_parse(payload) : NULL,
	};
	uint32_t before = world->asked.count;
	int r = ocppd_call_send(&world->asker, &request, on_result, &world->asked, err);

	assert_int_equal(world->asked.count, before); /* never before the return */
	(void)core_turn(world->scripted.core);
	return r;
}

/* The id of the next frame, which must be a CALL of the action. */
static void
expect_call(struct world *world, const char *action, char ret_id[64])
{
	const char *text = scripted_next(world->conn);
	char expected[80];

	if (text == NULL)
		fail_msg("no CALL, expected %s", action);
	assert_int_equal(strlen(text) > 42, 1);
	assert_memory_equal(text, "[2,\"", 4);
	(void)snprintf(ret_id, 64, "%.36s", text + 4);
	(void)snprintf(expected, sizeof(expected), "\",\"%s\",{", action);
	assert_memory_equal(text + 40, expected, strlen(expected));
}

static void
respond(struct world *world, const char *format, const char *id)
{
	char text[256];
	const char *at = strstr(format, "ID");

	assert_non_null(at);
	(void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - format), format, id, at + 2);
	scripted_recv(world->conn, text);
}

static void
expect_end(const struct world *world, uint32_t result, uint32_t completed)
{
	assert_int_equal(world->asked.count, 1);
	assert_int_equal(world->asked.results[result], 1);
	assert_int_equal(world->module.completed_count, completed);
	if (completed > 0)
		assert_int_equal(world->module.completed[result], 1);
}

static void
calls_reply_reaches_owner_and_asker(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"Soft\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_end(&world, OCPPD_RES_REPLY, 1);
	assert_string_equal(world.asked.conf, "{\"status\":\"Accepted\"}");
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_end(&world, OCPPD_RES_REPLY, 1);
	assert_true(scripted_metric(&world.scripted, "ocppd_results_unsolicited_total", NULL) >
		    0.5);
	world_fini(&world);
}

/* A station that confirms and acts at once: both may be read in one turn. */
static void
calls_reply_is_told_before_what_came_after_it(void **state)
{
	struct world world;
	char text[128];
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"Soft\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	(void)snprintf(text, sizeof(text), "[3,\"%s\",{\"status\":\"Accepted\"}]", id);
	scripted_feed(world.conn, text);
	assert_int_equal(world.asked.count, 0);
	scripted_feed(world.conn, "[2,\"next\",\"Notify\",{}]");
	assert_int_equal(world.module.completed_before, 1);
	expect_end(&world, OCPPD_RES_REPLY, 1);
	(void)core_turn(world.scripted.core);
	expect_end(&world, OCPPD_RES_REPLY, 1);
	world_fini(&world);
}

struct answer_row {
	const char *frame;
	uint32_t result;
	uint32_t warnings;
	const char *code;
	const char *text;
};

static void
calls_answers_end_as_they_should(void **state)
{
	static const struct answer_row rows[] = {
		{ "[3,\"ID\",{\"status\":\"Odd\",\"x\":1}]", OCPPD_RES_REPLY, 2, "", "" },
		{ "[3,\"ID\",{}]", OCPPD_RES_ERROR, 0, "OccurenceConstraintViolation",
		  "status: required, but missing" },
		{ "[3,\"ID\",null]", OCPPD_RES_ERROR, 1, "OccurenceConstraintViolation",
		  "status: required, but missing" },
		{ "[3,\"ID\",[]]", OCPPD_RES_ERROR, 0, "FormationViolation",
		  "the payload is not an object" },
		{ "[4,\"ID\",\"NotSupported\",\"no\",{}]", OCPPD_RES_ERROR, 0, "NotSupported",
		  "no" },
		{ "[4,\"ID\",\"Strange\"]", OCPPD_RES_ERROR, 1, "Strange", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world world;
		char id[64];

		world_init(&world);
		assert_int_equal(ask(&world, "Reset", "{\"type\":\"Soft\"}", 0, NULL), 0);
		expect_call(&world, "Reset", id);
		respond(&world, rows[i].frame, id);
		expect_end(&world, rows[i].result, 1);
		assert_int_equal(world.asked.warnings, rows[i].warnings);
		assert_string_equal(world.asked.code, rows[i].code);
		assert_string_equal(world.asked.text, rows[i].text);
		world_fini(&world);
	}
}

static void
calls_timeout_counts_from_the_write(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"Soft\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	scripted_advance(&world.scripted, 29999);
	assert_int_equal(world.asked.count, 0);
	scripted_advance(&world.scripted, 2);
	expect_end(&world, OCPPD_RES_TIMEOUT, 1);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_end(&world, OCPPD_RES_TIMEOUT, 1);
	world_fini(&world);
}

static void
calls_one_in_flight_priority_first(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "RemoteStop", NULL, 0, NULL), 0);
	expect_call(&world, "Reset", id);
	scripted_expect(world.conn, NULL);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_call(&world, "RemoteStop", id);
	respond(&world, "[4,\"ID\",\"GenericError\",\"\",{}]", id);
	expect_call(&world, "Reset", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	assert_int_equal(world.asked.count, 3);
	world_fini(&world);
}

static void
calls_waiting_too_long_is_a_timeout(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	for (int i = 0; i < 4; i++)
		assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	scripted_advance(&world.scripted, 60001);
	/* Two were sent and timed out, the third may have gone at the end, the fourth waited. */
	assert_true(world.asked.results[OCPPD_RES_TIMEOUT] >= 3);
	scripted_drop(world.conn);
	assert_int_equal(world.asked.count, 4);
	assert_int_equal(world.module.completed_count, 4);
	world_fini(&world);
}

static void
calls_lost_connection_ends_all(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, NULL), 0);
	world.module.prepare_result = OCPPD_PENDING;
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, NULL), 0);
	scripted_drop(world.conn);
	assert_int_equal(world.asked.results[OCPPD_RES_GONE], 3);
	assert_int_equal(world.asked.count, 3);
	assert_int_equal(world.module.completed_count, 2);
	/* The prepare that ends late is told as well, since it passed. */
	ocppd_outcall_ready(&world.owner, world.module.pending, 0, NULL);
	(void)core_turn(world.scripted.core);
	assert_int_equal(world.module.completed[OCPPD_RES_GONE], 3);
	assert_int_equal(world.asked.count, 3);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), OCPPD_ENOTCONN);
	world_fini(&world);
}

static void
calls_pending_prepare_goes_on_or_refuses(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	world.module.prepare_result = OCPPD_PENDING;
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, NULL), 0);
	scripted_expect(world.conn, NULL);
	ocppd_outcall_ready(&world.owner, world.module.pending, 0, NULL);
	(void)core_turn(world.scripted.core);
	expect_call(&world, "ReserveNow", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_end(&world, OCPPD_RES_REPLY, 1);
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, NULL), 0);
	ocppd_outcall_ready(&world.owner, world.module.pending, OCPPD_ENOENT, "no such thing");
	(void)core_turn(world.scripted.core);
	assert_int_equal(world.asked.results[OCPPD_RES_REFUSED], 1);
	assert_string_equal(world.asked.text, "no such thing");
	assert_int_equal(world.module.completed_count, 1);
	world_fini(&world);
}

static void
calls_prepare_refuses_at_once(void **state)
{
	struct world world;
	struct ocppd_error err = { 0 };

	(void)state;
	world_init(&world);
	world.module.prepare_result = OCPPD_ECONFLICT;
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, &err), OCPPD_EREFUSED);
	assert_string_equal(err.text, "not now");
	assert_int_equal(world.asked.count, 0);
	assert_int_equal(world.module.completed_count, 0);
	world_fini(&world);
}

static void
calls_warnings_refuse_with_strict_checks(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	world.module.is_warning = true;
	assert_int_equal(ask(&world, "ReserveNow", NULL, OCPPD_CALL_STRICT, NULL), 0);
	expect_end(&world, OCPPD_RES_REFUSED, 1);
	assert_string_equal(world.asked.text, "limit of 7 exceeded");
	scripted_expect(world.conn, NULL);
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, NULL), 0);
	expect_call(&world, "ReserveNow", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	assert_int_equal(world.asked.warnings, 1);
	world_fini(&world);
}

struct refusal_row {
	const char *action;
	const char *payload;
	uint32_t registration;
	int r;
};

static void
calls_are_refused_before_anything_happens(void **state)
{
	static const struct refusal_row rows[] = {
		{ "Reset", "{\"type\":\"longer\"}", OCPPD_REG_ACCEPTED, OCPPD_EINVAL },
		{ "Reset", "[]", OCPPD_REG_ACCEPTED, OCPPD_EINVAL },
		{ "Reset", NULL, OCPPD_REG_ACCEPTED, OCPPD_EINVAL },
		{ "Nope", NULL, OCPPD_REG_ACCEPTED, OCPPD_ENOTSUP },
		{ "RemoteStop", NULL, OCPPD_REG_PENDING, OCPPD_ESTATE },
		{ "RemoteStop", NULL, OCPPD_REG_NONE, OCPPD_ESTATE },
		{ "Reset", "{\"type\":\"Soft\"}", OCPPD_REG_REJECTED, OCPPD_ESTATE },
		{ "Reset", "{\"type\":\"Soft\"}", OCPPD_REG_PENDING, 0 },
	};
	struct world world;

	(void)state;
	world_init(&world);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ocppd_error err = { 0 };

		ocppd_station_set_registration(&world.asker, world.station, rows[i].registration);
		if (ask(&world, rows[i].action, rows[i].payload, 0, &err) != rows[i].r)
			fail_msg("%s: %s", rows[i].action, err.text);
	}
	assert_int_equal(world.asked.count, 0);
	world_fini(&world);
}

static void
calls_full_queue_is_busy(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	for (int i = 0; i < 16; i++)
		assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), OCPPD_EBUSY);
	world_fini(&world);
}

static void
calls_stopping_asker_is_told_and_the_flight_lands(void **state)
{
	struct world world;
	struct ocppd_error err = { 0 };
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	scripted_unload(&world.scripted, &world.asker);
	expect_end(&world, OCPPD_RES_CANCELLED, 1);
	scripted_load(&world.scripted, &world.asker, "asker", &asker_plugin, NULL);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, &err), 0);
	scripted_expect(world.conn, NULL); /* the first is still out */
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	expect_call(&world, "Reset", id);
	world_fini(&world);
	assert_int_equal(world.asked.count, 2);
}

static void
calls_stopping_owner_cancels(void **state)
{
	struct world world;

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	world.module.prepare_result = OCPPD_PENDING;
	assert_int_equal(ask(&world, "ReserveNow", NULL, 0, NULL), 0);
	scripted_unload(&world.scripted, &world.owner);
	assert_int_equal(world.asked.results[OCPPD_RES_CANCELLED], 2);
	assert_int_equal(world.module.completed[OCPPD_RES_CANCELLED], 1);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), OCPPD_ENOTSUP);
	scripted_unload(&world.scripted, &world.asker);
	scripted_fini(&world.scripted);
}

static void
calls_mute_station_is_closed_once(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(world.conn->close_code, 0);
		assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
		expect_call(&world, "Reset", id);
		scripted_advance(&world.scripted, 10000);
		scripted_recv(world.conn, "[9,\"1\"]"); /* alive */
		scripted_advance(&world.scripted, 20001);
	}
	assert_int_equal(world.conn->close_code, 1001);
	assert_int_equal(world.asked.results[OCPPD_RES_TIMEOUT], 3);
	scripted_drop(world.conn);
	world.conn = scripted_connect(&world.scripted, "CP1");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
		scripted_advance(&world.scripted, 10000);
		scripted_recv(world.conn, "[9,\"1\"]");
		scripted_advance(&world.scripted, 20001);
	}
	assert_int_equal(world.conn->close_code, 0);
	world_fini(&world);
}

static void
calls_automatic_waits_after_connect(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", OCPPD_CALL_AUTOMATIC, NULL), 0);
	scripted_advance(&world.scripted, 4000);
	scripted_expect(world.conn, NULL);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id); /* an operator's is not held back */
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	scripted_expect(world.conn, NULL);
	scripted_advance(&world.scripted, 1001);
	expect_call(&world, "Reset", id);
	world_fini(&world);
}

static void
calls_min_gap_and_max_tx_bytes_hold(void **state)
{
	static const char *const items[] = { "min_gap=500", "max_tx_bytes=80" };
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ocppd_station_set_quirks(&world.asker, world.station, items, 2, 0, NULL),
			 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	scripted_expect(world.conn, NULL);
	scripted_advance(&world.scripted, 501);
	expect_call(&world, "Reset", id);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	assert_int_equal(ask(&world, "RemoteStop", "{\"far\":\"too long for this station, it is\"}",
			     0, NULL),
			 OCPPD_EINVAL);
	world_fini(&world);
}

static void
calls_draining_cancels_what_waits(void **state)
{
	struct world world;
	char id[64];

	(void)state;
	world_init(&world);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"1\"}", 0, NULL), 0);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"2\"}", 0, NULL), 0);
	expect_call(&world, "Reset", id);
	ocpp_drain(world.scripted.core, NULL, NULL);
	(void)core_turn(world.scripted.core);
	assert_int_equal(world.asked.results[OCPPD_RES_CANCELLED], 1);
	respond(&world, "[3,\"ID\",{\"status\":\"Accepted\"}]", id);
	assert_int_equal(world.asked.results[OCPPD_RES_REPLY], 1);
	assert_int_equal(ask(&world, "Reset", "{\"type\":\"3\"}", 0, NULL), OCPPD_ESHUTDOWN);
	world_fini(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_reply_reaches_owner_and_asker),
		cmocka_unit_test(calls_reply_is_told_before_what_came_after_it),
		cmocka_unit_test(calls_answers_end_as_they_should),
		cmocka_unit_test(calls_timeout_counts_from_the_write),
		cmocka_unit_test(calls_one_in_flight_priority_first),
		cmocka_unit_test(calls_waiting_too_long_is_a_timeout),
		cmocka_unit_test(calls_lost_connection_ends_all),
		cmocka_unit_test(calls_pending_prepare_goes_on_or_refuses),
		cmocka_unit_test(calls_prepare_refuses_at_once),
		cmocka_unit_test(calls_warnings_refuse_with_strict_checks),
		cmocka_unit_test(calls_are_refused_before_anything_happens),
		cmocka_unit_test(calls_full_queue_is_busy),
		cmocka_unit_test(calls_stopping_asker_is_told_and_the_flight_lands),
		cmocka_unit_test(calls_stopping_owner_cancels),
		cmocka_unit_test(calls_mute_station_is_closed_once),
		cmocka_unit_test(calls_automatic_waits_after_connect),
		cmocka_unit_test(calls_min_gap_and_max_tx_bytes_hold),
		cmocka_unit_test(calls_draining_cancels_what_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
