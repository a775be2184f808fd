/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: another magic. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	{ 0x12345678u, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR, sizeof(struct ocppd_plugin), 0 },
	"bad_magic",
	"1.0.0",
	"Another magic",
};
