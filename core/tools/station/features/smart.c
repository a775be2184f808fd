/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Smart charging: the profiles that are installed, what they amount to, and the power that may be
 * drawn. The arithmetic is that of the module on the other side, composite.c and profile.c; here
 * is only who holds what.
 */
#include "features/feature.h"

#include "composite.h"
#include "profile.h"

#include "base/text.h"

#include <stdlib.h>

#include <json-c/json.h>
#include <ocppd/json.h>
#include <ocppd/time.h>

#define LOCAL_A 320 /* tenths: what a connector can carry */
#define CONNECTORS_MAX 16
#define PERIODS_MAX 1000
#define SECOND_US 1000000

static int64_t
now_s(void)
{
	return payload_now_us() / SECOND_US;
}

void
smart_fini(struct station *station)
{
	for (uint32_t i = 0; i < station->profile_count; i++)
		free(station->profiles[i]);
	free(station->profiles);
	station->profiles = NULL;
	station->profile_count = 0;
	for (uint32_t i = 0; station->connectors && i <= station->connector_count; i++) {
		free(station->connectors[i].profile);
		station->connectors[i].profile = NULL;
	}
}

static void
remove_at(struct station *station, uint32_t at)
{
	free(station->profiles[at]);
	station->profiles[at] = station->profiles[--station->profile_count];
}

/* How many others stay when this one comes. */
static uint32_t
count_staying(const struct station *station, const struct profile *profile)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < station->profile_count; i++)
		count += !profile_is_replaced(station->profiles[i], profile);
	return count;
}

/* profile is taken. */
static void
install(struct station *station, struct profile *profile)
{
	struct profile **profiles;

	for (uint32_t i = station->profile_count; i > 0; i--) {
		if (profile_is_replaced(station->profiles[i - 1], profile))
			remove_at(station, i - 1);
	}
	profiles = reallocarray(station->profiles, station->profile_count + 1, sizeof(*profiles));
	if (!profiles) {
		free(profile);
		return;
	}
	station->profiles = profiles;
	profile->installed_s = now_s();
	profiles[station->profile_count++] = profile;
}

/* --- rules --- */

static void
complain(void *arg, const char *text)
{
	char *problem = arg;

	if (problem[0] == '\0')
		(void)str_copy(problem, 200, text);
}

static void
read_limits(const struct station *station, struct station_limits *limits)
{
	static const char *const names[] = {
		"ChargeProfileMaxStackLevel",        "ChargingScheduleMaxPeriods",
		"MaxChargingProfilesInstalled",      "ChargingScheduleAllowedChargingRateUnit",
		"ConnectorSwitch3to1PhaseSupported",
	};

	station_limits_init(limits);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		station_limits_set(limits, names[i], feature_key_text(station, names[i]));
}

/* What is wrong with a profile, "" nothing. */
static void
judge(const struct station *station, const struct profile *profile, struct json_object *json,
      char problem[200])
{
	struct station_limits limits;

	problem[0] = '\0';
	read_limits(station, &limits);
	profile_check(profile, json, now_s(), complain, problem);
	profile_check_limits(profile, &limits, count_staying(station, profile), complain, problem);
}

bool
smart_read_tx(struct station *station, uint32_t number, struct json_object *json,
	      struct profile **ret_profile)
{
	struct profile *profile = NULL;
	char problem[200];

	if (profile_parse(json, number, &profile) < 0)
		return false;
	judge(station, profile, json, problem);
	if (problem[0] != '\0' || profile->purpose != PURPOSE_TX) {
		station_note(station, OUTPUT_NOTE, "profile.refused", "RemoteStartTransaction",
			     "%s", problem[0] ? problem : "its chargingProfile is no TxProfile");
		free(profile);
		return false;
	}
	*ret_profile = profile;
	return true;
}

/* --- SetChargingProfile --- */

static bool
fits_transaction(const struct station *station, const struct profile *profile)
{
	const struct connector *connector;

	if (profile->purpose != PURPOSE_TX)
		return true;
	if (profile->connector == 0)
		return false;
	connector = &station->connectors[profile->connector];
	return connector->has_transaction &&
	       (!profile->has_transaction || profile->transaction_id == connector->transaction);
}

struct json_object *
on_set_profile(struct request *request)
{
	struct station *station = request->station;
	struct json_object *json = ocppd_json_get(request->payload, "csChargingProfiles");
	int64_t number = feature_connector(request, 0);
	struct profile *profile = NULL;
	struct json_object *reply;
	char problem[200];

	if (!json || !ocppd_json_get(request->payload, "connectorId"))
		return feature_incomplete(request);
	if (number < 0)
		return feature_status("Rejected");
	if (profile_parse(json, number, &profile) < 0) {
		request->error = "PropertyConstraintViolation";
		return NULL;
	}
	judge(station, profile, json, problem);
	if (problem[0] == '\0' && !fits_transaction(station, profile))
		complain(problem, "a TxProfile needs its transaction to run at the connector");
	reply = feature_status(problem[0] ? "Rejected" : "Accepted");
	if (problem[0])
		station_note(station, OUTPUT_NOTE, "profile.refused", "SetChargingProfile", "%s",
			     problem);
	free(profile);
	return reply;
}

static void
tell_power(struct station *station)
{
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		const struct connector *connector = &station->connectors[i];
		struct draw draw;

		if (!connector->has_transaction)
			continue;
		smart_draw(station, i, (double)connector->wanted_w, &draw);
		station_note(station, OUTPUT_STEP, "power.changed", NULL,
			     "connector %u draws %.0f W now", i, draw.power_w);
	}
}

void
after_set_profile(struct request *request)
{
	struct station *station = request->station;
	struct profile *profile = NULL;

	if (profile_parse(ocppd_json_get(request->payload, "csChargingProfiles"),
			  feature_connector(request, 0), &profile) < 0)
		return;
	install(station, profile);
	tell_power(station);
}

/* --- ClearChargingProfile --- */

static uint32_t
clear(struct station *station, const struct profile_filter *filter, bool is_dry)
{
	uint32_t count = 0;

	for (uint32_t i = station->profile_count; i > 0; i--) {
		if (!profile_is_cleared(station->profiles[i - 1], filter))
			continue;
		count++;
		if (!is_dry)
			remove_at(station, i - 1);
	}
	return count;
}

struct json_object *
on_clear_profile(struct request *request)
{
	struct profile_filter filter;

	profile_filter_parse(request->payload, &filter);
	return feature_status(clear(request->station, &filter, true) > 0 ? "Accepted" : "Unknown");
}

void
after_clear_profile(struct request *request)
{
	struct station *station = request->station;
	struct profile_filter filter;
	uint32_t count;

	profile_filter_parse(request->payload, &filter);
	count = clear(station, &filter, false);
	station_note(station, OUTPUT_STEP, "profiles.cleared", NULL, "%u cleared, %u left", count,
		     station->profile_count);
	tell_power(station);
}

/* --- what they amount to --- */

static void
fill_query(const struct station *station, struct composite_query *query,
	   struct charging charging[CONNECTORS_MAX])
{
	uint32_t count = 0;

	for (uint32_t i = 1; i <= station->connector_count && count < CONNECTORS_MAX; i++) {
		const struct connector *connector = &station->connectors[i];

		if (!connector->has_transaction)
			continue;
		charging[count++] = (struct charging){ i, connector->transaction,
						       connector->start_us / SECOND_US };
	}
	query->profiles = (const struct profile *const *)station->profiles;
	query->profile_count = station->profile_count;
	query->charging = charging;
	query->charging_count = count;
	query->connectors = station->connector_count;
	query->voltage_v = SMART_VOLTAGE_V;
	query->local_a = LOCAL_A;
}

void
smart_draw(const struct station *station, uint32_t number, double wanted_w, struct draw *ret_draw)
{
	struct charging charging[CONNECTORS_MAX];
	struct composite_query query = { .connector = number, .unit = RATE_W };
	struct composite_limit own = { .is_limited = false };
	struct composite_limit whole = { .is_limited = false };
	double limit_w = wanted_w;

	fill_query(station, &query, charging);
	if (number > 0 && station->profile_count > 0) {
		composite_at(&query, now_s(), &own);
		query.connector = 0;
		composite_at(&query, now_s(), &whole);
	}
	if (own.is_limited)
		limit_w = (double)own.limit / 10;
	/* What the station has is shared evenly by those that charge. */
	if (whole.is_limited && query.charging_count > 1 &&
	    limit_w > (double)whole.limit / 10 / query.charging_count)
		limit_w = (double)whole.limit / 10 / query.charging_count;
	ret_draw->power_w = wanted_w < limit_w ? wanted_w : limit_w;
	ret_draw->current_a = ret_draw->power_w / SMART_VOLTAGE_V /
			      (double)(own.is_limited ? own.phases : PHASES_DEFAULT);
}

static struct json_object *
make_schedule(const struct composite_query *query, const struct composite_period *periods,
	      int64_t count)
{
	struct json_object *schedule = json_object_new_object();
	struct json_object *list = json_object_new_array();

	(void)ocppd_json_add_int(schedule, "duration", query->duration_s);
	(void)ocppd_json_add_str(schedule, "chargingRateUnit", rate_unit_word(query->unit));
	for (int64_t i = 0; i < count; i++) {
		struct json_object *period = json_object_new_object();
		const struct composite_limit *at = &periods[i].at;
		char text[32];

		(void)snprintf(text, sizeof(text), "%.1f", (double)at->limit / 10);
		(void)ocppd_json_add_int(period, "startPeriod", periods[i].start_s);
		json_object_object_add(period, "limit",
				       json_object_new_double_s((double)at->limit / 10, text));
		if (at->phases > 0)
			(void)ocppd_json_add_int(period, "numberPhases", at->phases);
		json_object_array_add(list, period);
	}
	json_object_object_add(schedule, "chargingSchedulePeriod", list);
	return schedule;
}

struct json_object *
on_composite(struct request *request)
{
	struct station *station = request->station;
	const char *unit = ocppd_json_get_str(request->payload, "chargingRateUnit");
	int64_t number = feature_connector(request, 0);
	struct charging charging[CONNECTORS_MAX];
	struct composite_query query = { .connector = number, .start_s = now_s() };
	struct composite_period *periods;
	struct json_object *reply = NULL;
	int64_t count;

	query.duration_s = ocppd_json_get_int(request->payload, "duration", -1);
	query.unit = str_eq(unit, "W") ? RATE_W : RATE_A;
	if (query.duration_s < 0 || !ocppd_json_get(request->payload, "connectorId"))
		return feature_incomplete(request);
	if (number < 0)
		return feature_status("Rejected");
	periods = calloc(PERIODS_MAX, sizeof(*periods));
	if (!periods)
		return NULL;
	fill_query(station, &query, charging);
	count = composite_compute(&query, periods, PERIODS_MAX);
	reply = feature_status(count < 0 ? "Rejected" : "Accepted");
	if (count >= 0) {
		(void)ocppd_json_add_int(reply, "connectorId", number);
		(void)ocppd_json_add_time(reply, "scheduleStart", query.start_s * SECOND_US);
		json_object_object_add(reply, "chargingSchedule",
				       make_schedule(&query, periods, count));
	}
	free(periods);
	return reply;
}

/* --- transactions --- */

void
smart_begin(struct station *station, uint32_t number)
{
	struct connector *connector = &station->connectors[number];
	struct profile *profile = connector->profile;

	if (!profile)
		return;
	connector->profile = NULL;
	profile->has_transaction = true;
	profile->transaction_id = connector->transaction;
	install(station, profile);
	tell_power(station);
}

void
smart_end(struct station *station, uint32_t number)
{
	free(station->connectors[number].profile);
	station->connectors[number].profile = NULL;
	for (uint32_t i = station->profile_count; i > 0; i--) {
		if (station->profiles[i - 1]->purpose == PURPOSE_TX &&
		    station->profiles[i - 1]->connector == number)
			remove_at(station, i - 1);
	}
}
