/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module ocpp16_local_auth_list: the lists of id tags that stations keep for themselves. This
 * file is its life, its jobs and its descriptor.
 */
#include "local_list.h"

#include <stdlib.h>
#include <string.h>

#define WAITS_MAX 16 /* jobs behind one at a station */

void
lists_done(struct lists *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

struct list_slot *
lists_slot(struct lists *ctx, struct ocppd_station *station)
{
	struct list_slot *slot = ocppd_station_slot(ctx->host, station, ctx->slot);

	if (!slot->is_set) {
		slot->is_set = true;
		slot->station = station;
		slot->reported = REPORTED_NEVER;
		TAILQ_INIT(&slot->waits);
	}
	return slot;
}

/* ---- Jobs -------------------------------------------------------------------------------------
 */

struct job *
job_new(struct lists *ctx, struct ocppd_station *station, enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->ctx = ctx;
	job->station = station;
	job->slot = station == NULL ? NULL : lists_slot(ctx, station);
	job->kind = kind;
	TAILQ_INSERT_TAIL(&ctx->jobs, job, all);
	return job;
}

static void
job_start(struct job *job)
{
	switch (job->kind) {
	case JOB_VIEW:
		view_run(job);
		break;
	case JOB_SYNC:
		job->slot->job = job;
		sync_run(job);
		break;
	case JOB_COMMAND:
		job->slot->job = job;
		command_run(job);
		break;
	}
}

/* Readers need not wait for a synchronisation, which takes long; what an operator just sent is
 * stored in a moment, and should be seen. */
static bool
must_wait(const struct job *job)
{
	const struct job *present = job->slot->job;

	return present != NULL && (job->kind != JOB_VIEW || present->kind == JOB_COMMAND);
}

int
job_begin(struct job *job)
{
	struct list_slot *slot = job->slot;

	if (!must_wait(job)) {
		job_start(job);
		return 0;
	}
	if (slot->wait_count == WAITS_MAX)
		return OCPPD_EBUSY;
	slot->wait_count++;
	job->waits_in = &slot->waits;
	TAILQ_INSERT_TAIL(&slot->waits, job, wait);
	return 0;
}

static void
stop_waiting(struct job *job)
{
	if (job->waits_in == NULL)
		return;
	TAILQ_REMOVE(job->waits_in, job, wait);
	if (job->slot != NULL && job->waits_in == &job->slot->waits)
		job->slot->wait_count--;
	job->waits_in = NULL;
}

static void
next_at(struct list_slot *slot)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&slot->waits)) != NULL && !must_wait(job)) {
		stop_waiting(job);
		job_start(job);
	}
}

void
job_free(struct job *job)
{
	struct lists *ctx = job->ctx;
	struct list_slot *slot = job->slot;

	if (job->request != NULL)
		ocppd_request_fail(ctx->host, job->request, OCPPD_ESHUTDOWN, NULL);
	stop_waiting(job);
	TAILQ_REMOVE(&ctx->jobs, job, all);
	if (slot != NULL && slot->job == job)
		slot->job = NULL;
	list_free(&job->acknowledged);
	list_free(&job->wanted);
	list_free(&job->given);
	plan_free(&job->plan);
	free(job);
	if (slot != NULL && !ctx->is_stopping)
		next_at(slot);
}

/* Nobody shall wait for what does not come any more. */
static void
release_askers(struct lists *ctx)
{
	struct job *job;

	TAILQ_FOREACH (job, &ctx->jobs, all) {
		struct ocppd_request *request = job->request;

		job->request = NULL;
		if (request != NULL)
			ocppd_request_fail(ctx->host, request, OCPPD_ESHUTDOWN, NULL);
		if (!job->is_preparing)
			continue;
		job->is_preparing = false;
		ocppd_outcall_ready(ctx->host, job->call, OCPPD_ESHUTDOWN, NULL);
		job->call = NULL;
	}
}

/* ---- Life -------------------------------------------------------------------------------------
 */

static int
check(const void *data, struct ocppd_error *err)
{
	const struct local_list_conf *conf = data;
	const struct rule_conf *rules = conf->lists.items;
	char option[64];

	for (uint32_t i = 0; i < conf->lists.count; i++) {
		const char *label = rules[i].label;

		if (label == NULL || (strchr(label, '=') != NULL && label[0] != '='))
			continue;
		snprintf(option, sizeof(option), "lists[%u].label", i);
		return ocppd_error_option(err, OCPPD_EINVAL, option,
					  "expected name=value, such as site=depot");
	}
	return 0;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct lists *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	TAILQ_INIT(&ctx->jobs);
	TAILQ_INIT(&ctx->tag_waits);
	TAILQ_INIT(&ctx->queue);
	r = ctx->slot = ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct list_slot), NULL);
	if (r < 0) {
		free(ctx);
		return ocppd_error_set(err, r, "no memory with the stations");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct lists *ctx = arg;
	const void *storage = NULL;
	const void *stations = NULL;
	const void *authorization = NULL;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &storage, &ctx->storage_self);

	if (r >= 0)
		r = ocppd_service_get(host, "ocppd.stations", 1, 0, &stations, &ctx->stations_self);
	if (r >= 0)
		r = ocppd_service_get(host, "ocppd.authorization", 1, 0, &authorization,
				      &ctx->authorization_self);
	if (r < 0)
		return ocppd_error_set(err, r, "a service is missing");
	ctx->storage = storage;
	ctx->stations = stations;
	ctx->authorization = authorization;
	if (ctx->authorization->tags == NULL)
		return ocppd_error_set(err, OCPPD_ENOTSUP,
				       "the provider of ocppd.authorization cannot list its tags");
	ctx->is_stopping = false;
	r = automatic_start(ctx);
	return r < 0 ? ocppd_error_set(err, r, "out of memory") : 0;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct lists *ctx = arg;

	(void)host;
	ctx->conf = conf;
	wanted_tags_changed(ctx); /* max_tags may have */
	automatic_reload(ctx);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct lists *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	release_askers(ctx);
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct lists *ctx = arg;
	struct job *job;

	(void)host;
	while ((job = TAILQ_FIRST(&ctx->jobs)) != NULL)
		job_free(job);
	list_free(&ctx->tags);
	list_free(&ctx->walked);
	free(ctx);
}

/* ---- Options ----------------------------------------------------------------------------------
 */

static const char *const list_words[] = { "all", "none", NULL };
static const char *const sync_words[] = { "manual", "automatic", NULL };

static const struct ocppd_option rule_options[] = {
	{ "stations", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE, offsetof(struct rule_conf, stations),
	  .doc = "Identities it is about; * and ? stand for any characters. None given: all." },
	{ "label", OCPPD_CONF_STRING, OCPPD_RELOADABLE, offsetof(struct rule_conf, label), .min = 2,
	  .max = 500, .doc = "Only stations with this label, as name=value." },
	{ "list", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct rule_conf, list), .def = "all",
	  .one_of = list_words,
	  .doc = "all: the id tags, or those of the groups; none: an empty list." },
	{ "groups", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE, offsetof(struct rule_conf, groups),
	  .doc = "Only tags whose parent id tag is one of these; none given: all." },
};

static const struct ocppd_option options[] = {
	{ "sync", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct local_list_conf, is_automatic),
	  .def = "manual", .one_of = sync_words,
	  .doc = "manual: lists are sent when an operator asks; automatic: also when a station "
		 "connects and when id tags change." },
	{ "resend_on_conflict", OCPPD_CONF_BOOL, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, resends_on_conflict), .def = "true",
	  .doc = "Send a station its whole list again when it reports LocalListConflict, at most "
		 "once in `retry`." },
	{ "list", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct local_list_conf, list),
	  .def = "all", .one_of = list_words,
	  .doc = "What stations should have that `lists` does not name: all id tags, or none." },
	{ "lists", OCPPD_CONF_SECTIONS, OCPPD_RELOADABLE, offsetof(struct local_list_conf, lists),
	  sizeof(struct rule_conf), .max = 10000, .options = OCPPD_TABLE(rule_options),
	  .doc = "What the stations named here should have; the first that fits counts." },
	{ "message_entries", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, message_entries), .min = 1, .max = 10000, .def = "20",
	  .doc = "Entries in a message for stations whose SendLocalListMaxLength was not read." },
	{ "list_entries", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, list_entries), .min = 1, .max = 100000, .def = "200",
	  .doc = "Entries in all for stations whose LocalAuthListMaxLength was not read." },
	{ "max_tags", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct local_list_conf, max_tags),
	  .min = 1, .max = 1000000, .def = "100000",
	  .doc = "Id tags that are looked at, about 200 bytes of memory each; what is beyond is "
		 "in no list." },
	{ "parallel", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct local_list_conf, parallel),
	  .min = 1, .max = 1000, .def = "8",
	  .doc = "Stations that are brought up to date at a time when nobody asked." },
	{ "pace", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, pace_ms), .min = 1, .max = 60000, .def = "100ms",
	  .doc = "Time between the beginnings of those." },
	{ "settle", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, settle_ms), .min = 0, .max = 3600000, .def = "10s",
	  .doc = "How long further changes of id tags are waited for after the first." },
	{ "retry", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct local_list_conf, retry_ms), .min = 1000, .max = 604800000, .def = "1h",
	  .doc = "A station that failed is not tried again before, unless an operator asks." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.stations", .major = 1, .module = "stations" },
	{ "ocppd.authorization", .major = 1, .module = "id_tags" },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &store_data_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	MODULE,
	"0.1.0",
	"OCPP 1.6 Local Authorization List Management profile",
	.conf_size = sizeof(struct local_list_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.actions = { local_list_actions, LOCAL_LIST_ACTIONS, sizeof(local_list_actions[0]) },
	.topics = { local_list_topics, LOCAL_LIST_TOPICS, sizeof(local_list_topics[0]) },
	.migrations = { local_list_migrations, LOCAL_LIST_MIGRATIONS,
			sizeof(local_list_migrations[0]) },
	.statements = { local_list_statements, STATEMENT_COUNT, sizeof(local_list_statements[0]) },
	.routes = { local_list_routes, LOCAL_LIST_ROUTES, sizeof(local_list_routes[0]) },
	.metrics = { local_list_metrics, LOCAL_LIST_METRICS, sizeof(local_list_metrics[0]) },
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
