/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A command to many stations. A job (job_routes.c makes it) finds out which (select.c), sends to a
 * bounded number at a time, and keeps a result for each; the newest jobs are kept in memory.
 *
 * SELECTING -> RUNNING -> FINISHED, or CANCELLED; SELECTING -> FAILED.
 */
#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "command.h"
#include "http_api.h"
#include "jobs_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#define SLICE_MS 10        /* what job_rate allows in it goes at once */
#define CREDIT_ONE 1000000 /* of a command: a microsecond earns job_rate of these */
#define NEWS_MS 1000
#define DETAIL_MAX 500
#define SECOND_MS 1000

bool
job_is_over(const struct job *job)
{
	return job->state != JOB_SELECTING && job->state != JOB_RUNNING;
}

/* ---- News ---------------------------------------------------------------------------------- */

static void
tell(struct job *job)
{
	struct json_object *body = job_json(job);

	job->has_news = false;
	if (body != NULL)
		(void)ocppd_event_publish(job->jobs->api->host,
					  job_is_over(job) && job->in_flight == 0 ? "job.ended"
										  : "job.progress",
					  NULL, body);
}

static void
on_news(struct ocppd_host *host, void *arg)
{
	struct jobs *jobs = arg;
	struct job *job;

	(void)host;
	jobs->is_news_due = false;
	TAILQ_FOREACH (job, &jobs->all, link) {
		if (job->has_news)
			tell(job);
	}
}

static void
job_moved(struct job *job)
{
	struct jobs *jobs = job->jobs;

	job->has_news = true;
	if (jobs->is_news_due)
		return;
	jobs->is_news_due = true;
	ocppd_timer_set(jobs->news_timer, NEWS_MS);
}

/* ---- Targets ------------------------------------------------------------------------------- */

static void
target_set(struct job *job, uint32_t index, enum target_state state, uint32_t code)
{
	struct target *target = &job->targets[index];

	job->counts[target->state]--;
	job->counts[state]++;
	target->state = (uint16_t)state;
	target->code = (uint16_t)code;
	if (state != TARGET_WAITING && state != TARGET_SENT)
		job->done++;
}

/* A cut copy; without memory there is none. */
static char *
text_of(const char *text)
{
	size_t len = strlen(text);

	if (len > DETAIL_MAX)
		for (len = DETAIL_MAX; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
			len--;
	return strndup(text, len);
}

static enum target_state
state_of(uint32_t result)
{
	switch (result) {
	case OCPPD_RES_REPLY:
		return TARGET_CONFIRMED;
	case OCPPD_RES_ERROR:
		return TARGET_ERROR;
	case OCPPD_RES_TIMEOUT:
		return TARGET_TIMEOUT;
	case OCPPD_RES_GONE:
		return TARGET_GONE;
	case OCPPD_RES_REFUSED:
		return TARGET_REFUSED;
	default:
		return TARGET_CANCELLED;
	}
}

void
job_target_text(struct target *target, const char *status, const char *detail)
{
	target->status = status == NULL ? NULL : text_of(status);
	target->detail = detail == NULL ? NULL : text_of(detail);
}

/* The confirmation itself, or the sentence that says what went wrong. */
static void
target_detail(struct target *target, struct json_object *conf, struct json_object *body)
{
	const char *detail = ocppd_json_get_str(body, "detail");
	const char *code = ocppd_json_get_str(ocppd_json_get(body, "error"), "code");
	char *words = NULL;

	if (conf != NULL)
		detail = json_object_to_json_string_ext(
			conf, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (code != NULL && detail != NULL && asprintf(&words, "%s (%s)", detail, code) < 0)
		words = NULL;
	job_target_text(target, ocppd_json_get_str(conf, "status"), words != NULL ? words : detail);
	if (code != NULL)
		target->error = text_of(code);
	free(words);
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void
job_end(struct job *job, enum job_state state)
{
	job->state = state;
	job->ended_us = ocppd_now_us(job->jobs->api->host);
	(void)json_object_put(job->payload);
	job->payload = NULL;
	OCPPD_INFO(job->jobs->api->host, "job.ended", OCPPD_STR("job", job->id),
		   OCPPD_STR("action", job->action), OCPPD_STR("state", job_state_word(state)),
		   OCPPD_INT("total", job->count), OCPPD_INT("confirmed", job->counts[2]));
	tell(job);
}

static void
job_check(struct job *job)
{
	if (job->state == JOB_RUNNING && job->done == job->count)
		job_end(job, JOB_FINISHED);
}

void
job_flight_end(struct flight *flight, enum target_state state, uint32_t code)
{
	struct job *job = flight->job;

	LIST_REMOVE(flight, link);
	job->in_flight--;
	if (!job->jobs->is_stopped) {
		target_set(job, flight->index, state, code);
		job_moved(job);
		if (job_is_over(job) && job->in_flight == 0)
			tell(job); /* it was cancelled, and this is the last to hear of */
		job_check(job);
		if (job->state == JOB_RUNNING)
			jobs_turn(job->jobs, SLICE_MS);
	}
	free(flight);
}

static void
on_result(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
	  struct json_object *conf, void *arg)
{
	struct flight *flight = arg;
	struct job *job = flight->job;
	struct json_object *body;
	uint32_t status = 503;

	(void)host;
	if (!job->jobs->is_stopped) {
		body = command_result(call, result, conf, &status);
		target_detail(&job->targets[flight->index], result == OCPPD_RES_REPLY ? conf : NULL,
			      body);
		(void)json_object_put(body);
	}
	job_flight_end(flight, state_of(result), status);
}

static void
not_sent(struct job *job, uint32_t index, int result, const struct ocppd_error *err)
{
	struct target *target = &job->targets[index];
	struct problem problem;
	uint32_t status = command_refusal(job->jobs->api->host, target->station_id, job->action,
					  result, err, &problem);

	target->detail = text_of(problem.detail);
	target_set(job, index, status == 422 ? TARGET_REFUSED : TARGET_NOT_SENT, status);
}

/* A result that the request for one station makes. */
static void
apply_to(struct job *job, uint32_t index)
{
	struct ocppd_error err = { 0 };
	struct flight *flight = calloc(1, sizeof(*flight));

	if (flight == NULL) {
		not_sent(job, index, OCPPD_ENOMEM, &err);
		return;
	}
	flight->job = job;
	flight->index = index;
	LIST_INSERT_HEAD(&job->flights, flight, link);
	job->in_flight++;
	target_set(job, index, TARGET_SENT, 0);
	apply_one(flight);
}

static void
send_one(struct job *job, uint32_t index)
{
	struct ocppd_host *host = job->jobs->api->host;
	const char *station_id = job->targets[index].station_id;
	struct flight *flight = NULL;
	struct ocppd_error err = { 0 };
	struct ocppd_call_request call = {
		.struct_size = sizeof(call),
		.flags = job->is_strict ? OCPPD_CALL_STRICT : 0,
		.station = ocppd_station_find(host, station_id),
		.action = job->action,
		.requester = job->requester,
		.timeout_ms = job->timeout_s * SECOND_MS,
	};
	int r = 0;

	if (call.station == NULL || !ocppd_station_is_connected(call.station))
		r = station_is_known(host, station_id) ? OCPPD_ENOTCONN : OCPPD_ENOENT;
	if (r < 0) {
		not_sent(job, index, r, &err);
		return;
	}
	flight = calloc(1, sizeof(*flight));
	if (flight == NULL || json_object_deep_copy(job->payload, &call.payload, NULL) != 0) {
		free(flight);
		not_sent(job, index, OCPPD_ENOMEM, &err);
		return;
	}
	flight->job = job;
	flight->index = index;
	r = ocppd_call_send(host, &call, on_result, flight, &err);
	if (r < 0) {
		free(flight);
		not_sent(job, index, r, &err);
		return;
	}
	LIST_INSERT_HEAD(&job->flights, flight, link);
	job->in_flight++;
	target_set(job, index, TARGET_SENT, 0);
}

static bool
can_send(const struct job *job)
{
	return job->state == JOB_RUNNING && job->next < job->count &&
	       job->in_flight < job->parallel;
}

/*
 * How many may go now. All jobs together keep to job_rate, so that a command to a whole fleet takes
 * a small part of the core's time, however fast the stations answer.
 */
static uint32_t
earn(struct jobs *jobs)
{
	int64_t now_us = ocppd_mono_us(jobs->api->host);
	int64_t rate = jobs->api->conf->job_rate;
	int64_t most = rate * SLICE_MS * 1000 * 2;

	if (most < CREDIT_ONE)
		most = CREDIT_ONE;
	if (now_us - jobs->earned_mono_us >= most / rate)
		jobs->credit = most;
	else
		jobs->credit += (now_us - jobs->earned_mono_us) * rate;
	if (jobs->credit > most)
		jobs->credit = most;
	jobs->earned_mono_us = now_us;
	return (uint32_t)(jobs->credit / CREDIT_ONE);
}

/* One command of each job that may send; returns how many those were. */
static uint32_t
send_round(struct jobs *jobs, uint32_t most)
{
	struct job *job;
	uint32_t sent = 0;

	TAILQ_FOREACH (job, &jobs->all, link) {
		if (sent == most)
			break;
		if (!can_send(job))
			continue;
		if (job->template != NULL)
			apply_to(job, job->next++);
		else
			send_one(job, job->next++);
		job_moved(job);
		sent++;
	}
	return sent;
}

static void
on_turn(struct ocppd_host *host, void *arg)
{
	struct jobs *jobs = arg;
	uint32_t left = earn(jobs);
	uint32_t sent = 1;
	struct job *job;
	bool is_more = false;

	(void)host;
	jobs->is_turn_due = false;
	for (; left > 0 && sent > 0; left -= sent) {
		sent = send_round(jobs, left);
		jobs->credit -= (int64_t)sent * CREDIT_ONE;
	}
	TAILQ_FOREACH (job, &jobs->all, link) {
		job_check(job);
		is_more |= can_send(job);
	}
	if (is_more)
		jobs_turn(jobs, SLICE_MS);
}

void
jobs_turn(struct jobs *jobs, int64_t delay_ms)
{
	if (jobs->is_turn_due && delay_ms > 0)
		return;
	jobs->is_turn_due = true;
	ocppd_timer_set(jobs->timer, delay_ms);
}

void
job_selected(struct job *job, bool is_failed)
{
	if (job->state != JOB_SELECTING)
		return;
	if (is_failed) {
		job_end(job, JOB_FAILED);
		return;
	}
	job->state = JOB_RUNNING;
	jobs_turn(job->jobs, 0);
}

/* ---- Jobs ---------------------------------------------------------------------------------- */

int
job_add(struct job *job, const char *station_id)
{
	if (job->count >= (uint64_t)job->jobs->api->conf->job_stations)
		return OCPPD_ESPACE;
	if (job->count == job->size) {
		uint32_t size = job->size == 0 ? 64 : job->size * 2;
		struct target *targets = reallocarray(job->targets, size, sizeof(*targets));

		if (targets == NULL)
			return OCPPD_ENOMEM;
		job->targets = targets;
		job->size = size;
	}
	job->targets[job->count] = (struct target){ .station_id = strdup(station_id) };
	if (job->targets[job->count].station_id == NULL)
		return OCPPD_ENOMEM;
	job->counts[TARGET_WAITING]++;
	job->count++;
	return 0;
}

void
job_free(struct job *job)
{
	struct flight *flight;

	while ((flight = LIST_FIRST(&job->flights)) != NULL) {
		LIST_REMOVE(flight, link);
		apply_cancel(flight);
		free(flight);
	}
	select_cancel(job);
	for (uint32_t i = 0; i < job->count; i++) {
		free(job->targets[i].station_id);
		free(job->targets[i].status);
		free(job->targets[i].detail);
		free(job->targets[i].error);
		free(job->targets[i].keys);
	}
	free(job->targets);
	free(job->action);
	free(job->template);
	free(job->requester);
	(void)json_object_put(job->payload);
	free(job);
}

bool
jobs_make_room(struct jobs *jobs)
{
	struct job *job = TAILQ_FIRST(&jobs->all);

	while (jobs->count >= (uint64_t)jobs->api->conf->jobs && job != NULL) {
		struct job *next = TAILQ_NEXT(job, link);

		if (job_is_over(job) && job->in_flight == 0) {
			TAILQ_REMOVE(&jobs->all, job, link);
			jobs->count--;
			job_free(job);
		}
		job = next;
	}
	return jobs->count < (uint64_t)jobs->api->conf->jobs;
}

void
jobs_take(struct jobs *jobs, struct job *job)
{
	TAILQ_INSERT_TAIL(&jobs->all, job, link);
	jobs->count++;
	jobs_turn(jobs, 0);
}

void
job_cancel(struct job *job)
{
	select_cancel(job);
	/* What is out cannot be called back: its results still come in. */
	for (; job->next < job->count; job->next++)
		target_set(job, job->next, TARGET_CANCELLED, 409);
	job_end(job, JOB_CANCELLED);
}

/* ---- Life ---------------------------------------------------------------------------------- */

struct jobs *
jobs_new(struct api *api)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (jobs == NULL)
		return NULL;
	jobs->api = api;
	TAILQ_INIT(&jobs->all);
	LIST_INIT(&jobs->looks);
	return jobs;
}

void
jobs_free(struct jobs *jobs)
{
	struct job *job;

	if (jobs == NULL)
		return;
	while ((job = TAILQ_FIRST(&jobs->all)) != NULL) {
		TAILQ_REMOVE(&jobs->all, job, link);
		job_free(job);
	}
	free(jobs);
}

int
jobs_start(struct jobs *jobs)
{
	jobs->is_stopped = false;
	jobs->is_turn_due = false;
	jobs->timer = ocppd_timer_new(jobs->api->host, on_turn, jobs);
	jobs->news_timer = ocppd_timer_new(jobs->api->host, on_news, jobs);
	return jobs->timer == NULL || jobs->news_timer == NULL ? OCPPD_ENOMEM : 0;
}

void
jobs_stop(struct jobs *jobs)
{
	struct job *job;

	jobs->is_stopped = true;
	looks_cancel(jobs);
	TAILQ_FOREACH (job, &jobs->all, link)
		select_cancel(job);
	ocppd_timer_free(jobs->timer);
	ocppd_timer_free(jobs->news_timer);
	jobs->timer = NULL;
	jobs->news_timer = NULL;
}
