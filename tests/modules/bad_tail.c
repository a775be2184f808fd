/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: sets a member that the daemon's descriptor does not have. The symbol is larger than the
 * header says, as one of a later minor would be, so it is not declared by that header. */
#define ocppd_plugin ocppd_plugin_of_the_header
#include <ocppd/plugin.h>
#undef ocppd_plugin

struct later_plugin {
	struct ocppd_plugin_of_the_header plugin;
	uint64_t later;
};

OCPPD_API extern const struct later_plugin ocppd_plugin;
const struct later_plugin ocppd_plugin = {
	.plugin = {
		.guard = { OCPPD_ABI_MAGIC, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR,
			   sizeof(struct later_plugin), 0 },
		.name = "bad_tail",
		.version = "1.0.0",
		.summary = "A member too many",
	},
	.later = 1,
};
