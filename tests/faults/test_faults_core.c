/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Want of memory in the core: what cannot be done is refused or lost with its connection, every
 * asker hears exactly once, and whoever comes afterwards finds the daemon at work.
 */
#include "bed.h"
#include "faults.h"

#include <json-c/json.h>

#include <ocppd/directory.h>
#include <ocppd/event.h>

#include "base/text.h"
#include "transport/directory.h"

/* A station that connects with enough memory is served. */
static void
expect_service(struct bed *bed, const char *station_id)
{
	struct link_conn *link;

	bed->held = NULL;
	link = bed_connect(bed, station_id);
	bed_recv(bed, link, "[2,\"ok\",\"Heartbeat\",{}]");
	bed_answer(bed);
	assert_false(link->is_lost || link->is_closing);
	assert_string_equal(link->last_sent, "[3,\"ok\",{\"status\":\"Accepted\"}]");
}

/* ---- Router ------------------------------------------------------------------------------- */

static bool
run_session(uint64_t at, bool is_lasting)
{
	static const char *const frames[] = {
		"[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]",
		"[2,\"2\",\"Heartbeat\",{}]",
		"[2,\"3\",\"StartTransaction\",{\"connectorId\":\"2\",\"info\":\"too long\"}]",
		"[2,\"4\",\"Unknown\",{}]",
		"[3,\"5\",{}]",
		"[2,\"1\",\"StartTransaction\",{\"connectorId\":1}]",
		"nonsense",
	};
	struct bed bed;
	struct link_conn *link;
	bool has_failed;

	bed_init(&bed);
	faults_arm(at, is_lasting);
	link = bed_connect(&bed, "CP1");
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		bed_recv(&bed, link, frames[i]);
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		bed_answer(&bed);
	has_failed = faults_disarm();
	if (!has_failed) {
		assert_int_equal(bed.seen_count, 3);
		assert_int_equal(link->sent_count, 5);
	}
	faults_arm(at, is_lasting);
	bed_drop(&bed, link);
	has_failed |= faults_disarm();
	assert_true(link->is_released);
	expect_service(&bed, "CP1");
	expect_service(&bed, "CP2");
	bed_fini(&bed);
	return has_failed;
}

static void
router_no_memory_loses_no_more_than_the_connection(void **state)
{
	(void)state;
	faults_walk("session", run_session);
}

/* ---- CALLs to stations -------------------------------------------------------------------- */

struct asked {
	uint32_t count;
	uint32_t result;
};

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct asked *asked = arg;

	(void)host;
	(void)call;
	assert_int_equal(conf != NULL, result == OCPPD_RES_REPLY);
	asked->count++;
	asked->result = result;
}

static int
ask(struct bed *bed, const char *payload, struct asked *asked, struct ocppd_error *err)
{
	struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.station = ocppd_station_find(&bed->host, "CP1"),
		.action = "Reset",
		.requester = "tests",
	};
	int r;

	assert_non_null(request.station);
	faults_suspend();
	request.payload = json_tokener_parse(payload);
	faults_resume();
	r = ocppd_call_send(&bed->host, &request, on_result, asked, err);
	assert_int_equal(asked->count, 0); /* never before the return */
	(void)core_turn(&bed->fixture.core);
	return r;
}

static void
respond(struct bed *bed, struct link_conn *link)
{
	char text[128];

	if (strncmp(link->last_sent, "[2,\"", 4) != 0)
		return;
	(void)snprintf(text, sizeof(text), "[3,\"%.36s\",{\"status\":\"Accepted\",\"extra\":1}]",
		       link->last_sent + 4);
	bed_recv(bed, link, text);
}

static bool
run_call(uint64_t at, bool is_lasting)
{
	struct ocppd_error err = { 0 };
	struct asked asked = { 0 };
	struct asked refused = { 0 };
	struct bed bed;
	struct link_conn *link;
	bool has_failed;
	int r;
	int bad;

	bed_init(&bed);
	link = bed_connect(&bed, "CP1");
	faults_arm(at, is_lasting);
	bad = ask(&bed, "{\"type\":\"much too long\"}", &refused, &err);
	r = ask(&bed, "{\"type\":\"Soft\"}", &asked, &err);
	respond(&bed, link);
	has_failed = faults_disarm();

	assert_true(bad == OCPPD_EINVAL || (bad == OCPPD_ENOMEM && has_failed));
	assert_int_equal(refused.count, 0);
	assert_true(r == 0 || (r == OCPPD_ENOMEM && has_failed));
	assert_true(has_failed || asked.result == OCPPD_RES_REPLY);
	core_advance(&bed.fixture.core, 120 * INT64_C(1000000));
	bed_drop(&bed, link);
	/* Exactly once, if it was taken. */
	assert_int_equal(asked.count, r == 0 ? 1 : 0);
	assert_true(bed.completed_count <= 1);
	assert_true(asked.result != OCPPD_RES_REPLY || bed.completed_count == 1);
	expect_service(&bed, "CP1");
	bed_fini(&bed);
	return has_failed;
}

static void
calls_no_memory_is_heard_once(void **state)
{
	(void)state;
	faults_walk("call", run_call);
}

/* ---- Events ------------------------------------------------------------------------------- */

static void
on_event(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct bed *bed = arg;

	(void)host;
	assert_string_equal(event->topic, "transaction.started");
	assert_string_equal(event->station_id, "CP1");
	assert_int_equal(json_object_get_type(event->body), json_type_object);
	bed->heard_count++;
}

static bool
run_events(uint64_t at, bool is_lasting)
{
	struct bed bed;
	struct ocppd_subscription *subscription;
	uint32_t published = 0;
	bool has_failed;

	bed_init(&bed);
	faults_arm(at, is_lasting);
	subscription = ocppd_event_subscribe(&bed.host, "transaction.*", on_event, &bed);
	for (int i = 0; i < 3; i++) {
		int r = ocppd_event_publish(&bed.host, "transaction.started", "CP1", NULL);

		assert_true(r == 0 || r == OCPPD_ENOMEM);
		published += r == 0 ? 1 : 0;
	}
	(void)core_turn(&bed.fixture.core);
	has_failed = faults_disarm();
	assert_true(has_failed || (subscription != NULL && published == 3));
	/* What was taken is delivered, at the latest with the next turn of the loop. */
	(void)core_turn(&bed.fixture.core);
	assert_int_equal(bed.heard_count, subscription != NULL ? published : 0);
	bed_fini(&bed);
	return has_failed;
}

static void
events_no_memory_is_told_to_the_publisher(void **state)
{
	(void)state;
	faults_walk("events", run_events);
}

/* ---- Directory ---------------------------------------------------------------------------- */

static bool
run_directory(uint64_t at, bool is_lasting)
{
	static const char *const quirks[] = { "D03" };
	static const char *const protocols[] = { "ocpp1.6" };
	static const char *const verifiers[] = { "sha256:00112233445566778899aabbccddeeff:"
						 "00112233445566778899aabbccddeeff"
						 "00112233445566778899aabbccddeeff" };
	struct ocppd_core core = { 0 };
	struct ocppd_host host = { .core = &core };
	struct ocppd_admission record = {
		.struct_size = sizeof(record),
		.station_id = "CP+1",
		.security_profile = 1,
		.auth_user = "user",
		.verifiers = verifiers,
		.verifier_count = 1,
		.quirks = quirks,
		.quirk_count = 1,
		.protocols = protocols,
		.protocol_count = 1,
	};
	struct admission *found;
	bool is_folded;
	bool has_failed;
	int first;
	int second;

	assert_int_equal(directory_init(&core, NULL), 0);
	faults_arm(at, is_lasting);
	first = ocppd_directory_put(&host, &record, NULL);
	record.registration = 1;
	second = ocppd_directory_put(&host, &record, NULL);
	found = directory_find(core.directory, "cp 1", &is_folded);
	has_failed = faults_disarm();

	assert_true(first == 0 || (has_failed && first == OCPPD_ENOMEM));
	assert_true(second == 0 || (has_failed && second == OCPPD_ENOMEM));
	assert_int_equal(found != NULL, first == 0 || second == 0);
	if (found != NULL)
		assert_int_equal(found->registration, second == 0 ? 1 : 0);
	admission_unref(found);
	/* As if it had never been tried. */
	assert_int_equal(ocppd_directory_put(&host, &record, NULL), 0);
	assert_int_equal(ocppd_directory_remove(&host, "CP+1"), 0);
	assert_int_equal(ocppd_directory_remove(&host, "CP+1"), OCPPD_ENOENT);
	directory_fini(&core);
	return has_failed;
}

static void
directory_no_memory_keeps_the_former_record(void **state)
{
	(void)state;
	faults_walk("directory", run_directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(router_no_memory_loses_no_more_than_the_connection),
		cmocka_unit_test(calls_no_memory_is_heard_once),
		cmocka_unit_test(events_no_memory_is_told_to_the_publisher),
		cmocka_unit_test(directory_no_memory_keeps_the_former_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
