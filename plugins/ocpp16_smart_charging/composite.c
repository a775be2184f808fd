/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The composite schedule. Walks from one moment at which something can change to the next, and
 * asks at each for the limit; so the limit at a moment is stated once, and the schedule cannot
 * contradict it.
 */
#include "composite.h"

#include <ocppd/error.h>

#define CHANGES_PER_PERIOD 4 /* changes looked at for each period that may come out */

int64_t
rate_convert(int64_t limit, enum rate_unit from, enum rate_unit to, int64_t phases,
	     int64_t voltage_v)
{
	if (from == to)
		return limit;
	return from == RATE_W ? limit / (voltage_v * phases) : limit * voltage_v * phases;
}

/* The transaction under way at a connector: the youngest, if records of older ones were left open.
 */
static const struct charging *
charging_at(const struct composite_query *query, int64_t connector)
{
	const struct charging *found = NULL;

	for (uint32_t i = 0; i < query->charging_count; i++) {
		const struct charging *item = &query->charging[i];

		if (item->connector == connector &&
		    (found == NULL || item->start_s >= found->start_s))
			found = item;
	}
	return found;
}

/* Second 0 of a schedule that does not recur. */
static int64_t
origin_of(const struct composite_query *query, const struct profile *profile,
	  const struct charging *charging)
{
	if (profile->kind != KIND_RELATIVE && profile->has_start)
		return profile->start_s;
	if (profile->purpose == PURPOSE_MAX)
		return profile->installed_s;
	/* Without a transaction: what one that begins with the schedule would get. */
	return charging != NULL ? charging->start_s : query->start_s;
}

static bool
is_recurring(const struct profile *profile)
{
	return profile->kind == KIND_RECURRING && profile->recurrency_s > 0;
}

/* The last period that begins at or before e; NULL: none does. */
static const struct period *
period_at(const struct profile *profile, int64_t e)
{
	uint32_t low = 0;
	uint32_t high = profile->period_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (profile->periods[middle].start_s <= e)
			low = middle + 1;
		else
			high = middle;
	}
	return low == 0 ? NULL : &profile->periods[low - 1];
}

/* What a profile says at t; NULL: it is not active. */
static const struct period *
active_period(const struct profile *profile, int64_t origin, int64_t t)
{
	int64_t e = t - origin;

	if ((profile->has_valid_from && t < profile->valid_from_s) ||
	    (profile->has_valid_to && t >= profile->valid_to_s) || e < 0)
		return NULL;
	if (is_recurring(profile))
		e %= profile->recurrency_s;
	if (profile->has_duration && e >= profile->duration_s)
		return NULL;
	return period_at(profile, e);
}

/* The part of the profiles that is looked at: of one purpose, installed at one connector. */
struct stack {
	enum profile_purpose purpose;
	int64_t connector;
	const struct charging *charging;
};

static bool
is_in_stack(const struct profile *profile, const struct stack *stack)
{
	if (profile->purpose != stack->purpose || profile->connector != stack->connector)
		return false;
	if (profile->purpose != PURPOSE_TX)
		return true;
	return stack->charging != NULL &&
	       (!profile->has_transaction ||
		profile->transaction_id == stack->charging->transaction_id);
}

static bool
stack_at(const struct composite_query *query, const struct stack *stack, int64_t t,
	 struct composite_limit *ret)
{
	const struct profile *best = NULL;
	const struct period *said = NULL;
	int64_t min_rate;

	for (uint32_t i = 0; i < query->profile_count; i++) {
		const struct profile *profile = query->profiles[i];
		const struct period *period;

		if (!is_in_stack(profile, stack) ||
		    (best != NULL && profile->stack_level <= best->stack_level))
			continue;
		period = active_period(profile, origin_of(query, profile, stack->charging), t);
		if (period == NULL)
			continue;
		best = profile;
		said = period;
	}
	if (best == NULL)
		return false;
	ret->is_limited = true;
	ret->phases = said->phases > 0 ? said->phases : PHASES_DEFAULT;
	ret->limit =
		rate_convert(said->limit, best->unit, query->unit, ret->phases, query->voltage_v);
	min_rate = rate_convert(best->min_rate, best->unit, query->unit, ret->phases,
				query->voltage_v);
	ret->is_inefficient = ret->limit > 0 && ret->limit < min_rate;
	return true;
}

/* A default of the connector's own takes the place of the general one, active or not. */
static bool
has_own_default(const struct composite_query *query, int64_t connector)
{
	for (uint32_t i = 0; i < query->profile_count; i++) {
		if (query->profiles[i]->purpose == PURPOSE_DEFAULT &&
		    query->profiles[i]->connector == connector)
			return true;
	}
	return false;
}

static void
lower(struct composite_limit *limit, const struct composite_limit *other)
{
	if (other->is_limited && (!limit->is_limited || other->limit < limit->limit)) {
		bool is_inefficient = limit->is_inefficient;

		*limit = *other;
		limit->is_inefficient |= is_inefficient;
	}
}

/* One connector, without what limits the station as a whole. */
static void
connector_at(const struct composite_query *query, int64_t connector, int64_t t,
	     struct composite_limit *ret)
{
	const struct charging *charging = charging_at(query, connector);
	const struct stack own = { PURPOSE_TX, connector, charging };
	const struct stack fallback = { PURPOSE_DEFAULT,
					has_own_default(query, connector) ? connector : 0,
					charging };
	const struct composite_limit local = {
		.is_limited = query->local_a > 0,
		.limit = rate_convert(query->local_a, RATE_A, query->unit, PHASES_DEFAULT,
				      query->voltage_v),
		.phases = PHASES_DEFAULT,
	};

	*ret = (struct composite_limit){ .is_limited = false };
	if (!stack_at(query, &own, t, ret))
		(void)stack_at(query, &fallback, t, ret);
	lower(ret, &local);
}

/* What all connectors may draw together; no limit as soon as one of them has none. */
static void
sum_at(const struct composite_query *query, int64_t t, struct composite_limit *ret)
{
	struct composite_limit sum = { .is_limited = query->connectors > 0 };

	for (int64_t i = 1; sum.is_limited && i <= query->connectors; i++) {
		struct composite_limit one;

		connector_at(query, i, t, &one);
		sum.is_limited = one.is_limited;
		sum.limit += one.limit;
		if (one.phases > sum.phases)
			sum.phases = one.phases;
	}
	*ret = sum;
}

void
composite_at(const struct composite_query *query, int64_t t, struct composite_limit *ret)
{
	const struct stack station = { PURPOSE_MAX, 0, NULL };
	struct composite_limit most = { .is_limited = false };

	if (query->connector == 0)
		sum_at(query, t, ret);
	else
		connector_at(query, query->connector, t, ret);
	if (stack_at(query, &station, t, &most))
		lower(ret, &most);
	if (!ret->is_limited)
		*ret = (struct composite_limit){ .is_limited = false };
}

/* ---- Changes ------------------------------------------------------------------------------------
 */

static void
sooner(int64_t *next, int64_t candidate, int64_t t)
{
	if (candidate > t && candidate < *next)
		*next = candidate;
}

/* The next moment after t at which the schedule, counted from its origin, says something else. */
static void
next_of_schedule(const struct profile *profile, int64_t origin, int64_t t, int64_t *next)
{
	const struct period *period;
	int64_t begin = origin;

	sooner(next, origin, t);
	if (is_recurring(profile) && t >= origin) {
		begin = t - (t - origin) % profile->recurrency_s;
		sooner(next, begin + profile->recurrency_s, t);
	}
	if (profile->has_duration)
		sooner(next, begin + profile->duration_s, t);
	if (profile->period_count == 0)
		return;
	period = period_at(profile, t - begin);
	period = period == NULL ? profile->periods : period + 1;
	if (period < profile->periods + profile->period_count)
		sooner(next, begin + period->start_s, t);
}

static void
next_of_profile(const struct composite_query *query, const struct profile *profile, int64_t t,
		int64_t *next)
{
	if (profile->has_valid_from)
		sooner(next, profile->valid_from_s, t);
	if (profile->has_valid_to)
		sooner(next, profile->valid_to_s, t);
	if (query->connector != 0 && profile->connector != query->connector &&
	    profile->connector != 0)
		return;
	if (profile->connector != 0 || query->connector != 0) {
		int64_t connector = profile->connector != 0 ? profile->connector : query->connector;

		next_of_schedule(profile, origin_of(query, profile, charging_at(query, connector)),
				 t, next);
		return;
	}
	/* A general default counts from each connector's own transaction. */
	next_of_schedule(profile, origin_of(query, profile, NULL), t, next);
	for (uint32_t i = 0; i < query->charging_count; i++)
		next_of_schedule(profile, origin_of(query, profile, &query->charging[i]), t, next);
}

static int64_t
next_change(const struct composite_query *query, int64_t t)
{
	int64_t next = INT64_MAX;

	for (uint32_t i = 0; i < query->profile_count; i++)
		next_of_profile(query, query->profiles[i], t, &next);
	return next;
}

static bool
is_alike(const struct composite_limit *a, const struct composite_limit *b)
{
	return a->is_limited == b->is_limited && a->is_inefficient == b->is_inefficient &&
	       a->limit == b->limit && a->phases == b->phases;
}

int64_t
composite_compute(const struct composite_query *query, struct composite_period *ret, uint32_t max)
{
	int64_t end;
	uint64_t changes = (uint64_t)max * CHANGES_PER_PERIOD;
	uint32_t count = 0;

	if (query->duration_s <= 0 || query->duration_s > COMPOSITE_SPAN_MAX_S ||
	    query->voltage_v <= 0 || query->connector < 0)
		return OCPPD_EINVAL;
	end = query->start_s + query->duration_s;
	for (int64_t t = query->start_s; t < end; t = next_change(query, t)) {
		struct composite_limit at;

		if (changes-- == 0)
			return OCPPD_ESPACE;
		composite_at(query, t, &at);
		if (count > 0 && is_alike(&ret[count - 1].at, &at))
			continue;
		if (count == max)
			return OCPPD_ESPACE;
		ret[count++] = (struct composite_period){ t - query->start_s, at };
	}
	return count;
}

/* ---- Comparing ----------------------------------------------------------------------------------
 */

static bool
differs(const struct composite_limit *at, const struct period *reported, enum rate_unit unit)
{
	int64_t tolerance = unit == RATE_A ? 1 : 10;

	if (!at->is_limited || reported == NULL)
		return at->is_limited;
	return reported->limit > at->limit + tolerance || reported->limit < at->limit - tolerance;
}

uint32_t
composite_compare(const struct composite_period *computed, uint32_t computed_count,
		  const struct profile *reported, int64_t duration_s,
		  struct composite_difference *ret, uint32_t max)
{
	uint32_t count = 0;
	uint32_t i = 0;
	int64_t end;

	for (int64_t t = 0; t < duration_s && computed_count > 0; t = end) {
		const struct period *period = period_at(reported, t);
		const struct period *next = period == NULL ? reported->periods : period + 1;

		while (i + 1 < computed_count && computed[i + 1].start_s <= t)
			i++;
		end = duration_s;
		if (i + 1 < computed_count)
			end = computed[i + 1].start_s;
		if (next < reported->periods + reported->period_count)
			sooner(&end, next->start_s, t);
		/* A second more or less is the clock's and the rounding's. */
		if (end - t <= 1 || !differs(&computed[i].at, period, reported->unit))
			continue;
		if (count < max)
			ret[count] =
				(struct composite_difference){ t, end, computed[i].at.limit,
							       period == NULL ? COMPOSITE_NO_LIMIT
									      : period->limit };
		count++;
	}
	return count;
}
