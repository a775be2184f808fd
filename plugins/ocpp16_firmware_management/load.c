/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * After a start: rollouts that were not whole are broken off, versions, rollouts that go on and the
 * jobs that are followed are read, page by page. What was out when the daemon ended has not been
 * answered; deadlines that passed meanwhile are over with the first look.
 */
#include "firmware.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000

static void
load_end(struct firmware *ctx, int result, const struct ocppd_error *err)
{
	struct rollout *rollout;
	struct rollout *next;
	struct job *job;

	if (result < 0) {
		firmware_started(ctx, result, err);
		return;
	}
	OCPPD_INFO(ctx->host, "jobs.loaded", OCPPD_INT("updates", ctx->active[KIND_FIRMWARE]),
		   OCPPD_INT("diagnostics", ctx->active[KIND_DIAGNOSTICS]),
		   OCPPD_INT("rollouts", ctx->rollout_count));
	ctx->is_starting = false;
	TAILQ_FOREACH (job, &ctx->jobs, all) {
		if (job->progress.state == STATE_SENDING)
			job_fact(job, FACT_UNANSWERED, "the daemon ended before the answer", 0);
		else
			job_arm(job);
	}
	listen_reconcile(ctx);
	for (rollout = TAILQ_FIRST(&ctx->rollouts); rollout != NULL; rollout = next) {
		next = TAILQ_NEXT(rollout, all);
		rollout_check(rollout);
	}
	TAILQ_FOREACH (job, &ctx->jobs, all)
		send_try(job);
	firmware_started(ctx, 0, NULL);
}

/* ---- Jobs -------------------------------------------------------------------------------------
 */

static int64_t
number_or(const struct ocppd_value *value, int64_t otherwise)
{
	return value->type == OCPPD_VALUE_INT ? value->number : otherwise;
}

static void
read_given(struct job *job, const struct ocppd_value *row)
{
	struct progress *p = &job->progress;

	job->id = row[J_ID].number;
	job->rollout_id = number_or(&row[J_ROLLOUT], 0);
	job->created_us = row[J_CREATED].number;
	job->is_raw = row[J_RAW].number != 0;
	job->image_id = number_or(&row[J_IMAGE_ID], 0);
	job->start_us = number_or(&row[J_START], 0);
	job->stop_us = number_or(&row[J_STOP], 0);
	job->retries = number_or(&row[J_RETRIES], NONE);
	job->retry_interval = number_or(&row[J_RETRY_INTERVAL], NONE);
	p->is_hosted = row[J_HOSTED].number != 0;
	p->retrieve_us = number_or(&row[J_RETRIEVE], 0);
	p->attempts_max = (uint32_t)row[J_ATTEMPTS_MAX].number;
	p->send_by_us = number_or(&row[J_SEND_BY], 0);
	p->finish_us = row[J_FINISH].number;
	(void)ocppd_value_copy(&row[J_EXPECTED], p->expected, sizeof(p->expected));
	(void)ocppd_value_copy(&row[J_BEFORE], p->before, sizeof(p->before));
	job_set_limits(job);
}

static void
read_found(struct job *job, const struct ocppd_value *row)
{
	struct progress *p = &job->progress;

	p->attempts = (uint32_t)row[J_ATTEMPTS].number;
	p->told_rank = (uint32_t)row[J_TOLD_RANK].number;
	p->signs = (uint32_t)row[J_SIGNS].number;
	p->is_unsure = row[J_UNSURE].number != 0;
	p->try_us = number_or(&row[J_TRY], 0);
	p->sent_us = number_or(&row[J_SENT], 0);
	p->confirmed_us = number_or(&row[J_CONFIRMED], 0);
	p->end_by_us = number_or(&row[J_END_BY], 0);
	p->verify_by_us = number_or(&row[J_VERIFY_BY], 0);
	p->told_us = number_or(&row[J_TOLD_AT], 0);
	p->file_begun_us = number_or(&row[J_FILE_BEGUN], 0);
	p->file_done_us = number_or(&row[J_FILE_DONE], 0);
	p->file_bytes = number_or(&row[J_FILE_BYTES], 0);
	p->booted_us = number_or(&row[J_BOOTED_AT], 0);
	p->is_booted_after = row[J_BOOTED_AFTER].number != 0;
	p->changed_us = row[J_CHANGED].number;
	p->ended_us = number_or(&row[J_ENDED], 0);
	(void)ocppd_value_copy(&row[J_TOLD], p->told, sizeof(p->told));
	(void)ocppd_value_copy(&row[J_BOOTED], p->booted, sizeof(p->booted));
	(void)ocppd_value_copy(&row[J_REASON], p->reason, sizeof(p->reason));
	job->notifications = row[J_NOTIFICATIONS].number;
	job->story = row[J_STORY].number;
	job->transfer_id = number_or(&row[J_TRANSFER], 0);
	job->file_id = number_or(&row[J_FILE_ID], 0);
}

static bool
is_lost(const struct ocppd_value *value, const char *copy)
{
	return value->type == OCPPD_VALUE_TEXT && copy == NULL;
}

static int
read_texts(struct job *job, const struct ocppd_value *row)
{
	job->requester = ocppd_value_dup(&row[J_REQUESTER]);
	job->location = ocppd_value_dup(&row[J_LOCATION]);
	job->image = ocppd_value_dup(&row[J_IMAGE]);
	job->file_name = ocppd_value_dup(&row[J_FILE_NAME]);
	return is_lost(&row[J_REQUESTER], job->requester) ||
			       is_lost(&row[J_LOCATION], job->location) ||
			       is_lost(&row[J_IMAGE], job->image) ||
			       is_lost(&row[J_FILE_NAME], job->file_name)
		       ? OCPPD_ENOMEM
		       : 0;
}

/* Words of another release's are nothing to go on with: such a job stays as it is in the table. */
static bool
read_state(struct job *job, const struct ocppd_value *row)
{
	int state = progress_state_find(row[J_STATE].data, (uint32_t)row[J_STATE].len);
	int failure =
		row[J_FAILURE].type != OCPPD_VALUE_TEXT
			? FAILURE_NONE
			: progress_failure_find(row[J_FAILURE].data, (uint32_t)row[J_FAILURE].len);

	if (state < 0 || failure < 0)
		return false;
	job->progress.state = (enum job_state)state;
	job->progress.failure = (enum job_failure)failure;
	return true;
}

static int
load_row(struct firmware *ctx, const struct ocppd_value *row)
{
	char station_id[STATION_SIZE];
	struct ocppd_station *station;
	struct job *job;
	int r;

	(void)ocppd_value_copy(&row[J_STATION], station_id, sizeof(station_id));
	station = ocppd_station_get(ctx->host, station_id);
	if (station == NULL) {
		OCPPD_WARN(ctx->host, "job.unfollowed", OCPPD_STR("station", station_id),
			   OCPPD_INT("job", row[J_ID].number));
		return 0;
	}
	job = job_new(ctx, station,
		      row[J_KIND].number == KIND_FIRMWARE ? KIND_FIRMWARE : KIND_DIAGNOSTICS);
	if (job == NULL)
		return OCPPD_ENOMEM;
	read_given(job, row);
	read_found(job, row);
	r = read_texts(job, row);
	if (r >= 0 && read_state(job, row)) {
		job_enter(job);
		job->rollout = rollout_find(ctx, job->rollout_id);
		if (job->rollout != NULL)
			rollout_loaded(job->rollout, job);
	}
	job_release(job);
	return r;
}

static int
ask(struct firmware *ctx, uint32_t statement, const struct ocppd_value *values, uint32_t count,
    ocppd_rows_fn *fn)
{
	int r = ctx->storage->query(ctx->storage_self, ctx->host, statement, values, count, PAGE,
				    fn, ctx);

	if (r >= 0)
		ctx->outstanding++;
	return r;
}

static int load_jobs(struct firmware *ctx, int64_t after);

static void
on_jobs(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct firmware *ctx = arg;
	const struct ocppd_value *row = NULL;
	int r = result;

	(void)host;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = load_row(ctx, row);
	}
	if (r >= 0 && rows->count == PAGE)
		r = load_jobs(ctx, row[J_ID].number);
	else if (r >= 0)
		load_end(ctx, 0, NULL);
	if (r < 0)
		load_end(ctx, r, err);
	firmware_done(ctx);
}

static int
load_jobs(struct firmware *ctx, int64_t after)
{
	const struct ocppd_value values[] = {
		ocppd_value_int(after),
		ocppd_value_int(PAGE),
		ocppd_value_int(ocppd_now_us(ctx->host) - ctx->conf->late_window_s * SECOND_US),
	};

	return ask(ctx, STATEMENT_FOLLOWED, values, 3, on_jobs);
}

/* ---- Rollouts, versions ------------------------------------------------------------------------
 */

static void
on_rollouts(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct firmware *ctx = arg;
	int r = result;

	(void)host;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		const struct ocppd_value *row = rows->values + (size_t)i * rows->columns;
		struct rollout *rollout = rollout_new(ctx, row[R_ID].number);

		if (rollout == NULL) {
			r = OCPPD_ENOMEM;
			break;
		}
		rollout->parallel = row[R_PARALLEL].number;
		rollout->max_failures = row[R_MAX_FAILURES].number;
		rollout->failed = row[R_COLUMNS].number;
	}
	if (r >= 0)
		r = load_jobs(ctx, 0);
	if (r < 0)
		load_end(ctx, r, err);
	firmware_done(ctx);
}

static int load_versions(struct firmware *ctx, const struct ocppd_value *after);

static int
keep_version(struct firmware *ctx, const struct ocppd_value *row)
{
	char station_id[STATION_SIZE];
	struct ocppd_station *station;
	struct station_slot *slot;

	(void)ocppd_value_copy(&row[0], station_id, sizeof(station_id));
	station = ocppd_station_get(ctx->host, station_id);
	if (station == NULL)
		return 0;
	slot = job_slot(ctx, station);
	free(slot->version);
	slot->version = ocppd_value_dup(&row[1]);
	return slot->version == NULL ? OCPPD_ENOMEM : 0;
}

static void
on_versions(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct firmware *ctx = arg;
	const struct ocppd_value *row = NULL;
	int r = result;

	(void)host;
	for (uint32_t i = 0; r >= 0 && i < rows->count; i++) {
		row = rows->values + (size_t)i * rows->columns;
		r = keep_version(ctx, row);
	}
	if (r >= 0 && rows->count == PAGE)
		r = load_versions(ctx, row);
	else if (r >= 0)
		r = ask(ctx, STATEMENT_ROLLOUTS_OPEN, NULL, 0, on_rollouts);
	if (r < 0)
		load_end(ctx, r, err);
	firmware_done(ctx);
}

static int
load_versions(struct firmware *ctx, const struct ocppd_value *after)
{
	const struct ocppd_value values[] = { after == NULL ? ocppd_value_str("") : *after,
					      ocppd_value_int(PAGE) };

	return ask(ctx, STATEMENT_VERSIONS_ALL, values, 2, on_versions);
}

/* ---- Begin ------------------------------------------------------------------------------------
 */

static void
on_broken_off(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	      const struct ocppd_error *err, void *arg)
{
	struct firmware *ctx = arg;
	int r = result;

	(void)host;
	(void)rows;
	(void)count;
	if (r >= 0)
		r = load_versions(ctx, NULL);
	if (r < 0)
		load_end(ctx, r, err);
	store_ended(ctx, result, err);
}

int
load_begin(struct firmware *ctx)
{
	const struct ocppd_value now = ocppd_value_int(ocppd_now_us(ctx->host));
	struct ocppd_unit *unit = NULL;
	int r = store_begin(ctx, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ROLLOUT_BREAK_JOBS, &now, 1,
					   0);
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ROLLOUT_BREAK, &now, 1, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	store_commit(ctx, unit, on_broken_off, ctx);
	return OCPPD_PENDING;
}
