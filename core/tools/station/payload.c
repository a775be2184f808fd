/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The requests that a simulated station sends, as JSON trees, and a line of text about what came
 * of them. Keeps nothing.
 */
#include "features/feature.h"

#include "base/buf.h"
#include "base/text.h"

#include <stdio.h>
#include <time.h>

#include <json-c/json.h>
#include <ocppd/time.h>

const struct measurand payload_measurands[MEASURE_COUNT] = {
	[MEASURE_ENERGY] = { "Energy.Active.Import.Register", "Wh", MEASURE_ENERGY, 0 },
	[MEASURE_POWER] = { "Power.Active.Import", "W", MEASURE_POWER, 0 },
	[MEASURE_CURRENT] = { "Current.Import", "A", MEASURE_CURRENT, 1 },
	[MEASURE_VOLTAGE] = { "Voltage", "V", MEASURE_VOLTAGE, 0 },
};

int64_t
payload_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void
add_str(struct json_object *object, const char *key, const char *value)
{
	if (value && value[0])
		json_object_object_add(object, key, json_object_new_string(value));
}

static void
add_int(struct json_object *object, const char *key, int64_t value)
{
	json_object_object_add(object, key, json_object_new_int64(value));
}

static void
add_time(struct json_object *object, const char *key, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];

	(void)ocppd_time_format(time_us, text);
	add_str(object, key, text);
}

struct json_object *
payload_words(const char *key, const char *value)
{
	struct json_object *object = json_object_new_object();

	if (object && key)
		add_str(object, key, value);
	return object;
}

struct json_object *
payload_boot(const struct station *station)
{
	struct json_object *object = json_object_new_object();
	char serial[26];

	if (!object)
		return NULL;
	(void)snprintf(serial, sizeof(serial), "SIM-%08u", station->index);
	add_str(object, "chargePointVendor", station->fleet->options->vendor);
	add_str(object, "chargePointModel", station->fleet->options->model);
	add_str(object, "chargePointSerialNumber", serial);
	add_str(object, "firmwareVersion", station->version);
	add_str(object, "meterType", "simulated");
	return object;
}

struct json_object *
payload_status(const struct station *station, uint32_t connector, const char *status,
	       const char *error, const char *info)
{
	struct json_object *object = json_object_new_object();

	(void)station;
	if (!object)
		return NULL;
	add_int(object, "connectorId", connector);
	add_str(object, "errorCode", error ? error : "NoError");
	add_str(object, "info", info);
	add_str(object, "status", status);
	add_time(object, "timestamp", payload_now_us());
	return object;
}

struct json_object *
payload_start(const struct station *station, const struct connector *connector, uint32_t number,
	      const char *tag, int64_t reservation)
{
	struct json_object *object = json_object_new_object();

	(void)station;
	if (!object)
		return NULL;
	add_int(object, "connectorId", number);
	json_object_object_add(object, "idTag", json_object_new_string(tag));
	add_int(object, "meterStart", (int64_t)connector->start_wh);
	if (reservation >= 0)
		add_int(object, "reservationId", reservation);
	add_time(object, "timestamp", connector->start_us);
	return object;
}

static struct json_object *
sampled(const struct measurand *what, const char *context, double value)
{
	struct json_object *object = json_object_new_object();
	char text[32];

	if (!object)
		return NULL;
	(void)snprintf(text, sizeof(text), "%.*f", what->decimals, value);
	add_str(object, "value", text);
	add_str(object, "context", context);
	add_str(object, "measurand", what->name);
	add_str(object, "unit", what->unit);
	return object;
}

static double
measure(const struct connector *connector, const struct draw *draw, const struct measurand *what)
{
	switch (what->kind) {
	case MEASURE_ENERGY:
		break;
	case MEASURE_POWER:
		return draw->power_w;
	case MEASURE_CURRENT:
		return draw->current_a;
	case MEASURE_VOLTAGE:
		return SMART_VOLTAGE_V;
	}
	return connector->energy_wh;
}

/* A MeterValue without its samples, which go to the list. */
static struct json_object *
meter_value(int64_t time_us, struct json_object **ret_list)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list = json_object_new_array();

	if (!object || !list) {
		json_object_put(object);
		json_object_put(list);
		return NULL;
	}
	add_time(object, "timestamp", time_us);
	json_object_object_add(object, "sampledValue", list);
	*ret_list = list;
	return object;
}

/* The register alone. */
static void
add_register(struct json_object *values, int64_t time_us, double energy_wh, const char *context)
{
	struct json_object *list = NULL;
	struct json_object *value = meter_value(time_us, &list);

	if (!value)
		return;
	json_object_array_add(list,
			      sampled(&payload_measurands[MEASURE_ENERGY], context, energy_wh));
	json_object_array_add(values, value);
}

struct json_object *
payload_meter(const struct station *station, const struct connector *connector, uint32_t number,
	      const char *context)
{
	struct json_object *object = json_object_new_object();
	struct json_object *values = json_object_new_array();
	struct json_object *list = NULL;
	struct json_object *value = meter_value(payload_now_us(), &list);
	struct draw draw = { 0 };

	if (!object || !values || !value) {
		json_object_put(object);
		json_object_put(values);
		json_object_put(value);
		return NULL;
	}
	if (connector->has_transaction)
		smart_draw(station, number, (double)connector->wanted_w, &draw);
	add_int(object, "connectorId", number);
	if (connector->has_transaction)
		add_int(object, "transactionId", connector->transaction);
	for (size_t i = 0; i < MEASURE_COUNT; i++) {
		const struct measurand *what = &payload_measurands[i];

		if (feature_key_has(station, "MeterValuesSampledData", what->name))
			json_object_array_add(
				list, sampled(what, context, measure(connector, &draw, what)));
	}
	if (json_object_array_length(list) == 0) /* a MeterValue has one at least */
		json_object_array_add(list, sampled(&payload_measurands[MEASURE_ENERGY], context,
						    connector->energy_wh));
	json_object_array_add(values, value);
	json_object_object_add(object, "meterValue", values);
	return object;
}

struct json_object *
payload_stop(const struct station *station, const struct connector *connector, const char *tag,
	     const char *reason, bool has_data)
{
	struct json_object *object = json_object_new_object();
	struct json_object *list;
	int64_t now_us = payload_now_us();

	(void)station;
	if (!object)
		return NULL;
	add_int(object, "transactionId", connector->transaction);
	add_str(object, "idTag", tag);
	add_int(object, "meterStop", (int64_t)connector->energy_wh);
	add_time(object, "timestamp", now_us);
	add_str(object, "reason", reason);
	list = has_data ? json_object_new_array() : NULL;
	if (!list)
		return object;
	add_register(list, connector->start_us, connector->start_wh, "Transaction.Begin");
	add_register(list, now_us, connector->energy_wh, "Transaction.End");
	json_object_object_add(object, "transactionData", list);
	return object;
}

static const char *
text_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) || !value)
		return "?";
	return json_object_get_string(value);
}

static struct json_object *
member_of(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		(void)json_object_object_get_ex(object, key, &value);
	return value;
}

static void
describe_boot(const struct call *call, struct json_object *answer, struct buf *text)
{
	(void)call;
	buf_printf(text, "%s, %s %s s", text_of(answer, "status"),
		   str_eq(text_of(answer, "status"), "Accepted") ? "heartbeat every"
								 : "again after",
		   text_of(answer, "interval"));
}

static void
describe_authorize(const struct call *call, struct json_object *answer, struct buf *text)
{
	buf_printf(text, "%s is ", text_of(call->payload, "idTag"));
	buf_add_str(text, text_of(member_of(answer, "idTagInfo"), "status"));
}

static void
describe_status(const struct call *call, struct json_object *answer, struct buf *text)
{
	(void)answer;
	buf_printf(text, "connector %s ", text_of(call->payload, "connectorId"));
	buf_add_str(text, text_of(call->payload, "status"));
	if (!str_eq(text_of(call->payload, "errorCode"), "NoError"))
		buf_printf(text, ", %s", text_of(call->payload, "errorCode"));
}

static void
describe_start(const struct call *call, struct json_object *answer, struct buf *text)
{
	buf_printf(text, "transaction %s", text_of(answer, "transactionId"));
	buf_printf(text, " on connector %s", text_of(call->payload, "connectorId"));
	buf_printf(text, " at %s Wh", text_of(call->payload, "meterStart"));
	buf_printf(text, ", tag %s", text_of(member_of(answer, "idTagInfo"), "status"));
}

static void
describe_meter(const struct call *call, struct json_object *answer, struct buf *text)
{
	struct json_object *values = member_of(call->payload, "meterValue");
	struct json_object *first = json_object_is_type(values, json_type_array)
					    ? json_object_array_get_idx(values, 0)
					    : NULL;
	struct json_object *samples = member_of(first, "sampledValue");

	(void)answer;
	buf_printf(text, "connector %s", text_of(call->payload, "connectorId"));
	if (!json_object_is_type(samples, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(samples) && i < 2; i++) {
		struct json_object *sample = json_object_array_get_idx(samples, i);

		buf_printf(text, "%s %s", i == 0 ? "" : ",", text_of(sample, "value"));
		buf_printf(text, " %s", text_of(sample, "unit"));
	}
}

static void
describe_stop(const struct call *call, struct json_object *answer, struct buf *text)
{
	struct json_object *info = member_of(answer, "idTagInfo");

	buf_printf(text, "transaction %s", text_of(call->payload, "transactionId"));
	buf_printf(text, " at %s Wh", text_of(call->payload, "meterStop"));
	if (member_of(call->payload, "reason"))
		buf_printf(text, ", %s", text_of(call->payload, "reason"));
	if (info)
		buf_printf(text, ", tag %s", text_of(info, "status"));
}

static void
describe_word(const struct call *call, struct json_object *answer, struct buf *text)
{
	(void)answer;
	buf_add_str(text, text_of(call->payload, "status"));
}

void
payload_describe(const struct call *call, struct json_object *answer, struct buf *text)
{
	static const struct {
		const char *action;
		void (*fn)(const struct call *, struct json_object *, struct buf *);
	} rows[] = {
		{ "BootNotification", describe_boot },
		{ "Authorize", describe_authorize },
		{ "StatusNotification", describe_status },
		{ "StartTransaction", describe_start },
		{ "MeterValues", describe_meter },
		{ "StopTransaction", describe_stop },
		{ "FirmwareStatusNotification", describe_word },
		{ "DiagnosticsStatusNotification", describe_word },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (str_eq(rows[i].action, call->action)) {
			rows[i].fn(call, answer, text);
			return;
		}
	}
	buf_printf(text, "%.200s",
		   json_object_to_json_string_ext(answer, JSON_C_TO_STRING_PLAIN |
								  JSON_C_TO_STRING_NOSLASHESCAPE));
}
