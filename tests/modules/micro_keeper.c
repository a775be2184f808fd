/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Keeps a row of its own for each station that boots, and takes part in deletions: its row goes
 * with the station, unless it objects, or fails, as configured.
 */
#include <stddef.h>
#include <stdlib.h>

#include <ocppd/event.h>
#include <ocppd/event/connector.h>
#include <ocppd/plugin.h>
#include <ocppd/service/station_data.h>
#include <ocppd/service/storage.h>

enum {
	DOES_NOTHING,
	DOES_OBJECT,
	DOES_FAIL
};
enum {
	STATEMENT_NOTE,
	STATEMENT_FORGET
};

struct conf {
	uint32_t does;
	uint32_t reserved;
};

struct keeper {
	struct ocppd_host *host;
	const struct conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct ocppd_subscription *subscription;
	uint32_t outstanding;
	uint32_t is_stopping;
};

static void
on_noted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	 const struct ocppd_error *err, void *arg)
{
	struct keeper *ctx = arg;

	(void)rows;
	(void)count;
	(void)err;
	OCPPD_INFO(host, "keeper.noted", OCPPD_INT("result", result));
	if (--ctx->outstanding == 0 && ctx->is_stopping)
		ocppd_stopped(host);
}

static void
on_boot(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct keeper *ctx = arg;
	const struct ocppd_value id = ocppd_value_str(event->station_id);
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, STATEMENT_NOTE, &id, 1, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_noted, ctx);
}

/* ---- Deletion ------------------------------------------------------------------------------ */

static int
data_objection(void *self, struct ocppd_host *host, struct ocppd_station *station,
	       struct ocppd_error *err)
{
	const struct keeper *ctx = self;

	(void)host;
	(void)station;
	if (ctx->conf->does != DOES_OBJECT)
		return 0;
	return ocppd_error_set(err, OCPPD_ECONFLICT, "The keeper wants to keep it");
}

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	const struct keeper *ctx = self;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(station));
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_FORGET, &id, 1, 0);

	(void)host;
	if (ctx->conf->does == DOES_FAIL)
		return OCPPD_EIO;
	return r < 0 ? r : 0;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	const struct keeper *ctx = self;

	(void)host;
	OCPPD_INFO(ctx->host, "keeper.forgot", OCPPD_STR("station", ocppd_station_id(station)));
}

static const struct ocppd_station_data_ops ops = {
	sizeof(ops),
	.objection = data_objection,
	.forget = data_forget,
	.forgotten = data_forgotten,
};

/* ---- Life ---------------------------------------------------------------------------------- */

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct keeper *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	*ret_ctx = ctx;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct keeper *ctx = arg;
	const void *storage = NULL;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &storage, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "no storage");
	ctx->storage = storage;
	ctx->subscription = ocppd_event_subscribe(host, OCPPD_EVENT_STATION_BOOTED, on_boot, ctx);
	return ctx->subscription == NULL ? ocppd_error_set(err, OCPPD_ENOMEM, "out of memory") : 0;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct keeper *ctx = arg;

	(void)host;
	ctx->conf = conf;
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct keeper *ctx = arg;

	(void)host;
	ocppd_event_unsubscribe(ctx->subscription);
	ctx->is_stopping = 1;
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	(void)host;
	free(arg);
}

static const char *const does_words[] = { "nothing", "object", "fail", NULL };
static const struct ocppd_option options[] = {
	{ "does", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct conf, does), .def = "nothing",
	  .one_of = does_words, .doc = "What it does about a deletion." },
};
static const char *const migration_1[] = {
	"CREATE TABLE micro_keeper_note (station_id TEXT NOT NULL PRIMARY KEY)",
	NULL,
};
static const struct ocppd_migration migrations[] = { { 1, 0, "notes", migration_1 } };
static const struct ocppd_statement statements[] = {
	[STATEMENT_NOTE] = { "note", "INSERT INTO micro_keeper_note (station_id) VALUES ($1) "
				     "ON CONFLICT DO NOTHING" },
	[STATEMENT_FORGET] = { "forget", "DELETE FROM micro_keeper_note WHERE station_id = $1" },
};
static const struct ocppd_need needs[] = { { "ocppd.storage", .major = 1 } };
static const struct ocppd_provide provides[] = {
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_keeper",
	"1.0.0",
	"Keeps something of each station",
	.conf_size = sizeof(struct conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.migrations = OCPPD_TABLE(migrations),
	.statements = OCPPD_TABLE(statements),
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
