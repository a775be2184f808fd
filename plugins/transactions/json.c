/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Records as JSON, for the operator API and for events. Member names are OCPP's own.
 */
#include "transactions.h"

#include <json.h>
#include <string.h>

static const struct {
	uint32_t flag;
	const char *word;
} flag_words[] = {
	{ OCPPD_TX_UNAUTHORISED, "unauthorised" },
	{ OCPPD_TX_ORPHAN, "orphan" },
	{ OCPPD_TX_MATCHED, "matched" },
	{ OCPPD_TX_STALE, "stale" },
	{ OCPPD_TX_SUSPENDED, "suspended" },
	{ OCPPD_TX_METER, "meter" },
	{ OCPPD_TX_TIME, "time" },
	{ OCPPD_TX_FOREIGN, "foreign" },
	{ OCPPD_TX_CLOSED, "closed" },
	{ OCPPD_TX_FINDING, "finding" },
	{ OCPPD_TX_STOP_TOKEN, "stop-token" },
	{ OCPPD_TX_DIFFERS, "differs" },
	{ OCPPD_TX_PLACE, "place" },
};

static const char *const auth_words[] = {
	"Unknown", "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx",
};
static const char *const method_words[] = { "none", "meter", "register", "interval" };

const char *
tx_auth_word(uint32_t status)
{
	return status <= OCPPD_AUTH_CONCURRENT ? auth_words[status] : auth_words[0];
}

struct json_object *
tx_flags_json(uint32_t flags)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list != NULL && i < sizeof(flag_words) / sizeof(flag_words[0]); i++) {
		if ((flags & flag_words[i].flag) != 0)
			json_object_array_add(list, json_object_new_string(flag_words[i].word));
	}
	return list;
}

static void
add_text(struct json_object *object, const char *key, const struct ocppd_value *value)
{
	if (value->type == OCPPD_VALUE_TEXT && value->len <= INT32_MAX)
		ocppd_json_add(object, key,
			       json_object_new_string_len(value->data, (int)value->len));
}

static void
add_int(struct json_object *object, const char *key, const struct ocppd_value *value)
{
	if (value->type == OCPPD_VALUE_INT)
		ocppd_json_add_int(object, key, value->number);
}

static void
add_time(struct json_object *object, const char *key, const struct ocppd_value *value)
{
	if (value->type == OCPPD_VALUE_INT)
		ocppd_json_add_time(object, key, value->number);
}

static void
add_stop(struct json_object *object, const struct ocppd_value *row)
{
	int64_t method = row[TX_METHOD].number;

	add_time(object, "stopTimestamp", &row[TX_STOP_US]);
	add_int(object, "meterStop", &row[TX_METER_STOP]);
	add_text(object, "stopReason", &row[TX_REASON]);
	add_text(object, "stopReasonReceived", &row[TX_RAW_REASON]);
	add_text(object, "stopIdTag", &row[TX_STOP_TOKEN]);
	if (method > ENERGY_NONE && method <= ENERGY_INTERVAL) {
		add_int(object, "energyWh", &row[TX_ENERGY]);
		ocppd_json_add_str(object, "energyMethod", method_words[method]);
	}
	add_time(object, "stopReceived", &row[TX_STOP_RECEIVED]);
}

struct json_object *
tx_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();
	uint32_t flags = (uint32_t)row[TX_FLAGS].number;
	bool is_orphan = (flags & OCPPD_TX_ORPHAN) != 0;

	if (object == NULL)
		return NULL;
	add_int(object, "transactionId", &row[TX_ID]);
	add_text(object, "stationId", &row[TX_STATION]);
	if (!is_orphan)
		add_int(object, "connectorId", &row[TX_EVSE]);
	if (!is_orphan || row[TX_PRESENTED].len > 0)
		add_text(object, "idTag", &row[TX_PRESENTED]);
	add_text(object, "parentIdTag", &row[TX_PARENT]);
	if (is_orphan) {
		add_int(object, "reportedTransactionId", &row[TX_WIRE_ID]);
	} else {
		ocppd_json_add_str(object, "authorizationStatus",
				   tx_auth_word((uint32_t)row[TX_AUTH].number));
		add_time(object, "startTimestamp", &row[TX_START_US]);
		add_int(object, "meterStart", &row[TX_METER_START]);
		add_time(object, "startReceived", &row[TX_START_RECEIVED]);
	}
	add_int(object, "reservationId", &row[TX_RESERVATION]);
	if ((flags & OCPPD_TX_REMOTE) != 0)
		ocppd_json_add_bool(object, "remoteStart", 1);
	if (row[TX_STOP_US].type == OCPPD_VALUE_INT)
		add_stop(object, row);
	ocppd_json_add_bool(object, "active", row[TX_STOP_US].type != OCPPD_VALUE_INT);
	if (row[TX_REPEATS].number > 0)
		add_int(object, "repeats", &row[TX_REPEATS]);
	ocppd_json_add(object, "flags", tx_flags_json(flags));
	return object;
}

static struct json_object *
sampled_json(const struct ocppd_sampled *value)
{
	struct json_object *object = json_object_new_object();

	if (object == NULL)
		return NULL;
	ocppd_json_add_str(object, "value", value->value);
	ocppd_json_add_str(object, "context", value->context);
	ocppd_json_add_str(object, "format", value->format);
	ocppd_json_add_str(object, "measurand", value->measurand);
	ocppd_json_add_str(object, "phase", value->phase);
	ocppd_json_add_str(object, "location", value->location);
	ocppd_json_add_str(object, "unit", value->unit);
	return object;
}

struct json_object *
tx_reading_json(const struct ocppd_reading *reading)
{
	struct json_object *object = json_object_new_object();
	struct json_object *values = json_object_new_array();

	ocppd_json_add_time(object, "timestamp", reading->time_us);
	for (uint32_t i = 0; values != NULL && i < reading->count; i++)
		json_object_array_add(values, sampled_json(&reading->values[i]));
	ocppd_json_add(object, "sampledValue", values);
	return object;
}

/* True the first time a value of that kind is met in this moment. */
static bool
is_new(struct moment *moment, uint64_t key)
{
	for (uint32_t i = 0; i < moment->count; i++) {
		if (moment->keys[i] == key)
			return false;
	}
	if (moment->count < sizeof(moment->keys) / sizeof(moment->keys[0]))
		moment->keys[moment->count++] = key;
	return true;
}

/* Columns: time_us, digest, received_us, flags, time_raw, data. */
static struct json_object *
item_new(const struct ocppd_value *row)
{
	struct json_object *item = json_object_new_object();

	add_time(item, "timestamp", &row[0]);
	add_time(item, "received", &row[2]);
	add_text(item, "timestampReceived", &row[4]);
	if (row[3].number != 0)
		ocppd_json_add(item, "flags", tx_flags_json((uint32_t)row[3].number));
	return item;
}

int
tx_stored_json(struct moment *moment, const struct ocppd_value *row, struct json_object *items)
{
	struct unpacker unpacker;
	struct ocppd_sampled value;
	struct json_object *values;
	struct json_object *item;
	int r = unpacker_init(&unpacker, row[5].data, row[5].len);

	if (r < 0)
		return r;
	/* Several rows of one moment (sampled values in MeterValues and again at the stop): what is
	 * there twice is shown once. */
	if (moment->count == 0 || moment->time_us != row[0].number) {
		moment->time_us = row[0].number;
		moment->count = 0;
	}
	values = json_object_new_array();
	while ((r = unpacker_next(&unpacker, &value)) > 0) {
		if (is_new(moment, sampled_key(&value)))
			json_object_array_add(values, sampled_json(&value));
	}
	if (json_object_array_length(values) > 0) {
		item = item_new(row);
		ocppd_json_add(item, "sampledValue", values);
		json_object_array_add(items, item);
	} else {
		json_object_put(values);
	}
	unpacker_fini(&unpacker);
	return r;
}
