/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * stations: requested availability. What a request supersedes, what waits for a report and which
 * report shows it, with a storage that only takes notes.
 */
#include "scripted.h"

#include <json-c/json.h>

#include "base/buf.h"

#include "../../plugins/stations/stations.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define OWED 4

struct bed;

struct ocppd_unit {
	struct bed *bed;
};

struct bed {
	struct scripted scripted;
	struct ocppd_host module;
	struct ocppd_host asker;
	struct stations_conf conf;
	struct ocppd_storage_ops storage;
	struct stations *ctx;
	struct scripted_conn *conn;
	struct ocppd_station *station;
	struct ocppd_unit unit;
	struct buf notes; /* "delete; wish 1.1 -p; settled 0.0; " */
	int refusal;      /* of the next unit_add or unit_new */
	struct {
		ocppd_unit_fn *fn;
		void *arg;
	} owed[OWED];
	uint32_t owed_count;
	uint32_t freed; /* units given up */
	int results[OWED];
	uint32_t result_count;
};

/* ---- A storage that takes notes ----------------------------------------------------------- */

static int
unit_new(void *self, struct ocppd_host *host, struct ocppd_unit **ret_unit)
{
	struct bed *bed = self;

	(void)host;
	bed->unit.bed = bed;
	*ret_unit = &bed->unit;
	return 0;
}

static int
unit_add(struct ocppd_unit *unit, struct ocppd_host *host, uint32_t statement,
	 const struct ocppd_value *values, uint32_t count, uint32_t flags)
{
	struct buf *notes = &unit->bed->notes;

	(void)host;
	(void)flags;
	assert_true(count > 0);
	assert_int_equal(values[0].type, OCPPD_VALUE_TEXT);
	assert_memory_equal(values[0].data, "CP1", 3);
	if (unit->bed->refusal < 0)
		return unit->bed->refusal;
	if (statement == STATEMENT_DELETE_WISHES)
		buf_add_str(notes, "delete; ");
	else if (statement == STATEMENT_WISH_SETTLED)
		buf_printf(notes, "settled %lld.%lld; ", (long long)values[1].number,
			   (long long)values[2].number);
	else if (statement == STATEMENT_WISH)
		buf_printf(notes, "wish %lld.%lld %s%s; ", (long long)values[1].number,
			   (long long)values[2].number, values[3].number != 0 ? "+" : "-",
			   values[4].number != 0 ? "p" : "");
	else
		fail_msg("statement %u", statement);
	return 0;
}

static void
unit_commit(struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg)
{
	struct bed *bed = unit->bed;

	assert_true(bed->owed_count < OWED);
	bed->owed[bed->owed_count].fn = fn;
	bed->owed[bed->owed_count++].arg = arg;
}

static void
unit_free(struct ocppd_unit *unit)
{
	if (unit != NULL)
		unit->bed->freed++;
}

static void
pay(struct bed *bed, int result)
{
	for (uint32_t i = 0; i < bed->owed_count; i++)
		bed->owed[i].fn(&bed->module, result, NULL, 0, NULL, bed->owed[i].arg);
	bed->owed_count = 0;
}

/* ---- The bed ------------------------------------------------------------------------------ */

static const struct ocppd_plugin asker_plugin = { .name = "asker" };

static void
bed_init(struct bed *bed)
{
	struct ocppd_error err = { 0 };
	void *ctx = NULL;

	memset(bed, 0, sizeof(*bed));
	bed->storage = (struct ocppd_storage_ops){ .struct_size = sizeof(bed->storage),
						   .unit_new = unit_new,
						   .unit_add = unit_add,
						   .unit_commit = unit_commit,
						   .unit_free = unit_free };
	scripted_init(&bed->scripted, NULL);
	scripted_load(&bed->scripted, &bed->module, "stations", &ocppd_plugin, NULL);
	scripted_load(&bed->scripted, &bed->asker, "asker", &asker_plugin, NULL);
	bed->module.state = HOST_INITIALISED;
	assert_int_equal(ocppd_plugin.init(&bed->module, &bed->conf, &ctx, &err), 0);
	bed->module.state = HOST_RUNNING;
	bed->module.ctx = ctx;
	bed->ctx = ctx;
	bed->ctx->storage = &bed->storage;
	bed->ctx->storage_self = bed;
	bed->conn = scripted_connect(&bed->scripted, "CP1");
	bed->station = ocppd_station_find(&bed->asker, "CP1");
	assert_non_null(bed->station);
}

static void
bed_fini(struct bed *bed)
{
	scripted_drop(bed->conn);
	pay(bed, 0);
	assert_int_equal(bed->ctx->outstanding, 0);
	scripted_unload(&bed->scripted, &bed->asker);
	scripted_unload(&bed->scripted, &bed->module);
	ocppd_plugin.shutdown(&bed->module, bed->ctx);
	scripted_fini(&bed->scripted);
	buf_fini(&bed->notes);
}

static void
on_recorded(struct ocppd_host *host, int result, void *arg)
{
	struct bed *bed = arg;

	assert_ptr_equal(host, &bed->asker);
	assert_true(bed->result_count < OWED);
	bed->results[bed->result_count++] = result;
}

static int
request(struct bed *bed, struct ocppd_place place, bool is_operative, bool is_scheduled)
{
	const struct ocppd_availability wanted = {
		.struct_size = sizeof(wanted),
		.is_operative = is_operative,
		.is_scheduled = is_scheduled,
		.place = place,
	};

	return ops_availability(bed->ctx, &bed->asker, bed->station, &wanted, on_recorded, bed);
}

static void
report(struct bed *bed, int evse, const char *status)
{
	struct ocppd_connector_status reported = { .struct_size = sizeof(reported),
						   .place = { evse, evse > 0 ? 1 : 0 },
						   .status = status };

	assert_int_equal(wishes_settle(bed->ctx, &bed->unit, bed->station, &reported), 0);
}

static void
expect_notes(struct bed *bed, const char *expected, const char *label)
{
	const char *notes = bed->notes.data != NULL ? bed->notes.data : "";

	if (strcmp(notes, expected) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", label, notes, expected);
	buf_fini(&bed->notes);
}

/* "0.0 -p; 1.1 -" */
static void
expect_wishes(struct bed *bed, const char *expected, const char *label)
{
	struct buf found = { 0 };

	for (const struct wish *wish = stations_slot(bed->ctx, bed->station)->wishes; wish != NULL;
	     wish = wish->next)
		buf_printf(&found, "%s%lld.%lld %s%s", found.len > 0 ? "; " : "",
			   (long long)wish->place.evse, (long long)wish->place.connector,
			   wish->is_operative ? "+" : "-", wish->is_pending ? "p" : "");
	if (strcmp(found.data != NULL ? found.data : "", expected) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", label, found.data, expected);
	buf_fini(&found);
}

/* ---- Requests ----------------------------------------------------------------------------- */

struct request_row {
	const char *label;
	const char *statuses[3]; /* of connectors 1 to 3, as last reported */
	int evse;                /* 0: the whole station */
	bool is_operative;
	bool is_scheduled;
	const char *notes;
	const char *wishes;
};

static const struct request_row request_rows[] = {
	{ "one connector", { "Available" }, 1, false, false, "wish 1.1 -; ", "1.1 -" },
	{ "one, later", { "Charging" }, 1, false, true, "wish 1.1 -p; ", "1.1 -p" },
	{ "one that never reported", { NULL }, 7, true, false, "wish 7.1 +; ", "7.1 +" },
	{ "all, at once",
	  { "Available", "Charging" },
	  0,
	  false,
	  false,
	  "delete; wish 1.1 -; wish 2.1 -; wish 0.0 -; ",
	  "0.0 -; 1.1 -; 2.1 -" },
	/* The station waits for the last of its connectors. */
	{ "all, one of them later",
	  { "Unavailable", "Charging", "Faulted" },
	  0,
	  false,
	  true,
	  "delete; wish 1.1 -; wish 2.1 -p; wish 3.1 -p; wish 0.0 -p; ",
	  "0.0 -p; 1.1 -; 2.1 -p; 3.1 -p" },
	{ "all, and all show it already",
	  { "Unavailable", "Unavailable" },
	  0,
	  false,
	  true,
	  "delete; wish 1.1 -; wish 2.1 -; wish 0.0 -; ",
	  "0.0 -; 1.1 -; 2.1 -" },
	{ "all back, scheduled",
	  { "Unavailable", "Available" },
	  0,
	  true,
	  true,
	  "delete; wish 1.1 +p; wish 2.1 +; wish 0.0 +p; ",
	  "0.0 +p; 1.1 +p; 2.1 +" },
	{ "all of a station without connectors",
	  { NULL },
	  0,
	  false,
	  true,
	  "delete; wish 0.0 -p; ",
	  "0.0 -p" },
};

static void
wishes_follow_a_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(request_rows); i++) {
		const struct request_row *row = &request_rows[i];
		struct ocppd_place place = { row->evse, row->evse > 0 ? 1 : 0 };
		struct station_slot *slot;
		struct bed bed;

		bed_init(&bed);
		slot = stations_slot(bed.ctx, bed.station);
		/* The station itself reports, too: that is no connector. */
		assert_non_null(
			connector_put(slot, (struct ocppd_place){ 0, 0 }, "Available", NULL));
		for (int k = 0; k < 3 && row->statuses[k] != NULL; k++)
			assert_non_null(connector_put(slot, (struct ocppd_place){ k + 1, 1 },
						      row->statuses[k], NULL));
		assert_int_equal(request(&bed, place, row->is_operative, row->is_scheduled),
				 OCPPD_PENDING);
		assert_int_equal(bed.result_count, 0);
		expect_notes(&bed, row->notes, row->label);
		expect_wishes(&bed, row->wishes, row->label);
		pay(&bed, 0);
		assert_int_equal(bed.result_count, 1);
		assert_int_equal(bed.results[0], 0);
		bed_fini(&bed);
	}
}

static void
wish_supersedes_those_before(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (int evse = 3; evse > 0; evse--)
		assert_int_equal(request(&bed, (struct ocppd_place){ evse, 1 }, false, true),
				 OCPPD_PENDING);
	expect_wishes(&bed, "1.1 -p; 2.1 -p; 3.1 -p", "in order of place");
	pay(&bed, 0);
	assert_int_equal(request(&bed, (struct ocppd_place){ 2, 1 }, true, false), OCPPD_PENDING);
	expect_wishes(&bed, "1.1 -p; 2.1 +; 3.1 -p", "the same place");
	pay(&bed, 0);
	bed.result_count = 0;
	assert_int_equal(request(&bed, (struct ocppd_place){ 0, 0 }, true, false), OCPPD_PENDING);
	expect_wishes(&bed, "0.0 +", "the whole station");
	bed_fini(&bed);
}

static void
wish_for_a_place_that_cannot_be_is_refused(void **state)
{
	static const struct ocppd_place places[] = { { 0, 1 },        { -1, 1 }, { 1, 0 },
						     { 1, -1 },       { 65, 1 }, { 1, 65 },
						     { INT32_MAX, 1 } };
	struct bed bed;

	(void)state;
	bed_init(&bed);
	for (size_t i = 0; i < COUNT(places); i++)
		assert_int_equal(request(&bed, places[i], false, false), OCPPD_EINVAL);
	assert_int_equal(request(&bed, (struct ocppd_place){ 64, 64 }, false, false),
			 OCPPD_PENDING);
	expect_wishes(&bed, "64.64 -", "the last place");
	bed_fini(&bed);
}

static void
wish_that_cannot_be_stored_is_told(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed);
	bed.refusal = OCPPD_ENOMEM;
	assert_int_equal(request(&bed, (struct ocppd_place){ 1, 1 }, false, false), OCPPD_ENOMEM);
	assert_int_equal(bed.freed, 1);
	bed.refusal = 0;
	assert_int_equal(request(&bed, (struct ocppd_place){ 1, 1 }, false, false), OCPPD_PENDING);
	pay(&bed, OCPPD_EIO);
	assert_int_equal(bed.result_count, 1);
	assert_int_equal(bed.results[0], OCPPD_EIO);
	bed_fini(&bed);
}

/* ---- Reports ------------------------------------------------------------------------------ */

static void
wish_is_shown_by_a_report(void **state)
{
	static const struct {
		bool is_operative;
		const char *status;
		bool is_shown;
	} rows[] = {
		{ false, "Unavailable", true },
		{ false, "Available", false },
		{ false, "Charging", false },
		{ false, "Faulted", false },
		{ false, "", false },
		{ false, NULL, false },
		{ true, "Available", true },
		{ true, "Preparing", true },
		{ true, "Charging", true },
		{ true, "Reserved", true },
		{ true, "Unavailable", false },
		{ true, "Faulted", false },
		{ true, "", false },
		{ true, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bed bed;

		bed_init(&bed);
		(void)request(&bed, (struct ocppd_place){ 1, 1 }, rows[i].is_operative, true);
		pay(&bed, 0);
		buf_fini(&bed.notes);
		report(&bed, 2, rows[i].status); /* of another connector */
		expect_notes(&bed, "", "another connector");
		report(&bed, 1, rows[i].status);
		expect_notes(&bed, rows[i].is_shown ? "settled 1.1; " : "",
			     rows[i].status != NULL ? rows[i].status : "none");
		/* Once is enough. */
		report(&bed, 1, rows[i].status);
		expect_notes(&bed, "", "again");
		bed_fini(&bed);
	}
}

static void
wish_of_the_station_waits_for_the_last_connector(void **state)
{
	struct station_slot *slot;
	struct bed bed;

	(void)state;
	bed_init(&bed);
	slot = stations_slot(bed.ctx, bed.station);
	for (int evse = 1; evse <= 3; evse++)
		assert_non_null(
			connector_put(slot, (struct ocppd_place){ evse, 1 }, "Charging", NULL));
	(void)request(&bed, (struct ocppd_place){ 0, 0 }, false, true);
	pay(&bed, 0);
	buf_fini(&bed.notes);
	report(&bed, 2, "Unavailable");
	expect_notes(&bed, "settled 2.1; ", "the first");
	report(&bed, 2, "Available"); /* what was settled stays so */
	report(&bed, 1, "Unavailable");
	expect_notes(&bed, "settled 1.1; ", "the second");
	expect_wishes(&bed, "0.0 -p; 1.1 -; 2.1 -; 3.1 -p", "before the last");
	report(&bed, 3, "Unavailable");
	expect_notes(&bed, "settled 3.1; settled 0.0; ", "the last");
	expect_wishes(&bed, "0.0 -; 1.1 -; 2.1 -; 3.1 -", "all");
	bed_fini(&bed);
}

/* ---- For the operator --------------------------------------------------------------------- */

static void
wishes_are_told_beside_what_was_reported(void **state)
{
	struct json_object *connectors =
		json_tokener_parse("[{\"connectorId\":1,\"status\":\"Charging\"}]");
	struct json_object *item;
	struct bed bed;

	(void)state;
	bed_init(&bed);
	(void)request(&bed, (struct ocppd_place){ 1, 1 }, false, true);
	(void)request(&bed, (struct ocppd_place){ 4, 1 }, true, false);
	wishes_json(stations_slot(bed.ctx, bed.station), connectors);
	wishes_json(stations_slot(bed.ctx, bed.station), NULL);
	assert_int_equal(json_object_array_length(connectors), 2);
	item = json_object_array_get_idx(connectors, 0);
	assert_string_equal(
		json_object_to_json_string_ext(item, JSON_C_TO_STRING_PLAIN),
		"{\"connectorId\":1,\"status\":\"Charging\","
		"\"requestedAvailability\":\"Inoperative\",\"availabilityPending\":true,"
		"\"availabilityRequested\":\"2026-03-01T10:00:00.000Z\"}");
	item = json_object_array_get_idx(connectors, 1);
	assert_string_equal(json_object_to_json_string_ext(item, JSON_C_TO_STRING_PLAIN),
			    "{\"connectorId\":4,\"requestedAvailability\":\"Operative\","
			    "\"availabilityPending\":false,"
			    "\"availabilityRequested\":\"2026-03-01T10:00:00.000Z\"}");
	json_object_put(connectors);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wishes_follow_a_request),
		cmocka_unit_test(wish_supersedes_those_before),
		cmocka_unit_test(wish_for_a_place_that_cannot_be_is_refused),
		cmocka_unit_test(wish_that_cannot_be_stored_is_told),
		cmocka_unit_test(wish_is_shown_by_a_report),
		cmocka_unit_test(wish_of_the_station_waits_for_the_last_connector),
		cmocka_unit_test(wishes_are_told_beside_what_was_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
