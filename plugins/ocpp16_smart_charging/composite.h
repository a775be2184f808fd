/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef COMPOSITE_H
#define COMPOSITE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What limit a set of charging profiles amounts to at a connector, over time. Pure functions of
 * their arguments: no clock, no daemon.
 *
 * Times are whole seconds since 1970 UTC. Limits are tenths of an ampere (per phase) or of a watt
 * (in total over the phases), and are rounded down where they are converted.
 */
enum rate_unit {
	RATE_A,
	RATE_W,
};
enum profile_purpose {
	PURPOSE_MAX, /* ChargePointMaxProfile */
	PURPOSE_DEFAULT,
	PURPOSE_TX,
};
enum profile_kind {
	KIND_ABSOLUTE,
	KIND_RECURRING,
	KIND_RELATIVE,
};

#define PHASES_DEFAULT 3
#define LIMIT_MAX INT64_C(10000000000)           /* tenths: 1 GW; so that no conversion overflows */
#define COMPOSITE_SPAN_MAX_S INT64_C(3200000000) /* a century */

struct period {
	int64_t start_s; /* from the origin of the schedule */
	int64_t limit;
	int64_t phases; /* 0: not stated */
};

struct profile {
	int64_t id;
	int64_t connector; /* where it is installed */
	int64_t transaction_id;
	int64_t stack_level;
	int64_t valid_from_s;
	int64_t valid_to_s;
	int64_t start_s; /* startSchedule */
	int64_t duration_s;
	int64_t recurrency_s; /* 86400, 604800; 0: not stated */
	int64_t min_rate;     /* 0: none */
	int64_t installed_s;  /* origin of what has no other */
	enum profile_purpose purpose;
	enum profile_kind kind;
	enum rate_unit unit;
	bool has_transaction;
	bool has_valid_from;
	bool has_valid_to;
	bool has_start;
	bool has_duration;
	uint32_t period_count;
	const struct period *periods; /* rising */
};

/* A transaction under way. */
struct charging {
	int64_t connector;
	int64_t transaction_id;
	int64_t start_s;
};

struct composite_query {
	const struct profile *const *profiles;
	uint32_t profile_count;
	uint32_t charging_count;
	const struct charging *charging;
	int64_t connector;  /* 0: the station as a whole */
	int64_t connectors; /* how many the station has; 0: not known */
	int64_t start_s;
	int64_t duration_s;
	int64_t voltage_v;
	int64_t local_a; /* tenths of amperes per phase that a connector has at most; 0: not known
			  */
	enum rate_unit unit;
};

struct composite_limit {
	bool is_limited;     /* else only what is not known here limits */
	bool is_inefficient; /* above 0 and below the minChargingRate that goes with it */
	int64_t limit;
	int64_t phases;
};

struct composite_period {
	int64_t start_s; /* from the query's start */
	struct composite_limit at;
};

/* The limit at one moment. */
void composite_at(const struct composite_query *query, int64_t t, struct composite_limit *ret);

/*
 * The periods from the query's start to its end, neighbours that are alike merged; the first begins
 * at 0. Returns how many; OCPPD_EINVAL for a span or a voltage that cannot be; OCPPD_ESPACE: more
 * than max of them, or far more changes than that.
 */
int64_t composite_compute(const struct composite_query *query, struct composite_period *ret,
			  uint32_t max);

/* A stretch of time in which two schedules differ. */
struct composite_difference {
	int64_t start_s;
	int64_t end_s;
	int64_t computed;
	int64_t reported; /* or COMPOSITE_NO_LIMIT */
};
#define COMPOSITE_NO_LIMIT (-1)

/*
 * Where what was computed differs from what a station reports, periods of the same unit, start and
 * duration. What is not limited by computation differs from nothing, since the station may know
 * limits that are not known here; a station that says nothing of a moment has no limit then, which
 * differs from any. No differences are roundings: 0.1 A, 1 W, 1 s. Returns how many differences
 * there are, of which at most max were stored.
 */
uint32_t composite_compare(const struct composite_period *computed, uint32_t computed_count,
			   const struct profile *reported, int64_t duration_s,
			   struct composite_difference *ret, uint32_t max);

/* A limit in another unit, rounded down. */
int64_t rate_convert(int64_t limit, enum rate_unit from, enum rate_unit to, int64_t phases,
		     int64_t voltage_v);

#endif
