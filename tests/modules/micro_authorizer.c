/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A link of the chain of authorization, as a roaming or payment system would be one. What a tag
 * says is what happens to it: yes, parent, blocked, later (decides after a moment), later-no
 * (passes on after a moment), never (does not answer before the module stops), error, later-error;
 * and what no link may do: twice (decides after a moment, twice), again (repeats what it was asked
 * for last), early (answers before it says that it will), both (decides at once and once more
 * later). Everything else is passed on.
 */
#include <ocppd/plugin.h>
#include <ocppd/service/authorizer.h>
#include <ocppd/time.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LATER_MS 20

struct micro {
	struct ocppd_host *host;
	struct pending *first;
	ocppd_auth_fn *last_fn; /* of the last question that waited */
	void *last_arg;
};

struct pending {
	struct micro *micro;
	struct pending *next;
	struct ocppd_host *asker;
	ocppd_auth_fn *fn;
	void *arg;
	struct ocppd_timer *timer;
	int result;
	bool is_twice;
};

static void
decide(struct ocppd_authorization *ret, uint32_t status, const char *parent)
{
	ret->status = status;
	ret->parent = parent;
}

static void
answer(struct pending *pending, int result)
{
	struct micro *micro = pending->micro;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	struct pending **at = &micro->first;

	while (*at != pending)
		at = &(*at)->next;
	*at = pending->next;
	ocppd_timer_free(pending->timer);
	decide(&decision, OCPPD_AUTH_ACCEPTED, NULL);
	pending->fn(pending->asker, result, result < 0 ? NULL : &decision, pending->arg);
	if (pending->is_twice)
		pending->fn(pending->asker, result, result < 0 ? NULL : &decision, pending->arg);
	free(pending);
}

static void
on_later(struct ocppd_host *host, void *arg)
{
	struct pending *pending = arg;

	(void)host;
	answer(pending, pending->result);
}

/* delay_ms negative: not before the module stops. */
static int
wait(struct micro *micro, int64_t delay_ms, int result, const struct pending *as)
{
	struct pending *pending = malloc(sizeof(*pending));

	if (pending == NULL)
		return OCPPD_ENOMEM;
	*pending = *as;
	pending->micro = micro;
	pending->result = result;
	pending->next = micro->first;
	pending->timer = ocppd_timer_new(micro->host, on_later, pending);
	if (pending->timer == NULL) {
		free(pending);
		return OCPPD_ENOMEM;
	}
	micro->first = pending;
	micro->last_fn = as->fn;
	micro->last_arg = as->arg;
	if (delay_ms >= 0)
		ocppd_timer_set(pending->timer, delay_ms);
	return OCPPD_PENDING;
}

/* What no link may do. OCPPD_ENOENT: another tag. */
static int
misbehave(struct micro *micro, const char *text, const struct pending *as)
{
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	struct pending twice = *as;

	decide(&decision, OCPPD_AUTH_ACCEPTED, "WRONG");
	twice.is_twice = true;
	if (strcmp(text, "twice") == 0)
		return wait(micro, LATER_MS, 0, &twice);
	if (strcmp(text, "again") == 0 && micro->last_fn != NULL) {
		ocppd_auth_fn *fn = micro->last_fn;
		void *arg = micro->last_arg;
		int r = wait(micro, LATER_MS, 0, as);

		fn(as->asker, 0, &decision, arg);
		return r;
	}
	if (strcmp(text, "early") == 0) {
		as->fn(as->asker, 0, &decision, as->arg);
		return OCPPD_PENDING;
	}
	return OCPPD_ENOENT;
}

static int
decide_on(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
	  int64_t deadline_mono_us, struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn,
	  void *arg)
{
	const struct pending as = { .asker = host, .fn = fn, .arg = arg };
	const char *text = query->token.text;

	(void)deadline_mono_us;
	if (strcmp(text, "yes") == 0)
		decide(ret_decision, OCPPD_AUTH_ACCEPTED, NULL);
	else if (strcmp(text, "parent") == 0)
		decide(ret_decision, OCPPD_AUTH_ACCEPTED, "ROAMING");
	else if (strcmp(text, "blocked") == 0)
		decide(ret_decision, OCPPD_AUTH_BLOCKED, NULL);
	else if (strcmp(text, "both") == 0 && wait(self, LATER_MS, 0, &as) == OCPPD_PENDING)
		decide(ret_decision, OCPPD_AUTH_ACCEPTED, "BOTH");
	else if (strcmp(text, "odd") == 0)
		decide(ret_decision, OCPPD_AUTH_CONCURRENT, NULL); /* not a link's to say */
	else if (strcmp(text, "later") == 0)
		return wait(self, LATER_MS, 0, &as);
	else if (strcmp(text, "later-no") == 0)
		return wait(self, LATER_MS, OCPPD_ENOENT, &as);
	else if (strcmp(text, "later-error") == 0)
		return wait(self, LATER_MS, OCPPD_EIO, &as);
	else if (strcmp(text, "never") == 0)
		return wait(self, -1, 0, &as);
	else
		return strcmp(text, "error") == 0 ? OCPPD_EIO : misbehave(self, text, &as);
	return 0;
}

static int
micro_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct micro *micro = calloc(1, sizeof(*micro));

	(void)conf;
	if (micro == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	micro->host = host;
	*ret_ctx = micro;
	return 0;
}

static int
micro_stop(struct ocppd_host *host, void *ctx)
{
	struct micro *micro = ctx;

	(void)host;
	while (micro->first != NULL)
		answer(micro->first, OCPPD_ESHUTDOWN);
	return 0;
}

static void
micro_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

static const struct ocppd_authorizer_ops ops = {
	sizeof(ops),
	.decide = decide_on,
};
static const struct ocppd_provide provides[] = {
	{ "ocppd.authorizer", .major = 1, .flags = OCPPD_MANY, .ops = &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_authorizer",
	"1.0.0",
	"A link of the chain of authorization",
	.provides = OCPPD_TABLE(provides),
	.init = micro_init,
	.stop = micro_stop,
	.shutdown = micro_shutdown,
};
