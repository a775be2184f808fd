/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * OCPP 1.6's members in the terms of the neutral services, and back. What the validator found to
 * be hard is absent here: it takes part in no decision.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define METER_MOST INT64_C(1000000000)

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
text_equal(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

int64_t
number_of(const char *text, int64_t otherwise, int64_t max)
{
	int64_t number = 0;

	if (*text == '\0')
		return otherwise;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return otherwise;
		number = number * 10 + (*text - '0');
		if (number > max)
			return max;
	}
	return number;
}

struct ocppd_place
place_of(int64_t connector_id)
{
	struct ocppd_place place = { -1, -1 };

	if (connector_id < 0 || connector_id > INT32_MAX)
		return place;
	place.evse = (int32_t)connector_id;
	place.connector = connector_id == 0 ? 0 : 1;
	return place;
}

void
time_text(struct ocppd_station *station, int64_t time_us, char ret_text[OCPPD_TIME_SIZE])
{
	int len = ocppd_time_format(time_us, ret_text);

	if (len == 24 && ocppd_station_option(station, "whole_seconds") != NULL) {
		ret_text[19] = 'Z';
		ret_text[20] = '\0';
	}
}

bool
has_findings(const struct ocppd_call *call)
{
	return ocppd_call_finding(call, 0) != NULL;
}

const char *
raw_of(const struct ocppd_call *call, const char *path)
{
	const struct ocppd_finding *finding;

	for (uint32_t i = 0; (finding = ocppd_call_finding(call, i)) != NULL; i++) {
		if (finding->path != NULL && strcmp(finding->path, path) == 0)
			return finding->raw;
	}
	return NULL;
}

/* "+02:00" or "-0530" of the option `naive_time_zone` (quirk E01), in seconds; UTC otherwise. */
static int32_t
naive_offset_s(const struct ocppd_station *station)
{
	const char *text = ocppd_station_option(station, "naive_time_zone");
	int32_t digits = 0;
	int32_t count = 0;
	int32_t seconds;

	if (text == NULL || (text[0] != '+' && text[0] != '-'))
		return 0;
	for (const char *at = text + 1; *at != '\0'; at++) {
		if (*at == ':')
			continue;
		if (*at < '0' || *at > '9' || ++count > 4)
			return 0;
		digits = digits * 10 + (*at - '0');
	}
	if (count == 2)
		digits *= 100;
	else if (count != 4)
		return 0;
	seconds = (digits / 100) * 3600 + (digits % 100) * 60;
	return text[0] == '-' ? -seconds : seconds;
}

bool
time_of(const struct ocppd_call *call, struct json_object *object, const char *key,
	const char *path, int64_t *ret_us)
{
	const char *text = ocppd_json_get_str(object, key);
	const struct ocppd_finding *hard = ocppd_call_hard(call, path);

	if (text != NULL && hard == NULL &&
	    ocppd_time_parse(text, naive_offset_s(ocppd_call_station(call)), ret_us, NULL) >= 0)
		return true;
	*ret_us = ocppd_call_received_us(call);
	return false;
}

const char *
raw_time_of(const struct ocppd_call *call, struct json_object *object, const char *path)
{
	const char *raw = raw_of(call, path);

	return raw != NULL ? raw : ocppd_json_get_str(object, "timestamp");
}

bool
int_of(const struct ocppd_call *call, struct json_object *req, const char *key, int64_t *ret_number)
{
	struct json_object *member = ocppd_json_get(req, key);

	if (member == NULL || !json_object_is_type(member, json_type_int) ||
	    ocppd_call_hard(call, key) != NULL)
		return false;
	*ret_number = json_object_get_int64(member);
	return true;
}

/* A decimal number, maybe in quotes and with a comma, rounded to the nearest; magnitudes beyond a
 * billion are none of a meter. */
static bool
round_text(const char *text, int64_t *ret_number)
{
	bool is_negative;
	int64_t whole = 0;
	const char *at = text + (text[0] == '"' ? 1 : 0);
	const char *digits;

	is_negative = *at == '-';
	at += is_negative ? 1 : 0;
	for (digits = at; *at >= '0' && *at <= '9'; at++) {
		if (whole > METER_MOST)
			return false;
		whole = whole * 10 + (*at - '0');
	}
	if (at == digits || (*at != '.' && *at != ',') || at[1] < '0' || at[1] > '9')
		return false;
	whole += at[1] >= '5' ? 1 : 0;
	at += 1 + strspn(at + 1, "0123456789");
	at += *at == '"' ? 1 : 0;
	*ret_number = is_negative ? -whole : whole;
	return *at == '\0';
}

bool
meter_of(const struct ocppd_call *call, struct json_object *req, const char *key,
	 int64_t *ret_number)
{
	const struct ocppd_finding *hard = ocppd_call_hard(call, key);

	return int_of(call, req, key, ret_number) ||
	       (hard != NULL && hard->raw != NULL && round_text(hard->raw, ret_number));
}

const char *
auth_word(uint32_t status)
{
	static const char *const words[] = { "Invalid", "Accepted", "Blocked",
					     "Expired", "Invalid",  "ConcurrentTx" };

	return status <= OCPPD_AUTH_CONCURRENT ? words[status] : words[0];
}

void
put_id_tag_info(struct ocppd_json *json, struct ocppd_station *station,
		const struct ocppd_authorization *decision, uint32_t status)
{
	char text[OCPPD_TIME_SIZE];

	ocppd_json_object(json, "idTagInfo");
	if (decision->has_expiry) {
		time_text(station, decision->expiry_us, text);
		ocppd_json_str(json, "expiryDate", text);
	}
	/* OCPP 1.6 has no room for a longer one, and a cut one would be another group. */
	if (decision->parent != NULL && decision->parent[0] != '\0' &&
	    strlen(decision->parent) <= 20)
		ocppd_json_str(json, "parentIdTag", decision->parent);
	ocppd_json_str(json, "status", auth_word(status));
	ocppd_json_close(json);
}

/* ---- Readings ---------------------------------------------------------------------------------
 */

static size_t
list_length(struct json_object *list)
{
	return list != NULL && json_object_is_type(list, json_type_array)
		       ? json_object_array_length(list)
		       : 0;
}

/* One walk over the few members there are, instead of a look-up for each that might be. */
static void
sampled_of(struct json_object *object, struct ocppd_sampled *ret)
{
	const struct {
		const char *name;
		const char **text;
	} members[] = {
		{ "value", &ret->value },       { "measurand", &ret->measurand },
		{ "unit", &ret->unit },         { "phase", &ret->phase },
		{ "context", &ret->context },   { "format", &ret->format },
		{ "location", &ret->location },
	};

	if (!json_object_is_type(object, json_type_object))
		return;
	json_object_object_foreach (object, name, value) {
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
			if (members[i].name[0] != name[0] || strcmp(members[i].name, name) != 0)
				continue;
			if (json_object_is_type(value, json_type_string))
				*members[i].text = json_object_get_string(value);
			break;
		}
	}
}

int
readings_of(const struct ocppd_call *call, struct json_object *req, const char *member,
	    struct readings *ret)
{
	struct json_object *list = ocppd_json_get(req, member);
	size_t count = list_length(list);
	size_t total = 0;
	struct ocppd_sampled *values;
	char path[64];

	memset(ret, 0, sizeof(*ret));
	if (count == 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		total += list_length(
			ocppd_json_get(json_object_array_get_idx(list, i), "sampledValue"));
	ret->items = calloc(1, count * sizeof(*ret->items) + total * sizeof(*values));
	if (ret->items == NULL)
		return OCPPD_ENOMEM;
	values = (struct ocppd_sampled *)(void *)(ret->items + count);

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		struct json_object *samples = ocppd_json_get(item, "sampledValue");
		struct ocppd_reading *reading = &ret->items[ret->count];
		size_t sample_count = list_length(samples);

		if (sample_count == 0)
			continue;
		snprintf(path, sizeof(path), "%s[%zu].timestamp", member, i);
		if (!time_of(call, item, "timestamp", path, &reading->time_us))
			reading->flags |= OCPPD_TX_TIME;
		reading->raw_time = raw_time_of(call, item, path);
		reading->values = values;
		reading->count = (uint32_t)sample_count;
		for (size_t k = 0; k < sample_count; k++)
			sampled_of(json_object_array_get_idx(samples, k), values++);
		ret->flags |= reading->flags;
		ret->count++;
	}
	return 0;
}
