/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Its start fails: shutdown follows, stop does not. */
#include <ocppd/plugin.h>

static int
bad_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	(void)host;
	(void)ctx;
	return ocppd_error_set(err, OCPPD_EIO, "the door is locked");
}

static int
bad_stop(struct ocppd_host *host, void *ctx)
{
	(void)ctx;
	OCPPD_ERROR(host, "bad.stop", OCPPD_STR("err", "called after a failed start"));
	return 0;
}

static void
bad_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)ctx;
	OCPPD_INFO(host, "bad.shutdown", OCPPD_INT("after", 1));
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_start",
	"1.0.0",
	"Its start fails",
	.start = bad_start,
	.stop = bad_stop,
	.shutdown = bad_shutdown,
};
