/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Deleting files, and retention: received files that are too old, or too many of a station, and the
 * records of transfers that ended long ago. Images stay until an operator deletes them. The record
 * goes first, the file after it: a crash in between costs space, never a record without its file.
 * Core thread only.
 */
#include "hosting.h"

#include <stdlib.h>
#include <string.h>

#define SWEEP_MS (10 * 60 * 1000)
#define BATCH 500

struct deletion {
	struct hosting *ctx;
	const char *reason; /* static */
	struct job *job;    /* made beforehand */
	deleted_fn *fn;
	void *arg;
};

static void
removed(struct deletion *deletion, const struct ocppd_value *row)
{
	struct hosting *ctx = deletion->ctx;
	const char *const labels[] = { deletion->reason, NULL };
	char name[NAME_SIZE];
	char station_id[STATION_SIZE];

	(void)ocppd_value_copy(&row[1], deletion->job->blob, sizeof(deletion->job->blob));
	(void)ocppd_value_copy(&row[3], name, sizeof(name));
	(void)ocppd_value_copy(&row[4], station_id, sizeof(station_id));
	catalogue_remove(ctx, row[0].number);
	desk_lock(&ctx->desk);
	ctx->desk.used_bytes -= row[2].number;
	desk_unlock(&ctx->desk);
	worker_give(ctx, deletion->job);
	deletion->job = NULL;
	(void)ocppd_metric_add(ctx->host, METRIC_DELETED, labels, 1);
	OCPPD_INFO(ctx->host, "file.deleted",
		   OCPPD_STR("station", station_id[0] == '\0' ? NULL : station_id),
		   OCPPD_INT("file", row[0].number), OCPPD_STR("name", name),
		   OCPPD_INT("bytes", row[2].number), OCPPD_STR("reason", deletion->reason));
	hosting_count(ctx);
}

static void
on_deleted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct deletion *deletion = arg;
	struct hosting *ctx = deletion->ctx;

	(void)count;
	if (result >= 0)
		removed(deletion, rows[0].values);
	else if (result != OCPPD_ECONFLICT)
		OCPPD_ERROR(host, "file.undeleted", OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	if (deletion->fn != NULL)
		deletion->fn(ctx, result, err, deletion->arg);
	free(deletion->job);
	free(deletion);
	hosting_done(ctx);
}

int
file_delete(struct hosting *ctx, int64_t id, const char *reason, deleted_fn *fn, void *arg)
{
	const struct ocppd_value values[] = { ocppd_value_int(id) };
	struct deletion *deletion = calloc(1, sizeof(*deletion));
	struct ocppd_unit *unit = NULL;
	int r = OCPPD_ENOMEM;

	if (deletion == NULL)
		return r;
	*deletion = (struct deletion){ ctx, reason, job_new(JOB_REMOVE), fn, arg };
	if (deletion->job != NULL)
		r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_FILE_DELETE, values, 1,
					   OCPPD_UNIT_EXPECT_ROW);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		free(deletion->job);
		free(deletion);
		return r;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_deleted, deletion);
	return 0;
}

/* ---- Retention --------------------------------------------------------------------------------
 */

static void
on_old(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
       const struct ocppd_error *err, void *arg)
{
	struct hosting *ctx = arg;

	if (result < 0)
		OCPPD_ERROR(host, "files.unswept", OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	for (uint32_t i = 0; result >= 0 && i < rows->count && !ctx->is_stopping; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;

		/* What the storage's queue does not take now is swept the next time. */
		if (file_delete(ctx, row[0].number, row[1].number != 0 ? "age" : "count", NULL,
				NULL) < 0)
			break;
	}
	hosting_done(ctx);
}

static void
on_forgotten(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	     const struct ocppd_error *err, void *arg)
{
	(void)count;
	if (result < 0)
		OCPPD_ERROR(host, "file_transfers.unswept",
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	else if (rows[0].changes > 0)
		OCPPD_INFO(host, "file_transfers.forgotten", OCPPD_INT("count", rows[0].changes));
	hosting_done(arg);
}

static void
forget_transfers(struct hosting *ctx, int64_t now_us)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(now_us - ctx->conf->keep_transfers_s * 1000000),
	};
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_TRANSFERS_FORGET, values, 1,
					   0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return;
	}
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_forgotten, ctx);
}

void
sweep_timer(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;
	int64_t now_us = ocppd_now_us(host);
	const struct ocppd_value values[] = {
		ocppd_value_int(ctx->conf->keep_received_s == 0
					? 0
					: now_us - ctx->conf->keep_received_s * 1000000),
		ocppd_value_int(ctx->conf->keep_per_station == 0 ? INT64_MAX
								 : ctx->conf->keep_per_station),
		ocppd_value_int(BATCH),
	};

	ocppd_timer_set(ctx->sweep, SWEEP_MS);
	forget_transfers(ctx, now_us);
	if (ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_OLD, values, 3, BATCH,
				on_old, ctx) >= 0)
		ctx->outstanding++;
}
