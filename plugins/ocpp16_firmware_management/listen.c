/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What stations and the files' service tell. A notification is confirmed when it is stored. A boot
 * is seen before the module that answers it: units commit in order, so once the station has its
 * answer, the version is on disk here, too.
 */
#include "firmware.h"

#include <stdio.h>
#include <string.h>

#define REPEAT_US (3600 * SECOND_US) /* the same word again within it is no news */

static const char *const known_words[KIND_COUNT][8] = {
	[KIND_FIRMWARE] = { "Downloaded", "DownloadFailed", "Downloading", "Idle",
			    "InstallationFailed", "Installing", "Installed", NULL },
	[KIND_DIAGNOSTICS] = { "Idle", "Uploaded", "UploadFailed", "Uploading", NULL },
};

static void
count(struct firmware *ctx, enum job_kind kind, const char *status, bool is_asked)
{
	const char *labels[] = { kind_words[kind], "other", is_asked ? "job" : "none", NULL };

	for (size_t i = 0; known_words[kind][i] != NULL; i++) {
		if (strcmp(status, known_words[kind][i]) == 0)
			labels[1] = known_words[kind][i];
	}
	(void)ocppd_metric_add(ctx->host, METRIC_NOTIFICATIONS, labels, 1);
}

/* No job: begun at the station itself, or the answer to a trigger. */
static void
on_unasked(struct firmware *ctx, struct ocppd_call *call, enum job_kind kind, const char *status)
{
	struct station_slot *slot = job_slot(ctx, ocppd_call_station(call));
	int64_t now_us = ocppd_call_received_us(call);
	char word[TOLD_SIZE];

	text_copy(word, sizeof(word), status);
	if (strcmp(slot->unasked[kind], word) == 0 && slot->unasked_us[kind] != 0 &&
	    now_us - slot->unasked_us[kind] < REPEAT_US) {
		(void)ocppd_call_reply_text(ctx->host, call, "{}", 2);
		return;
	}
	slot->unasked_us[kind] = now_us;
	text_copy(slot->unasked[kind], TOLD_SIZE, status);
	store_unasked(ctx, call, kind, status);
}

static int
on_status(struct firmware *ctx, struct ocppd_call *call, struct json_object *req,
	  enum job_kind kind)
{
	const char *status = ocppd_json_get_str(req, "status");
	struct job *job = job_current(ctx, ocppd_call_station(call), kind);

	if (status == NULL)
		return OCPPD_EINVAL;
	if (job != NULL && job->progress.state == STATE_VERIFIED &&
	    strcmp(status, "Downloading") == 0) {
		job->is_closed = true;
		job = NULL;
	}
	count(ctx, kind, status, job != NULL);
	if (job != NULL)
		job_notified(job, call, status);
	else
		on_unasked(ctx, call, kind, status);
	return 0;
}

int
on_firmware_status(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		   void *ctx)
{
	(void)host;
	return on_status(ctx, call, req, KIND_FIRMWARE);
}

int
on_diagnostics_status(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		      void *ctx)
{
	(void)host;
	return on_status(ctx, call, req, KIND_DIAGNOSTICS);
}

int
on_boot(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req, void *arg)
{
	struct firmware *ctx = arg;
	struct ocppd_station *station = ocppd_call_station(call);
	const char *version = ocppd_json_get_str(req, "firmwareVersion");
	struct job *job;

	(void)host;
	if (ctx->is_stopping || ctx->is_starting)
		return 0;
	job = job_current(ctx, station, KIND_FIRMWARE);
	if (job != NULL)
		job_fact(job, FACT_BOOTED, version, 0);
	if (version != NULL && version[0] != '\0')
		version_seen(ctx, station, version, ocppd_call_received_us(call));
	return 0;
}

void
on_station(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct firmware *ctx = arg;
	struct ocppd_station *station =
		event->station_id == NULL ? NULL : ocppd_station_find(host, event->station_id);

	if (station != NULL && !ctx->is_stopping)
		send_station(ctx, station);
}

/* ---- Files ------------------------------------------------------------------------------------
 */

static void
file_done(struct job *job, const struct ocppd_transfer *transfer, const char *name)
{
	if (transfer->direction == OCPPD_TRANSFER_SEND)
		job->file_id = transfer->file_id;
	job_fact(job, FACT_FILE_DONE, name, transfer->bytes);
}

void
on_file(struct ocppd_host *host, const struct ocppd_files_event *event, void *arg)
{
	struct firmware *ctx = arg;
	const struct ocppd_transfer *transfer = event->transfer;
	struct ocppd_station *station = ocppd_station_find(host, transfer->station_id);
	struct job *job = station == NULL ? NULL : job_of_transfer(ctx, station, transfer->id);

	if (job == NULL || ctx->is_stopping)
		return;
	switch (event->kind) {
	case OCPPD_FILES_BEGUN:
		job_fact(job, FACT_FILE_BEGUN, transfer->remote, 0);
		break;
	case OCPPD_FILES_BROKEN:
		job_fact(job, FACT_FILE_BROKEN, event->text, 0);
		break;
	case OCPPD_FILES_COMPLETED:
		file_done(job, transfer, event->file_count > 0 ? event->files[0].name : NULL);
		break;
	case OCPPD_FILES_EXPIRED:
		job_fact(job, FACT_FILE_CLOSED, "expired", 0);
		break;
	case OCPPD_FILES_WITHDRAWN:
		job_fact(job, FACT_FILE_CLOSED, "withdrawn", 0);
		break;
	default:
		break;
	}
}

static void
on_looked_up(struct ocppd_host *host, int result, const struct ocppd_transfer *transfer,
	     const struct ocppd_error *err, void *arg)
{
	struct job *job = arg;
	struct firmware *ctx = job->ctx;

	(void)host;
	(void)err;
	if (result >= 0 && !ctx->is_stopping) {
		if (transfer->begun_us != 0 && job->progress.file_begun_us == 0)
			job_fact(job, FACT_FILE_BEGUN, transfer->remote, 0);
		if (transfer->state == OCPPD_TRANSFER_COMPLETED && job->progress.file_done_us == 0)
			file_done(job, transfer, NULL);
	}
	job_release(job);
	firmware_done(ctx);
}

void
listen_reconcile(struct firmware *ctx)
{
	struct job *job;

	if (ctx->files == NULL)
		return;
	TAILQ_FOREACH (job, &ctx->jobs, all) {
		int r;

		if (job->transfer_id == 0 || job->progress.file_done_us != 0)
			continue;
		job_hold(job);
		r = ctx->files->transfer_get(ctx->files_self, ctx->host, job->transfer_id,
					     on_looked_up, job);
		if (r >= 0) {
			ctx->outstanding++;
			continue;
		}
		OCPPD_WARN(ctx->host, "transfer.unknown",
			   OCPPD_STR("station", ocppd_station_id(job->station)),
			   OCPPD_INT("job", job->id), OCPPD_STR("err", ocppd_error_name(r)));
		job_release(job);
	}
}
