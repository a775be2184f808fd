/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * An update for many stations: a bounded number at it at a time, whichever are there, and an end
 * when too many fail. Its jobs are ordinary ones; here is only who may go next.
 *
 * Making -> Running -> Finished, Stopped (too many failures) or Cancelled.
 */
#include "firmware.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

bool
rollout_may_send(const struct rollout *rollout)
{
	return !rollout->is_making && !rollout->is_over &&
	       rollout->out + rollout->offering < rollout->parallel;
}

static bool
is_open(enum job_state state)
{
	return state < STATE_VERIFIED;
}

static bool
is_failure(enum job_state state)
{
	return state == STATE_FAILED || state == STATE_EXPIRED || state == STATE_SILENT;
}

struct rollout *
rollout_find(struct firmware *ctx, int64_t id)
{
	struct rollout *rollout;

	TAILQ_FOREACH (rollout, &ctx->rollouts, all) {
		if (rollout->id == id && !rollout->is_over)
			return rollout;
	}
	return NULL;
}

struct rollout *
rollout_new(struct firmware *ctx, int64_t id)
{
	struct rollout *rollout = calloc(1, sizeof(*rollout));

	if (rollout == NULL)
		return NULL;
	rollout->ctx = ctx;
	rollout->id = id;
	TAILQ_INSERT_TAIL(&ctx->rollouts, rollout, all);
	ctx->rollout_count++;
	return rollout;
}

void
rollout_free(struct rollout *rollout)
{
	TAILQ_REMOVE(&rollout->ctx->rollouts, rollout, all);
	rollout->ctx->rollout_count--;
	free(rollout);
}

void
rollout_free_all(struct firmware *ctx)
{
	struct rollout *rollout;

	while ((rollout = TAILQ_FIRST(&ctx->rollouts)) != NULL)
		rollout_free(rollout);
}

/* The station is at it, as far as is known: also while an answer is missing. */
static void
count_out(struct rollout *rollout, struct job *job)
{
	bool is_out = !progress_is_over(&job->progress) && progress_is_out(&job->progress);

	rollout->out += is_out - job->has_turn;
	job->has_turn = is_out;
}

void
rollout_loaded(struct rollout *rollout, struct job *job)
{
	enum job_state state = job->progress.state;

	job->rollout = rollout;
	rollout->open += is_open(state);
	count_out(rollout, job);
}

void
rollout_pump(struct rollout *rollout)
{
	struct job *job;

	if (rollout->is_pumping)
		return;
	rollout->is_pumping = true;
	TAILQ_FOREACH (job, &rollout->ctx->jobs, all) {
		if (!rollout_may_send(rollout))
			break;
		if (job->rollout == rollout)
			send_try(job);
	}
	rollout->is_pumping = false;
	/* What failed at once was not looked at meanwhile. */
	if (rollout->failed > rollout->max_failures || rollout->open == 0)
		rollout_check(rollout);
}

/* ---- Its row ----------------------------------------------------------------------------------
 */

static void
publish(struct firmware *ctx, const struct ocppd_rows *rows)
{
	if (rows->count > 0 && ocppd_event_wanted(ctx->host, EVENT_ROLLOUT_CHANGED))
		(void)ocppd_event_publish(ctx->host, EVENT_ROLLOUT_CHANGED, NULL,
					  rollout_json(rows->values));
}

/* One whose end could not be written is found over at the next start. */
static void
on_put(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
       const struct ocppd_error *err, void *arg)
{
	struct rollout *rollout = arg;
	struct firmware *ctx = rollout->ctx;

	(void)host;
	if (result >= 0 && count > 0)
		publish(ctx, &rows[0]);
	if (--rollout->puts == 0 && rollout->is_over)
		rollout_free(rollout);
	store_ended(ctx, result, err);
}

static void
put(struct rollout *rollout, const char *state, const char *reason)
{
	struct firmware *ctx = rollout->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_int(rollout->id),
		ocppd_value_str(state),
		ocppd_value_text_or_null(reason),
		rollout->is_over ? ocppd_value_int(ocppd_now_us(ctx->host)) : ocppd_value_null(),
	};
	struct ocppd_unit *unit = NULL;
	int r = store_begin(ctx, &unit);

	OCPPD_INFO(ctx->host, "rollout.changed", OCPPD_INT("rollout", rollout->id),
		   OCPPD_STR("state", state), OCPPD_STR("text", reason));
	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ROLLOUT_PUT, values, 4, 0);
	if (r >= 0) {
		rollout->puts++;
		store_commit(ctx, unit, on_put, rollout);
		return;
	}
	ctx->storage->unit_free(unit);
	OCPPD_ERROR(ctx->host, "rollout.unstored", OCPPD_INT("rollout", rollout->id),
		    OCPPD_STR("err", ocppd_error_name(r)));
	if (rollout->is_over && rollout->puts == 0)
		rollout_free(rollout);
}

/* ---- Its course --------------------------------------------------------------------------------
 */

void
rollout_run(struct rollout *rollout)
{
	rollout->is_making = false;
	put(rollout, "Running", NULL);
	rollout_check(rollout);
}

/* A station that may have got it goes on, and is followed; but it is told nothing more. */
static void
give_up(struct job *job, const char *reason)
{
	if (job->progress.state != STATE_WAITING)
		return;
	if (!job->progress.is_unsure) {
		job_fact(job, FACT_CANCELLED, reason, 0);
		return;
	}
	job->progress.send_by_us = ocppd_now_us(job->ctx->host);
	job_fact(job, FACT_TIME, NULL, 0);
}

void
rollout_end(struct rollout *rollout, const char *state, const char *reason)
{
	struct job *job;

	if (rollout->is_over)
		return;
	rollout->is_over = true;
	TAILQ_FOREACH (job, &rollout->ctx->jobs, all) {
		if (job->rollout != rollout)
			continue;
		give_up(job, reason);
		job->rollout = NULL;
	}
	put(rollout, state, reason);
}

void
rollout_check(struct rollout *rollout)
{
	char reason[96];

	if (rollout->is_making || rollout->is_over || rollout->ctx->is_stopping)
		return;
	if (rollout->failed > rollout->max_failures) {
		snprintf(reason, sizeof(reason), "its rollout stopped: %lld failed",
			 (long long)rollout->failed);
		rollout_end(rollout, "Stopped", reason);
	} else if (rollout->open == 0) {
		rollout_end(rollout, "Finished", NULL);
	} else {
		rollout_pump(rollout);
	}
}

void
rollout_moved(struct rollout *rollout, struct job *job, enum job_state before)
{
	enum job_state after = job->progress.state;

	rollout->open += is_open(after) - is_open(before);
	count_out(rollout, job);
	rollout->failed += is_failure(after) - is_failure(before);
	/* Not from within what it asked for itself. */
	if (!rollout->is_pumping)
		rollout_check(rollout);
}
