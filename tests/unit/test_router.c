/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Stations and their CALLs over a scripted transport: queueing, refusals, late and repeated
 * answers, takeovers, slots, drain. The module answers when the test says so.
 */
#include "scripted.h"

#include <json-c/json.h>

#include "base/text.h"

#define HELD_MAX 16

struct module {
	struct ocppd_call *held[HELD_MAX]; /* not answered yet */
	uint32_t held_count;
	uint32_t seen_count;
	int result; /* of on_call */
	bool is_immediate;
	const char *answer;
	int station_slot;
	int conn_slot;
	uint32_t fini_count;
};

static int
on_held(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	struct module *module = ctx;

	(void)req;
	module->seen_count++;
	if (module->is_immediate)
		return ocppd_call_reply_text(host, call, module->answer, strlen(module->answer));
	if (module->result < 0)
		return module->result;
	assert_true(module->held_count < HELD_MAX);
	module->held[module->held_count++] = call;
	return 0;
}

static const struct ocppd_field start_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED | OCPPD_KEY, .max = 64 },
	{ "info", OCPPD_T_STRING, .max = 5 },
};
static const struct ocppd_field start_conf[] = {
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field no_conf[] = { { "status", OCPPD_T_STRING } };

static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "BootNotification", OCPPD_FROM_STATION,
	  OCPPD_ACTION_ANYTIME | OCPPD_ACTION_KEEP, .on_call = on_held,
	  .conf = OCPPD_TABLE(no_conf) },
	{ "ocpp1.6", "StartTransaction", OCPPD_FROM_STATION, OCPPD_ACTION_ONCE | OCPPD_ACTION_KEEP,
	  .req = OCPPD_TABLE(start_req), .conf = OCPPD_TABLE(start_conf), .on_call = on_held },
	{ "ocpp1.6", "Heartbeat", OCPPD_FROM_STATION, .on_call = on_held,
	  .conf = OCPPD_TABLE(no_conf) },
	{ "ocpp1.6", "Reset", OCPPD_TO_STATION },
};
static const struct ocppd_word words[] = {
	{ "ocpp1.6", "Authorize", OCPPD_FROM_STATION },
	{ "ocpp1.6", "FirmwareStatusNotification", OCPPD_FROM_STATION, OCPPD_WORD_NOTIFICATION },
	{ "ocpp1.6", "ClearCache", OCPPD_TO_STATION },
};
static const struct ocppd_plugin plugin = {
	.name = "tests",
	.actions = OCPPD_TABLE(actions),
	.vocabulary = OCPPD_TABLE(words),
};

struct world {
	struct scripted scripted;
	struct ocppd_host host;
	struct module module;
};

static void
world_init(struct world *world, const struct ocpp_conf *conf)
{
	memset(world, 0, sizeof(*world));
	scripted_init(&world->scripted, conf);
	scripted_load(&world->scripted, &world->host, "tests", &plugin, &world->module);
}

static void
world_fini(struct world *world)
{
	scripted_unload(&world->scripted, &world->host);
	scripted_fini(&world->scripted);
}

/* Answers the oldest handle that is held. */
static int
answer(struct world *world, const char *text)
{
	struct module *module = &world->module;
	struct ocppd_call *call = module->held[0];
	int r;

	assert_true(module->held_count > 0);
	module->held_count--;
	memmove(module->held, module->held + 1, module->held_count * sizeof(call));
	r = ocppd_call_reply(&world->host, call, json_tokener_parse(text));
	(void)core_turn(world->scripted.core);
	return r;
}

static void
router_call_is_answered_now_or_later(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_expect(conn, NULL);
	assert_int_equal(answer(&world, "{}"), 0);
	scripted_expect(conn, "[3,\"1\",{}]");
	world.module.is_immediate = true;
	world.module.answer = "{\"status\":\"x\"}";
	scripted_recv(conn, "[2,7,\"Heartbeat\",{}]");
	scripted_expect(conn, "[3,7,{\"status\":\"x\"}]");
	world_fini(&world);
}

static void
router_second_call_while_waiting_is_queued(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"3\",\"Nonsense\",{}]");
	assert_int_equal(world.module.seen_count, 1);
	assert_int_equal(answer(&world, "{}"), 0);
	assert_int_equal(world.module.seen_count, 2);
	scripted_expect(conn, "[3,\"1\",{}]");
	scripted_expect(conn, NULL);
	assert_int_equal(answer(&world, "{}"), 0);
	scripted_expect(conn, "[3,\"2\",{}]");
	scripted_expect(conn, "[4,\"3\",\"NotImplemented\",\"this action is unknown\",{}]");
	world_fini(&world);
}

static void
router_full_queue_stops_reading(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	char text[64];

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	for (int i = 0; i < 4; i++) {
		(void)snprintf(text, sizeof(text), "[2,\"%d\",\"Heartbeat\",{}]", i);
		scripted_recv(conn, text);
	}
	assert_false(conn->conn.is_paused);
	scripted_recv(conn, "[2,\"4\",\"Heartbeat\",{}]");
	assert_true(conn->conn.is_paused);
	(void)answer(&world, "{}");
	assert_true(conn->conn.is_paused);
	(void)answer(&world, "{}");
	assert_false(conn->conn.is_paused);
	assert_int_equal(conn->pause_count, 2);
	world_fini(&world);
}

struct refusal_row {
	uint32_t registration;
	const char *frame;
	const char *answer;
};

static void
router_refusals_come_in_order(void **state)
{
	static const struct refusal_row rows[] = {
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"Nope\",{}]",
		  "[4,\"1\",\"NotImplemented\",\"this action is unknown\",{}]" },
		{ OCPPD_REG_NONE, "[2,\"1\",\"Nope\",{}]",
		  "[4,\"1\",\"NotImplemented\",\"this action is unknown\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"Authorize\",{}]",
		  "[4,\"1\",\"NotSupported\",\"no module handles this action\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"Reset\",{}]",
		  "[4,\"1\",\"NotSupported\",\"no module handles this action\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"ClearCache\",{}]",
		  "[4,\"1\",\"NotSupported\",\"no module handles this action\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"FirmwareStatusNotification\",{\"x\":1}]",
		  "[3,\"1\",{}]" },
		{ OCPPD_REG_PENDING, "[2,\"1\",\"FirmwareStatusNotification\",{}]",
		  "[4,\"1\",\"SecurityError\",\"the station is not accepted\",{}]" },
		{ OCPPD_REG_PENDING, "[2,\"1\",\"Heartbeat\",{\"x\":1}]",
		  "[4,\"1\",\"SecurityError\",\"the station is not accepted\",{}]" },
		{ OCPPD_REG_NONE, "[2,\"1\",\"Heartbeat\"]",
		  "[4,\"1\",\"FormationViolation\",\"the payload is missing\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"Heartbeat\",{\"x\":1}]",
		  "[4,\"1\",\"FormationViolation\",\"x: unknown member\",{}]" },
		{ OCPPD_REG_ACCEPTED, "[2,\"1\",\"StartTransaction\",{}]",
		  "[4,\"1\",\"OccurenceConstraintViolation\",\"connectorId: required, but missing\",{}]" },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scripted_conn *conn;

		world_init(&world, NULL);
		conn = scripted_connect_as(&world.scripted, "CP1", rows[i].registration, NULL,
					   false);
		scripted_recv(conn, rows[i].frame);
		scripted_expect(conn, rows[i].answer);
		assert_int_equal(world.module.seen_count, 0);
		world_fini(&world);
	}
}

static void
router_unclaimed_notification_can_be_refused(void **state)
{
	struct ocpp_conf conf = scripted_conf();
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	conf.unclaimed_notifications = 1;
	world_init(&world, &conf);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"FirmwareStatusNotification\",{}]");
	scripted_expect(conn, "[4,\"1\",\"NotSupported\",\"no module handles this action\",{}]");
	world_fini(&world);
}

static void
router_boot_comes_through_before_acceptance(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	struct ocppd_station *station;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect_as(&world.scripted, "CP1", OCPPD_REG_NONE, NULL, false);
	station = ocppd_station_find(&world.host, "CP1");
	scripted_recv(conn, "[2,\"1\",\"BootNotification\",{}]");
	ocppd_station_set_registration(&world.host, station, OCPPD_REG_ACCEPTED);
	ocppd_station_set_heartbeat(&world.host, station, 60);
	assert_int_equal(conn->idle_s, 180);
	(void)answer(&world, "{}");
	scripted_expect(conn, "[3,\"1\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	assert_int_equal(world.module.seen_count, 2);
	scripted_drop(conn);
	conn = scripted_connect_as(&world.scripted, "CP1", OCPPD_REG_NONE, NULL, false);
	assert_int_equal(ocppd_station_registration(station), OCPPD_REG_ACCEPTED);
	assert_int_equal(conn->idle_s, 180);
	world_fini(&world);
}

/* What we asked for passes once, in time, over this connection; all else of it does not. */
static void
router_expected_message_passes_once(void **state)
{
	static const char refused[] =
		"[4,\"1\",\"SecurityError\",\"the station is not accepted\",{}]";
	static const char note[] = "[2,\"1\",\"FirmwareStatusNotification\",{}]";
	static const char beat[] = "[2,\"1\",\"Heartbeat\",{}]";
	struct world world;
	struct scripted_conn *conn;
	struct ocppd_station *station;

	(void)state;
	world_init(&world, NULL);
	world.module.is_immediate = true;
	world.module.answer = "{}";
	conn = scripted_connect_as(&world.scripted, "CP1", OCPPD_REG_PENDING, NULL, 0);
	station = ocppd_station_find(&world.host, "CP1");
	assert_int_equal(ocppd_station_expect(&world.host, station, "", 10), OCPPD_EINVAL);
	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 0), OCPPD_EINVAL);
	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 600001),
			 OCPPD_EINVAL);

	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 1000), 0);
	scripted_recv(conn, note);
	scripted_expect(conn, refused);
	scripted_recv(conn, beat);
	scripted_expect(conn, "[3,\"1\",{}]");
	scripted_recv(conn, beat);
	scripted_expect(conn, refused);

	assert_int_equal(
		ocppd_station_expect(&world.host, station, "FirmwareStatusNotification", 1000), 0);
	scripted_recv(conn, note);
	scripted_expect(conn, "[3,\"1\",{}]");

	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 1000), 0);
	scripted_advance(&world.scripted, 1001);
	scripted_recv(conn, beat);
	scripted_expect(conn, refused);

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 1000), 0);
	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 1000),
			 OCPPD_EBUSY);
	scripted_drop(conn);
	assert_int_equal(ocppd_station_expect(&world.host, station, "Heartbeat", 1000),
			 OCPPD_ENOTCONN);
	conn = scripted_connect_as(&world.scripted, "CP1", OCPPD_REG_PENDING, NULL, 0);
	scripted_recv(conn, beat);
	scripted_expect(conn, refused);
	world_fini(&world);
}

static void
router_findings_travel_with_the_call(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	const struct ocppd_finding *hard;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn,
		      "[2,\"1\",\"StartTransaction\",{\"connectorId\":-1,\"info\":\"longer\"}]");
	hard = ocppd_call_hard(world.module.held[0], "connectorId");
	assert_non_null(hard);
	assert_string_equal(hard->quirk, "D02");
	assert_null(ocppd_call_hard(world.module.held[0], "info"));
	assert_string_equal(ocppd_call_finding(world.module.held[0], 1)->quirk, "D03");
	assert_null(ocppd_call_finding(world.module.held[0], 2));
	assert_non_null(strstr(ocppd_call_raw(world.module.held[0]), "longer"));
	assert_true(scripted_metric(&world.scripted, "ocppd_quirk_total", "D03") > 0.5);
	world_fini(&world);
}

static void
router_repetition_gets_the_same_answer(void **state)
{
	static const char frame[] = "[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]";
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, frame);
	scripted_recv(conn, frame); /* while it is under way */
	(void)answer(&world, "{\"transactionId\":7}");
	scripted_expect(conn, "[3,\"1\",{\"transactionId\":7}]");
	scripted_expect(conn, "[3,\"1\",{\"transactionId\":7}]");
	scripted_drop(conn);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, frame);
	scripted_expect(conn, "[3,\"1\",{\"transactionId\":7}]");
	assert_int_equal(world.module.seen_count, 1);
	/* C04: the same id with another payload is another message. */
	scripted_recv(conn, "[2,\"1\",\"StartTransaction\",{\"connectorId\":2}]");
	assert_int_equal(world.module.seen_count, 2);
	(void)answer(&world, "{\"transactionId\":8}");
	scripted_expect(conn, "[3,\"1\",{\"transactionId\":8}]");
	scripted_advance(&world.scripted, 601000);
	scripted_recv(conn, frame);
	assert_int_equal(world.module.seen_count, 3);
	world_fini(&world);
}

static void
router_repetition_after_reconnect_waits_for_the_first(void **state)
{
	static const char frame[] = "[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]";
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, frame);
	scripted_drop(conn);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, frame);
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	assert_int_equal(world.module.seen_count, 1);
	assert_int_equal(answer(&world, "{\"transactionId\":7}"), OCPPD_EGONE);
	scripted_expect(conn, "[3,\"1\",{\"transactionId\":7}]");
	assert_int_equal(world.module.seen_count, 2);
	world_fini(&world);
}

static void
router_error_is_not_remembered(void **state)
{
	static const char frame[] = "[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]";
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	world.module.result = OCPPD_EIO;
	scripted_recv(conn, frame);
	scripted_expect(conn, "[4,\"1\",\"InternalError\",\"processing failed\",{}]");
	scripted_recv(conn, frame);
	assert_int_equal(world.module.seen_count, 2);
	world_fini(&world);
}

static void
router_reply_memory_is_bounded(void **state)
{
	struct ocpp_conf conf = scripted_conf();
	struct world world;
	struct scripted_conn *conn;
	char text[80];

	(void)state;
	conf.reply_memory = 1024;
	world_init(&world, &conf);
	conn = scripted_connect(&world.scripted, "CP1");
	world.module.is_immediate = true;
	world.module.answer = "{\"transactionId\":1}";
	for (int i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text),
			       "[2,\"%d\",\"StartTransaction\",{\"connectorId\":1}]", i);
		scripted_recv(conn, text);
	}
	assert_int_equal(world.module.seen_count, 100);
	scripted_recv(conn, text);
	assert_int_equal(world.module.seen_count, 100);
	scripted_recv(conn, "[2,\"0\",\"StartTransaction\",{\"connectorId\":1}]");
	assert_int_equal(world.module.seen_count, 101);
	world_fini(&world);
}

static void
router_overdue_handler_is_answered_for(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_advance(&world.scripted, 19999);
	scripted_expect(conn, NULL);
	scripted_advance(&world.scripted, 2);
	scripted_expect(conn, "[4,\"1\",\"InternalError\",\"not answered in time\",{}]");
	assert_int_equal(world.module.seen_count, 2);
	assert_int_equal(answer(&world, "{}"), OCPPD_EGONE);
	assert_int_equal(answer(&world, "{}"), 0);
	scripted_expect(conn, "[3,\"2\",{}]");
	world_fini(&world);
}

static void
router_answer_after_the_station_left_is_harmless(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_drop(conn);
	conn = scripted_connect(&world.scripted, "CP1");
	assert_int_equal(answer(&world, "{}"), OCPPD_EGONE);
	scripted_expect(conn, NULL);
	assert_int_equal(world.module.seen_count, 1);
	world_fini(&world);
}

static void
router_invalid_answer_becomes_internal_error(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]");
	assert_int_equal(answer(&world, "{}"), OCPPD_EINVAL);
	scripted_expect(conn, "[4,\"1\",\"InternalError\",\"the answer was invalid\",{}]");
	world.module.is_immediate = true;
	world.module.answer = "{\"transactionId\":";
	scripted_recv(conn, "[2,\"2\",\"StartTransaction\",{\"connectorId\":1}]");
	scripted_expect(conn, "[4,\"2\",\"InternalError\",\"the answer was invalid\",{}]");
	world_fini(&world);
}

static void
router_stopping_module_ends_its_calls(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_unload(&world.scripted, &world.host);
	scripted_expect(conn, "[4,\"1\",\"InternalError\",\"the module stopped\",{}]");
	scripted_expect(conn, "[4,\"2\",\"NotImplemented\",\"this action is unknown\",{}]");
	scripted_fini(&world.scripted);
}

static int
on_filter(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	int *mode = arg;

	(void)req;
	if (*mode == 1)
		return ocppd_call_fail(host, call, OCPPD_CALLERROR_SECURITY, "no", NULL) == 0 ? 1
											      : -1;
	return *mode;
}

static void
router_filter_passes_answers_or_fails(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	int mode = 0;

	(void)state;
	world_init(&world, NULL);
	assert_int_equal(ocppd_filter_add(&world.host, 0, NULL, "Heartbeat", on_filter, &mode), 0);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	(void)answer(&world, "{}");
	scripted_expect(conn, "[3,\"1\",{}]");
	mode = 1;
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_expect(conn, "[4,\"2\",\"SecurityError\",\"no\",{}]");
	mode = OCPPD_EIO;
	scripted_recv(conn, "[2,\"3\",\"Heartbeat\",{}]");
	scripted_expect(conn, "[4,\"3\",\"InternalError\",\"processing failed\",{}]");
	assert_int_equal(world.module.seen_count, 1);
	world_fini(&world);
}

static void
router_ten_bad_frames_in_a_row_close(void **state)
{
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	world.module.is_immediate = true;
	world.module.answer = "{}";
	conn = scripted_connect(&world.scripted, "CP1");
	for (int i = 0; i < 9; i++)
		scripted_recv(conn, "junk");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	for (int i = 0; i < 9; i++)
		scripted_recv(conn, "junk");
	scripted_recv(conn, "[9,\"1\"]"); /* ignored, but no offence */
	assert_int_equal(conn->close_code, 0);
	scripted_recv(conn, "junk");
	assert_int_equal(conn->close_code, 1008);
	world_fini(&world);
}

static void
station_newer_connection_wins(void **state)
{
	struct world world;
	struct scripted_conn *old;
	struct scripted_conn *conn;

	(void)state;
	world_init(&world, NULL);
	old = scripted_connect(&world.scripted, "CP1");
	scripted_recv(old, "[2,\"1\",\"Heartbeat\",{}]");
	conn = scripted_connect(&world.scripted, "CP1");
	assert_int_equal(old->close_code, 1000);
	assert_string_equal(old->close_reason, "replaced");
	assert_false(old->is_released);
	assert_int_equal(ocpp_connected_count(world.scripted.core), 1);
	scripted_recv(old, "[2,\"2\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"3\",\"Heartbeat\",{}]");
	assert_int_equal(answer(&world, "{}"), OCPPD_EGONE);
	assert_int_equal(answer(&world, "{}"), 0);
	scripted_expect(old, NULL);
	scripted_expect(conn, "[3,\"3\",{}]");
	scripted_drop(old);
	assert_true(old->is_released);
	assert_int_equal(ocpp_connected_count(world.scripted.core), 1);
	assert_true(scripted_metric(&world.scripted, "ocppd_station_takeovers_total", NULL) > 0.5);
	world_fini(&world);
}

static void
station_beyond_the_limit_is_turned_away(void **state)
{
	struct ocpp_conf conf = scripted_conf();
	struct world world;
	struct scripted_conn *conn;

	(void)state;
	conf.max_stations = 1;
	world_init(&world, &conf);
	(void)scripted_connect(&world.scripted, "CP1");
	conn = scripted_connect(&world.scripted, "CP2");
	assert_int_equal(conn->close_code, 1013);
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	assert_int_equal(world.module.seen_count, 0);
	world_fini(&world);
}

static void
on_slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *slot)
{
	struct module *module = host->ctx;

	(void)station;
	if (*(int *)slot != 0)
		module->fini_count++;
}

static void
station_slots_live_as_long_as_their_scope(void **state)
{
	static const struct ocppd_plugin empty = { .name = "slots" };
	struct world world;
	struct ocppd_host host = { 0 };
	struct ocppd_station *station;
	struct scripted_conn *conn;
	int *memory;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1"); /* before the slots: they hang off it */
	host_init(&host, world.scripted.core, "slots", &empty);
	host.ctx = &world.module;
	world.module.station_slot =
		ocppd_slot_add(&host, OCPPD_SCOPE_STATION, sizeof(int), on_slot_fini);
	world.module.conn_slot =
		ocppd_slot_add(&host, OCPPD_SCOPE_CONNECTION, sizeof(int), on_slot_fini);
	assert_int_equal(ocppd_slot_add(&host, OCPPD_SCOPE_STATION, 0, NULL), OCPPD_EINVAL);
	host.state = HOST_RUNNING;
	assert_int_equal(ocppd_slot_add(&host, OCPPD_SCOPE_STATION, 8, NULL), OCPPD_ESTATE);
	station = ocppd_station_find(&host, "CP1");
	memory = ocppd_station_slot(&host, station, world.module.station_slot);
	*memory = 1;
	memory = ocppd_station_slot(&host, station, world.module.conn_slot);
	*memory = 2;
	scripted_drop(conn);
	assert_int_equal(world.module.fini_count, 1);
	assert_null(ocppd_station_slot(&host, station, world.module.conn_slot));
	(void)scripted_connect(&world.scripted, "CP1");
	(void)scripted_connect(&world.scripted, "CP2"); /* after: inline */
	memory = ocppd_station_slot(&host, station, world.module.conn_slot);
	assert_int_equal(*memory, 0);
	memory = ocppd_station_slot(&host, ocppd_station_find(&host, "CP2"),
				    world.module.station_slot);
	*memory = 3;
	assert_null(ocppd_station_slot(&world.host, station, world.module.station_slot));
	scripted_unload(&world.scripted, &host);
	assert_int_equal(world.module.fini_count, 3);
	world_fini(&world);
}

static void
on_event(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)host;
	(void)snprintf(text + len, 512 - len, "%s:%s ", event->topic,
		       json_object_get_string(json_object_object_get(event->body, "reason")));
}

static void
station_events_tell_of_connections(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	char text[512] = "";

	(void)state;
	world_init(&world, NULL);
	assert_non_null(ocppd_event_subscribe(&world.host, "station.*", on_event, text));
	conn = scripted_connect(&world.scripted, "CP1");
	(void)scripted_connect(&world.scripted, "CP1");
	scripted_drop(conn);
	ocppd_station_disconnect(&world.host, ocppd_station_find(&world.host, "CP1"), 1000, "bye");
	assert_int_equal(ocppd_station_is_connected(ocppd_station_find(&world.host, "CP1")), 0);
	scripted_drop(world.scripted.conns[1]);
	assert_string_equal(text, "station.connected:(null) station.disconnected:replaced "
				  "station.connected:(null) station.disconnected:admin ");
	world_fini(&world);
}

static void
actions_claimed_twice_name_both_modules(void **state)
{
	struct world world;
	struct ocppd_error err = { 0 };

	(void)state;
	world_init(&world, NULL);
	assert_int_equal(scripted_load_fails(&world.scripted, &plugin, "other", &err),
			 OCPPD_EEXIST);
	assert_string_equal(err.text, "action ocpp1.6/BootNotification is claimed by module other, "
				      "and by module tests already");
	assert_string_equal(ocpp_protocols(world.scripted.core)[0], "ocpp1.6");
	assert_null(ocpp_protocols(world.scripted.core)[1]);
	world_fini(&world);
}

static void
on_drained(void *arg)
{
	(*(int *)arg)++;
}

static void
drain_waits_for_open_calls(void **state)
{
	struct world world;
	struct scripted_conn *conn;
	int drained = 0;

	(void)state;
	world_init(&world, NULL);
	conn = scripted_connect(&world.scripted, "CP1");
	scripted_recv(conn, "[2,\"1\",\"Heartbeat\",{}]");
	scripted_recv(conn, "[2,\"2\",\"Heartbeat\",{}]");
	ocpp_drain(world.scripted.core, on_drained, &drained);
	(void)core_turn(world.scripted.core);
	assert_int_equal(drained, 0);
	(void)answer(&world, "{}");
	assert_int_equal(drained, 1);
	assert_int_equal(world.module.seen_count, 1);
	scripted_expect(conn, "[3,\"1\",{}]");
	scripted_expect(conn, NULL);
	world_fini(&world);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(router_call_is_answered_now_or_later),
		cmocka_unit_test(router_second_call_while_waiting_is_queued),
		cmocka_unit_test(router_full_queue_stops_reading),
		cmocka_unit_test(router_refusals_come_in_order),
		cmocka_unit_test(router_unclaimed_notification_can_be_refused),
		cmocka_unit_test(router_boot_comes_through_before_acceptance),
		cmocka_unit_test(router_expected_message_passes_once),
		cmocka_unit_test(router_findings_travel_with_the_call),
		cmocka_unit_test(router_repetition_gets_the_same_answer),
		cmocka_unit_test(router_repetition_after_reconnect_waits_for_the_first),
		cmocka_unit_test(router_error_is_not_remembered),
		cmocka_unit_test(router_reply_memory_is_bounded),
		cmocka_unit_test(router_overdue_handler_is_answered_for),
		cmocka_unit_test(router_answer_after_the_station_left_is_harmless),
		cmocka_unit_test(router_invalid_answer_becomes_internal_error),
		cmocka_unit_test(router_stopping_module_ends_its_calls),
		cmocka_unit_test(router_filter_passes_answers_or_fails),
		cmocka_unit_test(router_ten_bad_frames_in_a_row_close),
		cmocka_unit_test(station_newer_connection_wins),
		cmocka_unit_test(station_beyond_the_limit_is_turned_away),
		cmocka_unit_test(station_slots_live_as_long_as_their_scope),
		cmocka_unit_test(station_events_tell_of_connections),
		cmocka_unit_test(actions_claimed_twice_name_both_modules),
		cmocka_unit_test(drain_waits_for_open_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
