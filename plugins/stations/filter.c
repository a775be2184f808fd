/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Filters of the list of stations. What the record, the core and the slots know is asked first, so
 * that of the many that do not fit nothing else is read.
 */
#include "filter.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "stations.h"

enum filter_text {
	FILTER_STATUS,
	FILTER_REGISTRATION,
	FILTER_VENDOR,
	FILTER_MODEL,
	FILTER_FIRMWARE,
	FILTER_LABEL,
	FILTER_TEXT,
};

static const char *const parameters[FILTER_TEXTS] = {
	[FILTER_STATUS] = "status",     [FILTER_REGISTRATION] = "registration",
	[FILTER_VENDOR] = "vendor",     [FILTER_MODEL] = "model",
	[FILTER_FIRMWARE] = "firmware", [FILTER_LABEL] = "label",
	[FILTER_TEXT] = "text",
};

int
filter_init(struct filter *filter, const struct ocppd_request *request)
{
	filter->connected = (int)ocppd_request_query_int(request, "connected", -1);
	for (uint32_t i = 0; i < FILTER_TEXTS; i++) {
		const char *value = ocppd_request_query(request, parameters[i]);

		filter->texts[i] = value == NULL ? NULL : strdup(value);
		if (value != NULL && filter->texts[i] == NULL)
			return OCPPD_ENOMEM;
	}
	return 0;
}

/* The parameter of the list, or NULL. name: len bytes of it. */
static const struct ocppd_field *
field_find(const char *name, size_t len)
{
	for (size_t i = 0; i < STATIONS_LIST_QUERY; i++) {
		const struct ocppd_field *field = &stations_list_query[i];

		if (strlen(field->name) == len && strncmp(field->name, name, len) == 0)
			return field;
	}
	return NULL;
}

static int
misfit(const char *text, const char *why, struct ocppd_error *err)
{
	return ocppd_error_set(err, OCPPD_EINVAL, "%.60s %s", text, why);
}

static int
set_connected(struct filter *filter, const char *text, const char *value, struct ocppd_error *err)
{
	bool is_true = strcmp(value, "true") == 0;

	if (filter->connected >= 0)
		return misfit(text, "is given twice", err);
	if (!is_true && strcmp(value, "false") != 0)
		return misfit(text, "is neither true nor false", err);
	filter->connected = is_true;
	return 0;
}

static size_t
count_points(const char *text)
{
	size_t count = 0;

	for (; *text != '\0'; text++)
		count += ((unsigned char)*text & 0xc0) != 0x80;
	return count;
}

static int
set_text(struct filter *filter, const char *text, const struct ocppd_field *field,
	 struct ocppd_error *err)
{
	const char *value = text + strlen(field->name) + 1;
	uint32_t i = 0;

	while (i < FILTER_TEXTS && strcmp(parameters[i], field->name) != 0)
		i++;
	if (i == FILTER_TEXTS)
		return misfit(text, "is of a page, no filter", err);
	if (filter->texts[i] != NULL)
		return misfit(text, "is given twice", err);
	if (count_points(value) > (size_t)field->max)
		return misfit(text, "is too long", err);
	filter->texts[i] = strdup(value);
	return filter->texts[i] == NULL ? ocppd_error_set(err, OCPPD_ENOMEM, "out of memory") : 0;
}

static int
add_filter(struct filter *filter, const char *text, struct ocppd_error *err)
{
	size_t len = strcspn(text, "=");
	const struct ocppd_field *field = field_find(text, len);

	if (strcmp(text, "all") == 0)
		return 0;
	if (text[len] == '\0')
		return misfit(text, "is neither NAME=VALUE nor all", err);
	if (field == NULL)
		return misfit(text, "is no filter of stations", err);
	if (field->type == OCPPD_T_BOOLEAN)
		return set_connected(filter, text, text + len + 1, err);
	return set_text(filter, text, field, err);
}

int
filter_init_texts(struct filter *filter, struct json_object *texts, struct ocppd_error *err)
{
	int r = 0;

	*filter = (struct filter){ .connected = -1 };
	for (size_t i = 0; r >= 0 && i < json_object_array_length(texts); i++)
		r = add_filter(filter, json_object_get_string(json_object_array_get_idx(texts, i)),
			       err);
	return r;
}

void
filter_fini(struct filter *filter)
{
	for (uint32_t i = 0; i < FILTER_TEXTS; i++)
		free(filter->texts[i]);
}

bool
filter_is_empty(const struct filter *filter)
{
	for (uint32_t i = 0; i < FILTER_TEXTS; i++) {
		if (filter->texts[i] != NULL)
			return false;
	}
	return filter->connected < 0;
}

bool
filter_is_of_records(const struct filter *filter)
{
	return filter->texts[FILTER_VENDOR] == NULL && filter->texts[FILTER_MODEL] == NULL &&
	       filter->texts[FILTER_FIRMWARE] == NULL && filter->texts[FILTER_TEXT] == NULL;
}

/* ASCII only, as OCPP compares. */
static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
begins(const char *text, const char *wanted)
{
	for (; *wanted != '\0'; text++, wanted++) {
		if (fold(*text) != fold(*wanted))
			return false;
	}
	return true;
}

static bool
equals(const char *text, const char *wanted)
{
	return text != NULL && strlen(text) == strlen(wanted) && begins(text, wanted);
}

static bool
holds(const char *text, const char *wanted)
{
	for (; text != NULL && *text != '\0'; text++) {
		if (begins(text, wanted))
			return true;
	}
	return false;
}

/* `depot` (any value), `depot=north`, or a value alone: `depot1` of any label. */
static bool
has_label(const char *text, const char *wanted)
{
	struct json_object *labels = text[0] == '\0' ? NULL : json_tokener_parse(text);
	size_t len = strcspn(wanted, "=");
	bool is_found = false;

	if (labels == NULL)
		return false;
	json_object_object_foreach (labels, key, value) {
		bool is_name = strlen(key) == len && strncmp(key, wanted, len) == 0;
		const char *its = json_object_get_string(value);

		if (wanted[len] == '=')
			is_found |= is_name && its != NULL && strcmp(its, wanted + len + 1) == 0;
		else
			is_found |= is_name || (its != NULL && strcmp(its, wanted) == 0);
	}
	json_object_put(labels);
	return is_found;
}

static bool
has_status(const struct connector *connector, const char *wanted)
{
	for (; connector != NULL; connector = connector->next) {
		if (equals(connector->status, wanted))
			return true;
	}
	return false;
}

bool
filter_takes_record(const struct filter *filter, struct stations *ctx, const struct record *record)
{
	static const char *const words[] = { "None", "Accepted", "Pending", "Rejected" };
	struct ocppd_station *station = ocppd_station_find(ctx->host, record->station_id);
	const char *const *texts = (const char *const *)filter->texts;
	uint32_t registration =
		station == NULL ? OCPPD_REG_NONE : ocppd_station_registration(station);

	if (filter->connected >= 0 &&
	    filter->connected != (station != NULL && ocppd_station_is_connected(station)))
		return false;
	if (texts[FILTER_REGISTRATION] != NULL &&
	    !equals(words[registration <= OCPPD_REG_REJECTED ? registration : 0],
		    texts[FILTER_REGISTRATION]))
		return false;
	if (texts[FILTER_STATUS] != NULL &&
	    (station == NULL ||
	     !has_status(stations_slot(ctx, station)->connectors, texts[FILTER_STATUS])))
		return false;
	return texts[FILTER_LABEL] == NULL || has_label(record->labels, texts[FILTER_LABEL]);
}

static bool
holds_text(struct json_object *station, const char *wanted)
{
	static const char *const members[] = {
		"stationId",
		"chargePointVendor",
		"chargePointModel",
		"chargePointSerialNumber",
		"chargeBoxSerialNumber",
		"firmwareVersion",
	};
	struct json_object *labels = ocppd_json_get(station, "labels");

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (holds(ocppd_json_get_str(station, members[i]), wanted))
			return true;
	}
	if (labels == NULL || !json_object_is_type(labels, json_type_object))
		return false;
	json_object_object_foreach (labels, key, value) {
		if (holds(key, wanted) || holds(json_object_get_string(value), wanted))
			return true;
	}
	return false;
}

bool
filter_takes(const struct filter *filter, struct json_object *station)
{
	static const struct {
		enum filter_text text;
		const char *member;
	} same[] = {
		{ FILTER_VENDOR, "chargePointVendor" },
		{ FILTER_MODEL, "chargePointModel" },
		{ FILTER_FIRMWARE, "firmwareVersion" },
	};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		const char *wanted = filter->texts[same[i].text];

		if (wanted != NULL && !equals(ocppd_json_get_str(station, same[i].member), wanted))
			return false;
	}
	return filter->texts[FILTER_TEXT] == NULL ||
	       holds_text(station, filter->texts[FILTER_TEXT]);
}
