/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which messages count for a trigger. Knows no station and no clock.
 */
#include "arrival.h"

#include <stdio.h>
#include <string.h>

#define UNKNOWN_CONNECTORS 16 /* of a station that reported none yet */
#define EARLY_US (5 * INT64_C(1000000))

bool
message_has_connectors(const char *message)
{
	return strcmp(message, "MeterValues") == 0 || strcmp(message, "StatusNotification") == 0;
}

bool
arrival_fits(const char *wanted, int64_t wanted_connector, const char *message, int64_t connector)
{
	return strcmp(wanted, message) == 0 &&
	       (wanted_connector < 0 || connector < 0 || wanted_connector == connector);
}

void
arrival_want(struct arrival *arrival, const char *message, int64_t connector)
{
	/* The station as a whole has a status, but need not have a meter. */
	if (connector >= 0 && connector < CONNECTOR_MAX &&
	    (connector > 0 || strcmp(message, "MeterValues") != 0))
		arrival->wanted |= UINT64_C(1) << connector;
}

int
arrival_expected(const struct arrival *arrival, const char *message, int64_t connector)
{
	if (!message_has_connectors(message) || connector >= 0)
		return 1;
	return arrival->wanted == 0 ? UNKNOWN_CONNECTORS
				    : __builtin_popcountll(arrival->wanted) + 1;
}

void
arrival_note(struct arrival *arrival, const char *message_id, int64_t time_us, int64_t connector)
{
	if (arrival->messages == 0) {
		arrival->first_us = time_us;
		(void)snprintf(arrival->message_id, sizeof(arrival->message_id), "%s",
			       message_id == NULL ? "" : message_id);
	}
	arrival->last_us = time_us;
	arrival->messages++;
	if (connector >= 0 && connector < CONNECTOR_MAX)
		arrival->connectors |= UINT64_C(1) << connector;
}

void
arrival_forget_early(struct arrival *arrival, int64_t now_us)
{
	uint64_t wanted = arrival->wanted;

	if (now_us - arrival->last_us > EARLY_US)
		*arrival = (struct arrival){ .wanted = wanted };
}

bool
arrival_is_complete(const struct arrival *arrival)
{
	return arrival->messages > 0 && (arrival->connectors & arrival->wanted) == arrival->wanted;
}
