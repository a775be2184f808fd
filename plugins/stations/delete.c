/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * DELETE of stations. Nothing is deleted under a connection: the station is barred and its
 * connection closed first, so that what was under way ends in the tables before. Then the rows of
 * this module and those of every provider of `ocppd.station_data` go in one unit. Whatever fails
 * before its commit leaves the station as it was.
 */
#include "stations.h"

#include <ocppd/service/station_data.h>

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct deletion {
	TAILQ_ENTRY(deletion) all; /* while it waits for the end of the connection */
	struct stations *ctx;
	struct ocppd_request *request;
	struct ocppd_station *station;
	struct record *record; /* as it was */
	bool is_barred;
};

/* ---- The end ------------------------------------------------------------------------------- */

static void
deletion_end(struct deletion *deletion)
{
	struct stations *ctx = deletion->ctx;
	struct ocppd_station *station = deletion->station;

	stations_slot(ctx, station)->is_leaving = false;
	record_free(deletion->record);
	free(deletion);
	change_release(ctx, station);
}

/* It stays: handshakes find its record again. */
static void
readmit(struct deletion *deletion)
{
	struct stations *ctx = deletion->ctx;
	struct ocppd_error err = { 0 };

	if (!deletion->is_barred)
		return;
	stations_slot(ctx, deletion->station)->is_leaving = false;
	if (record_apply(ctx, deletion->record, &err) < 0)
		OCPPD_ERROR(ctx->host, "station.unloaded",
			    OCPPD_STR("station", deletion->record->station_id),
			    OCPPD_STR("text", err.text));
}

static void
deletion_fail(struct deletion *deletion, int result, const struct ocppd_error *err)
{
	readmit(deletion);
	ocppd_request_fail(deletion->ctx->host, deletion->request, result, err);
	deletion_end(deletion);
}

/* ---- Others -------------------------------------------------------------------------------- */

struct asking {
	struct deletion *deletion;
	struct ocppd_unit *unit;
	struct ocppd_error err;
};

static int
ask_objection(const char *provider, const void *ops, void *self, void *arg)
{
	const struct ocppd_station_data_ops *data = ops;
	struct asking *asking = arg;
	struct stations *ctx = asking->deletion->ctx;

	(void)provider;
	return data->objection == NULL
		       ? 0
		       : data->objection(self, ctx->host, asking->deletion->station, &asking->err);
}

static int
ask_forget(const char *provider, const void *ops, void *self, void *arg)
{
	const struct ocppd_station_data_ops *data = ops;
	struct asking *asking = arg;
	struct stations *ctx = asking->deletion->ctx;
	int r = data->forget == NULL
			? 0
			: data->forget(self, ctx->host, asking->deletion->station, asking->unit);

	if (r < 0)
		OCPPD_WARN(ctx->host, "station.kept",
			   OCPPD_STR("station", ocppd_station_id(asking->deletion->station)),
			   OCPPD_STR("module", provider), OCPPD_STR("err", ocppd_error_name(r)));
	return r;
}

static int
tell_forgotten(const char *provider, const void *ops, void *self, void *arg)
{
	const struct ocppd_station_data_ops *data = ops;
	struct asking *asking = arg;

	(void)provider;
	if (data->forgotten != NULL)
		data->forgotten(self, asking->deletion->ctx->host, asking->deletion->station);
	return 0;
}

static int
each(struct asking *asking, ocppd_service_fn *fn)
{
	return ocppd_service_each(asking->deletion->ctx->host, "ocppd.station_data", 1, fn, asking);
}

/* True: the deletion is over, somebody objects. */
static bool
is_objected(struct deletion *deletion)
{
	struct asking asking = { .deletion = deletion };
	int r = each(&asking, ask_objection);

	if (r >= 0)
		return false;
	if (r != OCPPD_ECONFLICT) {
		deletion_fail(deletion, r, &asking.err);
		return true;
	}
	readmit(deletion);
	ocppd_request_problem(deletion->ctx->host, deletion->request, 409, "station-in-use", "%s",
			      asking.err.text);
	deletion_end(deletion);
	return true;
}

/* ---- The unit ------------------------------------------------------------------------------ */

static void
publish(struct stations *ctx, const char *station_id, const char *requester)
{
	struct json_object *body;

	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_STATION_DELETED))
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", station_id);
	ocppd_json_add_str(body, "requester", requester);
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_STATION_DELETED, station_id, body);
}

/* One of the same identity that is provisioned later begins anew. */
static void
slot_clear(struct stations *ctx, struct ocppd_station *station)
{
	struct station_slot *slot = stations_slot(ctx, station);

	while (slot->connectors != NULL) {
		struct connector *next = slot->connectors->next;

		free(slot->connectors);
		slot->connectors = next;
	}
	wishes_free(slot);
	free(slot->boot);
	slot->boot = NULL;
	slot->boot_count = slot->boots = 0;
	slot->seen_us = slot->boots_since_us = 0;
	slot->is_rematched = false;
	memset(&slot->skew, 0, sizeof(slot->skew));
}

static void
on_deleted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct deletion *deletion = arg;
	struct stations *ctx = deletion->ctx;
	const char *station_id = ocppd_station_id(deletion->station);
	const char *user = ocppd_request_user(deletion->request);
	struct asking asking = { .deletion = deletion };

	(void)rows;
	(void)count;
	if (result < 0) {
		deletion_fail(deletion, result, err);
		return;
	}
	record_withdraw(ctx, station_id);
	slot_clear(ctx, deletion->station);
	(void)each(&asking, tell_forgotten);
	OCPPD_INFO(host, "station.deleted", OCPPD_STR("station", station_id),
		   OCPPD_STR("user", user));
	publish(ctx, station_id, user);
	ocppd_request_reply(host, deletion->request, 200, NULL);
	deletion_end(deletion);
}

static int
add_all(struct deletion *deletion, struct ocppd_unit *unit)
{
	struct stations *ctx = deletion->ctx;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(deletion->station));
	struct asking asking = { .deletion = deletion, .unit = unit };
	int r = 0;

	for (uint32_t i = STATEMENT_DELETE; r >= 0 && i <= STATEMENT_DELETE_KEYS; i++)
		r = ctx->storage->unit_add(unit, ctx->host, i, &id, 1, 0);
	return r < 0 ? r : each(&asking, ask_forget);
}

static void
commit(struct deletion *deletion)
{
	struct stations *ctx = deletion->ctx;
	struct ocppd_unit *unit = NULL;
	int r;

	if (is_objected(deletion))
		return;
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = add_all(deletion, unit);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		deletion_fail(deletion, r, NULL);
		return;
	}
	ctx->storage->unit_commit(unit, on_deleted, deletion);
}

/* ---- Before it ----------------------------------------------------------------------------- */

void
deletions_look(struct stations *ctx, struct ocppd_station *station)
{
	struct deletion *deletion;

	TAILQ_FOREACH (deletion, &ctx->deletions, all) {
		if (deletion->station == station)
			break;
	}
	if (deletion == NULL)
		return;
	/* A takeover's: it ends, too. */
	if (ocppd_station_is_connected(station))
		return;
	TAILQ_REMOVE(&ctx->deletions, deletion, all);
	commit(deletion);
}

void
deletions_stop(struct stations *ctx)
{
	struct deletion *deletion;

	while ((deletion = TAILQ_FIRST(&ctx->deletions)) != NULL) {
		TAILQ_REMOVE(&ctx->deletions, deletion, all);
		deletion_fail(deletion, OCPPD_ESHUTDOWN, NULL);
	}
}

/* Lets it in no more. What it still sends on its connection is taken as before: that may be money.
 */
static int
bar(struct deletion *deletion, struct ocppd_error *err)
{
	struct stations *ctx = deletion->ctx;
	struct station_slot *slot = stations_slot(ctx, deletion->station);
	const struct ocppd_admission admission = {
		.struct_size = sizeof(admission),
		.flags = OCPPD_ADMIT_REFUSE,
		.station_id = ocppd_station_id(deletion->station),
		.security_profile = OCPPD_PROFILE_ANY,
	};
	int r = ocppd_directory_put(ctx->host, &admission, err);

	if (r < 0)
		return r;
	deletion->is_barred = true;
	slot->is_leaving = true;
	slot->is_known = false;
	return 0;
}

static void
on_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct deletion *deletion = arg;
	struct stations *ctx = deletion->ctx;
	struct ocppd_error own = { 0 };
	int r = result;

	/* Others, who would have to forget it, have stopped by then. */
	if (r >= 0 && ctx->is_stopping)
		r = OCPPD_ESHUTDOWN;
	if (r >= 0 && rows->count == 0)
		r = OCPPD_ENOENT;
	if (r >= 0) {
		deletion->record = record_from_row(rows->values);
		r = deletion->record == NULL ? OCPPD_ENOMEM : 0;
	}
	if (r < 0) {
		deletion_fail(deletion, r, err);
		return;
	}
	if (is_objected(deletion))
		return;
	r = bar(deletion, &own);
	if (r < 0) {
		deletion_fail(deletion, r, &own);
		return;
	}
	if (!ocppd_station_is_connected(deletion->station)) {
		commit(deletion);
		return;
	}
	TAILQ_INSERT_TAIL(&ctx->deletions, deletion, all);
	ocppd_station_disconnect(host, deletion->station, 1000, "deleted");
}

void
routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct stations *ctx = arg;
	const char *station_id = ocppd_request_param(request, "stationId");
	const struct ocppd_value id = ocppd_value_str(station_id);
	struct ocppd_station *station = ocppd_station_find(host, station_id);
	struct deletion *deletion;
	int r;

	if (station == NULL ||
	    (!stations_slot(ctx, station)->is_known && !stations_slot(ctx, station)->is_leaving)) {
		ocppd_request_problem(host, request, 404, "unknown-station",
				      "There is no such station");
		return;
	}
	deletion = calloc(1, sizeof(*deletion));
	if (deletion == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	if (!change_claim(ctx, request, station)) {
		free(deletion);
		return;
	}
	deletion->ctx = ctx;
	deletion->request = request;
	deletion->station = station;
	r = ctx->storage->query(ctx->storage_self, host, STATEMENT_FIND, &id, 1, 1, on_read,
				deletion);
	if (r < 0)
		deletion_fail(deletion, r, NULL);
}
