/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The local authorization list and the cache of a station: SendLocalList, GetLocalListVersion, and
 * what a tag is worth while the CSMS cannot be asked.
 */
#include "features/feature.h"

#include "base/text.h"

#include <json-c/json.h>
#include <ocppd/json.h>

#define CACHE_MAX 64

struct json_object *
on_get_list_version(struct request *request)
{
	const struct station *station = request->station;
	int64_t version = station->list.count > 0 ? station->list.version : 0;
	struct json_object *reply = json_object_new_object();

	if (!feature_key_bool(station, "LocalAuthListEnabled"))
		version = -1;
	if (request->word)
		(void)parse_i64(request->word, INT32_MIN, INT32_MAX, &version);
	(void)ocppd_json_add_int(reply, "listVersion", version);
	return reply;
}

static bool
read_update(const struct request *request, struct auth_update *update)
{
	const char *type = ocppd_json_get_str(request->payload, "updateType");

	*update = (struct auth_update){ .is_full = str_eq(type, "Full") };
	update->version = ocppd_json_get_int(request->payload, "listVersion", INT64_MIN);
	update->items = ocppd_json_get(request->payload, "localAuthorizationList");
	update->most_held = feature_key_int(request->station, "LocalAuthListMaxLength", INT64_MAX);
	update->most_sent = feature_key_int(request->station, "SendLocalListMaxLength", INT64_MAX);
	return type && update->version != INT64_MIN;
}

struct json_object *
on_send_local_list(struct request *request)
{
	struct station *station = request->station;
	struct auth_update update;

	if (!read_update(request, &update))
		return feature_incomplete(request);
	if (!feature_key_bool(station, "LocalAuthListEnabled"))
		return feature_status("NotSupported");
	update.is_dry = true;
	return feature_status(auth_list_update(&station->list, &update));
}

void
after_send_local_list(struct request *request)
{
	struct auth_list *list = &request->station->list;
	struct auth_update update;

	(void)read_update(request, &update);
	(void)auth_list_update(list, &update);
	station_note(request->station, OUTPUT_STEP, "list.changed", NULL,
		     "the local list has version %d and %u tags", list->version, list->count);
}

const char *
local_list_own_status(const struct station *station, const char *tag)
{
	const struct auth_entry *entry = auth_list_find(&station->list, tag);

	if (!entry || !feature_key_bool(station, "LocalAuthListEnabled"))
		return NULL;
	return auth_entry_status(entry, payload_now_us());
}

const char *
local_list_status(const struct station *station, const char *tag)
{
	const char *status = local_list_own_status(station, tag);
	const struct auth_entry *entry = auth_list_find(&station->cache, tag);

	if (status || !entry || !feature_key_bool(station, "AuthorizationCacheEnabled"))
		return status;
	return auth_entry_status(entry, payload_now_us());
}

const char *
local_list_parent(const struct station *station, const char *tag)
{
	const struct auth_entry *entry = auth_list_find(&station->list, tag);
	const char *parent;

	entry = entry ? entry : auth_list_find(&station->cache, tag);
	parent = entry ? ocppd_json_get_str(entry->info, "parentIdTag") : NULL;
	return parent ? parent : "";
}

void
local_list_learn(struct station *station, const char *tag, struct json_object *info)
{
	struct auth_list *cache = &station->cache;

	if (!tag || !ocppd_json_get_str(info, "status") ||
	    !feature_key_bool(station, "AuthorizationCacheEnabled"))
		return;
	if (cache->count >= CACHE_MAX && !auth_list_find(cache, tag))
		auth_list_remove(cache, cache->entries[0].tag);
	(void)auth_list_put(cache, tag, info);
}
