/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Owns an action that another module adds in its init. */
#include <ocppd/plugin.h>

static int
on_call(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *ctx)
{
	(void)req;
	(void)ctx;
	return ocppd_call_reply_text(host, call, "{}", 2);
}

static const struct ocppd_action actions[] = {
	{ "ocpp1.6", "DataTransfer", OCPPD_FROM_STATION | OCPPD_TO_STATION, .on_call = on_call },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"bad_action_c",
	"1.0.0",
	"Owns an action that another one owns, too",
	.actions = OCPPD_TABLE(actions),
};
