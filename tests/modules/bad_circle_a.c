/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* One of two modules that need each other. */
#include <ocppd/plugin.h>

struct circle_ops {
	uint32_t struct_size;
	uint32_t reserved;
};

static const struct circle_ops ops = { sizeof(ops), 0 };

static const struct ocppd_need needs[] = {
	{ "circle.b", .major = 1, .minor = 0 },
};
static const struct ocppd_provide provides[] = {
	{ "circle.a", 1, 0, 0, &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_circle_a",
	"1.0.0",
	"Needs a module that needs it",
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
};
