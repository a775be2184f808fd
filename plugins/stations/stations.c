/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module stations: who may connect, and what is known of them. Fills the core's directory;
 * offers `ocppd.stations`. Knows no protocol. This file is its life and its descriptor.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define SEEN_TICK_MS 60000
#define SEEN_EVERY_US (15 * INT64_C(60000000)) /* while it is connected */
#define SEEN_BATCH 1000

void
stations_done(struct stations *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	stations_done(ctx);
}

struct station_slot *
stations_slot(struct stations *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

int
stations_commit(struct stations *ctx, struct ocppd_unit *unit, int result, ocppd_unit_fn *fn,
		void *arg)
{
	if (result < 0) {
		ctx->storage->unit_free(unit);
		return result;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, fn, arg);
	return 0;
}

/* ---- Last seen ---------------------------------------------------------------------------------
 */

static void
on_seen_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	struct stations *ctx = arg;

	(void)rows;
	(void)count;
	(void)err;
	if (result < 0)
		OCPPD_WARN(host, "seen.unstored", OCPPD_STR("err", ocppd_error_name(result)));
	stations_done(ctx);
}

struct seen_walk {
	struct stations *ctx;
	struct ocppd_unit *unit;
	int64_t now_us;
	int64_t every_us;
	uint32_t count;
	int result;
};

static int
add_seen(struct stations *ctx, struct ocppd_unit *unit, struct ocppd_station *station,
	 int64_t seen_us)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(seen_us),
	};
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_SEEN, values, 2, 0);

	if (r >= 0)
		stations_slot(ctx, station)->seen_us = seen_us;
	return r;
}

static int
walk_seen(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct seen_walk *walk = arg;
	struct stations *ctx = walk->ctx;
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };

	(void)host;
	if (ocppd_station_connection(station, &info) < 0 ||
	    !stations_slot(ctx, station)->is_known ||
	    info.last_receive_us - stations_slot(ctx, station)->seen_us < walk->every_us)
		return 0;
	if (walk->unit == NULL)
		walk->result = ctx->storage->unit_new(ctx->storage_self, ctx->host, &walk->unit);
	if (walk->result >= 0)
		walk->result = add_seen(ctx, walk->unit, station, info.last_receive_us);
	/* The rest with the next tick. */
	return walk->result < 0 || ++walk->count >= SEEN_BATCH ? 1 : 0;
}

static void
store_seen(struct stations *ctx, int64_t every_us)
{
	struct seen_walk walk = { .ctx = ctx, .every_us = every_us };

	(void)ocppd_station_each(ctx->host, walk_seen, &walk);
	if (walk.unit != NULL)
		(void)stations_commit(ctx, walk.unit, walk.result, on_seen_stored, ctx);
}

static void
on_seen_tick(struct ocppd_host *host, void *arg)
{
	struct stations *ctx = arg;

	(void)host;
	store_seen(ctx, SEEN_EVERY_US);
	ocppd_timer_set(ctx->seen_timer, SEEN_TICK_MS);
}

void
seen_store(struct stations *ctx, struct ocppd_station *station, int64_t seen_us)
{
	struct ocppd_unit *unit = NULL;
	int r;

	if (!stations_slot(ctx, station)->is_known ||
	    stations_slot(ctx, station)->seen_us == seen_us)
		return;
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = add_seen(ctx, unit, station, seen_us);
	(void)stations_commit(ctx, unit, r, on_seen_stored, ctx);
}

/* ---- Events ------------------------------------------------------------------------------------
 */

/* What was changed while it was connected holds from now on. */
static void
renew_registration(struct stations *ctx, struct ocppd_station *station)
{
	const struct station_slot *slot = stations_slot(ctx, station);

	if (slot->is_known && ocppd_station_registration(station) != registration_now(slot))
		ocppd_station_set_registration(ctx->host, station, registration_now(slot));
}

/* Also after a takeover, which no end of a connection came before. */
static void
on_connected(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct stations *ctx = arg;
	struct ocppd_station *station =
		event->station_id == NULL ? NULL : ocppd_station_find(host, event->station_id);

	if (station == NULL)
		return;
	/* Its handshake was over before it was barred. */
	if (stations_slot(ctx, station)->is_leaving) {
		ocppd_station_disconnect(host, station, 1000, "deleted");
		return;
	}
	renew_registration(ctx, station);
	password_used(ctx, station);
}

static void
on_disconnected(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct ocppd_station *station =
		event->station_id == NULL ? NULL : ocppd_station_find(host, event->station_id);

	if (station == NULL)
		return;
	seen_store(arg, station, event->time_us);
	/* Before the next connection's first message. */
	if (!ocppd_station_is_connected(station))
		renew_registration(arg, station);
	deletions_look(arg, station);
}

/* ---- Life --------------------------------------------------------------------------------------
 */

static void
slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *memory)
{
	struct station_slot *slot = memory;

	(void)host;
	(void)station;
	free(slot->boot);
	free(slot->quirks);
	free(slot->labels);
	wishes_free(slot);
	while (slot->connectors != NULL) {
		struct connector *next = slot->connectors->next;

		free(slot->connectors);
		slot->connectors = next;
	}
}

static const struct station_conf *
conf_at(const struct stations_conf *conf, uint32_t i)
{
	return (const struct station_conf *)conf->stations.items + i;
}

/* A finding about element i, with its own position. */
static int
say_wrong(struct ocppd_error *err, uint32_t i, const char *member, const char *text)
{
	char option[64];

	snprintf(option, sizeof(option), "stations[%u].%s", i, member);
	return ocppd_error_option(err, OCPPD_EINVAL, option, "%s", text);
}

static int
check_labels(const struct station_conf *item, uint32_t i, struct ocppd_error *err)
{
	if (item->labels != NULL && ocppd_node_kind(item->labels) != OCPPD_NODE_MAP)
		return say_wrong(err, i, "labels", "expected a map of texts");
	for (uint32_t k = 0; k < ocppd_node_count(item->labels); k++) {
		if (ocppd_node_kind(ocppd_node_at(item->labels, k)) != OCPPD_NODE_TEXT)
			return say_wrong(err, i, "labels", "a label is a text");
	}
	return 0;
}

static int
check_item(const struct station_conf *item, uint32_t i, struct ocppd_error *err)
{
	const char *station_id = ocppd_node_text(item->id);
	char option[64];

	if (station_id == NULL || !identity_is_valid(station_id))
		return say_wrong(err, i, "id",
				 "expected a text of 1 to 48 characters without "
				 "slash and control characters");
	if (item->authorization_key != NULL && !key_is_valid(item->authorization_key))
		return say_wrong(err, i, "authorization_key",
				 "expected 32 to 40 hex digits, or 16 to 20 bytes of text");
	if ((item->security_profile == 1 || item->security_profile == 2) &&
	    item->authorization_key == NULL)
		return say_wrong(err, i, "security_profile",
				 "1 and 2 need an authorization_key beside it");
	snprintf(option, sizeof(option), "stations[%u].quirks", i);
	if (quirks_items_check(&item->quirks, option, err) < 0)
		return OCPPD_EINVAL;
	return check_labels(item, i, err);
}

/* `+` and blank arrive alike (quirk A04), so they count as one. */
static int
compare_ids(const char *left, const char *right)
{
	while (*left != '\0' && (*left == '+' ? ' ' : *left) == (*right == '+' ? ' ' : *right)) {
		left++;
		right++;
	}
	return (*left == '+' ? ' ' : (unsigned char)*left) -
	       (*right == '+' ? ' ' : (unsigned char)*right);
}

static int
compare_conf(const void *a, const void *b)
{
	const struct station_conf *const *left = a;
	const struct station_conf *const *right = b;
	int order = compare_ids(ocppd_node_text((*left)->id), ocppd_node_text((*right)->id));

	/* In file order among equals, so that the second is the one at fault. */
	return order != 0 ? order : *left < *right ? -1 : 1;
}

static int
check_twins(const struct stations_conf *conf, struct ocppd_error *err)
{
	const struct station_conf **items = calloc(conf->stations.count + 1, sizeof(*items));
	int r = 0;

	if (items == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < conf->stations.count; i++)
		items[i] = conf_at(conf, i);
	qsort(items, conf->stations.count, sizeof(*items), compare_conf);
	for (uint32_t i = 1; r >= 0 && i < conf->stations.count; i++) {
		const struct ocppd_node *first = items[i - 1]->id;
		const struct ocppd_node *second = items[i]->id;
		struct ocppd_error place = { 0 };
		char option[64];

		if (compare_ids(ocppd_node_text(first), ocppd_node_text(second)) != 0)
			continue;
		(void)ocppd_node_error(first, &place, OCPPD_EEXIST, "first");
		snprintf(option, sizeof(option), "stations[%u].id",
			 (unsigned int)(items[i] - conf_at(conf, 0)));
		r = ocppd_error_option(
			err, OCPPD_EINVAL, option,
			strcmp(ocppd_node_text(first), ocppd_node_text(second)) == 0
				? "station \"%s\" is listed twice, first at %s:%u:%u; remove one"
				: "station \"%s\" arrives like that at %s:%u:%u, since `+` and "
				  "blank do; rename one",
			ocppd_node_text(second), place.file, place.line, place.column);
	}
	free(items);
	return r;
}

static int
check(const void *data, struct ocppd_error *err)
{
	const struct stations_conf *conf = data;
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < conf->stations.count; i++)
		r = check_item(conf_at(conf, i), i, err);
	if (r >= 0)
		r = profiles_check(&conf->quirk_profiles, err);
	return r < 0 ? r : check_twins(conf, err);
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct stations *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	TAILQ_INIT(&ctx->unknown);
	TAILQ_INIT(&ctx->keys_waits);
	TAILQ_INIT(&ctx->deletions);
	r = ctx->slot =
		ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct station_slot), slot_fini);
	if (r >= 0)
		r = load_fixed(ctx, conf, &ctx->fixed, &ctx->fixed_count);
	if (r < 0) {
		free(ctx);
		return ocppd_error_set(err, r, "no memory for the stations");
	}
	*ret_ctx = ctx;
	return 0;
}

static int
listen_to(struct stations *ctx)
{
	ctx->subscriptions[0] =
		ocppd_event_subscribe(ctx->host, OCPPD_EVENT_STATION_CONNECTED, on_connected, ctx);
	ctx->subscriptions[1] = ocppd_event_subscribe(ctx->host, OCPPD_EVENT_STATION_DISCONNECTED,
						      on_disconnected, ctx);
	ctx->subscriptions[2] =
		ocppd_event_subscribe(ctx->host, OCPPD_EVENT_STATION_REFUSED, on_refused, ctx);
	ctx->seen_timer = ocppd_timer_new(ctx->host, on_seen_tick, ctx);
	if (ctx->subscriptions[0] == NULL || ctx->subscriptions[1] == NULL ||
	    ctx->subscriptions[2] == NULL || ctx->seen_timer == NULL)
		return OCPPD_ENOMEM;
	ocppd_timer_set(ctx->seen_timer, SEEN_TICK_MS);
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct stations *ctx = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "no storage");
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works), 0,  host, ctx->storage, ctx->storage_self, &ctx->outstanding,
		on_work_done,       ctx
	};
	ctx->is_stopping = false;
	r = listen_to(ctx);
	if (r < 0)
		return ocppd_error_set(err, r, "out of memory");
	return load_begin(ctx, err);
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	(void)host;
	load_reload(arg, conf);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct stations *ctx = arg;

	(void)host;
	store_seen(ctx, 1);
	ctx->is_stopping = true;
	deletions_stop(ctx);
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct stations *ctx = arg;

	(void)host;
	unknown_free(ctx);
	fixed_free(ctx->fixed, ctx->fixed_count);
	free(ctx);
}

/* ---- Tables ------------------------------------------------------------------------------------
 */

static const char *const unknown_words[] = { "reject", "pending", "accept", NULL };

static const struct ocppd_option station_options[] = {
	{ "id", OCPPD_CONF_NODE, OCPPD_OPTION_REQUIRED | OCPPD_RELOADABLE,
	  offsetof(struct station_conf, id), .doc = "The identity, as in its URL." },
	{ "registration_status", OCPPD_CONF_ENUM, OCPPD_RELOADABLE,
	  offsetof(struct station_conf, registration), .def = "Accepted",
	  .one_of = registration_words, .doc = "What its boots are answered with." },
	{ "security_profile", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct station_conf, security_profile), .max = 3, .def = "0",
	  .doc = "0: none, 1: password, 2: TLS and password, 3: TLS and client certificate." },
	{ "authorization_key", OCPPD_CONF_SECRET, OCPPD_RELOADABLE,
	  offsetof(struct station_conf, authorization_key),
	  .doc = "Its password: 32 to 40 hex digits, or 16 to 20 bytes of text." },
	{ "auth_user", OCPPD_CONF_STRING, OCPPD_RELOADABLE,
	  offsetof(struct station_conf, auth_user), .min = 1, .max = 255,
	  .doc = "The user name it sends, if that is not its identity." },
	{ "quirks", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE, offsetof(struct station_conf, quirks),
	  .doc = "Known deviations: codes, and option=value." },
	{ "strict", OCPPD_CONF_BOOL, OCPPD_RELOADABLE, offsetof(struct station_conf, is_strict),
	  .def = "false", .doc = "Refuse whatever breaks the schema; can cost records." },
	{ "allowed_protocols", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE,
	  offsetof(struct station_conf, protocols),
	  .doc = "Subprotocols it may use; none: all that are served." },
	{ "labels", OCPPD_CONF_NODE, OCPPD_RELOADABLE, offsetof(struct station_conf, labels),
	  .doc = "A map of texts, for the operator." },
};

static const struct ocppd_option options[] = {
	{ "unknown", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct stations_conf, unknown),
	  .def = "reject", .one_of = unknown_words,
	  .doc = "A station that nobody provisioned: reject refuses its handshake, pending lets "
		 "it boot as Pending, accept takes it in. The last two ask for no credentials." },
	{ "error_history", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct stations_conf, error_history), .min = 1, .max = 100000, .def = "100",
	  .doc = "Errors kept of each station." },
	{ "quirk_profiles", OCPPD_CONF_SECTIONS, OCPPD_RELOADABLE,
	  offsetof(struct stations_conf, quirk_profiles), sizeof(struct profile_conf),
	  .max = PROFILES_MAX,
	  .options = { profile_options, PROFILE_OPTIONS, sizeof(profile_options[0]) },
	  .doc = "What is known of kinds of stations. All that match a station hold for it, later "
		 "ones outweigh earlier ones, and its own `quirks` come last." },
	{ "stations", OCPPD_CONF_SECTIONS, OCPPD_RELOADABLE,
	  offsetof(struct stations_conf, stations), sizeof(struct station_conf), .max = 100000,
	  .options = OCPPD_TABLE(station_options),
	  .doc = "Stations of a small installation. They hide those of the same identity in the "
		 "database and cannot be changed through the operator API." },
};

static const struct ocppd_field booted_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "registrationStatus", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "chargePointVendor", OCPPD_T_STRING },
	{ "chargePointModel", OCPPD_T_STRING },
	{ "chargePointSerialNumber", OCPPD_T_STRING },
	{ "firmwareVersion", OCPPD_T_STRING },
	{ "bootCount", OCPPD_T_INTEGER, OCPPD_REQUIRED },
};
static const struct ocppd_field status_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "status", OCPPD_T_STRING },
	{ "errorCode", OCPPD_T_STRING },
	{ "info", OCPPD_T_STRING },
	{ "vendorId", OCPPD_T_STRING },
	{ "vendorErrorCode", OCPPD_T_STRING },
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
};
static const struct ocppd_field deleted_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "requester", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "who asked for it" },
};
static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_STATION_BOOTED, "A station booted.", OCPPD_TABLE(booted_fields) },
	{ OCPPD_EVENT_STATION_DELETED,
	  "An operator deleted a station, and what it was configured with.",
	  OCPPD_TABLE(deleted_fields) },
	{ OCPPD_EVENT_CONNECTOR_STATUS, "The reported state of a connector changed.",
	  OCPPD_TABLE(status_fields) },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
};
static const struct ocppd_provide provides[] = {
	{ "ocppd.stations", .major = 1, .ops = &stations_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"stations",
	"0.1.0",
	"Station directory, boots, connectors and configuration keys",
	.conf_size = sizeof(struct stations_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.topics = OCPPD_TABLE(topics),
	.migrations = { stations_migrations, STATIONS_MIGRATIONS, sizeof(stations_migrations[0]) },
	.statements = { stations_statements, STATEMENT_COUNT, sizeof(stations_statements[0]) },
	.routes = { stations_routes, STATIONS_ROUTES, sizeof(stations_routes[0]) },
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
