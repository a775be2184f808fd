/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The rungs of the ladder that a refused profile climbs: which there are for a profile, and what
 * each makes of it. Sends nothing and remembers nothing.
 */
#include "adapt.h"

#include <ocppd/error.h>
#include <ocppd/json.h>
#include <ocppd/time.h>

#include <json.h>
#include <stdio.h>
#include <string.h>

#include "profile.h"

#define SECOND_US 1000000

int
adapt_add_time(struct json_object *object, const char *key, int64_t time_us, bool is_whole)
{
	char text[OCPPD_TIME_SIZE];
	char *dot;

	if (!is_whole)
		return ocppd_json_add_time(object, key, time_us);
	if (ocppd_time_format(time_us, text) < 0)
		return OCPPD_ERANGE;
	dot = strchr(text, '.');
	if (dot != NULL)
		memcpy(dot, "Z", 2);
	return ocppd_json_add_str(object, key, text);
}

/* ---- Which there are --------------------------------------------------------------------------
 */

/* By how much periods move when they are counted from the transaction. */
static int64_t
shift_of(const struct profile *profile, const struct adapt_context *context)
{
	return profile->has_start ? profile->start_s - context->charging_start_s : 0;
}

static bool
can_change_kind(const struct profile *profile, enum profile_purpose purpose,
		const struct adapt_context *context)
{
	bool is_begun = !profile->has_start || profile->start_s <= context->now_s;

	if (profile->kind == KIND_RECURRING || purpose == PURPOSE_MAX)
		return false;
	if (profile->kind == KIND_ABSOLUTE && !is_begun)
		return false;
	/* A default goes with transactions to come, whose begin is not known: only what does not
	 * depend on it stays as it is. */
	if (purpose == PURPOSE_DEFAULT)
		return profile->period_count == 1 && !profile->has_duration;
	if (!context->is_charging)
		return false;
	return profile->kind == KIND_RELATIVE || !profile->has_duration ||
	       profile->duration_s + shift_of(profile, context) > 0;
}

static bool
can_change_unit(const struct profile *profile, const struct adapt_context *context)
{
	int64_t most = profile->unit == RATE_W ? LIMIT_MAX
					       : LIMIT_MAX / (context->voltage_v * PHASES_DEFAULT);

	for (uint32_t i = 0; i < profile->period_count; i++) {
		if (profile->periods[i].limit > most)
			return false;
	}
	return profile->min_rate <= most;
}

bool
adapt_is_possible(const struct profile *profile, uint32_t changes,
		  const struct adapt_context *context)
{
	enum profile_purpose purpose = profile->purpose;

	if ((changes & CHANGE_PURPOSE) != 0) {
		if (purpose != PURPOSE_MAX || !context->is_single)
			return false;
		purpose = PURPOSE_DEFAULT;
	}
	if ((changes & CHANGE_CONNECTOR) != 0 &&
	    (purpose != PURPOSE_DEFAULT || !context->is_single || profile->connector > 1))
		return false;
	if ((changes & CHANGE_KIND) != 0 && !can_change_kind(profile, purpose, context))
		return false;
	return (changes & CHANGE_UNIT) == 0 || can_change_unit(profile, context);
}

uint32_t
adapt_next(const struct profile *profile, uint32_t tried, uint32_t needed,
	   const struct adapt_context *context)
{
	/* By the number of changes, then the likelier and the more faithful first. */
	static const uint8_t order[CHANGE_SETS] = {
		0x0, 0x1, 0x2, 0x4, 0x8, 0x3, 0x5, 0x6, 0x9, 0xa, 0xc, 0x7, 0xb, 0xd, 0xe, 0xf,
	};

	for (size_t i = 0; i < CHANGE_SETS; i++) {
		if ((tried & 1u << order[i]) == 0 && (order[i] & needed) == needed &&
		    adapt_is_possible(profile, order[i], context))
			return order[i];
	}
	return CHANGE_SETS;
}

/* ---- What a station takes ---------------------------------------------------------------------
 */

uint32_t
adapt_wanted(const struct profile *profile, uint32_t taste)
{
	bool is_moved = profile->purpose == PURPOSE_MAX && (taste & TASTE_NO_MAX) != 0;
	uint32_t changes = is_moved ? CHANGE_PURPOSE : 0;

	if ((profile->kind == KIND_ABSOLUTE && (taste & TASTE_RELATIVE) != 0) ||
	    (profile->kind == KIND_RELATIVE && (taste & TASTE_ABSOLUTE) != 0))
		changes |= CHANGE_KIND;
	if ((profile->unit == RATE_A && (taste & TASTE_W) != 0) ||
	    (profile->unit == RATE_W && (taste & TASTE_A) != 0))
		changes |= CHANGE_UNIT;
	if ((profile->purpose == PURPOSE_DEFAULT || is_moved) &&
	    ((profile->connector == 0 && (taste & TASTE_CONNECTOR_1) != 0) ||
	     (profile->connector == 1 && (taste & TASTE_CONNECTOR_0) != 0)))
		changes |= CHANGE_CONNECTOR;
	return changes;
}

uint32_t
adapt_learn(uint32_t taste, const struct profile *accepted, uint32_t changes)
{
	if ((changes & CHANGE_KIND) != 0) {
		taste &= ~(TASTE_ABSOLUTE | TASTE_RELATIVE);
		taste |= accepted->kind == KIND_RELATIVE ? TASTE_RELATIVE : TASTE_ABSOLUTE;
	}
	if ((changes & CHANGE_UNIT) != 0) {
		taste &= ~(TASTE_A | TASTE_W);
		taste |= accepted->unit == RATE_A ? TASTE_A : TASTE_W;
	}
	if ((changes & CHANGE_CONNECTOR) != 0) {
		taste &= ~(TASTE_CONNECTOR_0 | TASTE_CONNECTOR_1);
		taste |= accepted->connector == 0 ? TASTE_CONNECTOR_0 : TASTE_CONNECTOR_1;
	}
	if ((changes & CHANGE_PURPOSE) != 0)
		taste |= TASTE_NO_MAX;
	return taste;
}

/* ---- What they make of a profile ----------------------------------------------------------------
 */

struct made {
	enum rate_unit from;
	enum rate_unit to;
	int64_t voltage_v;
	int64_t shift_s;
};

static struct json_object *
period_json(const struct period *period, int64_t start_s, const struct made *made)
{
	struct json_object *item = json_object_new_object();
	int64_t phases = period->phases > 0 ? period->phases : PHASES_DEFAULT;
	int r = ocppd_json_add_int(item, "startPeriod", start_s);

	r |= ocppd_json_add(item, "limit",
			    tenths_json(rate_convert(period->limit, made->from, made->to, phases,
						     made->voltage_v)));
	if (period->phases > 0)
		r |= ocppd_json_add_int(item, "numberPhases", period->phases);
	if (item == NULL || r < 0) {
		(void)json_object_put(item);
		return NULL;
	}
	return item;
}

/* What was over before the new origin is left out; what comes first begins with it. */
static int
replace_periods(struct json_object *schedule, const struct profile *profile,
		const struct made *made)
{
	struct json_object *list = json_object_new_array();
	uint32_t first = 0;
	int r = 0;

	while (first + 1 < profile->period_count &&
	       profile->periods[first + 1].start_s + made->shift_s <= 0)
		first++;
	for (uint32_t i = first; list != NULL && r >= 0 && i < profile->period_count; i++) {
		int64_t start_s = i == first ? 0 : profile->periods[i].start_s + made->shift_s;
		struct json_object *item = period_json(&profile->periods[i], start_s, made);

		if (item == NULL || json_object_array_add(list, item) < 0) {
			(void)json_object_put(item);
			r = OCPPD_ENOMEM;
		}
	}
	if (list == NULL || r < 0) {
		(void)json_object_put(list);
		return OCPPD_ENOMEM;
	}
	return ocppd_json_add(schedule, "chargingSchedulePeriod", list);
}

static int
change_kind(struct json_object *json, struct json_object *schedule, const struct profile *profile,
	    const struct adapt_context *context, struct made *made)
{
	bool is_transaction = profile->purpose == PURPOSE_TX;
	int r;

	if (profile->kind == KIND_RELATIVE) {
		r = ocppd_json_add_str(json, "chargingProfileKind", "Absolute");
		return r | adapt_add_time(
				   schedule, "startSchedule",
				   (is_transaction ? context->charging_start_s : context->now_s) *
					   SECOND_US,
				   context->is_whole_second);
	}
	json_object_object_del(schedule, "startSchedule");
	made->shift_s = is_transaction ? shift_of(profile, context) : 0;
	r = ocppd_json_add_str(json, "chargingProfileKind", "Relative");
	if (profile->has_duration)
		r |= ocppd_json_add_int(schedule, "duration", profile->duration_s + made->shift_s);
	return r;
}

static int
change_unit(struct json_object *schedule, const struct profile *profile, struct made *made)
{
	int r;

	made->to = profile->unit == RATE_A ? RATE_W : RATE_A;
	r = ocppd_json_add_str(schedule, "chargingRateUnit", rate_unit_word(made->to));
	if (profile->min_rate > 0)
		r |= ocppd_json_add(
			schedule, "minChargingRate",
			tenths_json(rate_convert(profile->min_rate, made->from, made->to,
						 PHASES_DEFAULT, made->voltage_v)));
	return r;
}

int
adapt_apply(struct json_object *json, const struct profile *profile, uint32_t changes,
	    const struct adapt_context *context, int64_t *connector)
{
	struct json_object *schedule = ocppd_json_get(json, "chargingSchedule");
	struct made made = { profile->unit, profile->unit, context->voltage_v, 0 };
	int r = 0;

	if ((changes & CHANGE_PURPOSE) != 0)
		r |= ocppd_json_add_str(json, "chargingProfilePurpose",
					profile_purpose_word(PURPOSE_DEFAULT));
	if ((changes & CHANGE_CONNECTOR) != 0)
		*connector = *connector == 0 ? 1 : 0;
	if ((changes & CHANGE_KIND) != 0)
		r |= change_kind(json, schedule, profile, context, &made);
	if ((changes & CHANGE_UNIT) != 0)
		r |= change_unit(schedule, profile, &made);
	if ((changes & (CHANGE_KIND | CHANGE_UNIT)) != 0)
		r |= replace_periods(schedule, profile, &made);
	return r < 0 ? OCPPD_ENOMEM : 0;
}

void
adapt_describe(const struct profile *profile, uint32_t changes, int64_t voltage_v, char *ret,
	       size_t size)
{
	char unit[32];
	const char *parts[4];
	size_t count = 0;
	size_t at = 0;

	(void)snprintf(unit, sizeof(unit), "%s at %lld V",
		       rate_unit_word(profile->unit == RATE_A ? RATE_W : RATE_A),
		       (long long)voltage_v);
	if ((changes & CHANGE_PURPOSE) != 0)
		parts[count++] = profile_purpose_word(PURPOSE_DEFAULT);
	if ((changes & CHANGE_CONNECTOR) != 0)
		parts[count++] = profile->connector == 0 ? "connector 1" : "connector 0";
	if ((changes & CHANGE_KIND) != 0)
		parts[count++] = profile->kind == KIND_RELATIVE ? "Absolute" : "Relative";
	if ((changes & CHANGE_UNIT) != 0)
		parts[count++] = unit;
	ret[0] = '\0';
	for (size_t i = 0; i < count && at < size; i++) {
		int len = snprintf(ret + at, size - at, "%s%s", i == 0 ? "" : ", ", parts[i]);

		at += len > 0 ? (size_t)len : 0;
	}
}
