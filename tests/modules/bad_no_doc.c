/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: an option that nobody explains. */
#include <ocppd/plugin.h>

struct bad_conf {
	int64_t count;
};

static const struct ocppd_option options[] = {
	{ "count", OCPPD_CONF_INT, 0, offsetof(struct bad_conf, count) },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_no_doc",
	"1.0.0",
	"An option without doc",
	.conf_size = sizeof(struct bad_conf),
	.options = OCPPD_TABLE(options),
};
