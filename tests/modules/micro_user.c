/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Uses a service, whose provider is loaded along, and hears an event. */
#include <ocppd/plugin.h>

#include "micro_service.h"

static const struct ocppd_need needs[] = {
	{ "micro.echo", .major = 1, .minor = 0, .module = "micro_provider" },
};

static void
on_doubled(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	(void)arg;
	OCPPD_INFO(host, "user.heard", OCPPD_STR("topic", event->topic),
		   OCPPD_STR("publisher", event->publisher));
}

static int
user_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	(void)conf;
	(void)ret_ctx;
	if (ocppd_event_subscribe(host, "micro.*", on_doubled, NULL) == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}

static int
user_start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	const struct micro_echo_ops *ops;
	const void *found;
	void *self;
	int r;

	(void)ctx;
	r = ocppd_service_get(host, "micro.echo", 1, 0, &found, &self);
	if (r < 0)
		return ocppd_error_set(err, r, "micro.echo is not there");

	ops = found;
	OCPPD_INFO(host, "user.start", OCPPD_INT("twice", ops->twice(self, host, 21)));
	return 0;
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_user",
	"1.0.0",
	"Uses a service",
	.needs = OCPPD_TABLE(needs),
	.init = user_init,
	.start = user_start,
};
