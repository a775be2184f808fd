/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What is on record at the start: images, transfers that are open, files to keep. Then the worker
 * takes away what else lies there.
 */
#include "hosting.h"

#include <stdlib.h>

#define LOAD_PAGE 1000

/* One page of rows after the other; each step ends with the next. */
struct step {
	uint32_t statement;
	int (*take)(struct hosting *ctx, const struct ocppd_value *row, int64_t *ret_id);
};

static int
take_used(struct hosting *ctx, const struct ocppd_value *row, int64_t *ret_id)
{
	(void)ret_id;
	desk_lock(&ctx->desk);
	ctx->desk.used_bytes = row[0].number;
	desk_unlock(&ctx->desk);
	return 0;
}

static int
take_image(struct hosting *ctx, const struct ocppd_value *row, int64_t *ret_id)
{
	struct stored *stored = stored_of_row(row);
	int r = stored == NULL ? OCPPD_ENOMEM : catalogue_add(ctx, &stored->file, stored->blob);

	stored_free(stored);
	*ret_id = row[F_ID].number;
	return r;
}

static int
take_open(struct hosting *ctx, const struct ocppd_value *row, int64_t *ret_id)
{
	struct grant *grant = grant_of_row(ctx, row);

	if (grant == NULL)
		return OCPPD_ENOMEM;
	*ret_id = grant->id;
	desk_lock(&ctx->desk);
	grant_insert(&ctx->desk, grant);
	/* All was sent, but not told before the end of the daemon. */
	if (grant->direction == OCPPD_TRANSFER_FETCH && grant->size > 0 &&
	    grant->bytes == grant->size)
		grant_notice(&ctx->desk, grant, NOTICE_COVERED, NULL);
	desk_unlock(&ctx->desk);
	return 0;
}

static int
take_blob(struct hosting *ctx, const struct ocppd_value *row, int64_t *ret_id)
{
	if (ctx->keep_count % LOAD_PAGE == 0) {
		char(*keep)[BLOB_SIZE] =
			reallocarray(ctx->keep, ctx->keep_count + LOAD_PAGE, BLOB_SIZE);

		if (keep == NULL)
			return OCPPD_ENOMEM;
		ctx->keep = keep;
	}
	(void)ocppd_value_copy(&row[0], ctx->keep[ctx->keep_count++], BLOB_SIZE);
	*ret_id = row[1].number;
	return 0;
}

static const struct step steps[] = {
	{ STATEMENT_USED, take_used },
	{ STATEMENT_IMAGES, take_image },
	{ STATEMENT_OPEN, take_open },
	{ STATEMENT_BLOBS, take_blob },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static int load_page(struct hosting *ctx, int64_t after);

static int
clean_up(struct hosting *ctx)
{
	struct job *job = job_new(JOB_CLEAN);

	if (job == NULL)
		return OCPPD_ENOMEM;
	job->keep = ctx->keep;
	job->keep_count = ctx->keep_count;
	ctx->keep = NULL;
	ctx->keep_count = 0;
	worker_give(ctx, job);
	return 0;
}

static void
on_page(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct hosting *ctx = arg;
	const struct step *step = &steps[ctx->step];
	int64_t last = 0;
	int r = result;

	(void)host;
	ctx->outstanding--;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++)
		r = step->take(ctx, rows->values + (size_t)i * rows->columns, &last);
	if (r >= 0 && rows->count < LOAD_PAGE) {
		ctx->step++;
		last = 0;
	}
	if (r >= 0 && ctx->step < STEPS) {
		r = load_page(ctx, last);
		if (r >= 0)
			return;
	}
	if (r >= 0)
		r = clean_up(ctx);
	if (r < 0)
		hosting_started(ctx, r, err);
}

static int
load_page(struct hosting *ctx, int64_t after)
{
	const struct ocppd_value values[] = { ocppd_value_int(after), ocppd_value_int(LOAD_PAGE) };
	uint32_t statement = steps[ctx->step].statement;
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values,
				    statement == STATEMENT_USED ? 0 : 2, LOAD_PAGE, on_page, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

int
load_begin(struct hosting *ctx)
{
	ctx->step = 0;
	return load_page(ctx, 0);
}
