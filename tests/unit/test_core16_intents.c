/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocpp16_core: remote starts that are still to show (quirk G08): which start is taken for which
 * request, and when a request is given up.
 */
#include "core16_bed.h"

#include <json-c/json.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define INTENTS_MAX 16
#define MARGIN_MS 30000 /* of the bed */

struct heard {
	uint32_t matched;
	uint32_t expired;
	char body[512]; /* of the last */
};

static void
on_event(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct heard *heard = arg;

	(void)host;
	if (strcmp(event->topic, OCPPD_EVENT_REMOTE_START_MATCHED) == 0)
		heard->matched++;
	if (strcmp(event->topic, OCPPD_EVENT_REMOTE_START_EXPIRED) == 0)
		heard->expired++;
	(void)snprintf(heard->body, sizeof(heard->body), "%s",
		       json_object_to_json_string_ext(event->body, JSON_C_TO_STRING_PLAIN));
}

static void
listen(struct bed *bed, struct heard *heard)
{
	*heard = (struct heard){ 0 };
	bed_init(bed);
	assert_non_null(ocppd_event_subscribe(&bed->asker, "remote_start.*", on_event, heard));
}

/* The operator asks, and the CALL is out. */
static void
ask(struct bed *bed, const char *payload, char ret_id[37])
{
	assert_int_equal(bed_ask(bed, "RemoteStartTransaction", payload), 0);
	bed_expect_call(bed, "RemoteStartTransaction", payload, ret_id);
}

static void
ask_accepted(struct bed *bed, const char *payload)
{
	char id[37];

	ask(bed, payload, id);
	bed_confirm(bed, id, "{\"status\":\"Accepted\"}");
	bed_pay(bed); /* ConnectionTimeOut is looked up */
}

static void
start(struct bed *bed, const char *tag, int64_t connector_id)
{
	const struct intent_start started = { connector_id, 4711 };

	intent_started(bed->ctx, bed->station, tag, &started);
	(void)core_turn(bed->scripted.core);
}

static const struct {
	const char *payload;
	const char *tag;
	int64_t connector_id;
	bool is_match;
} match_rows[] = {
	{ "{\"idTag\":\"Tag1\"}", "Tag1", 1, true },
	{ "{\"idTag\":\"Tag1\"}", "TAG1", 7, true },
	{ "{\"idTag\":\"Tag1\"}", "Tag1", 0, true },
	{ "{\"connectorId\":2,\"idTag\":\"Tag1\"}", "tag1", 2, true },
	/* Where the start's connector is not known it may be the one. */
	{ "{\"connectorId\":2,\"idTag\":\"Tag1\"}", "Tag1", 0, true },
	{ "{\"connectorId\":2,\"idTag\":\"Tag1\"}", "Tag1", 1, false },
	{ "{\"idTag\":\"Tag1\"}", "Tag12", 1, false },
	{ "{\"idTag\":\"Tag1\"}", "Tag", 1, false },
	{ "{\"idTag\":\"Tag1\"}", "", 1, false },
	{ "{\"idTag\":\"Tag1\"}", NULL, 1, false },
};

static void
intent_is_matched_by_tag_and_connector(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(match_rows); i++) {
		struct heard heard;
		struct bed bed;

		listen(&bed, &heard);
		ask_accepted(&bed, match_rows[i].payload);
		assert_int_equal(intent_expects(bed.ctx, bed.station, match_rows[i].tag,
						match_rows[i].connector_id),
				 match_rows[i].is_match);
		start(&bed, match_rows[i].tag, match_rows[i].connector_id);
		assert_int_equal(heard.matched, match_rows[i].is_match);
		/* One start is one request's; whatever was not taken expires. */
		assert_int_equal(intent_expects(bed.ctx, bed.station, "Tag1",
						match_rows[i].connector_id > 1
							? match_rows[i].connector_id
							: 2),
				 !match_rows[i].is_match);
		scripted_advance(&bed.scripted, 60000 + MARGIN_MS);
		assert_int_equal(heard.expired, !match_rows[i].is_match);
		bed_fini(&bed);
	}
}

static void
intent_match_tells_what_was_asked(void **state)
{
	static const char payload[] =
		"{\"connectorId\":2,\"idTag\":\"T\",\"chargingProfile\":{\"chargingProfileId\":1,"
		"\"stackLevel\":0,\"chargingProfilePurpose\":\"TxProfile\","
		"\"chargingProfileKind\":\"Relative\",\"chargingSchedule\":{\"chargingRateUnit\":"
		"\"A\",\"chargingSchedulePeriod\":[{\"startPeriod\":0,\"limit\":16.5}]}}}";
	struct heard heard;
	struct bed bed;

	(void)state;
	listen(&bed, &heard);
	ask_accepted(&bed, payload);
	start(&bed, "T", 2);
	assert_non_null(strstr(heard.body, "\"stationId\":\"CP1\""));
	assert_non_null(strstr(heard.body, "\"requester\":\"token:fleet\""));
	assert_non_null(strstr(heard.body, "\"connectorId\":2,\"transactionId\":4711"));
	assert_non_null(strstr(heard.body, "\"limit\":16.5"));
	bed_fini(&bed);
}

/* The oldest of two that fit; the other one waits on. */
static void
intent_oldest_is_taken_first(void **state)
{
	struct heard heard;
	struct bed bed;

	(void)state;
	listen(&bed, &heard);
	ask_accepted(&bed, "{\"idTag\":\"T\"}");
	ask_accepted(&bed, "{\"connectorId\":2,\"idTag\":\"T\"}");
	start(&bed, "T", 2);
	assert_false(intent_expects(bed.ctx, bed.station, "T", 1));
	assert_true(intent_expects(bed.ctx, bed.station, "T", 2));
	start(&bed, "T", 2);
	assert_int_equal(heard.matched, 2);
	start(&bed, "T", 2);
	assert_int_equal(heard.matched, 2);
	bed_fini(&bed);
}

static void
intent_may_begin_before_the_confirmation(void **state)
{
	struct heard heard;
	struct bed bed;
	char id[37];

	(void)state;
	listen(&bed, &heard);
	ask(&bed, "{\"idTag\":\"T\"}", id);
	start(&bed, "T", 1);
	assert_int_equal(heard.matched, 1);
	bed_confirm(&bed, id, "{\"status\":\"Accepted\"}");
	bed_pay(&bed);
	scripted_advance(&bed.scripted, 3600000);
	assert_int_equal(heard.expired, 0);
	bed_fini(&bed);
}

/* It began while the time to wait was looked up. */
static void
intent_over_before_the_time_is_known_is_not_armed(void **state)
{
	struct heard heard;
	struct bed bed;
	char id[37];

	(void)state;
	listen(&bed, &heard);
	ask(&bed, "{\"idTag\":\"T\"}", id);
	bed_confirm(&bed, id, "{\"status\":\"Accepted\"}");
	assert_int_equal(bed.owed_count, 1);
	start(&bed, "T", 1);
	bed_pay(&bed);
	scripted_advance(&bed.scripted, 3600000);
	assert_int_equal(heard.matched, 1);
	assert_int_equal(heard.expired, 0);
	bed_fini(&bed);
}

static void
intent_refused_or_unanswered_is_forgotten(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct heard heard;
		struct bed bed;
		char id[37];

		listen(&bed, &heard);
		ask(&bed, "{\"idTag\":\"T\"}", id);
		assert_true(intent_expects(bed.ctx, bed.station, "T", 1));
		if (i == 0)
			bed_confirm(&bed, id, "{\"status\":\"Rejected\"}");
		else if (i == 1)
			bed_fail(&bed, id, "InternalError");
		else
			scripted_advance(&bed.scripted, 30000); /* no answer in time */
		assert_false(intent_expects(bed.ctx, bed.station, "T", 1));
		scripted_advance(&bed.scripted, 3600000);
		assert_int_equal(heard.expired, 0);
		bed_fini(&bed);
	}
}

static const struct {
	const char *known; /* ConnectionTimeOut as read */
	int refusal;       /* of the look at it */
	int64_t wait_s;    /* and the margin */
} wait_rows[] = {
	{ NULL, 0, 60 },       { "120", 0, 120 },          { "1", 0, 1 },  { "0", 0, 0 },
	{ "86400", 0, 86400 }, { "86401", 0, 86400 },      { "x", 0, 60 }, { "", 0, 60 },
	{ "-5", 0, 60 },       { "120", OCPPD_EBUSY, 60 },
};

static void
intent_expires_after_the_stations_timeout_and_the_margin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wait_rows); i++) {
		int64_t wait_ms = wait_rows[i].wait_s * 1000 + MARGIN_MS;
		char expected[64];
		struct heard heard;
		struct bed bed;
		char id[37];

		listen(&bed, &heard);
		bed.known[0] = (struct bed_key){ "connectiontimeout", wait_rows[i].known };
		ask(&bed, "{\"connectorId\":1,\"idTag\":\"T\"}", id);
		bed.refusal = wait_rows[i].refusal;
		bed_confirm(&bed, id, "{\"status\":\"Accepted\"}");
		bed_pay(&bed);
		scripted_advance(&bed.scripted, wait_ms - 1);
		if (heard.expired != 0)
			fail_msg("%s: too early", wait_rows[i].known);
		scripted_advance(&bed.scripted, 1);
		if (heard.expired != 1)
			fail_msg("%s: not in time", wait_rows[i].known);
		(void)snprintf(expected, sizeof(expected),
			       "\"connectorId\":1,\"waitedSeconds\":%lld",
			       (long long)wait_ms / 1000);
		assert_non_null(strstr(heard.body, expected));
		assert_non_null(bed_line(&bed, "remote_start.expired"));
		/* A start after that is nobody's. */
		start(&bed, "T", 1);
		assert_int_equal(heard.matched, 0);
		bed_fini(&bed);
	}
}

static void
intents_of_a_station_are_bounded(void **state)
{
	struct heard heard;
	struct bed bed;

	(void)state;
	listen(&bed, &heard);
	for (int i = 0; i <= INTENTS_MAX; i++) {
		char payload[64];

		(void)snprintf(payload, sizeof(payload), "{\"idTag\":\"T%d\"}", i);
		ask_accepted(&bed, payload);
	}
	assert_true(intent_expects(bed.ctx, bed.station, "T15", 1));
	/* Sent all the same, but not waited for. */
	assert_false(intent_expects(bed.ctx, bed.station, "T16", 1));
	start(&bed, "T3", 1);
	ask_accepted(&bed, "{\"idTag\":\"T17\"}");
	assert_true(intent_expects(bed.ctx, bed.station, "T17", 1));
	scripted_advance(&bed.scripted, 60000 + MARGIN_MS);
	assert_int_equal(heard.expired, INTENTS_MAX);
	bed_fini(&bed);
}

/* A stop meanwhile: nothing is armed, nothing expires, nothing leaks. */
static void
intent_that_waits_at_the_stop_ends_with_it(void **state)
{
	struct heard heard;
	struct bed bed;
	char id[37];

	(void)state;
	listen(&bed, &heard);
	ask_accepted(&bed, "{\"idTag\":\"A\"}");
	ask(&bed, "{\"idTag\":\"B\"}", id);
	bed_confirm(&bed, id, "{\"status\":\"Accepted\"}");
	assert_int_equal(ocppd_plugin.stop(&bed.module, bed.ctx), OCPPD_PENDING);
	bed_pay(&bed);
	assert_int_equal(heard.expired, 0);
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(intent_is_matched_by_tag_and_connector),
		cmocka_unit_test(intent_match_tells_what_was_asked),
		cmocka_unit_test(intent_oldest_is_taken_first),
		cmocka_unit_test(intent_may_begin_before_the_confirmation),
		cmocka_unit_test(intent_over_before_the_time_is_known_is_not_armed),
		cmocka_unit_test(intent_refused_or_unanswered_is_forgotten),
		cmocka_unit_test(intent_expires_after_the_stations_timeout_and_the_margin),
		cmocka_unit_test(intents_of_a_station_are_bounded),
		cmocka_unit_test(intent_that_waits_at_the_stop_ends_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
