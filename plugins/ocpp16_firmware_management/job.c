/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Jobs in memory: those that are open, and those that ended lately, since what comes late may still
 * correct them. Facts go through here: into the progress, the story, the table, and to whom else
 * they concern. A job is freed when nothing comes back to it any more.
 */
#include "firmware.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_US (3600 * SECOND_US) /* the wall clock may be set: never trust a longer wait */
#define POLL_US (5 * SECOND_US)    /* for a registration, or for storage */

static void on_time(struct ocppd_host *host, void *arg);

struct station_slot *
job_slot(struct firmware *ctx, struct ocppd_station *station)
{
	return ocppd_station_slot(ctx->host, station, ctx->slot);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

static void
job_free(struct job *job)
{
	ocppd_timer_free(job->timer);
	store_drop_lines(job);
	free(job->requester);
	free(job->location);
	free(job->image);
	free(job->file_name);
	free(job);
}

struct job *
job_new(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	TAILQ_INIT(&job->lines);
	job->ctx = ctx;
	job->station = station;
	job->retries = NONE;
	job->retry_interval = NONE;
	job->created_us = ocppd_now_us(ctx->host);
	job->progress.kind = kind;
	job->progress.attempts_max = 1;
	job->progress.changed_us = job->created_us;
	job->timer = ocppd_timer_new(ctx->host, on_time, job);
	job_hold(job); /* the caller's, until it is listed */
	if (job->timer != NULL)
		return job;
	job_release(job);
	return NULL;
}

void
job_set_limits(struct job *job)
{
	const struct firmware_conf *conf = job->ctx->conf;
	struct progress *p = &job->progress;

	p->pause_us = conf->retry_interval_s * SECOND_US;
	if (p->kind == KIND_FIRMWARE) {
		p->verify_us = conf->verify_timeout_s * SECOND_US;
		if (p->finish_us == 0)
			p->finish_us = conf->update_timeout_s * SECOND_US;
	} else {
		p->verify_us = conf->upload_grace_s * SECOND_US;
		if (p->finish_us == 0)
			p->finish_us = conf->diagnostics_timeout_s * SECOND_US;
	}
}

void
job_hold(struct job *job)
{
	job->holds++;
}

void
job_release(struct job *job)
{
	if (--job->holds == 0 && !job->is_listed)
		job_free(job);
}

void
job_count(struct firmware *ctx)
{
	for (size_t kind = 0; kind < KIND_COUNT; kind++) {
		const char *const labels[] = { kind_words[kind], NULL };

		(void)ocppd_metric_set(ctx->host, METRIC_ACTIVE, labels, ctx->active[kind]);
	}
}

/* What is over and too old for its station's list makes room. */
static void
make_room(struct job *newest)
{
	struct job *job = newest->next;
	struct job *oldest = NULL;
	uint32_t count = 1;

	for (; job != NULL; job = job->next) {
		if (job->progress.kind != newest->progress.kind)
			continue;
		count++;
		if (progress_is_over(&job->progress) && !job->is_dirty && !job->is_writing &&
		    job->call == NULL)
			oldest = job;
	}
	if (count > FOLLOWED_MAX && oldest != NULL)
		job_leave(oldest);
}

void
job_enter(struct job *job)
{
	struct firmware *ctx = job->ctx;
	struct station_slot *slot = job_slot(ctx, job->station);

	job->next = slot->first;
	slot->first = job;
	TAILQ_INSERT_TAIL(&ctx->jobs, job, all);
	job->is_listed = true;
	if (!progress_is_over(&job->progress)) {
		ctx->active[job->progress.kind]++;
		job_count(ctx);
	}
	make_room(job);
}

void
job_leave(struct job *job)
{
	struct firmware *ctx = job->ctx;
	struct job **at = &job_slot(ctx, job->station)->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	TAILQ_REMOVE(&ctx->jobs, job, all);
	job->is_listed = false;
	ocppd_timer_cancel(job->timer);
	if (!progress_is_over(&job->progress)) {
		ctx->active[job->progress.kind]--;
		job_count(ctx);
	}
	if (job->holds == 0)
		job_free(job);
}

void
job_free_all(struct firmware *ctx)
{
	struct job *job;

	while ((job = TAILQ_FIRST(&ctx->jobs)) != NULL) {
		TAILQ_REMOVE(&ctx->jobs, job, all);
		job_free(job);
	}
}

/* ---- Finding ----------------------------------------------------------------------------------
 */

struct job *
job_open(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind)
{
	struct job *job = job_slot(ctx, station)->first;

	while (job != NULL &&
	       (job->progress.kind != kind || progress_is_over(&job->progress) || job->id == 0))
		job = job->next;
	return job;
}

static bool
is_candidate(const struct job *job, enum job_kind kind)
{
	return job->progress.kind == kind && job->id != 0 && progress_is_out(&job->progress) &&
	       job->progress.state != STATE_SUPERSEDED;
}

struct job *
job_current(struct firmware *ctx, struct ocppd_station *station, enum job_kind kind)
{
	struct job *first = NULL;

	for (struct job *job = job_slot(ctx, station)->first; job != NULL; job = job->next) {
		if (!is_candidate(job, kind))
			continue;
		if (job->is_closed)
			return first;
		if (first == NULL &&
		    (job->progress.state != STATE_SENDING || job->progress.signs > 0))
			return job;
		/* It may not have got that one yet, and be at an earlier one still. */
		if (first != NULL && !progress_is_over(&job->progress))
			return job;
		if (first == NULL)
			first = job;
	}
	return first;
}

struct job *
job_find(struct firmware *ctx, int64_t id)
{
	struct job *job;

	TAILQ_FOREACH (job, &ctx->jobs, all) {
		if (job->id == id)
			return job;
	}
	return NULL;
}

struct job *
job_of_transfer(struct firmware *ctx, struct ocppd_station *station, int64_t id)
{
	struct job *job = job_slot(ctx, station)->first;

	while (job != NULL && job->transfer_id != id)
		job = job->next;
	return job;
}

/* ---- Facts ------------------------------------------------------------------------------------
 */

static void
tell_end(const struct job *job)
{
	const struct progress *p = &job->progress;
	const char *failure = progress_failure_word(p->failure);
	const char *const labels[] = { kind_words[p->kind],
				       failure != NULL ? failure : progress_state_word(p->state),
				       NULL };

	(void)ocppd_metric_add(job->ctx->host, METRIC_ENDED, labels, 1);
}

/* A URL that is good for nothing any more. */
static void
withdraw(const struct job *job)
{
	struct firmware *ctx = job->ctx;
	enum job_state state = job->progress.state;
	bool is_done = state == STATE_CANCELLED || state == STATE_UNSENT ||
		       (state == STATE_SUPERSEDED && job->progress.kind == KIND_FIRMWARE);

	if (is_done && job->transfer_id != 0 && ctx->files != NULL)
		(void)ctx->files->transfer_withdraw(ctx->files_self, ctx->host, job->transfer_id);
}

void
job_supersede(struct job *job)
{
	struct job *older = job->next;

	while (older != NULL) {
		struct job *next = older->next;

		if (older->progress.kind == job->progress.kind && older->id != 0 &&
		    !progress_is_over(&older->progress))
			job_fact(older, FACT_SUPERSEDED, NULL, job->id);
		older = next;
	}
}

void
job_replace_waiting(struct job *job)
{
	struct job *older = job->next;

	while (older != NULL) {
		struct job *next = older->next;

		if (older->progress.kind == job->progress.kind && older->id != 0 &&
		    older->progress.state == STATE_WAITING && !older->progress.is_unsure)
			job_fact(older, FACT_SUPERSEDED, NULL, job->id);
		older = next;
	}
}

/* It is certain enough that the station has this one. */
static bool
is_taken(const struct progress *p)
{
	return p->state >= STATE_UNCONFIRMED && p->state <= STATE_NOTHING;
}

static void
moved(struct job *job, enum job_state before)
{
	struct firmware *ctx = job->ctx;
	const struct progress *p = &job->progress;
	bool was_over = before >= STATE_VERIFIED;
	bool is_over = progress_is_over(p);

	OCPPD_INFO(ctx->host, "job.changed", OCPPD_STR("station", ocppd_station_id(job->station)),
		   OCPPD_INT("job", job->id), OCPPD_STR("kind", kind_words[p->kind]),
		   OCPPD_STR("state", progress_state_word(p->state)), OCPPD_STR("text", p->reason));
	if (was_over != is_over && job->is_listed) {
		ctx->active[p->kind] += is_over ? UINT32_C(-1) : 1;
		job_count(ctx);
	}
	if (is_over)
		tell_end(job);
	withdraw(job);
	if (is_taken(p) && !was_over)
		job_supersede(job);
	if (job->rollout != NULL)
		rollout_moved(job->rollout, job, before);
}

static void
note_quirk(struct job *job, const struct fact *fact)
{
	const char *quirk = progress_quirk(&job->progress, fact);

	if (quirk != NULL)
		ocppd_quirk_hit(job->ctx->host, job->station, quirk, fact->text);
}

static void
take(struct job *job, const struct fact *fact, struct ocppd_call *call)
{
	enum job_state before = job->progress.state;
	struct line *line;
	bool is_moved;

	note_quirk(job, fact);
	is_moved = progress_apply(&job->progress, fact);

	if (fact->kind == FACT_TIME && !is_moved)
		return;
	line = store_line(job, fact);
	if (line != NULL)
		line->call = call;
	else if (call != NULL)
		(void)ocppd_call_fail(job->ctx->host, call, OCPPD_CALLERROR_INTERNAL,
				      "out of memory", NULL);
	store_put(job);
	if (is_moved)
		moved(job, before);
	job_arm(job);
}

void
job_fact(struct job *job, enum fact_kind kind, const char *text, int64_t number)
{
	const struct fact fact = { kind, ocppd_now_us(job->ctx->host), number, text };

	take(job, &fact, NULL);
}

void
job_notified(struct job *job, struct ocppd_call *call, const char *status)
{
	const struct fact fact = { FACT_NOTIFIED, ocppd_call_received_us(call), 0, status };
	const struct line *last = TAILQ_LAST(&job->lines, line_list);
	char word[TOLD_SIZE];
	bool is_repeated;
	struct progress after = job->progress;

	text_copy(word, sizeof(word), status);
	is_repeated = strcmp(job->progress.told, word) == 0 && !job->is_dirty &&
		      job->progress.told_us >= job->progress.changed_us && last == NULL;

	job->notifications++;
	/* Quirk I02: floods. What tells nothing new is counted, and stored with what does. */
	if (is_repeated && !progress_apply(&after, &fact)) {
		note_quirk(job, &fact);
		job->progress = after;
		(void)ocppd_call_reply_text(job->ctx->host, call, "{}", 2);
		return;
	}
	take(job, &fact, call);
}

/* ---- Time -------------------------------------------------------------------------------------
 */

/* Until when what comes late may correct it. */
static int64_t
late_until_us(const struct job *job)
{
	return job->progress.ended_us + job->ctx->conf->late_window_s * SECOND_US;
}

static bool
may_be_forgotten(const struct job *job)
{
	return progress_is_over(&job->progress) && !job->is_dirty && !job->is_writing &&
	       job->call == NULL && TAILQ_EMPTY(&job->lines);
}

/* It could go, but for a registration or a message that comes or goes without a word to us. */
static bool
is_held_back(const struct job *job)
{
	return job->progress.state == STATE_WAITING && ocppd_station_is_connected(job->station) &&
	       (job->rollout == NULL || job->has_turn || rollout_may_send(job->rollout));
}

static int64_t
next_us(const struct job *job, int64_t now_us)
{
	const struct progress *p = &job->progress;
	int64_t at_us = now_us + LOOK_US;
	int64_t due_us = progress_due(p);

	if (progress_is_over(p))
		due_us = late_until_us(job);
	/* What is due and cannot go yet is looked at again, not at once. */
	if (progress_is_over(p) && due_us <= now_us && !may_be_forgotten(job))
		due_us = now_us + POLL_US;
	if (due_us != 0 && due_us < at_us)
		at_us = due_us;
	if (p->state == STATE_WAITING && p->try_us > now_us && p->try_us < at_us)
		at_us = p->try_us;
	else if ((job->is_dirty || is_held_back(job)) && now_us + POLL_US < at_us)
		at_us = now_us + POLL_US;
	return at_us;
}

void
job_arm(struct job *job)
{
	int64_t now_us = ocppd_now_us(job->ctx->host);
	int64_t at_us = next_us(job, now_us);

	if (!job->is_listed || job->ctx->is_stopping)
		return;
	ocppd_timer_set(job->timer, at_us <= now_us ? 0 : (at_us - now_us) / 1000 + 1);
}

static void
on_time(struct ocppd_host *host, void *arg)
{
	struct job *job = arg;
	int64_t now_us = ocppd_now_us(host);

	if (job->ctx->is_stopping)
		return;
	job_hold(job);
	if (job->is_dirty && !job->is_writing)
		store_put(job);
	if (progress_due(&job->progress) != 0 && progress_due(&job->progress) <= now_us)
		job_fact(job, FACT_TIME, NULL, 0);
	send_try(job);
	if (job->is_listed && late_until_us(job) <= now_us && may_be_forgotten(job))
		job_leave(job);
	job_arm(job);
	job_release(job);
}

void
job_was_stored(struct job *job)
{
	bool is_to_send = job->is_to_send;

	job->is_to_send = false;
	if (!is_to_send || job->progress.state != STATE_SENDING || job->ctx->is_stopping)
		return;
	if (job->is_dirty)
		job_fact(job, FACT_NOT_SENT, "storage takes no writes", 0);
	else
		send_now(job);
}
