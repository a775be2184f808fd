/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Jobs on their way to the table. One write of a job is under way at a time; what is new meanwhile
 * goes with the next. A notification is confirmed when its line is stored: where that fails, the
 * station is told so and repeats it, and the job is written again when storage takes it. Events
 * follow the commit. Who reads waits for what was begun before.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A write of a job. */
struct write {
	struct job *job;
	uint32_t lines; /* the first of its lines that it holds */
	bool is_story;  /* there is news to tell */
	job_stored_fn *fn;
	void *arg;
};

/* ---- Units ----------------------------------------------------------------------------------
 */

int
store_begin(struct firmware *ctx, struct ocppd_unit **ret_unit)
{
	return ctx->storage->unit_new(ctx->storage_self, ctx->host, ret_unit);
}

void
store_commit(struct firmware *ctx, struct ocppd_unit *unit, ocppd_unit_fn *fn, void *arg)
{
	ocppd_writes_begin(&ctx->writes);
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, fn, arg);
}

void
store_ended(struct firmware *ctx, int result, const struct ocppd_error *err)
{
	if (result < 0)
		OCPPD_ERROR(ctx->host, "job.unstored", OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	ocppd_writes_end(&ctx->writes);
	firmware_done(ctx);
}

/* ---- Lines ------------------------------------------------------------------------------------
 */

/* A story that a station could make endless ends. */
static bool
is_worth_a_line(const struct job *job, enum job_state state)
{
	const struct line *last = TAILQ_LAST(&job->lines, line_list);
	bool is_change = last == NULL || last->state != state;

	return job->story < STORY_MAX || (is_change && job->story < INT64_C(2) * STORY_MAX);
}

struct line *
store_line(struct job *job, const struct fact *fact)
{
	struct line *line;
	bool is_told = is_worth_a_line(job, job->progress.state);

	/* While storage fails: the newest are left out, but for what somebody waits for. */
	if (fact->kind != FACT_NOTIFIED && (!is_told || job->line_count >= LINES_MAX))
		return NULL;
	line = calloc(1, sizeof(*line));
	if (line == NULL)
		return NULL;
	line->kind = fact->kind;
	line->state = job->progress.state;
	line->time_us = fact->time_us;
	line->number = fact->number;
	line->is_story = is_told;
	text_copy(line->text, sizeof(line->text),
		  fact->text == NULL && fact->kind == FACT_TIME ? job->progress.reason
								: fact->text);
	TAILQ_INSERT_TAIL(&job->lines, line, all);
	job->line_count++;
	if (is_told)
		job->story++;
	return line;
}

static void
answer(struct ocppd_host *host, struct line *line, int result)
{
	struct ocppd_call *call = line->call;

	line->call = NULL;
	if (call == NULL)
		return;
	if (result < 0)
		(void)ocppd_call_fail(host, call, OCPPD_CALLERROR_INTERNAL,
				      "The status could not be recorded", NULL);
	else
		(void)ocppd_call_reply_text(host, call, "{}", 2);
}

static void
drop_first(struct job *job)
{
	struct line *line = TAILQ_FIRST(&job->lines);

	TAILQ_REMOVE(&job->lines, line, all);
	job->line_count--;
	free(line);
}

void
store_drop_lines(struct job *job)
{
	struct line *line;

	while ((line = TAILQ_FIRST(&job->lines)) != NULL) {
		answer(job->ctx->host, line, OCPPD_EIO);
		drop_first(job);
	}
}

/* After a write: those it held are stored and go, or stay for the next one. */
static void
settle_lines(struct job *job, uint32_t count, int result)
{
	struct ocppd_host *host = job->ctx->host;
	struct line *line = TAILQ_FIRST(&job->lines);

	for (uint32_t i = 0; i < count && line != NULL; i++) {
		struct line *next = TAILQ_NEXT(line, all);

		answer(host, line, result);
		if (result >= 0 || job->line_count > LINES_MAX)
			drop_first(job);
		line = next;
	}
}

static int
add_lines(struct job *job, struct ocppd_unit *unit, struct ocppd_value id)
{
	struct firmware *ctx = job->ctx;
	const struct line *line;
	int r = 0;

	TAILQ_FOREACH (line, &job->lines, all) {
		const struct ocppd_value values[] = {
			id,
			ocppd_value_int(line->time_us),
			ocppd_value_str(progress_fact_word(line->kind)),
			ocppd_value_text_or_null(line->text),
			line->number == 0 ? ocppd_value_null() : ocppd_value_int(line->number),
			ocppd_value_str(progress_state_word(line->state)),
		};

		if (!line->is_story)
			continue;
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_STORY_ADD, values,
					   sizeof(values) / sizeof(values[0]), 0);
		if (r < 0)
			break;
	}
	return r;
}

/* ---- Jobs -------------------------------------------------------------------------------------
 */

static struct ocppd_value
int_or_null(int64_t number, int64_t none)
{
	return number == none ? ocppd_value_null() : ocppd_value_int(number);
}

static void
fixed_values(const struct job *job, struct ocppd_value *ret)
{
	const struct progress *p = &job->progress;

	ret[J_ID] = ocppd_value_int(job->id);
	ret[J_KIND] = ocppd_value_int(p->kind);
	ret[J_STATION] = ocppd_value_str(ocppd_station_id(job->station));
	ret[J_ROLLOUT] = int_or_null(job->rollout_id, 0);
	ret[J_REQUESTER] = ocppd_value_text_or_null(job->requester);
	ret[J_CREATED] = ocppd_value_int(job->created_us);
	ret[J_RAW] = ocppd_value_int(job->is_raw);
	ret[J_HOSTED] = ocppd_value_int(p->is_hosted);
	ret[J_IMAGE] = ocppd_value_text_or_null(job->image);
	ret[J_IMAGE_ID] = int_or_null(job->image_id, 0);
	ret[J_RETRIEVE] = ocppd_value_int_or_null(p->retrieve_us);
	ret[J_START] = ocppd_value_int_or_null(job->start_us);
	ret[J_STOP] = ocppd_value_int_or_null(job->stop_us);
	ret[J_RETRIES] = int_or_null(job->retries, NONE);
	ret[J_RETRY_INTERVAL] = int_or_null(job->retry_interval, NONE);
	ret[J_EXPECTED] = ocppd_value_text_or_null(p->expected);
	ret[J_BEFORE] = ocppd_value_text_or_null(p->before);
	ret[J_ATTEMPTS_MAX] = ocppd_value_int(p->attempts_max);
	ret[J_SEND_BY] = ocppd_value_int_or_null(p->send_by_us);
	ret[J_FINISH] = ocppd_value_int(p->finish_us);
}

static void
found_values(const struct job *job, struct ocppd_value *ret)
{
	const struct progress *p = &job->progress;

	ret[J_STATE] = ocppd_value_str(progress_state_word(p->state));
	ret[J_FAILURE] = ocppd_value_str(progress_failure_word(p->failure));
	ret[J_REASON] = ocppd_value_text_or_null(p->reason);
	ret[J_LOCATION] = ocppd_value_text_or_null(job->location);
	ret[J_TRANSFER] = int_or_null(job->transfer_id, 0);
	ret[J_FILE_NAME] = ocppd_value_text_or_null(job->file_name);
	ret[J_FILE_ID] = int_or_null(job->file_id, 0);
	ret[J_ATTEMPTS] = ocppd_value_int(p->attempts);
	ret[J_TOLD_RANK] = ocppd_value_int(p->told_rank);
	ret[J_SIGNS] = ocppd_value_int(p->signs);
	ret[J_UNSURE] = ocppd_value_int(p->is_unsure);
	ret[J_TRY] = ocppd_value_int_or_null(p->try_us);
	ret[J_SENT] = ocppd_value_int_or_null(p->sent_us);
	ret[J_CONFIRMED] = ocppd_value_int_or_null(p->confirmed_us);
	ret[J_END_BY] = ocppd_value_int_or_null(p->end_by_us);
	ret[J_VERIFY_BY] = ocppd_value_int_or_null(p->verify_by_us);
	ret[J_TOLD] = ocppd_value_text_or_null(p->told);
	ret[J_TOLD_AT] = ocppd_value_int_or_null(p->told_us);
	ret[J_NOTIFICATIONS] = ocppd_value_int(job->notifications);
	ret[J_FILE_BEGUN] = ocppd_value_int_or_null(p->file_begun_us);
	ret[J_FILE_DONE] = ocppd_value_int_or_null(p->file_done_us);
	ret[J_FILE_BYTES] = int_or_null(p->file_bytes, 0);
	ret[J_BOOTED] = ocppd_value_text_or_null(p->booted);
	ret[J_BOOTED_AT] = ocppd_value_int_or_null(p->booted_us);
	ret[J_BOOTED_AFTER] = ocppd_value_int(p->is_booted_after);
	ret[J_CHANGED] = ocppd_value_int(p->changed_us);
	ret[J_ENDED] = ocppd_value_int_or_null(p->ended_us);
	ret[J_STORY] = ocppd_value_int(job->story);
}

static void
publish(struct job *job, const struct ocppd_rows *rows)
{
	struct ocppd_host *host = job->ctx->host;
	const char *topic = job->progress.kind == KIND_FIRMWARE ? EVENT_UPDATE_CHANGED
								: EVENT_DIAGNOSTICS_CHANGED;

	if (rows->count > 0 && ocppd_event_wanted(host, topic))
		(void)ocppd_event_publish(host, topic, ocppd_station_id(job->station),
					  job_json(rows->values));
}

static void
on_written(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct write *write = arg;
	struct job *job = write->job;
	struct firmware *ctx = job->ctx;
	bool is_new = job->id == 0;

	(void)host;
	job->is_writing = false;
	if (result >= 0 && is_new && count > 0 && rows[0].count > 0)
		job->id = rows[0].values[J_ID].number;
	settle_lines(job, write->lines, result);
	if (result >= 0 && count > 0 && write->is_story)
		publish(job, &rows[0]);
	/* Somebody deleted its row: that is not tried for ever. */
	if (result == OCPPD_ECONFLICT)
		store_drop_lines(job);
	else if (result < 0)
		job->is_dirty = true;
	else if (job->is_dirty && !is_new)
		store_put(job);
	if (is_new) {
		write->fn(ctx, result, job, write->arg);
		if (result >= 0 && job->is_dirty)
			store_put(job);
	} else if (!job->is_writing) {
		job_was_stored(job);
	}
	if (job->is_dirty)
		job_arm(job);
	free(write);
	job_release(job);
	store_ended(ctx, result, err);
}

static bool
has_story(const struct job *job)
{
	const struct line *line;
	bool is_story = false;

	TAILQ_FOREACH (line, &job->lines, all)
		is_story |= line->is_story;
	return is_story;
}

static int
begin_write(struct job *job, job_stored_fn *fn, void *arg)
{
	struct firmware *ctx = job->ctx;
	struct ocppd_value values[J_COLUMNS];
	struct ocppd_unit *unit = NULL;
	struct write *write = malloc(sizeof(*write));
	bool is_new = job->id == 0;
	int r = write == NULL ? OCPPD_ENOMEM : store_begin(ctx, &unit);

	if (r < 0)
		goto out;
	*write = (struct write){ job, job->line_count, has_story(job), fn, arg };
	fixed_values(job, values);
	found_values(job, values);
	if (is_new) {
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_JOB_ADD, values + 1,
					   J_COLUMNS - 1, 0);
	} else {
		values[JOB_FIXED - 1] = values[J_ID];
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_JOB_PUT,
					   values + JOB_FIXED - 1, J_COLUMNS - JOB_FIXED + 1,
					   OCPPD_UNIT_EXPECT_ROW);
	}
	if (r >= 0)
		r = add_lines(job, unit, is_new ? ocppd_value_ref(0, 0) : ocppd_value_int(job->id));
	if (r < 0)
		goto out;
	job->is_dirty = false;
	job->is_writing = true;
	job_hold(job);
	store_commit(ctx, unit, on_written, write);
	return 0;
out:
	ctx->storage->unit_free(unit);
	free(write);
	return r;
}

int
store_add(struct job *job, job_stored_fn *fn, void *arg)
{
	return begin_write(job, fn, arg);
}

void
store_put(struct job *job)
{
	int r;

	/* What is new goes with the next write. */
	if (job->is_writing || job->id == 0) {
		job->is_dirty = true;
		return;
	}
	r = begin_write(job, NULL, NULL);
	if (r >= 0)
		return;
	OCPPD_ERROR(job->ctx->host, "job.unstored",
		    OCPPD_STR("station", ocppd_station_id(job->station)),
		    OCPPD_STR("err", ocppd_error_name(r)));
	job->is_dirty = true;
	settle_lines(job, job->line_count, r);
	job_was_stored(job);
}

/* ---- Notifications that no job is for
 * ------------------------------------------------------------
 */

struct unasked {
	struct firmware *ctx;
	struct ocppd_call *call;
	struct ocppd_station *station;
	enum job_kind kind;
	int64_t time_us;
	char status[TOLD_SIZE];
};

static void
tell_unasked(const struct unasked *unasked)
{
	struct firmware *ctx = unasked->ctx;
	const char *station_id = ocppd_station_id(unasked->station);
	struct json_object *body;

	if (!ocppd_event_wanted(ctx->host, EVENT_UNASKED))
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", station_id);
	ocppd_json_add_str(body, "kind", kind_words[unasked->kind]);
	ocppd_json_add_str(body, "status", unasked->status);
	ocppd_json_add_time(body, "time", unasked->time_us);
	(void)ocppd_event_publish(ctx->host, EVENT_UNASKED, station_id, body);
}

static void
on_unasked(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct unasked *unasked = arg;
	struct firmware *ctx = unasked->ctx;

	(void)rows;
	(void)count;
	if (result < 0) {
		/* It repeats that, and then it is new. */
		job_slot(ctx, unasked->station)->unasked_us[unasked->kind] = 0;
		(void)ocppd_call_fail(host, unasked->call, OCPPD_CALLERROR_INTERNAL,
				      "The status could not be recorded", NULL);
	} else {
		(void)ocppd_call_reply_text(host, unasked->call, "{}", 2);
		tell_unasked(unasked);
	}
	free(unasked);
	store_ended(ctx, result, err);
}

static int
add_unasked(const struct unasked *unasked, struct ocppd_unit *unit)
{
	struct firmware *ctx = unasked->ctx;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(unasked->station));
	const struct ocppd_value values[] = { id, ocppd_value_int(unasked->kind),
					      ocppd_value_int(unasked->time_us),
					      ocppd_value_str(unasked->status) };
	const struct ocppd_value trim[] = { id, ocppd_value_int(ctx->conf->unasked) };
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_UNASKED_ADD, values, 4, 0);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_UNASKED_TRIM, trim, 2, 0);
	return r;
}

void
store_unasked(struct firmware *ctx, struct ocppd_call *call, enum job_kind kind, const char *status)
{
	struct unasked *unasked = malloc(sizeof(*unasked));
	struct ocppd_unit *unit = NULL;
	int r = unasked == NULL ? OCPPD_ENOMEM : store_begin(ctx, &unit);

	if (r >= 0) {
		*unasked = (struct unasked){
			ctx, call, ocppd_call_station(call), kind, ocppd_call_received_us(call), ""
		};
		text_copy(unasked->status, sizeof(unasked->status), status);
		r = add_unasked(unasked, unit);
	}
	if (r >= 0) {
		store_commit(ctx, unit, on_unasked, unasked);
		return;
	}
	ctx->storage->unit_free(unit);
	free(unasked);
	job_slot(ctx, ocppd_call_station(call))->unasked_us[kind] = 0;
	(void)ocppd_call_fail(ctx->host, call, OCPPD_CALLERROR_INTERNAL,
			      "The status could not be recorded", NULL);
}
