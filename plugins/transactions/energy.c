/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The energy of a transaction out of several witnesses (quirk G09): what the meter said at both
 * ends, the register's readings in between, the sum of intervals. Pure. Nothing is rescaled: what
 * looks wrong is flagged, how a station reports is labelled (G16).
 */
#include "energy.h"

#include <string.h>

#include "values.h"

/* What two amounts may differ by: 5 %, but what a coarse register rounds is no contradiction. */
#define TOLERANCE_WH 100

/* No session has that much energy before its first reading, or at all, besides what a megawatt
 * delivers meanwhile. */
#define HEAD_START_WH 100000
#define US_PER_WH_AT_1MW 3600

/* A register that begins below that, with a meterStart of 0, counts the session. */
#define SESSION_WH 1000

static bool
do_agree(int64_t a, int64_t b)
{
	int64_t larger = a > b ? a : b;
	int64_t difference = a > b ? a - b : b - a;

	return difference <= TOLERANCE_WH || difference <= larger / 20;
}

/* ---- Readings ---------------------------------------------------------------------------------
 */

static void
track_add(struct track *track, int64_t wh, int64_t time_us)
{
	int64_t step;

	track->last_us = time_us;
	if (!track->has) {
		track->has = true;
		track->first_wh = track->last_wh = wh;
		track->first_us = time_us;
		return;
	}
	if (__builtin_sub_overflow(wh, track->last_wh, &step))
		return;
	if (step < 0 && step >= -TOLERANCE_WH)
		return; /* rounding: what was counted stays counted */
	track->last_wh = wh;
	if (step < 0)
		track->is_reset = true;
	else if (__builtin_add_overflow(track->rise_wh, step, &track->rise_wh))
		track->rise_wh = INT64_MAX;
}

void
energy_learn_value(struct energy *energy, const struct ocppd_sampled *value, int64_t time_us)
{
	struct sampled_energy found;
	int64_t *sum;

	if (!sampled_energy_of(value, &found))
		return;
	if (found.is_interval) {
		sum = &energy->interval_wh[found.is_clock];
		if (found.phase == 0)
			energy->has_interval[found.is_clock] =
				!__builtin_add_overflow(*sum, found.wh, sum);
		return;
	}
	if (found.phase > 1) {
		energy->has_others = true;
		return;
	}
	energy->has_begin |= found.is_begin;
	energy->has_end |= found.is_end;
	track_add(found.phase == 0 ? &energy->total : &energy->phase, found.wh, time_us);
}

void
energy_learn(struct energy *energy, const struct ocppd_reading *reading)
{
	for (uint32_t i = 0; i < reading->count; i++)
		energy_learn_value(energy, &reading->values[i], reading->time_us);
}

const struct track *
energy_register(const struct energy *energy)
{
	if (energy->total.has)
		return &energy->total;
	return energy->phase.has && !energy->has_others ? &energy->phase : NULL;
}

/* ---- Judgement --------------------------------------------------------------------------------
 */

/* More than a megawatt delivers between two moments. */
static bool
is_beyond_reach(int64_t wh, int64_t from_us, int64_t to_us)
{
	int64_t elapsed_us = 0;

	if (__builtin_sub_overflow(to_us, from_us, &elapsed_us) || elapsed_us < 0)
		elapsed_us = 0;
	return wh > HEAD_START_WH + elapsed_us / US_PER_WH_AT_1MW;
}

/* meterStart is 0 although the register stood far beyond, or stayed 0 while it rose. */
static bool
is_idle(const struct energy_meter *meter, const struct track *track,
	const struct energy_verdict *others)
{
	if (!meter->has_start || meter->start_wh != 0)
		return false;
	if (meter->stop_wh == 0 &&
	    (others->register_wh > TOLERANCE_WH || others->interval_wh > TOLERANCE_WH))
		return true;
	return track != NULL && is_beyond_reach(track->first_wh, meter->start_us, track->first_us);
}

/* larger is smaller in thousandths, give or take 5 %. */
static bool
is_thousandfold(int64_t larger, int64_t smaller)
{
	int64_t scaled;

	return smaller > 0 && larger > TOLERANCE_WH &&
	       !__builtin_mul_overflow(smaller, 1000, &scaled) && do_agree(larger, scaled);
}

static bool
is_either_thousandfold(int64_t a, int64_t b)
{
	return is_thousandfold(a, b) || is_thousandfold(b, a);
}

/* One side counts kWh where the other counts Wh: the ends must fit like that, both of them. */
static bool
looks_like_kwh(const struct energy_meter *meter, const struct energy *known,
	       const struct track *track)
{
	int64_t rest_us = 0;

	if (track == NULL || !meter->has_start || !meter->has_stop ||
	    !is_either_thousandfold(meter->stop_wh, track->last_wh))
		return false;
	if (meter->start_wh != 0)
		return is_either_thousandfold(meter->start_wh, track->first_wh);
	/* The last reading must be of the end, or a low one would do. */
	if (known->has_end)
		return true;
	return !__builtin_sub_overflow(meter->stop_us, track->last_us, &rest_us) &&
	       meter->stop_us > meter->start_us &&
	       rest_us <= (meter->stop_us - meter->start_us) / 10;
}

/* Two amounts, from a meter field and the register, that the same meter may have shown. */
static bool
is_one_meter(int64_t from_wh, int64_t from_us, int64_t to_wh, int64_t to_us)
{
	return from_wh >= 0 && to_wh >= from_wh &&
	       !is_beyond_reach(to_wh - from_wh, from_us, to_us) &&
	       !is_either_thousandfold(from_wh, to_wh);
}

/* What the register rose. Where one end's meter is not known, the other end's is as good as a
 * reading: what was charged before the first one, or after the last, counts. */
static int64_t
register_rise(const struct energy_meter *meter, const struct track *track)
{
	int64_t rise = track->rise_wh;
	int64_t more = 0;

	if (track->is_reset || meter->has_start == meter->has_stop)
		return rise;
	if (meter->has_start &&
	    is_one_meter(meter->start_wh, meter->start_us, track->first_wh, track->first_us))
		more = track->first_wh - meter->start_wh;
	else if (meter->has_stop &&
		 is_one_meter(track->last_wh, track->last_us, meter->stop_wh, meter->stop_us))
		more = meter->stop_wh - track->last_wh;
	return __builtin_add_overflow(rise, more, &rise) ? track->rise_wh : rise;
}

static int64_t
interval_sum(const struct energy *known)
{
	int64_t sum = -1;

	for (uint32_t i = 0; i < 2; i++) {
		if (known->has_interval[i] && known->interval_wh[i] > sum)
			sum = known->interval_wh[i];
	}
	return sum;
}

/* Readings may begin late and end early: less than the meter's is a contradiction only where they
 * were taken at both ends. */
static bool
do_contradict(const struct energy *known, int64_t by_meter, const struct energy_verdict *verdict)
{
	if (by_meter >= 0 && verdict->register_wh >= 0 &&
	    !do_agree(by_meter, verdict->register_wh) &&
	    (verdict->register_wh > by_meter || (known->has_begin && known->has_end)))
		return true;
	if (by_meter < 0)
		by_meter = verdict->register_wh;
	return by_meter >= 0 && verdict->interval_wh > by_meter &&
	       !do_agree(by_meter, verdict->interval_wh);
}

static uint32_t
labels_of(const struct energy_meter *meter, const struct energy *known, const struct track *track)
{
	uint32_t labels = 0;

	if (track == NULL)
		return 0;
	if (meter->has_start && meter->start_wh == 0 && track->first_wh >= 0 &&
	    track->first_wh <= SESSION_WH)
		labels |= LABEL_SESSION_REGISTER;
	if (track == &known->phase)
		labels |= LABEL_PHASE_REGISTER;
	if (track->is_reset)
		labels |= LABEL_REGISTER_RESET;
	return labels;
}

void
energy_judge(const struct energy_meter *meter, const struct energy *known,
	     struct energy_verdict *ret)
{
	const struct track *track = energy_register(known);
	int64_t by_meter = -1;

	memset(ret, 0, sizeof(*ret));
	ret->register_wh = track == NULL ? -1 : register_rise(meter, track);
	ret->interval_wh = interval_sum(known);
	ret->labels = labels_of(meter, known, track);
	if (!meter->has_start || !meter->has_stop ||
	    __builtin_sub_overflow(meter->stop_wh, meter->start_wh, &by_meter) || by_meter < 0) {
		by_meter = -1;
		ret->flags |= OCPPD_TX_METER;
	} else if (is_idle(meter, track, ret)) {
		by_meter = -1;
		ret->flags |= OCPPD_TX_CONTRADICTION;
	}
	if (do_contradict(known, by_meter, ret))
		ret->flags |= OCPPD_TX_CONTRADICTION;
	if (looks_like_kwh(meter, known, track))
		ret->flags |= OCPPD_TX_KWH;

	if (by_meter >= 0) {
		ret->energy_wh = by_meter;
		ret->method = ENERGY_METER;
	} else if (ret->register_wh >= 0) {
		ret->energy_wh = ret->register_wh;
		ret->method = ENERGY_REGISTER;
	} else if (ret->interval_wh >= 0) {
		ret->energy_wh = ret->interval_wh;
		ret->method = ENERGY_INTERVAL;
	}
	if (is_beyond_reach(ret->energy_wh, meter->start_us, meter->stop_us))
		ret->flags |= OCPPD_TX_IMPLAUSIBLE;
}
