/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef PROFILE_H
#define PROFILE_H

#include <ocppd/abi.h>

#include "composite.h"

struct json_object;

/*
 * Charging profiles as OCPP 1.6 writes them: reading one, and judging it by the specification's
 * rules and by what a station can take. Pure functions.
 */

/*
 * Reads a profile of the fields of `charging_profile` (schema.c); what is left out is absent,
 * periods are put in order. One allocation, freed by free(). Returns 0; OCPPD_EINVAL: no profile,
 * or a number beyond all sense; OCPPD_ENOMEM.
 */
int profile_parse(struct json_object *json, int64_t connector, struct profile **ret);
/* The same of a ChargingSchedule alone: unit, duration, periods; the rest is zero. */
int schedule_parse(struct json_object *schedule, struct profile **ret);
const char *profile_purpose_word(enum profile_purpose purpose);
const char *rate_unit_word(enum rate_unit unit);
/* Tenths as a JSON number that prints as it should: 159 as 15.9, 160 as 16. NULL: out of memory. */
struct json_object *tenths_json(int64_t tenths);

/* Whether an installed profile goes when another is accepted: same id, or same place in its stack.
 */
bool profile_is_replaced(const struct profile *installed, const struct profile *accepted);

/* A ClearChargingProfile; -1: the field is absent, for `purpose` too. */
struct profile_filter {
	int64_t id;
	int64_t connector;
	int64_t stack_level;
	int32_t purpose;
};
void profile_filter_parse(struct json_object *json, struct profile_filter *ret);
bool profile_is_cleared(const struct profile *installed, const struct profile_filter *filter);

/* What a station said it can take; negative: it did not say. */
struct station_limits {
	int64_t max_stack_level; /* ChargeProfileMaxStackLevel */
	int64_t max_periods;     /* ChargingScheduleMaxPeriods */
	int64_t max_installed;   /* MaxChargingProfilesInstalled */
	int32_t takes_a;         /* ChargingScheduleAllowedChargingRateUnit */
	int32_t takes_w;
	int32_t switches_phases; /* ConnectorSwitch3to1PhaseSupported */
};
void station_limits_init(struct station_limits *limits);
/* A number of a configuration key or option, spaces before it ignored; -1: it is none. */
int64_t profile_count_of(const char *text);
/* One key's value; others are ignored, as is what cannot be read. */
void station_limits_set(struct station_limits *limits, const char *key, const char *value);

/* Told of each broken rule: path and sentence, "chargingSchedule.duration: must be …". */
typedef void profile_complain_fn(void *arg, const char *text);

/* The specification's rules. json: for what parsing mends. connector negative: not known yet. */
void profile_check(const struct profile *profile, struct json_object *json, int64_t now_s,
		   profile_complain_fn *fn, void *arg);
/* What the station can take; installed: how many other profiles it has. */
void profile_check_limits(const struct profile *profile, const struct station_limits *limits,
			  uint32_t installed, profile_complain_fn *fn, void *arg);

#endif
