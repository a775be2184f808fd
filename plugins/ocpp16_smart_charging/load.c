/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What is on record of stations: read page by page when the module starts, which ends with it.
 */
#include "smart.h"

#include <stdlib.h>
#include <string.h>

#define LOAD_PAGE 1000

enum column { /* of both statements, as far as they go */
	COL_STATION,
	COL_ID,
	COL_TASTE = 1,
};

static void
load_end(struct smart *ctx, int result, const struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };

	ctx->is_starting = false;
	if (result < 0)
		(void)ocppd_error_set(&own, result, "what stations hold cannot be read");
	follow_update(ctx);
	if (result >= 0)
		ocppd_started(ctx->host, NULL);
	else
		ocppd_started(ctx->host, err != NULL && err->code != 0 ? err : &own);
}

/* ---- What they take ---------------------------------------------------------------------------
 */

static int load_tastes(struct smart *ctx, const char *after);

static void
on_tastes(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct smart *ctx = arg;
	char *id = NULL;
	int r = result;

	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct ocppd_station *station;

		free(id);
		id = ocppd_value_dup(&row[COL_STATION]);
		station = id == NULL ? NULL : ocppd_station_get(host, id);
		if (station == NULL)
			r = OCPPD_ENOMEM;
		else
			smart_slot(ctx, station)->taste = (uint32_t)row[COL_TASTE].number;
	}
	if (r >= 0 && rows->count == LOAD_PAGE)
		r = load_tastes(ctx, id);
	else if (r >= 0)
		load_end(ctx, 0, NULL);
	if (r < 0)
		load_end(ctx, r, err);
	free(id);
	smart_done(ctx);
}

static int
load_tastes(struct smart *ctx, const char *after)
{
	const struct ocppd_value values[] = { ocppd_value_str(after), ocppd_value_int(LOAD_PAGE) };
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_TASTE_LOAD, values, 2,
				    LOAD_PAGE, on_tastes, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

void
taste_store(struct smart *ctx, struct ocppd_station *station)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_int(smart_slot(ctx, station)->taste),
	};
	struct ocppd_unit *unit = NULL;
	int r = 0;

	smart_unit_add(ctx, &unit, &r, STATEMENT_TASTE_PUT, values, 2);
	smart_unit_end(ctx, station, unit, r);
}

/* ---- What they hold ---------------------------------------------------------------------------
 */

static int
load_row(struct smart *ctx, const struct ocppd_value *row)
{
	char *id = ocppd_value_dup(&row[COL_STATION]);
	struct ocppd_station *station = id == NULL ? NULL : ocppd_station_get(ctx->host, id);
	int r = station == NULL ? OCPPD_ENOENT : installed_load(ctx, station, row);

	if (r < 0)
		OCPPD_WARN(ctx->host, "profile.unloaded", OCPPD_STR("station", id),
			   OCPPD_INT("profile", row[COL_ID].number),
			   OCPPD_STR("err", ocppd_error_name(r)));
	free(id);
	return r == OCPPD_ENOMEM ? r : 0;
}

static int load_page(struct smart *ctx, const struct ocppd_value *station,
		     const struct ocppd_value *id);

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct smart *ctx = arg;
	const struct ocppd_value *row = NULL;
	int r = result;

	(void)host;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_row(ctx, row);
	}
	if (r >= 0 && rows->count == LOAD_PAGE) {
		r = load_page(ctx, &row[COL_STATION], &row[COL_ID]);
	} else if (r >= 0) {
		installed_drop_lost(ctx);
		r = load_tastes(ctx, "");
	}
	if (r < 0)
		load_end(ctx, r, err);
	smart_done(ctx);
}

static int
load_page(struct smart *ctx, const struct ocppd_value *station, const struct ocppd_value *id)
{
	const struct ocppd_value values[] = { *station, *id, ocppd_value_int(LOAD_PAGE) };
	int r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_LOAD, values, 3,
				    LOAD_PAGE, on_page, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

int
smart_load(struct smart *ctx)
{
	const struct ocppd_value station = ocppd_value_str("");
	const struct ocppd_value id = ocppd_value_int(INT64_MIN);

	return load_page(ctx, &station, &id);
}
