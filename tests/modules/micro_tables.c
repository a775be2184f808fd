/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Owns a table, so its migrations come before its start. */
#include <ocppd/plugin.h>

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1, .minor = 0 },
};

static const char *const first[] = { "CREATE TABLE micro_tables_row (id {key})", NULL };
static const struct ocppd_migration migrations[] = {
	{ 1, 0, "rows", first },
};

static int
tables_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	(void)ctx;
	(void)err;
	OCPPD_INFO(host, "tables.start", OCPPD_INT("ok", 1));
	return 0;
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_tables",
	"1.0.0",
	"Owns a table",
	.needs = OCPPD_TABLE(needs),
	.migrations = OCPPD_TABLE(migrations),
	.start = tables_start,
};
