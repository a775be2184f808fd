/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module transactions: the books. Owns ids, records and readings; knows no protocol. This file
 * is its life: loading what is under way, and the descriptor.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define OPEN_PAGE 2000

void
tx_done(struct transactions *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	tx_done(ctx);
}

int
tx_unit(struct transactions *ctx, struct ocppd_unit *given, struct ocppd_unit **ret_unit)
{
	if (given != NULL) {
		*ret_unit = given;
		return 0;
	}
	return ctx->storage->unit_new(ctx->storage_self, ctx->host, ret_unit);
}

struct active_slot *
tx_slot(struct transactions *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

void
tx_security(struct transactions *ctx, struct ocppd_station *station, const char *type,
	    int64_t transaction_id)
{
	const char *station_id = ocppd_station_id(station);
	struct json_object *body;
	char text[160];

	ocppd_quirk_hit(ctx->host, station, "G18", NULL);
	OCPPD_WARN(ctx->host, "security.suspected", OCPPD_STR("station", station_id),
		   OCPPD_STR("type", type), OCPPD_INT("transaction", transaction_id));
	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_SECURITY))
		return;
	snprintf(text, sizeof(text),
		 "A message named transaction %lld, which belongs to another station",
		 (long long)transaction_id);
	body = json_object_new_object();
	ocppd_json_add_str(body, "type", type);
	ocppd_json_add_str(body, "text", text);
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_SECURITY, station_id, body);
}

/* ---- Start --------------------------------------------------------------------------------------
 */

void
tx_started(struct transactions *ctx, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	ctx->is_starting = false;
	if (result >= 0)
		result = sweep_start(ctx);
	if (result >= 0)
		result = keep_start(ctx);
	if (result < 0 && (err == NULL || err->code == 0)) {
		(void)ocppd_error_set(&own, result, "the transactions under way cannot be read");
		err = &own;
	}
	ocppd_started(ctx->host, result < 0 ? err : NULL);
}

static int
load_row(struct transactions *ctx, const struct ocppd_value *row)
{
	char station_id[OCPPD_STATION_ID_MAX * 4 + 1];
	char token[OCPPD_TOKEN_MAX + 1];
	char parent[OCPPD_TOKEN_MAX + 1];
	char account[OCPPD_TOKEN_MAX + 1];
	char id_text[OCPPD_TOKEN_MAX + 1];
	char token_type[OCPPD_TOKEN_MAX + 1];
	struct active_key key = { .token = token,
				  .start_us = row[TX_START_US].number,
				  .meter_start_wh = row[TX_METER_START].number };
	struct active *active;

	(void)ocppd_value_copy(&row[TX_STATION], station_id, sizeof(station_id));
	(void)ocppd_value_copy(&row[TX_PRESENTED], token, sizeof(token));
	(void)ocppd_value_copy(&row[TX_PARENT], parent, sizeof(parent));
	key.parent = parent[0] == '\0' ? NULL : parent;
	(void)ocppd_value_copy(&row[TX_ACCOUNT], account, sizeof(account));
	key.account = account[0] == '\0' ? NULL : account;
	(void)ocppd_value_copy(&row[TX_ID_TEXT], id_text, sizeof(id_text));
	key.id_text = id_text[0] == '\0' ? NULL : id_text;
	(void)ocppd_value_copy(&row[TX_TOKEN_TYPE], token_type, sizeof(token_type));
	key.token_type = token_type[0] == '\0' ? NULL : token_type;
	key.place.evse = (int32_t)row[TX_EVSE].number;
	key.place.connector = (int32_t)row[TX_CONNECTOR].number;
	key.station = ocppd_station_get(ctx->host, station_id);
	if (key.station == NULL) {
		/* Its stop is found in the table. */
		OCPPD_WARN(ctx->host, "transaction.unloaded", OCPPD_STR("station", station_id),
			   OCPPD_INT("transaction", row[TX_ID].number));
		return 0;
	}
	active = active_add(&ctx->active, tx_slot(ctx, key.station), &key,
			    (uint32_t)row[TX_FLAGS].number);
	if (active == NULL)
		return OCPPD_ENOMEM;
	active->id = row[TX_ID].number;
	active->wire_id = row[TX_WIRE_ID].number;
	active->is_partial = true;
	active->received_us = row[TX_START_RECEIVED].number;
	active->alive_mono_us = ocppd_mono_us(ctx->host);
	return 0;
}

static int load_page(struct transactions *ctx, int64_t after);

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct transactions *ctx = arg;
	const struct ocppd_value *row = NULL;
	int r = result;

	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_row(ctx, row);
	}
	if (r >= 0 && rows->count == OPEN_PAGE)
		r = load_page(ctx, row[TX_ID].number);
	else if (r >= 0) {
		OCPPD_INFO(host, "transactions.loaded",
			   OCPPD_INT("active", (int64_t)ctx->active.count));
		r = ids_start(ctx);
	}
	if (r < 0)
		tx_started(ctx, r, err);
	tx_done(ctx);
}

static int
load_page(struct transactions *ctx, int64_t after)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(after),
		ocppd_value_int(OPEN_PAGE),
	};
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_OPEN, values, 2,
				    OPEN_PAGE, on_page, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

/* ---- Life ---------------------------------------------------------------------------------------
 */

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct transactions *ctx = calloc(1, sizeof(*ctx));
	int r;

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	ctx->conf = conf;
	r = active_init(&ctx->active);
	if (r >= 0)
		r = ctx->slot =
			ocppd_slot_add(host, OCPPD_SCOPE_STATION, sizeof(struct active_slot), NULL);
	if (r < 0) {
		active_fini(&ctx->active);
		free(ctx);
		return ocppd_error_set(err, r, "no memory with stations");
	}
	*ret_ctx = ctx;
	return 0;
}

/* After a stop the table knows better. */
static void
forget_active(struct transactions *ctx)
{
	for (size_t i = 0; i < ctx->active.bucket_count; i++) {
		struct active *active;

		while ((active = ctx->active.buckets[i]) != NULL)
			active_remove(&ctx->active, tx_slot(ctx, active->station), active);
	}
	while (!TAILQ_EMPTY(&ctx->active.recents))
		recent_remove(&ctx->active, TAILQ_FIRST(&ctx->active.recents));
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct transactions *ctx = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "no storage");
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works), 0,  host, ctx->storage, ctx->storage_self, &ctx->outstanding,
		on_work_done,       ctx
	};
	ctx->stations = NULL;
	if (ocppd_service_get(host, "ocppd.stations", 1, 0, &ops, &ctx->stations_self) >= 0)
		ctx->stations = ops;
	ctx->is_stopping = false;
	ctx->is_starting = true;
	forget_active(ctx);
	r = load_page(ctx, INT64_MIN);
	if (r < 0) {
		ctx->is_starting = false;
		return ocppd_error_set(err, r, "the transactions under way cannot be read");
	}
	return OCPPD_PENDING;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct transactions *ctx = arg;

	(void)host;
	ctx->conf = conf;
	(void)sweep_start(ctx);
	(void)keep_start(ctx);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct transactions *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	sweep_stop(ctx);
	keep_stop(ctx);
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct transactions *ctx = arg;

	(void)host;
	ocppd_timer_free(ctx->sweeper);
	ocppd_timer_free(ctx->keeper);
	active_fini(&ctx->active);
	packer_fini(&ctx->packer);
	free(ctx);
}

/* ---- Tables -------------------------------------------------------------------------------------
 */

static const struct ocppd_option options[] = {
	{ "stale_after_available", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct transactions_conf, stale_available_s), .min = 1, .max = 604800,
	  .def = "10min",
	  .doc = "A transaction whose connector is Available for that long, without a reading of "
		 "its own meanwhile, becomes stale: its end is provisional, until the station's "
		 "stop comes." },
	{ "stale_after_reboot", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct transactions_conf, stale_reboot_s), .min = 1, .max = 2592000, .def = "1h",
	  .doc = "A transaction whose station rebooted becomes stale when no reading of its own "
		 "comes in for that long." },
	{ "keep_transactions", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct transactions_conf, keep_transactions_s), .max = INT64_C(3153600000),
	  .def = "0s",
	  .doc = "How long transactions that stopped, and orphans, are kept with their readings, "
		 "from the receipt of their start on. 0s: for ever." },
	{ "keep_readings", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct transactions_conf, keep_readings_s), .max = INT64_C(3153600000),
	  .def = "0s",
	  .doc = "How long the readings of such transactions are kept, if less. 0s: as long as the "
		 "transaction." },
	{ "keep_unmatched", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct transactions_conf, keep_unmatched_s), .max = INT64_C(3153600000),
	  .def = "0s",
	  .doc = "How long readings that belong to no transaction are kept. 0s: for ever." },
};

static const struct ocppd_field sampled_fields[] = {
	{ "value", OCPPD_T_STRING },  { "context", OCPPD_T_STRING },
	{ "format", OCPPD_T_STRING }, { "measurand", OCPPD_T_STRING },
	{ "phase", OCPPD_T_STRING },  { "location", OCPPD_T_STRING },
	{ "unit", OCPPD_T_STRING },
};
static const struct ocppd_field reading_fields[] = {
	{ "timestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "received", OCPPD_T_TIMESTAMP },
	{ "timestampReceived", OCPPD_T_STRING, .doc = "the station's text where it differs" },
	{ "flags", OCPPD_T_STRING, OCPPD_LIST },
	{ "sampledValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(sampled_fields) },
};
static const struct ocppd_field candidate_fields[] = {
	{ "meter", OCPPD_T_INTEGER, .doc = "Wh; meterStop - meterStart" },
	{ "register", OCPPD_T_INTEGER, .doc = "Wh; what the register's readings rose" },
	{ "interval", OCPPD_T_INTEGER, .doc = "Wh; the sum of interval readings" },
};
static const struct ocppd_field transaction_fields[] = {
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER },
	{ "idTag", OCPPD_T_STRING },
	{ "idTagType", OCPPD_T_STRING, .doc = "OCPP 2.0.1's word" },
	{ "stationTransactionId", OCPPD_T_STRING, .doc = "its own id, where the protocol has one" },
	{ "parentIdTag", OCPPD_T_STRING },
	{ "reportedTransactionId", OCPPD_T_INTEGER, .doc = "of an orphan: the id its stop named" },
	{ "authorizationStatus", OCPPD_T_STRING, .doc = "what the start was answered with" },
	{ "startTimestamp", OCPPD_T_TIMESTAMP },
	{ "meterStart", OCPPD_T_INTEGER, .doc = "Wh" },
	{ "startReceived", OCPPD_T_TIMESTAMP },
	{ "reservationId", OCPPD_T_INTEGER },
	{ "remoteStart", OCPPD_T_BOOLEAN, .doc = "a RemoteStartTransaction had asked for it" },
	{ "stopTimestamp", OCPPD_T_TIMESTAMP, .doc = "absent while active" },
	{ "meterStop", OCPPD_T_INTEGER, .doc = "Wh" },
	{ "stopReason", OCPPD_T_STRING },
	{ "stopReasonReceived", OCPPD_T_STRING, .doc = "where the reason is none of OCPP's" },
	{ "stopIdTag", OCPPD_T_STRING },
	{ "stopIdTagType", OCPPD_T_STRING },
	{ "energyWh", OCPPD_T_INTEGER, .doc = "never negative" },
	{ "energyMethod", OCPPD_T_STRING, .doc = "meter, register or interval" },
	{ "stopReceived", OCPPD_T_TIMESTAMP },
	{ "active", OCPPD_T_BOOLEAN, OCPPD_REQUIRED },
	{ "repeats", OCPPD_T_INTEGER, .doc = "how often its messages came again" },
	{ "flags", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_LIST, .doc = "what is odd about it" },
	{ "reasons", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_LIST,
	  .doc = "a sentence for each of the flags" },
	{ "labels", OCPPD_T_STRING, OCPPD_LIST, .doc = "how its station reports energy" },
	{ "labelReasons", OCPPD_T_STRING, OCPPD_LIST },
	{ "provisional", OCPPD_T_BOOLEAN, .doc = "the end is the last reading: no stop came" },
	{ "energyCandidates", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(candidate_fields) },
	{ "matchedTransactionId", OCPPD_T_INTEGER,
	  .doc = "of an orphan: the transaction that took its stop over" },
	{ "startTimestampReceived", OCPPD_T_STRING, .doc = "the station's text where it differs" },
	{ "stopTimestampReceived", OCPPD_T_STRING },
	{ "latestReading", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(reading_fields),
	  .doc = "of one, and with active=true" },
	{ "startFrame", OCPPD_T_STRING, .doc = "of one: the message, where it broke its schema" },
	{ "stopFrame", OCPPD_T_STRING },
	{ "latestEnergyWh", OCPPD_T_INTEGER,
	  .doc = "while active: what was charged by that reading, where meterStart and the register "
		 "tell" },
};
static const struct ocppd_field export_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "idTag", OCPPD_T_STRING },
	{ "active", OCPPD_T_BOOLEAN },
	{ "from", OCPPD_T_TIMESTAMP, .doc = "started at or after" },
	{ "to", OCPPD_T_TIMESTAMP, .doc = "started before" },
};
static const struct ocppd_field list_query[] = {
	{ "stationId", OCPPD_T_STRING },
	{ "idTag", OCPPD_T_STRING },
	{ "active", OCPPD_T_BOOLEAN },
	{ "from", OCPPD_T_TIMESTAMP, .doc = "started at or after" },
	{ "to", OCPPD_T_TIMESTAMP, .doc = "started before" },
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(transaction_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field page_query[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "rows in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field readings_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(reading_fields) },
	{ "next", OCPPD_T_STRING },
};
static const struct ocppd_field stop_fields[] = {
	{ "timestamp", OCPPD_T_TIMESTAMP, .doc = "default: the last reading, else now" },
	{ "meterStop", OCPPD_T_INTEGER, .doc = "Wh; default: the last reading of the register" },
	{ "correct", OCPPD_T_BOOLEAN,
	  .doc = "change one that was closed like this before, and has had no stop of its own: what "
		 "is not given stays" },
};

#define TRANSACTION_TABLE                                                                          \
	"transactionId,stationId,connectorId,idTag,startTimestamp,stopTimestamp,energyWh,"         \
	"latestEnergyWh,flags"
static const struct ocppd_command list_commands[] = {
	{ "transactions", "stationId idTag active from to limit after", TRANSACTION_TABLE,
	  "List transactions, newest first" },
};
static const struct ocppd_command get_commands[] = {
	{ "transactions show", "transactionId", NULL, "Show a transaction" },
};
static const struct ocppd_command readings_commands[] = {
	{ "transactions meter-values", "transactionId limit after", NULL,
	  "Show a transaction's meter readings" },
};
static const struct ocppd_command stop_commands[] = {
	{ "transactions stop", "transactionId timestamp meterStop", NULL,
	  "Close the record of a station that is gone; sends nothing" },
};

static const struct ocppd_command export_commands[] = {
	{ "transactions export", "stationId idTag active from to", NULL,
	  "Print transactions as CSV, newest first" },
};

static const struct ocppd_route routes[] = {
	{ "GET", "/v1/transactions", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "Transactions, newest first", .on_request = routes_list },
	{ "GET", "/v1/transactions.csv", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(export_query),
	  .commands = OCPPD_TABLE(export_commands),
	  .summary = "Transactions as CSV (text/csv), newest first", .media = "text/csv",
	  .on_request = routes_export },
	{ "GET", "/v1/transactions/{transactionId}", OCPPD_ROLE_VIEWER,
	  .res = OCPPD_TABLE(transaction_fields), .commands = OCPPD_TABLE(get_commands),
	  .summary = "One transaction", .on_request = routes_get },
	{ "GET", "/v1/transactions/{transactionId}/meter-values", OCPPD_ROLE_VIEWER,
	  .query = OCPPD_TABLE(page_query), .res = OCPPD_TABLE(readings_fields),
	  .commands = OCPPD_TABLE(readings_commands),
	  .summary = "A transaction's meter readings, oldest first",
	  .on_request = routes_readings },
	{ "POST", "/v1/transactions/{transactionId}/stop", OCPPD_ROLE_OPERATOR,
	  .req = OCPPD_TABLE(stop_fields), .res = OCPPD_TABLE(transaction_fields),
	  .commands = OCPPD_TABLE(stop_commands),
	  .summary = "Close the record of a station that is gone, without a message",
	  .on_request = routes_stop },
};

static const struct ocppd_field started_fields[] = {
	{ "transactionId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "idTag", OCPPD_T_STRING },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "startTimestamp", OCPPD_T_TIMESTAMP, OCPPD_REQUIRED },
	{ "meterStart", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "reservationId", OCPPD_T_INTEGER },
	{ "remoteStart", OCPPD_T_BOOLEAN, .doc = "a RemoteStartTransaction had asked for it" },
	{ "flags", OCPPD_T_STRING, OCPPD_REQUIRED | OCPPD_LIST },
};
static const struct ocppd_field meter_fields[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "transactionId", OCPPD_T_INTEGER },
	{ "meterValue", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST,
	  .fields = OCPPD_TABLE(reading_fields) },
};
static const struct ocppd_field security_fields[] = OCPPD_EVENT_SECURITY_FIELDS;

static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_TRANSACTION_STARTED, "A transaction is on record.",
	  OCPPD_TABLE(started_fields) },
	{ OCPPD_EVENT_TRANSACTION_UPDATED,
	  "A transaction became stale, went on after all, or its energy was judged anew.",
	  OCPPD_TABLE(transaction_fields) },
	{ OCPPD_EVENT_TRANSACTION_STOPPED, "A transaction ended, or an orphan came in.",
	  OCPPD_TABLE(transaction_fields) },
	{ OCPPD_EVENT_METER_VALUES, "Meter readings are on record.", OCPPD_TABLE(meter_fields) },
	{ OCPPD_EVENT_SECURITY, "Something looks like an attack or a misuse.",
	  OCPPD_TABLE(security_fields) },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.stations", .major = 1, .flags = OCPPD_OPTIONAL },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.transactions", .major = 1, .ops = &transactions_ops },
	{ "ocppd.station_data", .major = 1, .flags = OCPPD_MANY, .ops = &station_data_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"transactions",
	"0.1.0",
	"Charging transactions and meter readings",
	.conf_size = sizeof(struct transactions_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.topics = OCPPD_TABLE(topics),
	.migrations = { tx_migrations, TX_MIGRATIONS, sizeof(tx_migrations[0]) },
	.statements = { tx_statements, STATEMENT_COUNT, sizeof(tx_statements[0]) },
	.routes = OCPPD_TABLE(routes),
	.options = OCPPD_TABLE(options),
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
