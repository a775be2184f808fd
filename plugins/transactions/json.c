/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Records as JSON, for the operator API and for events. Member names are OCPP's own.
 */
#include "transactions.h"

#include <json.h>
#include <string.h>

struct word_row {
	uint32_t bit;
	const char *word;
	const char *reason;
};

static const struct word_row flag_words[] = {
	{ OCPPD_TX_UNAUTHORISED, "unauthorised",
	  "The id tag was refused at the start; the station may have charged all the same." },
	{ OCPPD_TX_ORPHAN, "orphan",
	  "A stop came in for a transaction that never started here; it bills nothing." },
	{ OCPPD_TX_MATCHED, "matched",
	  "The stop named no usable transaction id; start and stop were brought together by id "
	  "tag, meter and time." },
	{ OCPPD_TX_STALE, "stale",
	  "No stop came, and another start, a free connector or a reboot says that it is over; its "
	  "end is the last reading, until the station's own stop replaces it." },
	{ OCPPD_TX_SUSPENDED, "suspended", "The station rebooted while it was under way." },
	{ OCPPD_TX_METER, "meter",
	  "meterStart or meterStop is missing or unreadable, or the meter ran backwards." },
	{ OCPPD_TX_TIME, "time",
	  "A time is missing, unreadable or cannot be; the time of receipt stands in, or the stop "
	  "lies before the start." },
	{ OCPPD_TX_FOREIGN, "foreign",
	  "The station named a transaction id that belongs to another station." },
	{ OCPPD_TX_CLOSED, "closed",
	  "An operator closed the record; the station's own stop replaces that." },
	{ OCPPD_TX_FINDING, "finding",
	  "A message was accepted although it breaks the schema; startFrame, stopFrame show it." },
	{ OCPPD_TX_STOP_TOKEN, "stop-token",
	  "It was stopped by an id tag that is neither the starting one nor of its group." },
	{ OCPPD_TX_DIFFERS, "differs",
	  "The stop was repeated with another time or meter value; the first one counts." },
	{ OCPPD_TX_PLACE, "place", "The connector is missing or one that cannot be." },
	{ OCPPD_TX_CONTRADICTION, "contradiction",
	  "meterStop - meterStart and the readings in between differ by more than 5 %." },
	{ OCPPD_TX_KWH, "kwh",
	  "Meter values and readings differ by a factor of 1000: one of them is likely to be kWh, "
	  "not Wh. Nothing was rescaled." },
	{ OCPPD_TX_CUT, "cut",
	  "A message had more readings than are kept of one; those at its begin and end were." },
	{ OCPPD_TX_IMPLAUSIBLE, "implausible",
	  "It is more energy than a megawatt delivers in that time." },
};
#define FLAG_WORDS (sizeof(flag_words) / sizeof(flag_words[0]))

static const struct word_row label_words[] = {
	{ LABEL_SESSION_REGISTER, "session-register",
	  "The register counts the energy of the session, not of the meter's life." },
	{ LABEL_PHASE_REGISTER, "phase-register",
	  "The register is reported for phase L1 alone; it is taken for the total." },
	{ LABEL_REGISTER_RESET, "register-reset", "The register fell during the transaction." },
};
#define LABEL_WORDS (sizeof(label_words) / sizeof(label_words[0]))

static const char *const auth_words[] = {
	"Unknown", "Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx",
};
static const char *const method_words[] = { "none", "meter", "register", "interval" };

const char *
tx_auth_word(uint32_t status)
{
	return status <= OCPPD_AUTH_CONCURRENT ? auth_words[status] : auth_words[0];
}

static struct json_object *
words_json(const struct word_row *rows, size_t count, uint32_t bits, bool are_reasons)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; list != NULL && i < count; i++) {
		if ((bits & rows[i].bit) != 0)
			json_object_array_add(list,
					      json_object_new_string(are_reasons ? rows[i].reason
										 : rows[i].word));
	}
	return list;
}

struct json_object *
tx_flags_json(uint32_t flags)
{
	return words_json(flag_words, FLAG_WORDS, flags, false);
}

void
tx_flags_text(uint32_t flags, char *ret_text, size_t size)
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (size_t i = 0; i < FLAG_WORDS && len < size; i++) {
		if ((flags & flag_words[i].bit) != 0)
			len += (size_t)snprintf(ret_text + len, size - len, "%s%s",
						len == 0 ? "" : " ", flag_words[i].word);
	}
}

const char *
tx_method_word(int64_t method)
{
	return method > ENERGY_NONE && method <= ENERGY_INTERVAL ? method_words[method] : "";
}

/* The station's own text, where the time cannot be read back to it. */
static void
add_raw_time(struct json_object *object, const char *key, const struct ocppd_value *time,
	     const struct ocppd_value *raw)
{
	char text[64];

	if (raw->type != OCPPD_VALUE_TEXT || raw->len >= sizeof(text))
		return;
	memcpy(text, raw->data, raw->len);
	text[raw->len] = '\0';
	if (time_form(time->number, text) == TIME_FORM_RAW)
		ocppd_json_add_str(object, key, text);
}

static void
add_energy(struct json_object *object, const struct ocppd_value *row)
{
	int64_t method = row[TX_METHOD].number;
	struct json_object *candidates;

	if (method > ENERGY_NONE && method <= ENERGY_INTERVAL) {
		ocppd_json_add_value(object, "energyWh", &row[TX_ENERGY]);
		ocppd_json_add_str(object, "energyMethod", method_words[method]);
	}
	if (row[TX_REGISTER].type != OCPPD_VALUE_INT && row[TX_INTERVAL].type != OCPPD_VALUE_INT)
		return;
	candidates = json_object_new_object();
	if (row[TX_METER_STOP].type == OCPPD_VALUE_INT)
		ocppd_json_add_int(candidates, "meter",
				   row[TX_METER_STOP].number - row[TX_METER_START].number);
	ocppd_json_add_value(candidates, "register", &row[TX_REGISTER]);
	ocppd_json_add_value(candidates, "interval", &row[TX_INTERVAL]);
	ocppd_json_add(object, "energyCandidates", candidates);
}

static void
add_stop(struct json_object *object, const struct ocppd_value *row)
{
	ocppd_json_add_time_value(object, "stopTimestamp", &row[TX_STOP_US]);
	add_raw_time(object, "stopTimestampReceived", &row[TX_STOP_US], &row[TX_RAW_STOP]);
	ocppd_json_add_value(object, "meterStop", &row[TX_METER_STOP]);
	ocppd_json_add_value(object, "stopReason", &row[TX_REASON]);
	ocppd_json_add_value(object, "stopReasonReceived", &row[TX_RAW_REASON]);
	ocppd_json_add_value(object, "stopIdTag", &row[TX_STOP_TOKEN]);
	ocppd_json_add_value(object, "stopIdTagType", &row[TX_STOP_TOKEN_TYPE]);
	add_energy(object, row);
	ocppd_json_add_time_value(object, "stopReceived", &row[TX_STOP_RECEIVED]);
}

static void
add_start(struct json_object *object, const struct ocppd_value *row)
{
	ocppd_json_add_str(object, "authorizationStatus",
			   tx_auth_word((uint32_t)row[TX_AUTH].number));
	ocppd_json_add_time_value(object, "startTimestamp", &row[TX_START_US]);
	add_raw_time(object, "startTimestampReceived", &row[TX_START_US], &row[TX_RAW_START]);
	ocppd_json_add_value(object, "meterStart", &row[TX_METER_START]);
	ocppd_json_add_time_value(object, "startReceived", &row[TX_START_RECEIVED]);
}

uint32_t
tx_flags_of(const struct ocppd_value *row)
{
	uint32_t flags = (uint32_t)row[TX_FLAGS].number;

	if ((flags & OCPPD_TX_CLOSED) != 0 &&
	    (row[TX_METER_STOP].type != OCPPD_VALUE_INT ||
	     row[TX_METER_STOP].number < row[TX_METER_START].number))
		flags |= OCPPD_TX_METER;
	return flags;
}

struct json_object *
tx_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();
	uint32_t flags = tx_flags_of(row);
	uint32_t labels = (uint32_t)row[TX_LABELS].number;
	bool is_orphan = (flags & OCPPD_TX_ORPHAN) != 0;
	bool is_stopped = row[TX_STOP_US].type == OCPPD_VALUE_INT;

	if (object == NULL)
		return NULL;
	ocppd_json_add_value(object, "transactionId", &row[TX_ID]);
	ocppd_json_add_value(object, "stationId", &row[TX_STATION]);
	if (!is_orphan)
		ocppd_json_add_value(object, "connectorId", &row[TX_EVSE]);
	if (!is_orphan || row[TX_PRESENTED].len > 0)
		ocppd_json_add_value(object, "idTag", &row[TX_PRESENTED]);
	ocppd_json_add_value(object, "idTagType", &row[TX_TOKEN_TYPE]);
	ocppd_json_add_value(object, "stationTransactionId", &row[TX_ID_TEXT]);
	ocppd_json_add_value(object, "parentIdTag", &row[TX_PARENT]);
	if (is_orphan) {
		ocppd_json_add_value(object, "reportedTransactionId", &row[TX_WIRE_ID]);
		ocppd_json_add_value(object, "matchedTransactionId", &row[TX_MATCHED]);
	} else {
		add_start(object, row);
	}
	ocppd_json_add_value(object, "reservationId", &row[TX_RESERVATION]);
	if ((flags & OCPPD_TX_REMOTE) != 0)
		ocppd_json_add_bool(object, "remoteStart", 1);
	if (is_stopped) {
		add_stop(object, row);
	} else if (row[TX_PROVISIONAL_US].type == OCPPD_VALUE_INT) {
		ocppd_json_add_time_value(object, "stopTimestamp", &row[TX_PROVISIONAL_US]);
		ocppd_json_add_value(object, "meterStop", &row[TX_PROVISIONAL_WH]);
		add_energy(object, row);
		ocppd_json_add_bool(object, "provisional", true);
	}
	ocppd_json_add_bool(object, "active", !is_stopped && (flags & OCPPD_TX_STALE) == 0);
	if (row[TX_REPEATS].number > 0)
		ocppd_json_add_value(object, "repeats", &row[TX_REPEATS]);
	ocppd_json_add(object, "flags", tx_flags_json(flags));
	ocppd_json_add(object, "reasons", words_json(flag_words, FLAG_WORDS, flags, true));
	if (labels != 0) {
		ocppd_json_add(object, "labels",
			       words_json(label_words, LABEL_WORDS, labels, false));
		ocppd_json_add(object, "labelReasons",
			       words_json(label_words, LABEL_WORDS, labels, true));
	}
	return object;
}

/* What was charged by then, where meterStart and the register's reading alone tell. */
static void
add_latest_energy(struct json_object *object, const struct ocppd_value *row)
{
	const struct ocppd_value *reading = &row[TX_LATEST];
	struct energy energy = { .has_begin = false };
	struct energy_meter meter = { .start_wh = row[TX_METER_START].number,
				      .has_start = true,
				      .has_stop = true,
				      .start_us = row[TX_START_US].number,
				      .stop_us = reading[0].number };
	struct energy_verdict verdict;
	struct unpacker unpacker;
	struct ocppd_sampled value;
	const struct track *track;

	if (row[TX_STOP_US].type == OCPPD_VALUE_INT ||
	    row[TX_METER_START].type != OCPPD_VALUE_INT ||
	    unpacker_init(&unpacker, reading[5].data, reading[5].len) < 0)
		return;
	while (unpacker_next(&unpacker, &value) > 0)
		energy_learn_value(&energy, &value, meter.stop_us);
	unpacker_fini(&unpacker);
	track = energy_register(&energy);
	if (track == NULL)
		return;
	meter.stop_wh = track->last_wh;
	energy_judge(&meter, &energy, &verdict);
	if (verdict.method == ENERGY_METER && verdict.flags == 0)
		ocppd_json_add_int(object, "latestEnergyWh", verdict.energy_wh);
}

void
tx_add_latest(struct json_object *object, const struct ocppd_value *row)
{
	struct moment moment = { .count = 0 };
	struct json_object *items;

	if (row[TX_LATEST].type != OCPPD_VALUE_INT)
		return;
	items = json_object_new_array();
	if (items != NULL && tx_stored_json(&moment, &row[TX_LATEST], items) >= 0 &&
	    json_object_array_length(items) == 1)
		ocppd_json_add(object, "latestReading",
			       json_object_get(json_object_array_get_idx(items, 0)));
	json_object_put(items);
	add_latest_energy(object, row);
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

bool
moment_is_new(struct moment *moment, int64_t time_us, uint64_t key)
{
	if (moment->count == 0 || moment->time_us != time_us) {
		moment->time_us = time_us;
		moment->count = 0;
	}
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

	ocppd_json_add_time_value(item, "timestamp", &row[0]);
	ocppd_json_add_time_value(item, "received", &row[2]);
	ocppd_json_add_value(item, "timestampReceived", &row[4]);
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
	values = json_object_new_array();
	while ((r = unpacker_next(&unpacker, &value)) > 0) {
		if (moment_is_new(moment, row[0].number, sampled_key(&value)))
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
