/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef ADAPT_H
#define ADAPT_H

#include <ocppd/abi.h>

#include "composite.h"

struct json_object;

/*
 * Other ways to say what a profile says, for stations that take one and refuse the other (quirks
 * H03, H04). Pure functions.
 *
 * A change is a bit, several are made together. Each keeps what the profile amounts to from now on,
 * but for CHANGE_PURPOSE: a default limits transactions only, and gives way to a TxProfile.
 */
#define CHANGE_KIND 0x1u      /* Absolute and Relative */
#define CHANGE_UNIT 0x2u      /* A and W */
#define CHANGE_CONNECTOR 0x4u /* a default of connector 0, or of the only connector */
#define CHANGE_PURPOSE 0x8u   /* a TxDefaultProfile in the place of a ChargePointMaxProfile */
#define CHANGE_SETS 16u       /* sets of changes, none included */

/* What a station takes, as far as is known. */
#define TASTE_ABSOLUTE 0x01u
#define TASTE_RELATIVE 0x02u
#define TASTE_A 0x04u
#define TASTE_W 0x08u
#define TASTE_CONNECTOR_0 0x10u
#define TASTE_CONNECTOR_1 0x20u
#define TASTE_NO_MAX 0x40u /* no ChargePointMaxProfile */

struct adapt_context {
	int64_t now_s;
	int64_t voltage_v;
	int64_t charging_start_s; /* of the transaction under way where the profile goes */
	bool is_charging;
	bool is_single;       /* the station has one connector, as far as is known */
	bool is_whole_second; /* times are written without fractions */
};

/* Whether these changes can be made to a profile without changing what it amounts to. */
bool adapt_is_possible(const struct profile *profile, uint32_t changes,
		       const struct adapt_context *context);
/* The changes that make a profile one of a taste. */
uint32_t adapt_wanted(const struct profile *profile, uint32_t taste);
/* A taste, with what an accepted profile tells that was changed so. */
uint32_t adapt_learn(uint32_t taste, const struct profile *accepted, uint32_t changes);
/* The next set of changes to try, fewest first; CHANGE_SETS: no other. tried: a bit for each set.
 * needed: changes that each must contain. */
uint32_t adapt_next(const struct profile *profile, uint32_t tried, uint32_t needed,
		    const struct adapt_context *context);
/* Makes the changes, which must be possible. connector is that of the request. Returns 0 or
 * OCPPD_ENOMEM, and json is half changed then. */
int adapt_apply(struct json_object *json, const struct profile *profile, uint32_t changes,
		const struct adapt_context *context, int64_t *connector);
/* "Relative, A at 230 V": what the changes lead to. */
void adapt_describe(const struct profile *profile, uint32_t changes, int64_t voltage_v, char *ret,
		    size_t size);

/* Adds a time, without fraction where is_whole. */
int adapt_add_time(struct json_object *object, const char *key, int64_t time_us, bool is_whole);

#endif
