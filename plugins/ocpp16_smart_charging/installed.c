/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What stations hold, as far as they let us know: in memory with every station, on record for the
 * next start. Memory changes at once, since the station has answered already; a record that cannot
 * be stored is logged.
 */
#include "smart.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 5000
#define HELD_MAX 512 /* more are not tracked */

enum column { /* of STATEMENT_LOAD */
	COL_STATION,
	COL_ID,
	COL_CONNECTOR,
	COL_PROFILE,
	COL_TEMPLATE,
	COL_INSTALLED,
	COL_DOUBTFUL,
};

struct smart_slot *
smart_slot(struct smart *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

/* ---- In memory --------------------------------------------------------------------------------
 */

static void
count_purpose(struct smart *ctx, enum profile_purpose purpose, int change)
{
	const char *const labels[] = { profile_purpose_word(purpose) };

	ctx->counts[purpose] += change;
	(void)ocppd_metric_set(ctx->host, METRIC_INSTALLED, labels, (double)ctx->counts[purpose]);
	follow_update(ctx);
}

static void
installed_free(struct installed *installed)
{
	free(installed->profile);
	free(installed->template_name);
	free(installed);
}

void
slot_fini(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct smart_slot *slot = arg;

	(void)host;
	(void)station;
	while (slot->first != NULL) {
		struct installed *installed = slot->first;

		slot->first = installed->next;
		installed_free(installed);
	}
	follow_fini(slot);
}

static uint32_t
held_count(const struct smart_slot *slot)
{
	uint32_t count = 0;

	for (const struct installed *item = slot->first; item != NULL; item = item->next)
		count++;
	return count;
}

/* Takes the profile, also on error. NULL: out of memory, or far too many. */
static struct installed *
add(struct smart *ctx, struct smart_slot *slot, struct profile *profile, const char *json,
    size_t len)
{
	struct installed *installed = NULL;

	if (held_count(slot) < HELD_MAX)
		installed = malloc(sizeof(*installed) + len + 1);
	if (installed == NULL) {
		free(profile);
		return NULL;
	}
	*installed = (struct installed){ .next = slot->first, .profile = profile };
	memcpy(installed->json, json, len);
	installed->json[len] = '\0';
	slot->first = installed;
	if (profile->id > slot->last_id)
		slot->last_id = profile->id;
	count_purpose(ctx, profile->purpose, 1);
	return installed;
}

struct installed *
installed_find(struct smart *ctx, struct ocppd_station *station, int64_t id)
{
	struct installed *installed = smart_slot(ctx, station)->first;

	while (installed != NULL && installed->profile->id != id)
		installed = installed->next;
	return installed;
}

uint32_t
installed_others(struct smart *ctx, struct ocppd_station *station, const struct profile *profile)
{
	const struct installed *installed = smart_slot(ctx, station)->first;
	uint32_t count = 0;

	for (; installed != NULL; installed = installed->next)
		count += profile_is_replaced(installed->profile, profile) ? 0 : 1;
	return count;
}

int64_t
installed_next_id(struct smart *ctx, struct ocppd_station *station)
{
	struct smart_slot *slot = smart_slot(ctx, station);

	if (slot->last_id < INT32_MAX) {
		slot->last_id = slot->last_id < 0 ? 1 : slot->last_id + 1;
		return slot->last_id;
	}
	for (int64_t id = 1; id <= HELD_MAX + 1; id++) {
		if (installed_find(ctx, station, id) == NULL)
			return id;
	}
	return 1;
}

/* ---- On record --------------------------------------------------------------------------------
 */

/* A unit on its way, of a station. */
struct storing {
	struct smart *ctx;
	struct ocppd_station *station;
};

/* What could not be stored is written as it is then, as a whole. */
static void
unstored(struct smart *ctx, struct ocppd_station *station, int result)
{
	OCPPD_WARN(ctx->host, "profile.unstored", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_STR("err", ocppd_error_name(result)));
	smart_slot(ctx, station)->is_unstored = true;
	if (ctx->retry_timer != NULL)
		ocppd_timer_set(ctx->retry_timer, RETRY_MS);
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct storing *storing = arg;
	struct smart *ctx = storing->ctx;

	(void)host;
	(void)rows;
	(void)count;
	(void)err;
	if (result < 0)
		unstored(ctx, storing->station, result);
	free(storing);
	smart_done(ctx);
}

void
smart_unit_add(struct smart *ctx, struct ocppd_unit **unit, int *r, enum statement statement,
	       const struct ocppd_value *values, uint32_t count)
{
	if (*r >= 0 && *unit == NULL)
		*r = ctx->storage->unit_new(ctx->storage_self, ctx->host, unit);
	if (*r >= 0)
		*r = ctx->storage->unit_add(*unit, ctx->host, statement, values, count, 0);
}
#define UNIT_ADD(ctx, unit, r, statement, values)                                                  \
	smart_unit_add(ctx, unit, r, statement, values, sizeof(values) / sizeof((values)[0]))

void
smart_unit_end(struct smart *ctx, struct ocppd_station *station, struct ocppd_unit *unit, int r)
{
	struct storing *storing = r < 0 || unit == NULL ? NULL : malloc(sizeof(*storing));

	if (r >= 0 && unit == NULL)
		return;
	if (storing == NULL) {
		unstored(ctx, station, r < 0 ? r : OCPPD_ENOMEM);
		ctx->storage->unit_free(unit);
		return;
	}
	*storing = (struct storing){ ctx, station };
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, storing);
}

static void
add_installed(struct smart *ctx, struct ocppd_station *station, const struct installed *item,
	      struct ocppd_unit **unit, int *r)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)), ocppd_value_int(item->profile->id),
		ocppd_value_int(item->profile->connector),  ocppd_value_str(item->json),
		ocppd_value_str(item->template_name),       ocppd_value_int(item->installed_us),
		ocppd_value_int(item->is_doubtful),
	};

	UNIT_ADD(ctx, unit, r, STATEMENT_RESTORE, values);
}

static int
store_again(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct smart *ctx = arg;
	struct smart_slot *slot = smart_slot(ctx, station);
	const struct ocppd_value id[] = { ocppd_value_str(ocppd_station_id(station)) };
	const struct ocppd_value taste[] = { id[0], ocppd_value_int(slot->taste) };
	struct ocppd_unit *unit = NULL;
	int r = 0;

	(void)host;
	if (!slot->is_unstored)
		return 0;
	slot->is_unstored = false;
	UNIT_ADD(ctx, &unit, &r, STATEMENT_REMOVE_ALL, id);
	UNIT_ADD(ctx, &unit, &r, STATEMENT_TASTE_PUT, taste);
	for (const struct installed *item = slot->first; item != NULL; item = item->next)
		add_installed(ctx, station, item, &unit, &r);
	smart_unit_end(ctx, station, unit, r);
	return 0;
}

void
on_store_again(struct ocppd_host *host, void *arg)
{
	(void)ocppd_station_each(host, store_again, arg);
}

/* ---- Changes ----------------------------------------------------------------------------------
 */

struct json_object *
profile_event(const struct ocppd_station *station, const struct profile *profile)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add_str(body, "stationId", ocppd_station_id(station));
	ocppd_json_add_int(body, "connectorId", profile->connector);
	ocppd_json_add_int(body, "chargingProfileId", profile->id);
	ocppd_json_add_str(body, "chargingProfilePurpose", profile_purpose_word(profile->purpose));
	ocppd_json_add_int(body, "stackLevel", profile->stack_level);
	if (profile->has_transaction)
		ocppd_json_add_int(body, "transactionId", profile->transaction_id);
	return body;
}

static void
publish_removed(struct smart *ctx, const struct ocppd_station *station,
		const struct profile *profile, const char *reason)
{
	struct json_object *body;

	OCPPD_INFO(ctx->host, "profile.removed", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("profile", profile->id), OCPPD_STR("reason", reason));
	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_REMOVED))
		return;
	body = profile_event(station, profile);
	ocppd_json_add_str(body, "reason", reason);
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_REMOVED,
				  ocppd_station_id(station), body);
}

typedef bool select_fn(const struct profile *profile, const void *arg);

/* Removes what is selected from memory, and adds it to the unit. */
static void
remove_selected(struct smart *ctx, struct ocppd_station *station, select_fn *select,
		const void *arg, const char *reason, struct ocppd_unit **unit, int *r)
{
	struct installed **at = &smart_slot(ctx, station)->first;

	while (*at != NULL) {
		struct installed *installed = *at;
		const struct ocppd_value values[] = {
			ocppd_value_str(ocppd_station_id(station)),
			ocppd_value_int(installed->profile->id),
		};

		if (!select(installed->profile, arg)) {
			at = &installed->next;
			continue;
		}
		*at = installed->next;
		UNIT_ADD(ctx, unit, r, STATEMENT_REMOVE, values);
		count_purpose(ctx, installed->profile->purpose, -1);
		publish_removed(ctx, station, installed->profile, reason);
		installed_free(installed);
	}
}

static bool
select_replaced(const struct profile *profile, const void *arg)
{
	return profile_is_replaced(profile, arg);
}

static void
publish_installed(struct smart *ctx, const struct ocppd_station *station,
		  const struct profile *profile)
{
	OCPPD_INFO(ctx->host, "profile.installed", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("profile", profile->id), OCPPD_INT("connector", profile->connector));
	if (ocppd_event_wanted(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_INSTALLED))
		(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_INSTALLED,
					  ocppd_station_id(station),
					  profile_event(station, profile));
}

void
installed_accept(struct smart *ctx, struct ocppd_station *station, int64_t connector,
		 struct json_object *json)
{
	size_t len = 0;
	const char *text = json_object_to_json_string_length(json, JSON_C_TO_STRING_PLAIN, &len);
	struct profile *profile = NULL;
	struct installed *installed;
	struct ocppd_unit *unit = NULL;
	int r = profile_parse(json, connector, &profile);

	if (r < 0 || text == NULL) {
		OCPPD_WARN(ctx->host, "profile.untracked",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("err", ocppd_error_name(r < 0 ? r : OCPPD_ENOMEM)));
		free(profile);
		return;
	}
	profile->installed_s = ocppd_now_us(ctx->host) / 1000000;
	remove_selected(ctx, station, select_replaced, profile, "replaced", &unit, &r);
	installed = add(ctx, smart_slot(ctx, station), profile, text, len);
	if (installed == NULL) {
		OCPPD_WARN(ctx->host, "profile.untracked",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("err", "ESPACE"));
		smart_unit_end(ctx, station, unit, r);
		return;
	}
	installed->installed_us = ocppd_now_us(ctx->host);

	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(profile->id),
		ocppd_value_int(connector),
		ocppd_value_text(installed->json, len),
		ocppd_value_int(installed->installed_us),
	};

	UNIT_ADD(ctx, &unit, &r, STATEMENT_INSTALL, values);
	smart_unit_end(ctx, station, unit, r);
	publish_installed(ctx, station, profile);
}

static bool
select_cleared(const struct profile *profile, const void *arg)
{
	return profile_is_cleared(profile, arg);
}

void
installed_clear(struct smart *ctx, struct ocppd_station *station,
		const struct profile_filter *filter, const char *reason)
{
	struct ocppd_unit *unit = NULL;
	int r = 0;

	remove_selected(ctx, station, select_cleared, filter, reason, &unit, &r);
	smart_unit_end(ctx, station, unit, r);
}

void
installed_doubt(struct smart *ctx, struct ocppd_station *station, const struct profile *profile)
{
	struct installed *installed = smart_slot(ctx, station)->first;
	struct ocppd_unit *unit = NULL;
	int r = 0;

	for (; installed != NULL; installed = installed->next) {
		const struct ocppd_value values[] = {
			ocppd_value_str(ocppd_station_id(station)),
			ocppd_value_int(installed->profile->id),
		};

		if (installed->is_doubtful || !profile_is_replaced(installed->profile, profile))
			continue;
		installed->is_doubtful = true;
		UNIT_ADD(ctx, &unit, &r, STATEMENT_DOUBT, values);
	}
	smart_unit_end(ctx, station, unit, r);
}

void
installed_settle(struct smart *ctx, struct ocppd_station *station, int64_t id)
{
	struct installed *installed = installed_find(ctx, station, id);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(id),
	};
	struct ocppd_unit *unit = NULL;
	int r = 0;

	if (installed == NULL || !installed->is_doubtful)
		return;
	installed->is_doubtful = false;
	UNIT_ADD(ctx, &unit, &r, STATEMENT_SETTLE, values);
	smart_unit_end(ctx, station, unit, r);
}

void
installed_name(struct smart *ctx, struct ocppd_station *station, int64_t id,
	       const char *template_name)
{
	struct installed *installed = installed_find(ctx, station, id);
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(id),
		ocppd_value_str(template_name),
	};
	struct ocppd_unit *unit = NULL;
	int r = 0;

	if (installed == NULL)
		return;
	free(installed->template_name);
	installed->template_name = strdup(template_name);
	UNIT_ADD(ctx, &unit, &r, STATEMENT_NAME, values);
	smart_unit_end(ctx, station, unit, r);
}

struct json_object *
installed_json(const struct ocppd_station *station, const struct installed *installed)
{
	struct json_object *body = json_object_new_object();

	ocppd_json_add_str(body, "stationId", ocppd_station_id(station));
	ocppd_json_add_int(body, "connectorId", installed->profile->connector);
	ocppd_json_add_int(body, "chargingProfileId", installed->profile->id);
	ocppd_json_add_str(body, "template", installed->template_name);
	ocppd_json_add_time(body, "installed", installed->installed_us);
	ocppd_json_add_bool(body, "doubtful", installed->is_doubtful);
	ocppd_json_add(body, "chargingProfile", json_tokener_parse(installed->json));
	return body;
}

/* ---- Transactions -----------------------------------------------------------------------------
 */

struct ended {
	int64_t connector;      /* -1: any */
	int64_t transaction_id; /* the one that ended, or, if is_start, the one that began */
	bool is_start;
};

/* A TxProfile ends with its transaction, or when another one begins in its place. */
static bool
select_ended(const struct profile *profile, const void *arg)
{
	const struct ended *ended = arg;

	if (profile->purpose != PURPOSE_TX)
		return false;
	if (ended->is_start)
		return profile->connector == ended->connector &&
		       (!profile->has_transaction ||
			profile->transaction_id != ended->transaction_id);
	return profile->has_transaction ? profile->transaction_id == ended->transaction_id
					: profile->connector == ended->connector;
}

static void
end_transaction(struct smart *ctx, struct ocppd_station *station, const struct ended *ended)
{
	struct ocppd_unit *unit = NULL;
	int r = 0;

	remove_selected(ctx, station, select_ended, ended, "transaction-ended", &unit, &r);
	smart_unit_end(ctx, station, unit, r);
}

static struct ocppd_station *
event_station(struct ocppd_host *host, const struct ocppd_event *event)
{
	const char *id = ocppd_json_get_str(event->body, "stationId");

	return id == NULL ? NULL : ocppd_station_find(host, id);
}

void
on_transaction_started(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = event_station(host, event);
	const struct ended ended = {
		ocppd_json_get_int(event->body, "connectorId", -1),
		ocppd_json_get_int(event->body, "transactionId", 0),
		true,
	};

	if (station != NULL && !ctx->is_stopping)
		end_transaction(ctx, station, &ended);
}

void
on_remote_start(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = event_station(host, event);
	struct json_object *sent = ocppd_json_get(event->body, "chargingProfile");
	int64_t connector = ocppd_json_get_int(event->body, "connectorId", 0);
	struct json_object *json = NULL;

	if (station == NULL || sent == NULL || ctx->is_stopping)
		return;
	/* The event is others' to read, too. */
	if (json_object_deep_copy(sent, &json, NULL) == 0 &&
	    ocppd_json_add_int(json, "transactionId",
			       ocppd_json_get_int(event->body, "transactionId", 0)) >= 0)
		installed_accept(ctx, station, connector, json);
	(void)json_object_put(json);
}

void
on_transaction_stopped(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = event_station(host, event);
	const struct ended ended = {
		ocppd_json_get_int(event->body, "connectorId", -1),
		ocppd_json_get_int(event->body, "transactionId", 0),
		false,
	};

	if (station != NULL && !ctx->is_stopping)
		end_transaction(ctx, station, &ended);
}

/* Profiles survive a reboot, says the specification; whether they did, nobody told. */
void
on_station_booted(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct smart *ctx = arg;
	struct ocppd_station *station = event_station(host, event);
	struct ocppd_unit *unit = NULL;
	bool is_changed = false;
	int r = 0;

	if (station == NULL || ctx->is_stopping)
		return;
	for (struct installed *item = smart_slot(ctx, station)->first; item != NULL;
	     item = item->next) {
		is_changed |= !item->is_doubtful;
		item->is_doubtful = true;
	}
	if (is_changed) {
		const struct ocppd_value id = ocppd_value_str(ocppd_station_id(station));

		smart_unit_add(ctx, &unit, &r, STATEMENT_DOUBT_ALL, &id, 1);
	}
	smart_unit_end(ctx, station, unit, r);
	restore_booted(ctx, station);
}

/* ---- Start ------------------------------------------------------------------------------------
 */

int
installed_load(struct smart *ctx, struct ocppd_station *station, const struct ocppd_value *row)
{
	char *text = ocppd_value_dup(&row[COL_PROFILE]);
	struct json_object *json = text == NULL ? NULL : json_tokener_parse(text);
	struct profile *profile = NULL;
	struct installed *installed = NULL;
	int r = profile_parse(json, row[COL_CONNECTOR].number, &profile);

	if (r >= 0) {
		profile->installed_s = row[COL_INSTALLED].number / 1000000;
		installed = add(ctx, smart_slot(ctx, station), profile, text, strlen(text));
		r = installed == NULL ? OCPPD_ENOMEM : 0;
	}
	if (r >= 0) {
		installed->installed_us = row[COL_INSTALLED].number;
		installed->is_doubtful = row[COL_DOUBTFUL].number != 0;
		installed->template_name = ocppd_value_dup(&row[COL_TEMPLATE]);
	}
	(void)json_object_put(json);
	free(text);
	return r;
}

struct lost {
	struct smart *ctx;
	struct ocppd_station *station;
};

/* Its transaction ended while nobody looked. */
static bool
select_lost(const struct profile *profile, const void *arg)
{
	const struct lost *lost = arg;
	struct ocppd_tx_info info = { .struct_size = sizeof(info) };
	struct charging charging;

	if (profile->purpose != PURPOSE_TX)
		return false;
	if (!profile->has_transaction)
		return !charging_find(lost->ctx, lost->station, profile->connector, &charging);
	return lost->ctx->transactions->active_find(lost->ctx->transactions_self, lost->ctx->host,
						    lost->station, profile->transaction_id,
						    &info) < 0;
}

static int
drop_lost(struct ocppd_host *host, struct ocppd_station *station, void *arg)
{
	struct smart *ctx = arg;
	const struct lost lost = { ctx, station };
	struct ocppd_unit *unit = NULL;
	int r = 0;

	(void)host;
	if (smart_slot(ctx, station)->first == NULL)
		return 0;
	remove_selected(ctx, station, select_lost, &lost, "transaction-ended", &unit, &r);
	smart_unit_end(ctx, station, unit, r);
	return 0;
}

void
installed_drop_lost(struct smart *ctx)
{
	(void)ocppd_station_each(ctx->host, drop_lost, ctx);
}

/* ---- A station is deleted ---------------------------------------------------------------------
 */

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	struct smart *ctx = self;
	const struct ocppd_value id[] = { ocppd_value_str(ocppd_station_id(station)) };
	int r = 0;

	(void)host;
	UNIT_ADD(ctx, &unit, &r, STATEMENT_REMOVE_ALL, id);
	UNIT_ADD(ctx, &unit, &r, STATEMENT_TASTE_REMOVE, id);
	return r < 0 ? r : 0;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	struct smart *ctx = self;
	struct smart_slot *slot = smart_slot(ctx, station);

	(void)host;
	while (slot->first != NULL) {
		struct installed *installed = slot->first;

		slot->first = installed->next;
		count_purpose(ctx, installed->profile->purpose, -1);
		publish_removed(ctx, station, installed->profile, "station-deleted");
		installed_free(installed);
	}
	follow_fini(slot);
	/* What is being sent to it again ends by itself. */
	*slot = (struct smart_slot){ .restore = slot->restore };
}

const struct ocppd_station_data_ops installed_data_ops = {
	sizeof(installed_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};
