/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The composite schedule: worked examples of every kind, purpose and unit, and random sets of
 * profiles against an oracle that asks each second by the rules' own words.
 */
#include "../../plugins/ocpp16_smart_charging/profile.h"

#include <ocppd/error.h>
#include <ocppd/time.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <json.h>

#define PERIODS_MAX 512
#define SET_MAX 4

static int64_t
seconds(const char *text)
{
	int64_t us = 0;

	assert_int_equal(ocppd_time_parse(text, 0, &us, NULL), 0);
	return us / 1000000;
}

/* ---- Worked examples --------------------------------------------------------------------------
 */

#define PROFILE(purpose, level, kind, schedule)                                                    \
	"{\"chargingProfileId\":1,\"stackLevel\":" level ",\"chargingProfilePurpose\":\"" purpose  \
	"\",\"chargingProfileKind\":" kind ",\"chargingSchedule\":{" schedule "}}"
#define MAX "ChargePointMaxProfile"
#define DEFAULT "TxDefaultProfile"
#define TX "TxProfile"
#define ABSOLUTE "\"Absolute\""
#define RELATIVE "\"Relative\""
#define DAILY "\"Recurring\",\"recurrencyKind\":\"Daily\""
#define WEEKLY "\"Recurring\",\"recurrencyKind\":\"Weekly\""
#define FROM(start) "\"startSchedule\":\"" start "\","
#define FOR(duration) "\"duration\":" duration ","
#define A(periods) "\"chargingRateUnit\":\"A\",\"chargingSchedulePeriod\":[" periods "]"
#define W(periods) "\"chargingRateUnit\":\"W\",\"chargingSchedulePeriod\":[" periods "]"
#define P(start, limit) "{\"startPeriod\":" start ",\"limit\":" limit "}"
#define P1(start, limit) "{\"startPeriod\":" start ",\"limit\":" limit ",\"numberPhases\":1}"

struct installed {
	int64_t connector;
	const char *json;
};

struct example {
	const char *label;
	struct installed set[SET_MAX];
	struct charging charging[2];
	int64_t connector;
	const char *start;
	int64_t duration_s;
	const char *wanted; /* start:limit/phases of each period */
	enum rate_unit unit;
	int64_t connectors;
	int64_t local_a;
};

#define V1                                                                                         \
	{                                                                                          \
		{                                                                                  \
			1, PROFILE(DEFAULT, "0", DAILY,                                            \
				   FROM("2013-01-01T00:00:00Z") FOR("86400")                       \
					   W(P("0", "11000") "," P("28800", "6000") "," P(         \
						   "72000", "11000")))                             \
		}                                                                                  \
	}
#define V3                                                                                         \
	{                                                                                          \
		{ 1,                                                                               \
		  PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") A(P("0", "6"))) },  \
		{                                                                                  \
			1, PROFILE(DEFAULT, "1", WEEKLY,                                           \
				   FROM("2024-01-01T22:00:00Z") FOR("28800") A(P("0", "32")))      \
		}                                                                                  \
	}
#define V5_MAX                                                                                     \
	{                                                                                          \
		0, PROFILE(MAX, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") W(P("0", "11000")))    \
	}
#define V5_DEFAULT                                                                                 \
	{                                                                                          \
		0, PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") A(P("0", "20")))   \
	}
#define V8                                                                                         \
	{                                                                                          \
		{ 0, PROFILE(MAX, "0", ABSOLUTE,                                                   \
			     FROM("2024-03-05T00:00:00Z") A(P("0", "50") "," P("43200", "30"))) }, \
			{ 1, PROFILE(TX, "0", RELATIVE, A(P("0", "16"))) },                        \
		{                                                                                  \
			2, PROFILE(DEFAULT, "0", ABSOLUTE,                                         \
				   FROM("2024-03-01T00:00:00Z") A(P("0", "20")))                   \
		}                                                                                  \
	}
#define V9                                                                                         \
	{                                                                                          \
		{ 0,                                                                               \
		  PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-03-01T00:00:00Z") A(P("0", "16"))) }, \
		{                                                                                  \
			1, PROFILE(DEFAULT, "0", ABSOLUTE,                                         \
				   FROM("2024-03-05T08:00:00Z") FOR("3600")                        \
					   A(P("0", "8") "," P("1800", "12")))                     \
		}                                                                                  \
	}
#define ON_1                                                                                       \
	{                                                                                          \
		{                                                                                  \
			1, 7, 0                                                                    \
		}                                                                                  \
	}
#define ON_BOTH                                                                                    \
	{                                                                                          \
		{ 1, 7, 0 },                                                                       \
		{                                                                                  \
			2, 8, 0                                                                    \
		}                                                                                  \
	}

static const struct example examples[] = {
	{ "V1 morning", V1, ON_1, 1, "2024-03-05T07:00:00Z", 14400, "0:110000/3 3600:60000/3",
	  RATE_W },
	{ "V1 night", V1, ON_1, 1, "2024-03-05T19:30:00Z", 54000,
	  "0:60000/3 1800:110000/3 45000:60000/3", RATE_W },
	{ "V2",
	  { { 0, PROFILE(MAX, "0", ABSOLUTE,
			 FROM("2024-03-05T06:00:00Z")
				 A(P("0", "40") "," P("7200", "20") "," P("14400", "32"))) },
	    { 0, PROFILE(DEFAULT, "0", ABSOLUTE,
			 FROM("2024-03-05T06:00:00Z") FOR("18000")
				 A(P("0", "16") "," P("10800", "32"))) } },
	  ON_1,
	  1,
	  "2024-03-05T07:00:00Z",
	  18000,
	  "0:160/3 7200:200/3 10800:320/3" },
	{ "V3 Monday", V3, ON_1, 1, "2024-03-04T20:00:00Z", 43200, "0:60/3 7200:320/3 36000:60/3" },
	{ "V3 Tuesday", V3, ON_1, 1, "2024-03-05T20:00:00Z", 43200, "0:60/3" },
	{ "V4",
	  { { 0, PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") A(P("0", "10"))) },
	    { 1, PROFILE(TX, "0", RELATIVE,
			 FOR("5400") A(P("0", "32") "," P("1800", "16") "," P("3600", "8"))) } },
	  { { 1, 7, 1709633250 /* 10:07:30 */ } },
	  1,
	  "2024-03-05T10:30:00Z",
	  7200,
	  "0:320/3 450:160/3 2250:80/3 4050:100/3" },
	{ "V5 A", { V5_MAX, V5_DEFAULT }, ON_1, 1, "2024-03-05T10:00:00Z", 3600, "0:159/3" },
	{ "V5 W",
	  { V5_MAX, V5_DEFAULT },
	  ON_1,
	  1,
	  "2024-03-05T10:00:00Z",
	  3600,
	  "0:110000/3",
	  RATE_W },
	{ "V5 one phase",
	  { { 0,
	      PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") W(P1("0", "3680"))) } },
	  ON_1,
	  1,
	  "2024-03-05T10:00:00Z",
	  3600,
	  "0:160/1" },
	{ "V5 phases assumed",
	  { { 0,
	      PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-01-01T00:00:00Z") W(P("0", "3680"))) } },
	  ON_1,
	  1,
	  "2024-03-05T10:00:00Z",
	  3600,
	  "0:53/3" },
	{ "V6",
	  { { 1, PROFILE(DEFAULT, "0", DAILY,
			 FROM("2024-03-01T00:00:00Z") FOR("100000")
				 A(P("0", "16") "," P("80000", "10") "," P("90000", "6"))) } },
	  ON_1,
	  1,
	  "2024-03-05T21:00:00Z",
	  21600,
	  "0:160/3 4400:100/3 10800:160/3" },
	{ "V7",
	  { { 1, PROFILE(DEFAULT, "0", ABSOLUTE, FROM("2024-03-01T00:00:00Z") A(P("0", "16"))) },
	    { 1, PROFILE(DEFAULT, "5",
			 ABSOLUTE ",\"validFrom\":\"2024-03-05T12:00:00Z\","
				  "\"validTo\":\"2024-03-05T14:00:00Z\"",
			 FROM("2024-03-05T12:00:00Z") A(P("0", "0"))) } },
	  ON_1,
	  1,
	  "2024-03-05T11:30:00Z",
	  10800,
	  "0:160/3 1800:0/3 9000:160/3" },
	{ "V8 station", V8, ON_BOTH, 0, "2024-03-05T11:00:00Z", 7200, "0:360/3 3600:300/3",
	  .connectors = 2 },
	{ "V8 connector 1", V8, ON_BOTH, 1, "2024-03-05T11:00:00Z", 7200, "0:160/3" },
	{ "V8 connector 2", V8, ON_BOTH, 2, "2024-03-05T11:00:00Z", 7200, "0:200/3" },
	{ "V9 connector 1", V9, ON_BOTH, 1, "2024-03-05T07:30:00Z", 7200,
	  "0:320/3 1800:80/3 3600:120/3 5400:320/3", .local_a = 320 },
	{ "V9 connector 2", V9, ON_BOTH, 2, "2024-03-05T07:30:00Z", 7200, "0:160/3",
	  .local_a = 320 },
	{ "V10",
	  { { 0, PROFILE(MAX, "0", ABSOLUTE, FROM("2024-03-01T00:00:00Z") A(P("0", "20"))) },
	    { 0,
	      PROFILE(MAX, "1", DAILY, FROM("2024-03-01T18:00:00Z") FOR("7200") A(P("0", "10"))) },
	    { 1, PROFILE(TX, "0", RELATIVE, A(P("0", "16"))) },
	    { 1, PROFILE(TX, "3", RELATIVE, FOR("900") A(P("0", "6") "," P("600", "25"))) } },
	  { { 1, 7, 1709661000 /* 17:50 */ } },
	  1,
	  "2024-03-05T17:50:00Z",
	  10800,
	  "0:60/3 600:100/3 7800:160/3" },
	/* Not of the reference: what it leaves to the reader. */
	{ "no profile", { { 0, NULL } }, ON_1, 1, "2024-03-05T10:00:00Z", 60, "0:-" },
	{ "TxProfile without transaction",
	  { { 1, PROFILE(TX, "0", RELATIVE, A(P("0", "16"))) } },
	  { { 2, 7, 0 } },
	  1,
	  "2024-03-05T10:00:00Z",
	  60,
	  "0:-" },
	{ "relative default without transaction counts from the request",
	  { { 0, PROFILE(DEFAULT, "0", RELATIVE, A(P("0", "16") "," P("30", "8"))) } },
	  { { 0, 0, 0 } },
	  1,
	  "2024-03-05T10:00:00Z",
	  60,
	  "0:160/3 30:80/3" },
	{ "station with an unlimited connector", V8, ON_BOTH, 0, "2024-03-05T11:00:00Z", 7200,
	  "0:500/3 3600:300/3", .connectors = 3 },
	{ "recurring before its start",
	  { { 1, PROFILE(DEFAULT, "0", DAILY, FROM("2024-03-05T10:00:30Z") A(P("0", "16"))) } },
	  ON_1,
	  1,
	  "2024-03-05T10:00:00Z",
	  60,
	  "0:- 30:160/3" },
};

struct set {
	struct profile *owned[SET_MAX];
	const struct profile *profiles[SET_MAX];
	uint32_t count;
};

static void
set_load(struct set *set, const struct installed *rows)
{
	set->count = 0;
	for (size_t i = 0; i < SET_MAX && rows[i].json != NULL; i++) {
		struct json_object *json = json_tokener_parse(rows[i].json);

		assert_non_null(json);
		assert_int_equal(profile_parse(json, rows[i].connector, &set->owned[i]), 0);
		set->profiles[i] = set->owned[i];
		set->count++;
		json_object_put(json);
	}
}

static void
set_free(struct set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		free(set->owned[i]);
}

static void
print(const struct composite_period *periods, int64_t count, char *text, size_t size)
{
	size_t at = 0;

	text[0] = '\0';
	for (int64_t i = 0; i < count && at < size; i++) {
		const struct composite_limit *limit = &periods[i].at;
		int n = limit->is_limited
				? snprintf(text + at, size - at, "%s%lld:%lld/%lld",
					   i == 0 ? "" : " ", (long long)periods[i].start_s,
					   (long long)limit->limit, (long long)limit->phases)
				: snprintf(text + at, size - at, "%s%lld:-", i == 0 ? "" : " ",
					   (long long)periods[i].start_s);

		at += (size_t)n;
	}
}

static void
composite_worked_examples_come_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct example *example = &examples[i];
		struct composite_period periods[32];
		char text[1024];
		struct set set;
		struct composite_query query = {
			.charging_count = 2,
			.charging = example->charging,
			.connector = example->connector,
			.connectors = example->connectors,
			.start_s = seconds(example->start),
			.duration_s = example->duration_s,
			.voltage_v = 230,
			.local_a = example->local_a,
			.unit = example->unit,
		};
		int64_t count;

		set_load(&set, example->set);
		query.profiles = set.profiles;
		query.profile_count = set.count;
		count = composite_compute(&query, periods, 32);
		print(periods, count, text, sizeof(text));
		if (strcmp(text, example->wanted) != 0)
			fail_msg("%s: %s, not %s", example->label, text, example->wanted);
		set_free(&set);
	}
}

static void
composite_below_the_minimum_is_marked(void **state)
{
	static const struct installed rows[SET_MAX] = {
		{ 1,
		  PROFILE(DEFAULT, "0", ABSOLUTE,
			  FROM("2024-01-01T00:00:00Z") "\"minChargingRate\":8," A(P("0", "16"))) },
		{ 0,
		  PROFILE(MAX, "0", ABSOLUTE,
			  FROM("2024-01-01T00:00:00Z") "\"minChargingRate\":8.5," A(P("0", "8"))) },
	};
	struct composite_limit limit;
	struct set set;
	struct composite_query query = { .connector = 1, .duration_s = 1, .voltage_v = 230 };

	(void)state;
	set_load(&set, rows);
	query.profiles = set.profiles;
	query.profile_count = set.count;
	composite_at(&query, seconds("2024-03-05T00:00:00Z"), &limit);
	assert_true(limit.is_inefficient);
	assert_int_equal(limit.limit, 80);
	set_free(&set);
}

static void
composite_beyond_bounds_is_refused(void **state)
{
	static const struct installed rows[SET_MAX] = {
		{ 1, PROFILE(DEFAULT, "0", DAILY,
			     FROM("2024-01-01T00:00:00Z") A(P("0", "16") "," P("60", "8"))) },
	};
	struct composite_period periods[4];
	struct set set;
	struct composite_query query = { .connector = 1,
					 .start_s = seconds("2024-01-01T00:00:00Z"),
					 .duration_s = 2 * 86400,
					 .voltage_v = 230 };

	(void)state;
	set_load(&set, rows);
	query.profiles = set.profiles;
	query.profile_count = set.count;
	assert_int_equal(composite_compute(&query, periods, 4), 4);
	query.duration_s++;
	assert_int_equal(composite_compute(&query, periods, 4), OCPPD_ESPACE);
	query.duration_s = 0;
	assert_int_equal(composite_compute(&query, periods, 4), OCPPD_EINVAL);
	query.duration_s = INT64_MAX;
	assert_int_equal(composite_compute(&query, periods, 4), OCPPD_EINVAL);
	query.duration_s = 1;
	query.voltage_v = 0;
	assert_int_equal(composite_compute(&query, periods, 4), OCPPD_EINVAL);
	set_free(&set);
}

static void
composite_comparison_tells_what_matters(void **state)
{
	static const struct composite_period computed[] = {
		{ 0, { true, false, 160, 3 } },
		{ 60, { false, false, 0, 0 } },
		{ 120, { true, false, 100, 3 } },
	};
	static const struct {
		const char *label;
		struct period periods[4];
		uint32_t count;
		const char *wanted; /* start-end:computed/reported */
	} rows[] = {
		{ "equal", { { 0, 160, 0 }, { 60, 320, 0 }, { 120, 100, 0 } }, 3, "" },
		{ "rounded", { { 0, 159, 0 }, { 60, 5, 0 }, { 120, 101, 0 } }, 3, "" },
		{ "a second late", { { 0, 160, 0 }, { 121, 100, 0 } }, 2, "" },
		{ "two seconds late", { { 0, 160, 0 }, { 122, 100, 0 } }, 2, "120-122:100/160" },
		{ "higher", { { 0, 320, 0 } }, 1, "0-60:160/320 120-180:100/320" },
		{ "lower in between",
		  { { 0, 160, 0 }, { 20, 0, 0 }, { 30, 160, 0 }, { 60, 100, 0 } },
		  4,
		  "20-30:160/0" },
		{ "begins late", { { 50, 160, 0 }, { 120, 100, 0 } }, 2, "0-50:160/-1" },
		{ "none", { { 0, 0, 0 } }, 0, "0-60:160/-1 120-180:100/-1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct profile reported = { .unit = RATE_A,
						  .period_count = rows[i].count,
						  .periods = rows[i].periods };
		struct composite_difference found[2];
		char text[128] = "";
		size_t at = 0;
		uint32_t count = composite_compare(computed, 3, &reported, 180, found, 2);

		for (uint32_t k = 0; k < count; k++)
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "%s%lld-%lld:%lld/%lld",
				k == 0 ? "" : " ", (long long)found[k].start_s,
				(long long)found[k].end_s, (long long)found[k].computed,
				(long long)found[k].reported);
		if (strcmp(text, rows[i].wanted) != 0)
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].label, text, rows[i].wanted);
	}
}

/* ---- Against an oracle ------------------------------------------------------------------------
 */

#define ROUNDS 400
#define RANDOM_SET 8
#define NOW INT64_C(1709600000)
#define SPAN 4000

struct random {
	uint64_t state;
};

static int64_t
draw(struct random *random, int64_t below)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return (int64_t)(random->state >> 11) % below;
}

struct random_profile {
	struct profile profile;
	struct period periods[5];
};

/* Times gather around the window, and recurrences are short enough to wrap in it. */
static void
invent(struct random *random, struct random_profile *made)
{
	struct profile *profile = &made->profile;
	int64_t at = draw(random, 10) == 0 ? 5 : 0;

	*profile = (struct profile){
		.id = draw(random, 100),
		.stack_level = draw(random, 4),
		.purpose = (enum profile_purpose)draw(random, 3),
		.kind = (enum profile_kind)draw(random, 3),
		.unit = (enum rate_unit)draw(random, 2),
		.installed_s = NOW - draw(random, 2000),
		.has_start = draw(random, 5) != 0,
		.start_s = NOW - 3000 + draw(random, 6000),
		.has_duration = draw(random, 2) == 0,
		.duration_s = 1 + draw(random, 3000),
		.has_valid_from = draw(random, 3) == 0,
		.valid_from_s = NOW - 500 + draw(random, 3000),
		.has_valid_to = draw(random, 3) == 0,
		.valid_to_s = NOW + draw(random, 4000),
		.period_count = (uint32_t)draw(random, 6),
		.periods = made->periods,
	};
	profile->connector = profile->purpose == PURPOSE_MAX  ? 0
			     : profile->purpose == PURPOSE_TX ? 1 + draw(random, 3)
							      : draw(random, 4);
	profile->has_transaction = profile->purpose == PURPOSE_TX && draw(random, 2) == 0;
	profile->transaction_id = 1 + draw(random, 3);
	if (profile->kind == KIND_RECURRING)
		profile->recurrency_s = draw(random, 2) == 0 ? 700 : 86400;
	profile->min_rate = draw(random, 3) == 0 ? draw(random, 500) : 0;
	for (uint32_t i = 0; i < 5; i++) {
		made->periods[i] = (struct period){ at, draw(random, 400), draw(random, 4) };
		if (profile->unit == RATE_W)
			made->periods[i].limit *= 690;
		at += 1 + draw(random, 900);
	}
}

/* The limit of one profile at one second, in the words of the specification. */
static bool
oracle_profile(const struct profile *profile, const struct composite_query *query,
	       const struct charging *charging, int64_t t, struct composite_limit *ret)
{
	int64_t origin = profile->has_start && profile->kind != KIND_RELATIVE ? profile->start_s
			 : profile->purpose == PURPOSE_MAX                    ? profile->installed_s
			 : charging != NULL                                   ? charging->start_s
									      : query->start_s;
	const struct period *period = NULL;
	int64_t e;
	int64_t min_rate;

	if ((profile->has_valid_from && t < profile->valid_from_s) ||
	    (profile->has_valid_to && t >= profile->valid_to_s) || t < origin)
		return false;
	for (e = t - origin; profile->kind == KIND_RECURRING && e >= profile->recurrency_s;)
		e -= profile->recurrency_s;
	if (profile->has_duration && e >= profile->duration_s)
		return false;
	for (uint32_t i = 0; i < profile->period_count; i++) {
		if (profile->periods[i].start_s <= e)
			period = &profile->periods[i];
	}
	if (period == NULL)
		return false;
	ret->is_limited = true;
	ret->phases = period->phases == 0 ? 3 : period->phases;
	ret->limit = period->limit;
	min_rate = profile->min_rate;
	if (profile->unit == RATE_W && query->unit == RATE_A) {
		ret->limit = ret->limit / ret->phases / query->voltage_v;
		min_rate = min_rate / ret->phases / query->voltage_v;
	} else if (profile->unit == RATE_A && query->unit == RATE_W) {
		ret->limit = ret->limit * ret->phases * query->voltage_v;
		min_rate = min_rate * ret->phases * query->voltage_v;
	}
	ret->is_inefficient = ret->limit != 0 && ret->limit < min_rate;
	return true;
}

/* Level by level from the top; the first profile of a level that is active has it. */
static bool
oracle_stack(const struct composite_query *query, enum profile_purpose purpose, int64_t connector,
	     const struct charging *charging, int64_t t, struct composite_limit *ret)
{
	for (int64_t level = 3; level >= 0; level--) {
		for (uint32_t i = 0; i < query->profile_count; i++) {
			const struct profile *profile = query->profiles[i];

			if (profile->purpose != purpose || profile->connector != connector ||
			    profile->stack_level != level)
				continue;
			if (purpose == PURPOSE_TX &&
			    (charging == NULL ||
			     (profile->has_transaction &&
			      profile->transaction_id != charging->transaction_id)))
				continue;
			if (oracle_profile(profile, query, charging, t, ret))
				return true;
		}
	}
	return false;
}

static void
oracle_connector(const struct composite_query *query, int64_t connector, int64_t t,
		 struct composite_limit *ret)
{
	const struct charging *charging = NULL;
	int64_t source = 0;

	for (uint32_t i = 0; i < query->charging_count; i++) {
		if (query->charging[i].connector == connector)
			charging = &query->charging[i];
	}
	for (uint32_t i = 0; i < query->profile_count; i++) {
		if (query->profiles[i]->purpose == PURPOSE_DEFAULT &&
		    query->profiles[i]->connector == connector)
			source = connector;
	}
	if (!oracle_stack(query, PURPOSE_TX, connector, charging, t, ret))
		(void)oracle_stack(query, PURPOSE_DEFAULT, source, charging, t, ret);
}

static void
oracle_at(const struct composite_query *query, int64_t t, struct composite_limit *ret)
{
	struct composite_limit most = { false, false, 0, 0 };
	struct composite_limit sum = { query->connectors > 0, false, 0, 0 };

	*ret = most;
	if (query->connector != 0)
		oracle_connector(query, query->connector, t, ret);
	for (int64_t i = 1; query->connector == 0 && i <= query->connectors; i++) {
		struct composite_limit one = { false, false, 0, 0 };

		oracle_connector(query, i, t, &one);
		sum.is_limited = sum.is_limited && one.is_limited;
		sum.limit += one.limit;
		sum.phases = one.phases > sum.phases ? one.phases : sum.phases;
	}
	if (query->connector == 0 && sum.is_limited)
		*ret = sum;
	if (oracle_stack(query, PURPOSE_MAX, 0, NULL, t, &most) &&
	    (!ret->is_limited || most.limit < ret->limit)) {
		most.is_inefficient = most.is_inefficient || ret->is_inefficient;
		*ret = most;
	}
}

static bool
same(const struct composite_limit *a, const struct composite_limit *b)
{
	return a->is_limited == b->is_limited && a->limit == b->limit && a->phases == b->phases &&
	       a->is_inefficient == b->is_inefficient;
}

static void
compare(const struct composite_query *query, int round)
{
	struct composite_period periods[PERIODS_MAX];
	int64_t count = composite_compute(query, periods, PERIODS_MAX);
	int64_t at = 0;

	assert_true(count > 0 && periods[0].start_s == 0);
	for (int64_t i = 1; i < count; i++) {
		/* A period that says what the one before said should not be there. */
		assert_false(same(&periods[i].at, &periods[i - 1].at));
		assert_true(periods[i].start_s > periods[i - 1].start_s);
	}
	assert_true(periods[count - 1].start_s < query->duration_s);
	for (int64_t second = 0; second < query->duration_s; second++) {
		struct composite_limit wanted;

		if (at + 1 < count && periods[at + 1].start_s == second)
			at++;
		oracle_at(query, query->start_s + second, &wanted);
		if (!same(&wanted, &periods[at].at))
			fail_msg("round %d, connector %lld, second %lld: %lld/%lld, not %lld/%lld",
				 round, (long long)query->connector, (long long)second,
				 (long long)periods[at].at.limit, (long long)periods[at].at.phases,
				 (long long)wanted.limit, (long long)wanted.phases);
	}
}

static void
composite_random_sets_agree_with_each_second(void **state)
{
	struct random random = { 0x9e3779b97f4a7c15 };

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		struct random_profile made[RANDOM_SET];
		const struct profile *profiles[RANDOM_SET];
		const struct charging charging[] = {
			{ 1, 1 + draw(&random, 3), NOW - draw(&random, 1500) },
			{ 2, 1 + draw(&random, 3), NOW - draw(&random, 1500) },
		};
		struct composite_query query = {
			.profiles = profiles,
			.profile_count = (uint32_t)draw(&random, RANDOM_SET + 1),
			.charging_count = (uint32_t)draw(&random, 3),
			.charging = charging,
			.connectors = draw(&random, 4),
			.start_s = NOW,
			.duration_s = 1 + draw(&random, SPAN),
			.voltage_v = draw(&random, 2) == 0 ? 230 : 120,
			.unit = (enum rate_unit)draw(&random, 2),
		};

		for (uint32_t i = 0; i < RANDOM_SET; i++) {
			invent(&random, &made[i]);
			profiles[i] = &made[i].profile;
		}
		for (query.connector = 0; query.connector <= 3; query.connector++)
			compare(&query, round);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(composite_worked_examples_come_out),
		cmocka_unit_test(composite_below_the_minimum_is_marked),
		cmocka_unit_test(composite_beyond_bounds_is_refused),
		cmocka_unit_test(composite_comparison_tells_what_matters),
		cmocka_unit_test(composite_random_sets_agree_with_each_second),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
