/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which limits are pauses. Pure.
 */
#include "pause.h"

#define LEAST_A 60 /* tenths */

static bool
is_pause(const struct profile *profile, const struct period *period, int64_t voltage_v)
{
	int64_t phases = period->phases > 0 ? period->phases : 1;

	return period->limit < rate_convert(LEAST_A, RATE_A, profile->unit, phases, voltage_v);
}

bool
pause_is_in(const struct profile *profile, int64_t voltage_v)
{
	for (uint32_t i = 0; i < profile->period_count; i++) {
		if (is_pause(profile, &profile->periods[i], voltage_v))
			return true;
	}
	return false;
}

bool
pause_is_at(const struct profile *profile, const struct charging *charging, int64_t now_s,
	    int64_t voltage_v)
{
	const struct composite_query query = {
		.profiles = &profile,
		.profile_count = 1,
		.charging = charging,
		.charging_count = 1,
		.connector = profile->purpose == PURPOSE_MAX ? 0 : charging->connector,
		.start_s = now_s,
		.duration_s = 1,
		.voltage_v = voltage_v,
		.unit = profile->unit,
	};
	struct composite_limit at;

	composite_at(&query, now_s, &at);
	for (uint32_t i = 0; at.is_limited && i < profile->period_count; i++) {
		if (profile->periods[i].limit == at.limit &&
		    is_pause(profile, &profile->periods[i], voltage_v))
			return true;
	}
	return false;
}
