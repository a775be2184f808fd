/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* One of two modules that own the same action. */
#include <ocppd/plugin.h>

static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "Reset", OCPPD_TO_STATION },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_action_b",
	"1.0.0",
	"Owns an action that another one owns, too",
	.actions = OCPPD_TABLE(actions),
};
