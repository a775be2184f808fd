/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Who was turned away (quirk A07): a bounded, expiring list in memory, so that an operator can
 * adopt a station. No database write for an attempt, one log line an hour for an identity.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_US INT64_C(3600000000)
#define EXPIRY_US (24 * HOUR_US)

static void
drop(struct stations *ctx, struct unknown *entry)
{
	TAILQ_REMOVE(&ctx->unknown, entry, use);
	ctx->unknown_count--;
	free(entry);
}

static void
expire(struct stations *ctx, int64_t now_us)
{
	struct unknown *oldest;

	while ((oldest = TAILQ_LAST(&ctx->unknown, unknown_list)) != NULL &&
	       (ctx->unknown_count > UNKNOWN_MAX || now_us - oldest->last_us > EXPIRY_US))
		drop(ctx, oldest);
}

static struct unknown *
find(struct stations *ctx, const char *station_id)
{
	struct unknown *entry;

	TAILQ_FOREACH (entry, &ctx->unknown, use) {
		if (strcmp(entry->station_id, station_id) == 0)
			return entry;
	}
	return NULL;
}

void
on_refused(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct stations *ctx = arg;
	const char *reason = ocppd_json_get_str(event->body, "reason");
	const char *station_id = ocppd_json_get_str(event->body, "stationId");
	const char *remote = ocppd_json_get_str(event->body, "remote");
	struct unknown *entry;

	if (reason == NULL || strcmp(reason, "unknown") != 0 || station_id == NULL)
		return;
	entry = find(ctx, station_id);
	if (entry == NULL) {
		size_t size = strlen(station_id) + 1;

		entry = calloc(1, sizeof(*entry) + size);
		if (entry == NULL)
			return;
		memcpy(entry->station_id, station_id, size);
		entry->first_us = event->time_us;
		ctx->unknown_count++;
	} else {
		TAILQ_REMOVE(&ctx->unknown, entry, use);
	}
	TAILQ_INSERT_HEAD(&ctx->unknown, entry, use);
	entry->last_us = event->time_us;
	entry->count++;
	snprintf(entry->remote, sizeof(entry->remote), "%s", remote == NULL ? "" : remote);
	if (entry->logged_us == 0 || event->time_us - entry->logged_us >= HOUR_US) {
		entry->logged_us = event->time_us;
		OCPPD_INFO(host, "station.unknown", OCPPD_STR("station", station_id),
			   OCPPD_STR("remote", remote), OCPPD_INT("count", (int64_t)entry->count));
	}
	expire(ctx, event->time_us);
}

void
unknown_forget(struct stations *ctx, const char *station_id)
{
	struct unknown *entry = find(ctx, station_id);

	if (entry != NULL)
		drop(ctx, entry);
}

void
unknown_free(struct stations *ctx)
{
	while (!TAILQ_EMPTY(&ctx->unknown))
		drop(ctx, TAILQ_FIRST(&ctx->unknown));
}

void
routes_unknown(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	const struct unknown *entry;

	expire(ctx, ocppd_now_us(host));
	TAILQ_FOREACH (entry, &ctx->unknown, use) {
		struct json_object *item = json_object_new_object();

		ocppd_json_add_str(item, "stationId", entry->station_id);
		ocppd_json_add_time(item, "firstSeen", entry->first_us);
		ocppd_json_add_time(item, "lastSeen", entry->last_us);
		ocppd_json_add_str(item, "remote", entry->remote);
		ocppd_json_add_int(item, "attempts", (int64_t)entry->count);
		json_object_array_add(items, item);
	}
	ocppd_json_add(body, "items", items);
	ocppd_request_reply(host, request, 200, body);
}

/* What was turned away, let in: as a PUT of it would, but only of an identity on the list. */
void
routes_adopt(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct unknown *entry;

	expire(ctx, ocppd_now_us(host));
	TAILQ_FOREACH (entry, &ctx->unknown, use) {
		if (strcmp(entry->station_id, station_id) == 0) {
			routes_put(host, request, arg);
			return;
		}
	}
	ocppd_request_problem(host, request, 404, "unknown-station",
			      "no station of that identity was turned away of late");
}
