/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: rows that are shorter than those of ABI 1.0. */
#include <ocppd/plugin.h>

static const struct ocppd_topic topics[] = {
	{ "bad.topic" },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD, "bad_stride", "1.0.0", "Short rows", .topics = { topics, 1, 8 },
};
