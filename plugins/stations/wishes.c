/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Requested availability, kept apart from what is reported: what an operator asked for and a
 * station agreed to, and whether a report still has to show it. Never judges a report by it.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct wish_op {
	struct stations *ctx;
	struct ocppd_host *asker;
	struct ocppd_station *station;
	ocppd_recorded_fn *fn;
	void *arg;
};

static int
compare(struct ocppd_place a, struct ocppd_place b)
{
	if (a.evse != b.evse)
		return a.evse < b.evse ? -1 : 1;
	return a.connector == b.connector ? 0 : a.connector < b.connector ? -1 : 1;
}

static struct wish *
wish_find(const struct station_slot *slot, struct ocppd_place place)
{
	struct wish *wish = slot->wishes;

	while (wish != NULL && compare(wish->place, place) != 0)
		wish = wish->next;
	return wish;
}

int
wish_put(struct station_slot *slot, const struct wish *like)
{
	struct wish **at = &slot->wishes;
	struct wish *wish = wish_find(slot, like->place);

	if (wish == NULL) {
		wish = malloc(sizeof(*wish));
		if (wish == NULL)
			return OCPPD_ENOMEM;
		while (*at != NULL && compare((*at)->place, like->place) < 0)
			at = &(*at)->next;
		wish->next = *at;
		*at = wish;
	}
	wish->place = like->place;
	wish->requested_us = like->requested_us;
	wish->is_operative = like->is_operative;
	wish->is_pending = like->is_pending;
	return 0;
}

void
wishes_free(struct station_slot *slot)
{
	while (slot->wishes != NULL) {
		struct wish *next = slot->wishes->next;

		free(slot->wishes);
		slot->wishes = next;
	}
}

/* True if a reported status shows the requested availability. A fault shows neither. */
static bool
is_shown(bool is_operative, const char *status)
{
	if (strcmp(status, "Unavailable") == 0)
		return !is_operative;
	return is_operative && status[0] != '\0' && strcmp(status, "Faulted") != 0;
}

/* ---- Requests ----------------------------------------------------------------------------------
 */

static void
on_wish_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	struct wish_op *op = arg;
	struct stations *ctx = op->ctx;

	(void)rows;
	(void)count;
	if (result < 0)
		OCPPD_ERROR(host, "availability.unstored",
			    OCPPD_STR("station", ocppd_station_id(op->station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	op->fn(op->asker, result, op->arg);
	free(op);
	stations_done(ctx);
}

/* In memory and in the unit. */
static int
add_wish(const struct wish_op *op, struct ocppd_unit *unit, const struct wish *wish)
{
	struct stations *ctx = op->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_int(wish->place.evse),
		ocppd_value_int(wish->place.connector),
		ocppd_value_int(wish->is_operative),
		ocppd_value_int(wish->is_pending),
		ocppd_value_int(wish->requested_us),
	};
	int r = wish_put(stations_slot(ctx, op->station), wish);

	if (r < 0)
		return r;
	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_WISH, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

/* For each connector that is known, and for the station, which waits for the last of them. */
static int
add_all(const struct wish_op *op, struct ocppd_unit *unit, const struct wish *like)
{
	struct stations *ctx = op->ctx;
	struct station_slot *slot = stations_slot(ctx, op->station);
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(op->station));
	struct wish whole = *like;
	bool is_any_known = false;
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_DELETE_WISHES, &id, 1, 0);

	wishes_free(slot);
	whole.is_pending = false;
	for (const struct connector *at = slot->connectors; r >= 0 && at != NULL; at = at->next) {
		struct wish wish = *like;

		if (at->place.evse == 0)
			continue;
		wish.place = at->place;
		wish.is_pending = like->is_pending && !is_shown(like->is_operative, at->status);
		whole.is_pending = whole.is_pending || wish.is_pending;
		is_any_known = true;
		r = add_wish(op, unit, &wish);
	}
	if (!is_any_known)
		whole.is_pending = like->is_pending;
	return r < 0 ? r : add_wish(op, unit, &whole);
}

static bool
is_place(struct ocppd_place place)
{
	if (place.evse == 0)
		return place.connector == 0;
	return place.evse > 0 && place.evse <= PLACE_MAX && place.connector > 0 &&
	       place.connector <= PLACE_MAX;
}

int
ops_availability(void *self, struct ocppd_host *host, struct ocppd_station *station,
		 const struct ocppd_availability *request, ocppd_recorded_fn *fn, void *arg)
{
	struct stations *ctx = self;
	const struct wish wish = {
		.place = request->place,
		.requested_us = ocppd_now_us(ctx->host),
		.is_operative = request->is_operative != 0,
		.is_pending = request->is_scheduled != 0,
	};
	struct ocppd_unit *unit = NULL;
	struct wish_op *op;
	int r;

	if (!is_place(request->place))
		return OCPPD_EINVAL;
	op = malloc(sizeof(*op));
	if (op == NULL)
		return OCPPD_ENOMEM;
	*op = (struct wish_op){ ctx, host, station, fn, arg };
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = request->place.evse == 0 ? add_all(op, unit, &wish) : add_wish(op, unit, &wish);
	r = stations_commit(ctx, unit, r, on_wish_stored, op);
	if (r < 0) {
		free(op);
		return r;
	}
	return OCPPD_PENDING;
}

/* ---- Reports -----------------------------------------------------------------------------------
 */

static int
settle(struct stations *ctx, struct ocppd_unit *unit, struct ocppd_station *station,
       struct wish *wish)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(wish->place.evse),
		ocppd_value_int(wish->place.connector),
	};

	wish->is_pending = false;
	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_WISH_SETTLED, values, 3, 0);
}

int
wishes_settle(struct stations *ctx, struct ocppd_unit *unit, struct ocppd_station *station,
	      const struct ocppd_connector_status *status)
{
	const struct ocppd_place all = { 0, 0 };
	struct station_slot *slot = stations_slot(ctx, station);
	struct wish *wish = slot->wishes == NULL ? NULL : wish_find(slot, status->place);
	struct wish *whole;
	int r;

	if (wish == NULL || !wish->is_pending || status->status == NULL ||
	    !is_shown(wish->is_operative, status->status))
		return 0;
	r = settle(ctx, unit, station, wish);
	whole = wish_find(slot, all);
	if (r < 0 || whole == NULL || !whole->is_pending)
		return r;
	for (wish = slot->wishes; wish != NULL; wish = wish->next) {
		if (wish != whole && wish->is_pending)
			return 0;
	}
	return settle(ctx, unit, station, whole);
}

/* ---- For the operator --------------------------------------------------------------------------
 */

static struct json_object *
item_of(struct json_object *connectors, const struct wish *wish)
{
	struct json_object *item;

	for (size_t i = 0; i < json_object_array_length(connectors); i++) {
		item = json_object_array_get_idx(connectors, i);
		if (ocppd_json_get_int(item, "connectorId", -1) == wish->place.evse)
			return item;
	}
	item = json_object_new_object();
	if (item == NULL)
		return NULL;
	ocppd_json_add_int(item, "connectorId", wish->place.evse);
	json_object_array_add(connectors, item);
	return item;
}

void
wishes_json(const struct station_slot *slot, struct json_object *connectors)
{
	if (connectors == NULL)
		return;
	for (const struct wish *wish = slot->wishes; wish != NULL; wish = wish->next) {
		struct json_object *item = item_of(connectors, wish);

		if (item == NULL)
			return;
		ocppd_json_add_str(item, "requestedAvailability",
				   wish->is_operative ? "Operative" : "Inoperative");
		ocppd_json_add_bool(item, "availabilityPending", wish->is_pending);
		ocppd_json_add_time(item, "availabilityRequested", wish->requested_us);
	}
}
