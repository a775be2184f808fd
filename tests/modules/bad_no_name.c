/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: no name. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	NULL,
	"1.0.0",
	"No name",
};
