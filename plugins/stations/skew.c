/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The skew of stations' clocks. Judges, never corrects: what was reported stays as it was.
 */
#include "skew.h"

#define US INT64_C(1000000)
#define ALERT_S 300              /* quirk E07 */
#define AGREE_S 60               /* between messages of one clock */
#define AGREEING_MIN 3           /* messages */
#define SPAN_US (30 * US)        /* over which messages from the past must have come in */
#define QUARTER_S 900            /* zones differ by multiples of it */
#define NEAR_S 90                /* of such a multiple, delivery included */
#define OFFSET_MAX_S (15 * 3600) /* no zone is further from Greenwich */
#define SKEW_MAX_S (400 * 86400) /* beyond: E04, no clock that merely drifts */

static int64_t
magnitude(int64_t value)
{
	return value < 0 ? -value : value;
}

static int32_t
nearest_quarter(int32_t skew_s)
{
	int32_t half = skew_s < 0 ? -QUARTER_S / 2 : QUARTER_S / 2;

	return (skew_s + half) / QUARTER_S * QUARTER_S;
}

static bool
is_zone(int32_t skew_s)
{
	int32_t quarter = nearest_quarter(skew_s);

	return quarter != 0 && magnitude(quarter) <= OFFSET_MAX_S &&
	       magnitude(skew_s - quarter) <= NEAR_S;
}

enum skew_verdict
skew_learn(struct skew *skew, int64_t time_us, int64_t received_us)
{
	int64_t found_s = time_us / US - received_us / US;
	/* With the first, not the one before: a queue that is emptied comes nearer step by step. */
	bool agrees = skew->agreeing > 0 && magnitude(found_s - skew->first_s) <= AGREE_S;

	if (magnitude(found_s) > SKEW_MAX_S)
		return SKEW_ABSURD;
	if (!agrees) {
		skew->agreeing = 0;
		skew->first_received_us = received_us;
		skew->first_s = (int32_t)found_s;
	}
	if (skew->agreeing < AGREEING_MIN)
		skew->agreeing++;
	skew->last_s = (int32_t)found_s;
	skew->is_known = magnitude(found_s) <= AGREE_S ||
			 (skew->agreeing == AGREEING_MIN &&
			  (found_s > 0 || received_us - skew->first_received_us >= SPAN_US));
	skew->is_offset = skew->is_known && is_zone(skew->last_s);
	if (!skew->is_known || magnitude(found_s) <= ALERT_S)
		return SKEW_FINE;
	return skew->is_offset ? SKEW_OFFSET : SKEW_DRIFT;
}

int32_t
skew_offset_s(const struct skew *skew)
{
	return skew->is_offset ? nearest_quarter(skew->last_s) : 0;
}
