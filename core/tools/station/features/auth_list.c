/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Lists of tags that a station keeps: full and differential updates, versions, limits. Pure: knows
 * no station.
 */
#include "features/auth_list.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/error.h>
#include <ocppd/json.h>

void
auth_list_clear(struct auth_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		free(list->entries[i].tag);
		json_object_put(list->entries[i].info);
	}
	free(list->entries);
	*list = (struct auth_list){ 0 };
}

static uint32_t
index_of(const struct auth_list *list, const char *tag)
{
	uint32_t i = 0;

	while (i < list->count && !str_ci_eq(list->entries[i].tag, tag))
		i++;
	return i;
}

const struct auth_entry *
auth_list_find(const struct auth_list *list, const char *tag)
{
	uint32_t i = index_of(list, tag);

	return i < list->count ? &list->entries[i] : NULL;
}

int
auth_list_put(struct auth_list *list, const char *tag, struct json_object *info)
{
	uint32_t i = index_of(list, tag);
	char *copy;

	if (i < list->count) {
		json_object_put(list->entries[i].info);
		list->entries[i].info = json_object_get(info);
		return 0;
	}
	if (list->count == list->size) {
		uint32_t size = list->size > 0 ? list->size * 2 : 8;
		struct auth_entry *entries =
			reallocarray(list->entries, size, sizeof(*list->entries));

		if (!entries)
			return OCPPD_ENOMEM;
		list->entries = entries;
		list->size = size;
	}
	copy = str_dup(tag);
	if (!copy)
		return OCPPD_ENOMEM;
	list->entries[list->count++] = (struct auth_entry){ copy, json_object_get(info) };
	return 0;
}

void
auth_list_remove(struct auth_list *list, const char *tag)
{
	uint32_t i = index_of(list, tag);

	if (i == list->count)
		return;
	free(list->entries[i].tag);
	json_object_put(list->entries[i].info);
	list->entries[i] = list->entries[--list->count];
}

/* One item into a list that is being made. */
static int
apply(struct auth_list *list, struct json_object *item, bool is_full)
{
	const char *tag = ocppd_json_get_str(item, "idTag");
	struct json_object *info = ocppd_json_get(item, "idTagInfo");

	if (!tag || utf8_count(tag) > 20 || (info && !ocppd_json_get_str(info, "status")))
		return OCPPD_EINVAL;
	if (is_full && (!info || auth_list_find(list, tag)))
		return OCPPD_EINVAL;
	if (info)
		return auth_list_put(list, tag, info);
	auth_list_remove(list, tag);
	return 0;
}

const char *
auth_list_update(struct auth_list *list, const struct auth_update *update)
{
	size_t count = json_object_is_type(update->items, json_type_array)
			       ? json_object_array_length(update->items)
			       : 0;
	struct auth_list made = { 0 };
	int r = 0;

	if (!update->is_full && update->version <= list->version)
		return "VersionMismatch";
	if ((int64_t)count > update->most_sent || update->version < 1 ||
	    update->version > INT32_MAX)
		return "Failed";
	for (uint32_t i = 0; i < list->count && !update->is_full && r == 0; i++)
		r = auth_list_put(&made, list->entries[i].tag, list->entries[i].info);
	for (size_t i = 0; i < count && r == 0; i++)
		r = apply(&made, json_object_array_get_idx(update->items, i), update->is_full);
	if (r < 0 || (int64_t)made.count > update->most_held || update->is_dry) {
		bool is_good = r == 0 && (int64_t)made.count <= update->most_held;

		auth_list_clear(&made);
		return is_good ? "Accepted" : "Failed";
	}
	made.version = (int32_t)update->version;
	auth_list_clear(list);
	*list = made;
	return "Accepted";
}

const char *
auth_entry_status(const struct auth_entry *entry, int64_t now_us)
{
	const char *status = ocppd_json_get_str(entry->info, "status");
	int64_t expiry_us;

	if (str_eq(status, "Accepted") &&
	    ocppd_json_get_time(entry->info, "expiryDate", &expiry_us) == 0 && expiry_us <= now_us)
		return "Expired";
	return status ? status : "Invalid";
}
