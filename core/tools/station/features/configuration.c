/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GetConfiguration and ChangeConfiguration: what stands in a station's keys now, and which values
 * it takes.
 */
#include "features/feature.h"

#include "base/text.h"

#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

const struct key *
feature_key(const struct station *station, const char *name)
{
	const struct key *own = keys_find(&station->keys, name);

	return own ? own : keys_find(&station->fleet->keys, name);
}

const char *
feature_key_text(const struct station *station, const char *name)
{
	const struct key *key = feature_key(station, name);

	return key && key->value ? key->value : "";
}

bool
feature_key_bool(const struct station *station, const char *name)
{
	return str_ci_eq(feature_key_text(station, name), "true");
}

int64_t
feature_key_int(const struct station *station, const char *name, int64_t otherwise)
{
	int64_t number;

	if (parse_i64(feature_key_text(station, name), 0, INT32_MAX, &number) < 0)
		return otherwise;
	return number;
}

bool
feature_key_has(const struct station *station, const char *name, const char *word)
{
	const char *text = feature_key_text(station, name);
	size_t len = strlen(word);

	for (const char *p = text; *p;) {
		size_t here;

		p += strspn(p, ", ");
		here = strcspn(p, ", ");
		if (here == len && memcmp(p, word, len) == 0)
			return true;
		p += here;
	}
	return false;
}

static void
add_key(struct json_object *list, const struct key *key)
{
	struct json_object *entry = json_object_new_object();

	(void)ocppd_json_add_str(entry, "key", key->name);
	(void)ocppd_json_add_bool(entry, "readonly", (key->flags & KEY_READONLY) != 0);
	if (key->value)
		(void)ocppd_json_add_str(entry, "value", key->value);
	json_object_array_add(list, entry);
}

static void
add_all(const struct station *station, struct json_object *list)
{
	const struct key_set *all = &station->fleet->keys;

	for (uint32_t i = 0; i < all->count; i++)
		add_key(list, feature_key(station, all->items[i].name));
	for (uint32_t i = 0; i < station->keys.count; i++) {
		if (!keys_find(all, station->keys.items[i].name))
			add_key(list, &station->keys.items[i]);
	}
}

struct json_object *
on_get_configuration(struct request *request)
{
	const struct station *station = request->station;
	struct json_object *wanted = ocppd_json_get(request->payload, "key");
	size_t count =
		json_object_is_type(wanted, json_type_array) ? json_object_array_length(wanted) : 0;
	struct json_object *reply;
	struct json_object *known;
	struct json_object *unknown;

	if ((int64_t)count > feature_key_int(station, "GetConfigurationMaxKeys", INT64_MAX)) {
		request->error = "OccurenceConstraintViolation";
		request->problem = "more keys are asked than GetConfigurationMaxKeys";
		return NULL;
	}
	reply = json_object_new_object();
	known = json_object_new_array();
	unknown = json_object_new_array();
	if (count == 0)
		add_all(station, known);
	for (size_t i = 0; i < count; i++) {
		struct json_object *name = json_object_array_get_idx(wanted, i);
		const struct key *key = feature_key(station, json_object_get_string(name));

		if (key)
			add_key(known, key);
		else
			json_object_array_add(unknown, json_object_get(name));
	}
	json_object_object_add(reply, "configurationKey", known);
	if (json_object_array_length(unknown) > 0)
		json_object_object_add(reply, "unknownKey", unknown);
	else
		json_object_put(unknown);
	return reply;
}

/* Whether a meter of the station can tell all that is listed. */
static bool
are_measurands(const char *list)
{
	for (const char *p = list + strspn(list, ", "); *p; p += strspn(p, ", ")) {
		size_t len = strcspn(p, ", ");
		bool is_known = false;

		for (size_t i = 0; i < MEASURE_COUNT; i++) {
			const char *name = payload_measurands[i].name;

			is_known = is_known || (strlen(name) == len && memcmp(name, p, len) == 0);
		}
		if (!is_known)
			return false;
		p += len;
	}
	return true;
}

static const char *
judge_change(const struct key *key, const char *value)
{
	int64_t number;

	if (!key)
		return "NotSupported";
	if ((key->flags & KEY_READONLY) || utf8_count(value) > KEY_VALUE_MAX)
		return "Rejected";
	if ((key->flags & KEY_NUMBER) && parse_i64(value, 0, INT32_MAX, &number) < 0)
		return "Rejected";
	if ((key->flags & KEY_BOOLEAN) && !str_ci_eq(value, "true") && !str_ci_eq(value, "false"))
		return "Rejected";
	if ((key->flags & KEY_MEASURANDS) && !are_measurands(value))
		return "Rejected";
	return key->flags & KEY_REBOOT ? "RebootRequired" : "Accepted";
}

struct json_object *
on_change_configuration(struct request *request)
{
	const char *name = ocppd_json_get_str(request->payload, "key");
	const char *value = ocppd_json_get_str(request->payload, "value");
	const char *status;
	bool is_taken;

	if (!name || !value)
		return feature_incomplete(request);
	status = judge_change(feature_key(request->station, name), value);
	is_taken = str_eq(status, "Accepted") || str_eq(status, "RebootRequired");
	/* A key that can be changed may be told to need a reboot, or none. */
	if (is_taken &&
	    (str_eq(request->word, "Accepted") || str_eq(request->word, "RebootRequired")))
		status = request->word;
	return feature_status(status);
}

void
after_change_configuration(struct request *request)
{
	struct station *station = request->station;
	const char *name = ocppd_json_get_str(request->payload, "key");
	const struct key *key = feature_key(station, name);

	if (keys_set(&station->keys, key->name, ocppd_json_get_str(request->payload, "value"),
		     key->flags) < 0) {
		station_fail(station, "ChangeConfiguration", "%s cannot be kept", name);
		return;
	}
	if (str_ci_eq(name, "HeartbeatInterval"))
		station_set_heartbeat(station, feature_key_int(station, name, 0));
}
