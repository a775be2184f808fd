/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_AUTH_LIST_H
#define OCPPD_STATION_AUTH_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct json_object;

/* Tags with what is known of them: the local authorization list of a station, or its cache. */
struct auth_entry {
	char *tag;
	struct json_object *info; /* idTagInfo */
};

struct auth_list {
	struct auth_entry *entries;
	uint32_t count;
	uint32_t size;
	int32_t version;
};

void auth_list_clear(struct auth_list *list); /* the version becomes 0 */
/* NULL: not in it. */
const struct auth_entry *auth_list_find(const struct auth_list *list, const char *tag);
/* Adds or replaces; info is borrowed. OCPPD_ENOMEM. */
int auth_list_put(struct auth_list *list, const char *tag, struct json_object *info);
void auth_list_remove(struct auth_list *list, const char *tag);

struct auth_update {
	bool is_full;
	int64_t version;
	struct json_object *items; /* localAuthorizationList; NULL: none */
	int64_t most_held;         /* LocalAuthListMaxLength */
	int64_t most_sent;         /* SendLocalListMaxLength */
	bool is_dry;               /* only ask what would become of it */
};

/* What becomes of a SendLocalList: its status. The list changes only where that is Accepted. */
const char *auth_list_update(struct auth_list *list, const struct auth_update *update);

/* "Accepted", "Expired" …: what an entry says at a time. */
const char *auth_entry_status(const struct auth_entry *entry, int64_t now_us);

#endif
