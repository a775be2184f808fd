/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Rows as operators see them, and values as rows have them.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
location_mask(const char *location, char *ret_text, size_t size)
{
	const char *authority = strstr(location, "://");
	const char *end;
	const char *at = NULL;
	const char *colon;

	if (authority != NULL) {
		authority += 3;
		end = authority + strcspn(authority, "/?#");
		for (const char *c = authority; c < end; c++)
			at = *c == '@' ? c : at;
	}
	colon = at == NULL ? NULL : memchr(authority, ':', (size_t)(at - authority));
	if (colon == NULL)
		snprintf(ret_text, size, "%s", location);
	else
		snprintf(ret_text, size, "%.*s:" OCPPD_MASK "%s", (int)(colon - location), location,
			 at);
}

#define TOKEN_DIGITS 16 /* so many hex digits, or more, are no name */

void
location_mask_token(const char *location, char *ret_text, size_t size)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t len = 0;

	if (size == 0)
		return;
	ret_text[0] = '\0';
	while (*location != '\0' && len + 1 < size) {
		size_t part = strcspn(location, "/");
		bool is_token = part >= TOKEN_DIGITS && strspn(location, digits) >= part;
		const char *shown = is_token ? OCPPD_MASK : location;
		size_t shown_len = is_token ? strlen(OCPPD_MASK) : part;

		location += part;
		(void)snprintf(ret_text + len, size - len, "%.*s%s", (int)shown_len, shown,
			       *location == '/' ? "/" : "");
		len = strlen(ret_text);
		location += *location == '/';
	}
}

/* ---- Jobs -------------------------------------------------------------------------------------
 */

enum shape {
	SHAPE_AS_IT_IS,
	SHAPE_TIME,
	SHAPE_BOOL,
	SHAPE_LOCATION,
};

#define FOR_UPDATES 0x1u
#define FOR_DIAGNOSTICS 0x2u
#define FOR_ALL (FOR_UPDATES | FOR_DIAGNOSTICS)

static const struct job_member {
	const char *name;
	uint32_t column;
	enum shape shape;
	uint32_t kinds;
} job_members[] = {
	{ "jobId", J_ID, SHAPE_AS_IT_IS, FOR_ALL },
	{ "stationId", J_STATION, SHAPE_AS_IT_IS, FOR_ALL },
	{ "state", J_STATE, SHAPE_AS_IT_IS, FOR_ALL },
	{ "failure", J_FAILURE, SHAPE_AS_IT_IS, FOR_ALL },
	{ "reason", J_REASON, SHAPE_AS_IT_IS, FOR_ALL },
	{ "rolloutId", J_ROLLOUT, SHAPE_AS_IT_IS, FOR_UPDATES },
	{ "requester", J_REQUESTER, SHAPE_AS_IT_IS, FOR_ALL },
	{ "image", J_IMAGE, SHAPE_AS_IT_IS, FOR_UPDATES },
	{ "hosted", J_HOSTED, SHAPE_BOOL, FOR_ALL },
	{ "location", J_LOCATION, SHAPE_LOCATION, FOR_ALL },
	{ "retrieveDate", J_RETRIEVE, SHAPE_TIME, FOR_UPDATES },
	{ "startTime", J_START, SHAPE_TIME, FOR_DIAGNOSTICS },
	{ "stopTime", J_STOP, SHAPE_TIME, FOR_DIAGNOSTICS },
	{ "retries", J_RETRIES, SHAPE_AS_IT_IS, FOR_ALL },
	{ "retryInterval", J_RETRY_INTERVAL, SHAPE_AS_IT_IS, FOR_ALL },
	{ "expectedVersion", J_EXPECTED, SHAPE_AS_IT_IS, FOR_UPDATES },
	{ "versionBefore", J_BEFORE, SHAPE_AS_IT_IS, FOR_UPDATES },
	{ "bootedVersion", J_BOOTED, SHAPE_AS_IT_IS, FOR_UPDATES },
	{ "booted", J_BOOTED_AT, SHAPE_TIME, FOR_UPDATES },
	{ "created", J_CREATED, SHAPE_TIME, FOR_ALL },
	{ "expires", J_SEND_BY, SHAPE_TIME, FOR_ALL },
	{ "attempts", J_ATTEMPTS, SHAPE_AS_IT_IS, FOR_ALL },
	{ "nextAttempt", J_TRY, SHAPE_TIME, FOR_ALL },
	{ "sent", J_SENT, SHAPE_TIME, FOR_ALL },
	{ "confirmed", J_CONFIRMED, SHAPE_TIME, FOR_ALL },
	{ "deadline", J_END_BY, SHAPE_TIME, FOR_ALL },
	{ "fileName", J_FILE_NAME, SHAPE_AS_IT_IS, FOR_DIAGNOSTICS },
	{ "lastStatus", J_TOLD, SHAPE_AS_IT_IS, FOR_ALL },
	{ "lastStatusTime", J_TOLD_AT, SHAPE_TIME, FOR_ALL },
	{ "notifications", J_NOTIFICATIONS, SHAPE_AS_IT_IS, FOR_ALL },
	{ "transferId", J_TRANSFER, SHAPE_AS_IT_IS, FOR_ALL },
	{ "transferBegun", J_FILE_BEGUN, SHAPE_TIME, FOR_ALL },
	{ "transferDone", J_FILE_DONE, SHAPE_TIME, FOR_ALL },
	{ "bytes", J_FILE_BYTES, SHAPE_AS_IT_IS, FOR_ALL },
	{ "fileId", J_FILE_ID, SHAPE_AS_IT_IS, FOR_DIAGNOSTICS },
	{ "changed", J_CHANGED, SHAPE_TIME, FOR_ALL },
	{ "ended", J_ENDED, SHAPE_TIME, FOR_ALL },
};

static void
add_location(struct json_object *object, const char *key, const struct ocppd_value *value,
	     bool is_hosted)
{
	char location[LOCATION_MAX + 1];
	char masked[LOCATION_MAX + sizeof(OCPPD_MASK)];

	if (value->type != OCPPD_VALUE_TEXT)
		return;
	(void)ocppd_value_copy(value, location, sizeof(location));
	/* Who may only look may neither fetch an image nor send a log in a station's name. */
	if (is_hosted)
		location_mask_token(location, masked, sizeof(masked));
	else
		location_mask(location, masked, sizeof(masked));
	ocppd_json_add_str(object, key, masked);
}

static void
add_member(struct json_object *object, const struct job_member *member,
	   const struct ocppd_value *row)
{
	const struct ocppd_value *value = &row[member->column];

	switch (member->shape) {
	case SHAPE_AS_IT_IS:
		ocppd_json_add_value(object, member->name, value);
		break;
	case SHAPE_TIME:
		ocppd_json_add_time_value(object, member->name, value);
		break;
	case SHAPE_BOOL:
		ocppd_json_add_bool(object, member->name, value->number != 0);
		break;
	case SHAPE_LOCATION:
		add_location(object, member->name, value, row[J_HOSTED].number != 0);
		break;
	}
}

struct json_object *
job_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();
	uint32_t kind = row[J_KIND].number == KIND_FIRMWARE ? FOR_UPDATES : FOR_DIAGNOSTICS;

	for (size_t i = 0; i < sizeof(job_members) / sizeof(job_members[0]); i++) {
		if ((job_members[i].kinds & kind) != 0)
			add_member(object, &job_members[i], row);
	}
	ocppd_json_add_bool(object, "active", row[J_ENDED].type != OCPPD_VALUE_INT);
	return object;
}

struct json_object *
story_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_time_value(object, "time", &row[0]);
	ocppd_json_add_value(object, "event", &row[1]);
	ocppd_json_add_value(object, "text", &row[2]);
	ocppd_json_add_value(object, "number", &row[3]);
	ocppd_json_add_value(object, "state", &row[4]);
	return object;
}

struct json_object *
rollout_json(const struct ocppd_value *row)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_value(object, "rolloutId", &row[R_ID]);
	ocppd_json_add_value(object, "state", &row[R_STATE]);
	ocppd_json_add_value(object, "reason", &row[R_REASON]);
	ocppd_json_add_value(object, "requester", &row[R_REQUESTER]);
	ocppd_json_add_value(object, "image", &row[R_IMAGE]);
	add_location(object, "location", &row[R_LOCATION], false);
	ocppd_json_add_value(object, "expectedVersion", &row[R_EXPECTED]);
	ocppd_json_add_time_value(object, "retrieveDate", &row[R_RETRIEVE]);
	ocppd_json_add_value(object, "parallel", &row[R_PARALLEL]);
	ocppd_json_add_value(object, "maxFailures", &row[R_MAX_FAILURES]);
	ocppd_json_add_value(object, "total", &row[R_TOTAL]);
	ocppd_json_add_time_value(object, "created", &row[R_CREATED]);
	ocppd_json_add_time_value(object, "expires", &row[R_EXPIRES]);
	ocppd_json_add_time_value(object, "ended", &row[R_ENDED]);
	return object;
}
