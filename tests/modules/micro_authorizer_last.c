/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* The last link of the chain of authorization: decides on what micro_authorizer could not. */
#include <ocppd/plugin.h>
#include <ocppd/service/authorizer.h>

#include <string.h>

static int
decide_on(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
	  int64_t deadline_mono_us, struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn,
	  void *arg)
{
	static const char *const known[] = { "next",        "later-no", "never", "error",
					     "later-error", "odd",      "early" };

	(void)self;
	(void)host;
	(void)deadline_mono_us;
	(void)fn;
	(void)arg;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(query->token.text, known[i]) != 0)
			continue;
		ret_decision->status = OCPPD_AUTH_ACCEPTED;
		ret_decision->parent = "LAST";
		return 0;
	}
	return OCPPD_ENOENT;
}

static const struct ocppd_authorizer_ops ops = { sizeof(ops), .decide = decide_on };
static const struct ocppd_provide provides[] = {
	{ "ocppd.authorizer", .major = 1, .flags = OCPPD_MANY, .ops = &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_authorizer_last",
	"1.0.0",
	"The last link of the chain of authorization",
	.provides = OCPPD_TABLE(provides),
};
