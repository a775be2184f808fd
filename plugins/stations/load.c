/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Start and reload: the directory, the state of the last boots and the connectors come from the
 * database page by page, the configuration's stations on top of them, all before the listeners
 * open.
 */
#include "stations.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 2000
#define BOOT_WORD_SIZE 256

enum {
	PHASE_DIRECTORY,
	PHASE_STATES,
	PHASE_CONNECTORS,
	PHASE_WISHES,
	PHASE_DONE,
};

static int load_page(struct stations *ctx, const struct ocppd_value *cursor);

static void
finish(struct stations *ctx, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	if (result < 0 && (err == NULL || err->code == 0)) {
		(void)ocppd_error_set(&own, result, "the stations cannot be read");
		err = &own;
	}
	ocppd_started(ctx->host, result < 0 ? err : NULL);
}

/* ---- Rows --------------------------------------------------------------------------------------
 */

/* What it said at its last boot; what this process heard itself is newer. */
static int
load_boot(struct stations *ctx, const char *station_id, const struct ocppd_value *const values[3])
{
	struct ocppd_station *station = ocppd_station_get(ctx->host, station_id);
	struct station_slot *slot = station == NULL ? NULL : stations_slot(ctx, station);
	char texts[3][BOOT_WORD_SIZE];
	int r;

	if (slot == NULL || slot->boot != NULL ||
	    (values[0]->type == OCPPD_VALUE_NULL && values[1]->type == OCPPD_VALUE_NULL &&
	     values[2]->type == OCPPD_VALUE_NULL))
		return 0;
	for (size_t i = 0; i < 3; i++)
		(void)ocppd_value_copy(values[i], texts[i], sizeof(texts[i]));
	r = boot_words_keep(slot, &(struct boot_words){ texts[0], texts[1], texts[2] });
	return r < 0 ? r : 0;
}

/* What is read of it is what it was before its deletion, which is under way. */
static bool
is_leaving(struct stations *ctx, const char *station_id)
{
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);

	return station != NULL && stations_slot(ctx, station)->is_leaving;
}

/* Columns: those of record_from_row, then vendor, model, firmware. */
int
load_record(struct stations *ctx, const struct ocppd_value *row)
{
	struct record *record = record_from_row(row);
	struct ocppd_error err = { 0 };

	if (record == NULL)
		return OCPPD_ENOMEM;
	if (is_leaving(ctx, record->station_id)) {
		record_free(record);
		return 0;
	}
	if (load_boot(ctx, record->station_id,
		      (const struct ocppd_value *const[]){ &row[10], &row[11], &row[12] }) < 0) {
		record_free(record);
		return OCPPD_ENOMEM;
	}
	/* One bad row must not keep the others out. */
	if (fixed_find(ctx, record->station_id) == NULL && record_apply(ctx, record, &err) < 0)
		OCPPD_ERROR(ctx->host, "station.unloaded", OCPPD_STR("station", record->station_id),
			    OCPPD_STR("text", err.text));
	record_free(record);
	return 0;
}

/* The configuration's stations were applied before their boots were known. */
static int
rematch_fixed(struct stations *ctx, const char *station_id)
{
	const struct record *fixed = fixed_find(ctx, station_id);
	struct ocppd_error err = { 0 };

	if (fixed != NULL && record_apply(ctx, fixed, &err) < 0) {
		OCPPD_ERROR(ctx->host, "station.unloaded", OCPPD_STR("station", station_id),
			    OCPPD_STR("text", err.text));
		return OCPPD_ENOMEM;
	}
	return 0;
}

/* Columns: station_id, registered, boot_count, seen_us, boot_us, protocol, vendor, model,
 * serial_number, box_serial, firmware, … */
static int
load_state(struct stations *ctx, const struct ocppd_value *row)
{
	char station_id[ID_SIZE];
	struct ocppd_station *station;
	struct station_slot *slot;

	(void)ocppd_value_copy(&row[0], station_id, sizeof(station_id));
	station = ocppd_station_find(ctx->host, station_id);
	if (station == NULL)
		return 0;
	slot = stations_slot(ctx, station);
	if (row[1].number >= OCPPD_REG_NONE && row[1].number <= OCPPD_REG_REJECTED)
		slot->state = (uint8_t)row[1].number;
	slot->boot_count = (uint32_t)row[2].number;
	slot->seen_us = row[3].number;
	if (slot->is_fixed && slot->boot == NULL) {
		if (load_boot(ctx, station_id,
			      (const struct ocppd_value *const[]){ &row[6], &row[7], &row[10] }) <
		    0)
			return OCPPD_ENOMEM;
		return rematch_fixed(ctx, station_id);
	}
	ocppd_station_set_registration(ctx->host, station, registration_now(slot));
	return 0;
}

/* Columns: station_id, evse, connector, status, error_code, time_us, received_us, … */
static int
load_connector(struct stations *ctx, const struct ocppd_value *row)
{
	char station_id[ID_SIZE];
	char status[64];
	char error_code[64];
	struct ocppd_place place = { (int32_t)row[1].number, (int32_t)row[2].number };
	struct ocppd_station *station;
	struct connector *connector;

	(void)ocppd_value_copy(&row[0], station_id, sizeof(station_id));
	(void)ocppd_value_copy(&row[3], status, sizeof(status));
	(void)ocppd_value_copy(&row[4], error_code, sizeof(error_code));
	station = ocppd_station_find(ctx->host, station_id);
	if (station == NULL)
		return 0;
	connector = connector_put(stations_slot(ctx, station), place, status,
				  error_code[0] == '\0' ? NULL : error_code);
	if (connector == NULL)
		return OCPPD_ENOMEM;
	connector->time_us = row[5].number;
	connector->received_us = row[6].number;
	return 0;
}

/* Columns: station_id, evse, connector, is_operative, is_pending, requested_us */
static int
load_wish(struct stations *ctx, const struct ocppd_value *row)
{
	const struct wish wish = {
		.place = { (int32_t)row[1].number, (int32_t)row[2].number },
		.requested_us = row[5].number,
		.is_operative = row[3].number != 0,
		.is_pending = row[4].number != 0,
	};
	char station_id[ID_SIZE];
	struct ocppd_station *station;

	(void)ocppd_value_copy(&row[0], station_id, sizeof(station_id));
	station = ocppd_station_find(ctx->host, station_id);
	return station == NULL ? 0 : wish_put(stations_slot(ctx, station), &wish);
}

static int
load_row(struct stations *ctx, const struct ocppd_value *row)
{
	switch (ctx->load_phase) {
	case PHASE_DIRECTORY:
		return load_record(ctx, row);
	case PHASE_STATES:
		return load_state(ctx, row);
	case PHASE_WISHES:
		return load_wish(ctx, row);
	default:
		return load_connector(ctx, row);
	}
}

static int
apply_fixed(struct stations *ctx, struct ocppd_error *err)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < ctx->fixed_count; i++)
		r = record_apply(ctx, ctx->fixed[i], err);
	return r;
}

static int
next_phase(struct stations *ctx, struct ocppd_error *err)
{
	const struct ocppd_value first[] = { ocppd_value_str(""), ocppd_value_int(-1),
					     ocppd_value_int(-1) };
	int r = 0;

	if (ctx->load_phase == PHASE_DIRECTORY)
		r = apply_fixed(ctx, err);
	ctx->load_phase++;
	if (r < 0 || ctx->load_phase == PHASE_DONE)
		return r;
	return load_page(ctx, first);
}

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct stations *ctx = arg;
	struct ocppd_error own = { 0 };
	const struct ocppd_value *row = NULL;
	int r = result;

	(void)host;
	if (err != NULL)
		own = *err;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_row(ctx, row);
	}
	if (r >= 0 && rows->count == PAGE)
		r = load_page(ctx, row);
	else if (r >= 0)
		r = next_phase(ctx, &own);
	if (r < 0 || ctx->load_phase == PHASE_DONE)
		finish(ctx, r, &own);
	stations_done(ctx);
}

/* cursor: the last row of the page before; its first one or three columns are the key. */
static int
load_page(struct stations *ctx, const struct ocppd_value *cursor)
{
	static const uint32_t by_phase[] = { STATEMENT_LIST, STATEMENT_STATES, STATEMENT_CONNECTORS,
					     STATEMENT_WISHES };
	bool has_place = ctx->load_phase >= PHASE_CONNECTORS;
	const struct ocppd_value values[] = {
		cursor[0],
		ocppd_value_int(PAGE),
		has_place ? cursor[1] : ocppd_value_null(),
		has_place ? cursor[2] : ocppd_value_null(),
	};
	int r = ctx->storage->query(ctx->storage_self, ctx->host, by_phase[ctx->load_phase], values,
				    has_place ? 4 : 2, PAGE, on_page, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

int
load_begin(struct stations *ctx, struct ocppd_error *err)
{
	const struct ocppd_value first = ocppd_value_str("");
	int r = apply_unknown(ctx, err);

	if (r < 0)
		return r;
	ctx->load_phase = PHASE_DIRECTORY;
	r = load_page(ctx, &first);
	if (r < 0)
		return ocppd_error_set(err, r, "the stations cannot be read");
	return OCPPD_PENDING;
}

int
apply_unknown(struct stations *ctx, struct ocppd_error *err)
{
	struct ocppd_admission admission = {
		.struct_size = sizeof(admission),
		.security_profile = OCPPD_PROFILE_ANY,
		.registration = OCPPD_REG_NONE,
	};
	const struct boot_words nothing = { NULL, NULL, NULL };
	struct quirk_set set;
	int r;

	if (ctx->conf->unknown == UNKNOWN_REJECT)
		return ocppd_directory_set_unknown(ctx->host, NULL, err);
	/* Profiles that match everybody. */
	r = quirk_set_make(ctx, NULL, &nothing, &(struct own_quirks){ "", false }, &set);
	if (r < 0)
		return ocppd_error_set(err, r, "out of memory");
	admission.quirks = set.items;
	admission.quirk_count = set.count;
	admission.flags = set.is_strict ? OCPPD_ADMIT_STRICT : 0;
	r = ocppd_directory_set_unknown(ctx->host, &admission, err);
	quirk_set_free(&set);
	return r;
}

/* ---- The configuration's stations --------------------------------------------------------------
 */

static int
compare_fixed(const void *a, const void *b)
{
	const struct record *const *left = a;
	const struct record *const *right = b;

	return strcmp((*left)->station_id, (*right)->station_id);
}

void
fixed_free(struct record **fixed, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		record_free(fixed[i]);
	free(fixed);
}

static const struct station_conf *
conf_at(const struct stations_conf *conf, uint32_t i)
{
	return (const struct station_conf *)conf->stations.items + i;
}

/* The record of before, if the key is the same: making verifiers anew costs time. */
static const struct record *
same_key(const struct stations *ctx, const struct station_conf *item)
{
	const struct station_conf *old;
	const char *station_id = ocppd_node_text(item->id);

	for (uint32_t i = 0; ctx->fixed_count > 0 && i < ctx->conf->stations.count; i++) {
		old = conf_at(ctx->conf, i);
		if (strcmp(ocppd_node_text(old->id), station_id) == 0)
			return old->authorization_key != NULL && item->authorization_key != NULL &&
					       strcmp(old->authorization_key,
						      item->authorization_key) == 0
				       ? fixed_find(ctx, station_id)
				       : NULL;
	}
	return NULL;
}

int
load_fixed(struct stations *ctx, const struct stations_conf *conf, struct record ***ret_fixed,
	   uint32_t *ret_count)
{
	struct record **fixed = calloc(conf->stations.count + 1, sizeof(*fixed));

	if (fixed == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < conf->stations.count; i++) {
		const struct station_conf *item = conf_at(conf, i);

		fixed[i] = record_from_conf(item, same_key(ctx, item));
		if (fixed[i] == NULL) {
			fixed_free(fixed, i);
			return OCPPD_ENOMEM;
		}
	}
	qsort(fixed, conf->stations.count, sizeof(*fixed), compare_fixed);
	*ret_fixed = fixed;
	*ret_count = conf->stations.count;
	return 0;
}

/* What the database says of a station that left the configuration. */
static void
on_left_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	     const struct ocppd_error *err, void *arg)
{
	struct stations *ctx = arg;

	(void)err;
	if (result < 0)
		OCPPD_ERROR(host, "station.unloaded", OCPPD_STR("err", ocppd_error_name(result)));
	else if (rows->count > 0)
		(void)load_record(ctx, rows->values);
	stations_done(ctx);
}

static void
leave(struct stations *ctx, const struct record *record)
{
	const struct ocppd_value id = ocppd_value_str(record->station_id);
	struct ocppd_station *station = ocppd_station_find(ctx->host, record->station_id);
	uint8_t state = station == NULL ? OCPPD_REG_NONE : stations_slot(ctx, station)->state;

	record_withdraw(ctx, record->station_id);
	/* It booted all the same. */
	if (station != NULL)
		stations_slot(ctx, station)->state = state;
	if (ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
				on_left_read, ctx) >= 0)
		ctx->outstanding++;
}

static void reload_page(struct stations *ctx, const struct ocppd_value *after);

static void
on_reload_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	       const struct ocppd_error *err, void *arg)
{
	struct rematch *walk = arg;
	struct stations *ctx = walk->ctx;
	const struct ocppd_value *row = NULL;
	bool is_stale = walk->changes != ctx->changes;
	int r = result;

	/* Of a record that is being changed, this may be the old state: once more. */
	for (uint32_t i = 0; r >= 0 && !is_stale && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_record(ctx, row);
	}
	if (r < 0)
		OCPPD_ERROR(host, "station.unloaded", OCPPD_STR("err", ocppd_error_name(r)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	else if (!ctx->is_stopping && is_stale)
		reload_page(ctx, &(struct ocppd_value){ 0 });
	else if (!ctx->is_stopping && rows->count == PAGE)
		reload_page(ctx, row);
	free(walk);
	stations_done(ctx);
}

/* The records of the database, matched with the new profiles. after: the last identity, or NULL's
 * value: from the beginning. */
static void
reload_page(struct stations *ctx, const struct ocppd_value *after)
{
	const struct ocppd_value values[] = {
		after->type == OCPPD_VALUE_TEXT ? *after : ocppd_value_str(""),
		ocppd_value_int(PAGE),
	};
	struct rematch *walk = malloc(sizeof(*walk));

	if (walk == NULL)
		return;
	*walk = (struct rematch){ .ctx = ctx, .changes = ctx->changes };
	if (ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_LIST, values, 2, PAGE,
				on_reload_page, walk) < 0)
		free(walk);
	else
		ctx->outstanding++;
}

void
load_reload(struct stations *ctx, const struct stations_conf *conf)
{
	struct record **old = ctx->fixed;
	uint32_t old_count = ctx->fixed_count;
	bool has_profiles = ctx->conf->quirk_profiles.count > 0 || conf->quirk_profiles.count > 0;
	struct record **fixed;
	struct ocppd_error err = { 0 };
	uint32_t count;

	if (load_fixed(ctx, conf, &fixed, &count) < 0) {
		OCPPD_ERROR(ctx->host, "stations.kept", OCPPD_STR("err", "ENOMEM"));
		ctx->conf = conf;
		return;
	}
	ctx->conf = conf;
	ctx->fixed = fixed;
	ctx->fixed_count = count;
	for (uint32_t i = 0; i < old_count; i++) {
		if (fixed_find(ctx, old[i]->station_id) == NULL)
			leave(ctx, old[i]);
	}
	fixed_free(old, old_count);
	if (apply_fixed(ctx, &err) < 0 || apply_unknown(ctx, &err) < 0)
		OCPPD_ERROR(ctx->host, "station.unloaded", OCPPD_STR("text", err.text));
	if (has_profiles)
		reload_page(ctx, &(struct ocppd_value){ 0 });
}
