/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Its init fails. */
#include <ocppd/plugin.h>

static int
bad_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	(void)host;
	(void)conf;
	(void)ret_ctx;
	return ocppd_error_set(err, OCPPD_EIO, "the moon is in the wrong house");
}

static void
bad_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)ctx;
	OCPPD_ERROR(host, "bad.shutdown", OCPPD_STR("err", "called after a failed init"));
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,      "bad_init",       "1.0.0",
	"Its init fails", .init = bad_init, .shutdown = bad_shutdown,
};
