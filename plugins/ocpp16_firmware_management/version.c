/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which firmware stations have, as they say when they boot; and what it was before.
 */
#include "firmware.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

const char *
version_of(struct firmware *ctx, struct ocppd_station *station)
{
	const char *version = job_slot(ctx, station)->version;

	return version == NULL ? "" : version;
}

struct version_write {
	struct firmware *ctx;
	struct ocppd_station *station;
};

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct version_write *write = arg;
	struct firmware *ctx = write->ctx;

	(void)host;
	(void)rows;
	(void)count;
	/* The next boot stores it. */
	if (result < 0)
		job_slot(ctx, write->station)->is_version_lost = true;
	free(write);
	store_ended(ctx, result, err);
}

static void
tell(struct firmware *ctx, struct ocppd_station *station, const char *version, const char *previous)
{
	const char *station_id = ocppd_station_id(station);
	struct json_object *body;

	OCPPD_INFO(ctx->host, "version.changed", OCPPD_STR("station", station_id),
		   OCPPD_STR("version", version), OCPPD_STR("previous", previous));
	if (!ocppd_event_wanted(ctx->host, EVENT_VERSION_CHANGED))
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", station_id);
	ocppd_json_add_str(body, "firmwareVersion", version);
	ocppd_json_add_str(body, "previousVersion", previous);
	(void)ocppd_event_publish(ctx->host, EVENT_VERSION_CHANGED, station_id, body);
}

static int
put(struct firmware *ctx, struct ocppd_station *station, const char *version, int64_t time_us)
{
	const struct ocppd_value values[] = { ocppd_value_str(ocppd_station_id(station)),
					      ocppd_value_str(version), ocppd_value_int(time_us) };
	struct version_write *write = malloc(sizeof(*write));
	struct ocppd_unit *unit = NULL;
	int r = write == NULL ? OCPPD_ENOMEM : store_begin(ctx, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_VERSION_PUT, values, 3, 0);
	if (r < 0) {
		OCPPD_ERROR(ctx->host, "version.unstored",
			    OCPPD_STR("station", ocppd_station_id(station)),
			    OCPPD_STR("err", ocppd_error_name(r)));
		ctx->storage->unit_free(unit);
		free(write);
		return r;
	}
	*write = (struct version_write){ ctx, station };
	store_commit(ctx, unit, on_stored, write);
	return 0;
}

void
version_seen(struct firmware *ctx, struct ocppd_station *station, const char *version,
	     int64_t time_us)
{
	struct station_slot *slot = job_slot(ctx, station);
	bool is_same = slot->version != NULL && strcmp(slot->version, version) == 0;
	char *copy;

	if (is_same && !slot->is_version_lost)
		return;
	copy = strdup(version);
	if (copy == NULL)
		return;
	slot->is_version_lost = put(ctx, station, version, time_us) < 0;
	if (!is_same)
		tell(ctx, station, version, slot->version);
	free(slot->version);
	slot->version = copy;
}
