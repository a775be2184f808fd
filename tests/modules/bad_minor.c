/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: needs a later minor. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	{ OCPPD_ABI_MAGIC, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR + 3, sizeof(struct ocppd_plugin), 0 },
	"bad_minor",
	"1.0.0",
	"A later minor",
};
