/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef PAUSE_H
#define PAUSE_H

#include "composite.h"

/*
 * Limits that nothing charges below (IEC 61851: 6 A). What a station makes of one varies: it
 * pauses, faults, or ends the session (quirk H08). Watts are those of one phase where the period
 * states no phases: what may be enough is no pause.
 */

/* Whether any period of the profile is a pause. */
bool pause_is_in(const struct profile *profile, int64_t voltage_v);
/* Whether the profile is a pause at a moment, for the transaction under way at a connector. */
bool pause_is_at(const struct profile *profile, const struct charging *charging, int64_t now_s,
		 int64_t voltage_v);

#endif
