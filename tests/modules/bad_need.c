/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Needs what nobody provides. */
#include <ocppd/plugin.h>

static const struct ocppd_need needs[] = {
	{ "nobody.service", .major = 1, .minor = 0 },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD, "bad_need", "1.0.0", "Needs what nobody provides", .needs = OCPPD_TABLE(needs),
};
