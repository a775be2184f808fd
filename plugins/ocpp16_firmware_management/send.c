/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * When a job's CALL goes out: its station is there and takes calls, its rollout has room, its URL
 * is made, and it is on disk that it goes. Otherwise it waits, until its time is over.
 */
#include "firmware.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFER_MAX_US (365 * 24 * 3600 * SECOND_US) /* of the files' service */

bool
send_is_reachable(struct ocppd_station *station)
{
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };
	uint32_t registration = ocppd_station_registration(station);

	return (registration == OCPPD_REG_ACCEPTED || registration == OCPPD_REG_PENDING) &&
	       ocppd_station_connection(station, &info) == 0 &&
	       strcmp(info.protocol, PROTOCOL) == 0;
}

/* ---- A URL of our own --------------------------------------------------------------------------
 */

int64_t
send_offer_end(const struct job *job)
{
	const struct progress *p = &job->progress;
	int64_t now_us = ocppd_now_us(job->ctx->host);
	int64_t end_us = p->retrieve_us > now_us ? p->retrieve_us : now_us;

	end_us += p->finish_us;
	if (p->send_by_us + p->finish_us > end_us)
		end_us = p->send_by_us + p->finish_us;
	return end_us > now_us + OFFER_MAX_US ? now_us + OFFER_MAX_US : end_us;
}

int
send_offer(struct job *job, ocppd_transfer_fn *fn, void *arg, struct ocppd_error *err)
{
	struct firmware *ctx = job->ctx;
	bool is_update = job->progress.kind == KIND_FIRMWARE;
	char reference[24];
	const struct ocppd_transfer_request request = {
		.struct_size = sizeof(request),
		.direction = is_update ? OCPPD_TRANSFER_FETCH : OCPPD_TRANSFER_SEND,
		.station_id = ocppd_station_id(job->station),
		.reference = reference,
		.expires_us = send_offer_end(job),
		.file_id = is_update ? job->image_id : 0,
		.kind = is_update ? NULL : OCPPD_FILE_DIAGNOSTICS,
	};
	int r;

	if (ctx->files == NULL)
		return ocppd_error_set(err, OCPPD_ENOENT, "no loaded module hosts files");
	snprintf(reference, sizeof(reference), "%lld", (long long)job->id);
	r = ctx->files->transfer_new(ctx->files_self, ctx->host, &request, fn, arg, err);
	if (r >= 0)
		job->is_offering = true;
	return r;
}

/* Not now: what is lasting ends it, everything else is tried again. */
static void
offer_failed(struct job *job, int result, const struct ocppd_error *err)
{
	struct progress *p = &job->progress;
	const char *text = err == NULL || err->text[0] == '\0' ? ocppd_strerror(result) : err->text;

	if (result == OCPPD_ENOENT || result == OCPPD_EINVAL) {
		job_fact(job, FACT_REFUSED, text, 0);
		return;
	}
	p->try_us = ocppd_now_us(job->ctx->host) + p->pause_us;
	text_copy(p->reason, sizeof(p->reason), text);
	store_put(job);
	job_arm(job);
}

static void
offer_ended(struct job *job)
{
	job->is_offering = false;
	if (job->rollout != NULL)
		job->rollout->offering--;
}

static void
on_offered(struct ocppd_host *host, int result, const struct ocppd_transfer *transfer,
	   const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;
	struct firmware *ctx = job->ctx;

	offer_ended(job);
	if (result >= 0 && job->progress.state != STATE_WAITING) {
		(void)ctx->files->transfer_withdraw(ctx->files_self, host, transfer->id);
	} else if (result >= 0) {
		free(job->location);
		job->location = strdup(transfer->url);
		job->transfer_id = transfer->id;
		store_put(job);
		send_try(job);
	} else if (job->progress.state == STATE_WAITING && !ctx->is_stopping) {
		offer_failed(job, result, err);
	}
	job_release(job);
	firmware_done(ctx);
}

static void
offer(struct job *job)
{
	struct ocppd_error err = { 0 };
	int r;

	job_hold(job);
	if (job->rollout != NULL)
		job->rollout->offering++;
	r = send_offer(job, on_offered, job, &err);
	if (r >= 0) {
		job->ctx->outstanding++;
		return;
	}
	offer_ended(job);
	offer_failed(job, r, &err);
	job_release(job);
}

/* The URL that it has will do, for as long as the station may take. */
static bool
has_url(struct job *job)
{
	struct firmware *ctx = job->ctx;

	if (!job->progress.is_hosted)
		return true;
	if (job->location != NULL && ctx->files != NULL &&
	    (job->progress.attempts == 0 ||
	     ctx->files->transfer_extend(ctx->files_self, ctx->host, job->transfer_id,
					 send_offer_end(job)) >= 0))
		return true;
	free(job->location);
	job->location = NULL;
	job->transfer_id = 0;
	return false;
}

/* ---- Sending ----------------------------------------------------------------------------------
 */

/* One at a time: a station that has two would not say which it means. */
static bool
is_another_out(const struct job *job)
{
	const struct job *other = job_slot(job->ctx, job->station)->first;

	while (other != NULL && (other == job || other->progress.kind != job->progress.kind ||
				 other->progress.state != STATE_SENDING))
		other = other->next;
	return other != NULL;
}

static bool
may_go(const struct job *job)
{
	const struct progress *p = &job->progress;
	int64_t now_us = ocppd_now_us(job->ctx->host);

	return p->state == STATE_WAITING && job->id != 0 && job->is_listed && !job->is_raw &&
	       !job->is_offering && !job->ctx->is_stopping && !job->ctx->is_starting &&
	       now_us >= p->try_us && now_us < p->send_by_us && send_is_reachable(job->station) &&
	       !is_another_out(job) &&
	       (job->rollout == NULL || job->has_turn || rollout_may_send(job->rollout));
}

void
send_try(struct job *job)
{
	if (!may_go(job))
		return;
	if (!has_url(job)) {
		offer(job);
		return;
	}
	job->is_to_send = true;
	job_fact(job, FACT_SENDING, NULL, 0);
}

void
send_station(struct firmware *ctx, struct ocppd_station *station)
{
	struct job *job = job_slot(ctx, station)->first;

	while (job != NULL) {
		struct job *next = job->next;

		send_try(job);
		job_arm(job);
		job = next;
	}
}

static void
add_number(struct json_object *payload, const char *key, int64_t number)
{
	if (number != NONE)
		ocppd_json_add_int(payload, key, number);
}

void
send_time_text(const struct ocppd_station *station, int64_t time_us, char ret_text[OCPPD_TIME_SIZE])
{
	ret_text[0] = '\0';
	if (time_us != 0 && ocppd_time_format(time_us, ret_text) == 24 &&
	    ocppd_station_option(station, "whole_seconds") != NULL)
		memcpy(ret_text + 19, "Z", 2);
}

static void
add_time(const struct job *job, struct json_object *payload, const char *key, int64_t time_us)
{
	char text[OCPPD_TIME_SIZE];

	send_time_text(job->station, time_us, text);
	ocppd_json_add_str(payload, key, text[0] == '\0' ? NULL : text);
}

static struct json_object *
payload_of(const struct job *job)
{
	struct json_object *payload = json_object_new_object();

	ocppd_json_add_str(payload, "location", job->location);
	add_number(payload, "retries", job->retries);
	if (job->progress.kind == KIND_FIRMWARE) {
		add_time(job, payload, "retrieveDate", job->progress.retrieve_us);
		add_number(payload, "retryInterval", job->retry_interval);
	} else {
		add_number(payload, "retryInterval", job->retry_interval);
		add_time(job, payload, "startTime", job->start_us);
		add_time(job, payload, "stopTime", job->stop_us);
	}
	return payload;
}

void
send_now(struct job *job)
{
	struct firmware *ctx = job->ctx;
	const struct ocppd_call_request request = {
		.struct_size = sizeof(request),
		.flags = OCPPD_CALL_STRICT | (job->is_prompt ? 0 : OCPPD_CALL_AUTOMATIC),
		.station = job->station,
		.action = job->progress.kind == KIND_FIRMWARE ? "UpdateFirmware" : "GetDiagnostics",
		.payload = payload_of(job),
		.requester = job->requester,
	};
	struct ocppd_error err = { 0 };
	bool is_lasting;
	int r;

	job->is_prompt = false;
	ctx->asking = job; /* its prepare runs within the next call */
	r = ocppd_call_send(ctx->host, &request, NULL, NULL, &err);
	ctx->asking = NULL;
	if (r >= 0)
		return;
	is_lasting = r == OCPPD_EINVAL || r == OCPPD_ENOTSUP || r == OCPPD_EREFUSED;
	job_fact(job, is_lasting ? FACT_REFUSED : FACT_NOT_SENT,
		 err.text[0] == '\0' ? ocppd_strerror(r) : err.text, 0);
}
