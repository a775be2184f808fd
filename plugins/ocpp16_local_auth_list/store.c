/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What stations acknowledged: version and content, in the database. Written only from answers;
 * nothing here decides what is sent.
 */
#include "local_list.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 100000

/* Columns: station_id, version, used, reported, digest, entries, is_full_next, acknowledged_us,
 * attempted_us, outcome, max_entries, text. */
void
store_read_record(const struct ocppd_value *row, struct record *ret_record)
{
	memset(ret_record, 0, sizeof(*ret_record));
	ret_record->exists = true;
	ret_record->version = row[1].number;
	ret_record->used = row[2].number;
	ret_record->reported = row[3].type == OCPPD_VALUE_INT ? row[3].number : REPORTED_NEVER;
	ret_record->digest = (uint64_t)row[4].number;
	ret_record->entries = row[5].number;
	ret_record->is_full_next = row[6].number != 0;
	ret_record->acknowledged_us = row[7].number;
	ret_record->attempted_us = row[8].number;
	ret_record->outcome = row[9].number;
	ret_record->max_entries = row[10].number;
	(void)ocppd_value_copy(&row[11], ret_record->text, sizeof(ret_record->text));
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

/* The step ended: on to what follows, unless the module stops. */
static void
step(struct job *job, job_fn *fn)
{
	struct lists *ctx = job->ctx;

	if (ctx->is_stopping)
		job_free(job);
	else
		fn(job);
	lists_done(ctx);
}

static void
loaded(struct job *job, int result)
{
	if (result < 0) {
		job->is_broken = true;
		snprintf(job->record.text, sizeof(job->record.text), "%s", ocppd_strerror(result));
	}
	step(job, job->next);
}

/* Columns: tag, status, expiry_us, parent. */
static int
read_entry(struct entry_list *list, const struct ocppd_value *row)
{
	struct entry entry = { .status = (uint8_t)row[1].number };

	(void)ocppd_value_copy(&row[0], entry.tag, sizeof(entry.tag));
	(void)ocppd_value_copy(&row[3], entry.parent, sizeof(entry.parent));
	entry.has_expiry = row[2].type == OCPPD_VALUE_INT;
	entry.expiry_us = entry.has_expiry ? row[2].number : 0;
	return list_add(list, &entry);
}

static void
on_entries(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	   const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;
	int r = result;

	(void)host;
	(void)err;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++)
		r = read_entry(&job->acknowledged, rows->values + (size_t)i * rows->columns);
	if (r >= 0) {
		(void)list_sort(&job->acknowledged);
		/* Somebody wrote into the tables: what the station has is not known. */
		if (rows->is_cut != 0 || (int64_t)job->acknowledged.count != job->record.entries)
			job->record.is_full_next = true;
	}
	loaded(job, r);
}

static void
on_record(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;
	struct lists *ctx = job->ctx;
	struct ocppd_value id = ocppd_value_str(ocppd_station_id(job->station));
	int r = result;

	(void)host;
	(void)err;
	job->record.reported = REPORTED_NEVER;
	if (r >= 0 && rows->count > 0)
		store_read_record(rows->values, &job->record);
	if (r >= 0 && job->record.entries > 0 && !ctx->is_stopping) {
		r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_ENTRIES, &id, 1,
					ENTRIES_MAX, on_entries, job);
		if (r >= 0)
			return; /* the callback to wait for is now that one */
	}
	loaded(job, r);
}

int
store_load(struct job *job, job_fn *fn)
{
	struct lists *ctx = job->ctx;
	struct ocppd_value id = ocppd_value_str(ocppd_station_id(job->station));
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
				    on_record, job);

	if (r < 0)
		return r;
	job->next = fn;
	ctx->outstanding++;
	return 0;
}

/* ---- Writing ----------------------------------------------------------------------------------
 */

static int
add_entry(struct job *job, struct ocppd_unit *unit, const struct entry *entry)
{
	struct lists *ctx = job->ctx;
	char token[TAG_SIZE];

	for (size_t i = 0; i < sizeof(token); i++) {
		char c = entry->tag[i];

		token[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		if (c == '\0')
			break;
	}

	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(job->station)),
		ocppd_value_str(token),
		ocppd_value_str(entry->tag),
		ocppd_value_int(entry->status),
		entry->has_expiry ? ocppd_value_int(entry->expiry_us) : ocppd_value_null(),
		ocppd_value_str(entry->parent[0] == '\0' ? NULL : entry->parent),
	};

	if (entry->is_removal)
		return ctx->storage->unit_add(unit, ctx->host, STATEMENT_ENTRY_DELETE, values, 2,
					      0);
	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_ENTRY_PUT, values, 6, 0);
}

static int
add_record(struct job *job, struct ocppd_unit *unit)
{
	struct lists *ctx = job->ctx;
	const struct record *record = &job->record;
	const struct ocppd_value values[RECORD_COLUMNS] = {
		ocppd_value_str(ocppd_station_id(job->station)),
		ocppd_value_int(record->version),
		ocppd_value_int(record->used),
		record->reported == REPORTED_NEVER ? ocppd_value_null()
						   : ocppd_value_int(record->reported),
		ocppd_value_int((int64_t)record->digest),
		ocppd_value_int(record->entries),
		ocppd_value_int(record->is_full_next),
		ocppd_value_int(record->acknowledged_us),
		ocppd_value_int(record->attempted_us),
		ocppd_value_int(record->outcome),
		ocppd_value_int(record->max_entries),
		ocppd_value_str(record->text),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_PUT, values, RECORD_COLUMNS, 0);
}

static void
on_saved(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	 const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;

	(void)rows;
	(void)count;
	if (result < 0) {
		OCPPD_ERROR(host, "local_list.unstored",
			    OCPPD_STR("station", ocppd_station_id(job->station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? "" : err->text));
		job->is_broken = true;
		snprintf(job->record.text, sizeof(job->record.text),
			 "the acknowledged list could not be stored");
	}
	step(job, job->next);
}

/* Deleted under a job's hands: it leaves no trace of it. */
static bool
is_gone(const struct job *job)
{
	const struct lists *ctx = job->ctx;

	return ctx->stations->is_known != NULL &&
	       ctx->stations->is_known(ctx->stations_self, ctx->host,
				       ocppd_station_id(job->station)) <= 0;
}

int
store_save(struct job *job, const struct entry_list *changes, bool is_full, job_fn *fn)
{
	struct lists *ctx = job->ctx;
	struct ocppd_value id = ocppd_value_str(ocppd_station_id(job->station));
	struct ocppd_unit *unit = NULL;
	int r = is_gone(job) ? OCPPD_EGONE
			     : ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = add_record(job, unit);
	if (r >= 0 && is_full)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_CLEAR, &id, 1, 0);
	for (uint32_t i = 0; r >= 0 && changes != NULL && i < changes->count; i++) {
		if (!is_full || !changes->items[i].is_removal)
			r = add_entry(job, unit, &changes->items[i]);
	}
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	job->next = fn;
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_saved, job);
	return 0;
}

static void
on_doubted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct lists *ctx = arg;

	(void)rows;
	(void)count;
	(void)err;
	if (result < 0)
		OCPPD_WARN(host, "local_list.unstored", OCPPD_STR("err", ocppd_error_name(result)));
	lists_done(ctx);
}

void
store_doubt(struct lists *ctx, struct ocppd_station *station)
{
	struct ocppd_value id = ocppd_value_str(ocppd_station_id(station));
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_DOUBT, &id, 1, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		OCPPD_WARN(ctx->host, "local_list.unstored",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("err", ocppd_error_name(r)));
		return;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_doubted, ctx);
}

/* ---- A station is deleted ---------------------------------------------------------------------
 */

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	struct lists *ctx = self;
	struct ocppd_value id = ocppd_value_str(ocppd_station_id(station));
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_CLEAR, &id, 1, 0);

	(void)host;
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_DELETE, &id, 1, 0);
	return r < 0 ? r : 0;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	struct list_slot *slot = lists_slot(self, station);

	(void)host;
	slot->used = 0;
	slot->reported = REPORTED_NEVER;
	slot->failed_mono_us = slot->conflict_mono_us = 0;
	slot->is_full_wanted = slot->is_check = slot->is_conflict = false;
}

const struct ocppd_station_data_ops store_data_ops = {
	sizeof(store_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};
