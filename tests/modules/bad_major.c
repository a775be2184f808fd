/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: made for another major. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	{ OCPPD_ABI_MAGIC, OCPPD_ABI_MAJOR + 1, 0, sizeof(struct ocppd_plugin), 0 },
	"bad_major",
	"1.0.0",
	"Another major",
};
