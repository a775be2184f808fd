/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Provides a service, publishes an event. */
#include <ocppd/plugin.h>

#include "micro_service.h"

static int
twice(void *self, struct ocppd_host *host, int number)
{
	struct ocppd_host *own = self;

	(void)host;
	(void)ocppd_event_publish(own, "micro.doubled", NULL, NULL);
	return number * 2;
}

static const struct micro_echo_ops ops = { sizeof(ops), 0, twice };

static const struct ocppd_provide provides[] = {
	{ "micro.echo", 1, 0, 0, &ops },
};
static const struct ocppd_topic topics[] = {
	{ "micro.doubled", "A number was doubled." },
};

static int
provider_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	(void)conf;
	(void)err;
	*ret_ctx = host;
	return 0;
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_provider",
	"1.0.0",
	"Provides a service",
	.provides = OCPPD_TABLE(provides),
	.topics = OCPPD_TABLE(topics),
	.init = provider_init,
};
