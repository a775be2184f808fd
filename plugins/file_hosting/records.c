/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Transfers and what happens to them. The desk holds those that are open, the table all of them.
 * Whatever changes one is written first and told then; what storage does not take is tried again.
 * Core thread only.
 */
#include "hosting.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MS 2000
#define LOOK_US ((int64_t)3600 * 1000000)
#define SAVE_TICKS 10 /* seconds between two writes of how far a download is */

static const char *const state_names[] = { "?", "open", "completed", "expired", "withdrawn" };
static const char *const event_names[] = {
	"?", "begun", "progress", "broken", "completed", "expired", "withdrawn",
};

/* ---- Views ------------------------------------------------------------------------------------
 */

void
url_of(const char *base, const struct grant *grant, char ret_url[OCPPD_FILE_URL_MAX + 1])
{
	if (grant->direction == OCPPD_TRANSFER_FETCH)
		(void)snprintf(ret_url, OCPPD_FILE_URL_MAX + 1, "%s/f/%s/%s", base, grant->token,
			       grant->name);
	else
		(void)snprintf(ret_url, OCPPD_FILE_URL_MAX + 1, "%s/u/%s/", base, grant->token);
}

void
transfer_view(struct hosting *ctx, const struct grant *grant, struct transfer_view *ret_view)
{
	struct transfer_view *view = ret_view;

	desk_lock(&ctx->desk);
	memcpy(view->station_id, grant->station_id, sizeof(view->station_id));
	memcpy(view->reference, grant->reference, sizeof(view->reference));
	memcpy(view->kind, grant->kind, sizeof(view->kind));
	memcpy(view->remote, grant->remote, sizeof(view->remote));
	memcpy(view->owner, grant->owner, sizeof(view->owner));
	view->url[0] = '\0';
	if (grant->state == OCPPD_TRANSFER_OPEN)
		url_of(ctx->base, grant, view->url);
	view->transfer = (struct ocppd_transfer){
		.struct_size = sizeof(view->transfer),
		.direction = grant->direction,
		.state = grant->state,
		.attempts = grant->attempts,
		.id = grant->id,
		.station_id = view->station_id,
		.reference = grant->reference[0] == '\0' ? NULL : view->reference,
		.kind = view->kind,
		.url = view->url,
		.remote = grant->remote[0] == '\0' ? NULL : view->remote,
		.file_id = grant->file_id,
		.bytes = grant->bytes,
		.size = grant->size,
		.created_us = grant->created_us,
		.expires_us = grant->expires_us,
		.begun_us = grant->begun_us,
		.ended_us = grant->ended_us,
	};
	desk_unlock(&ctx->desk);
}

struct json_object *
transfer_json(const struct ocppd_transfer *transfer, const char *owner)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_int(object, "transferId", transfer->id);
	ocppd_json_add_str(object, "stationId", transfer->station_id);
	ocppd_json_add_str(object, "direction",
			   transfer->direction == OCPPD_TRANSFER_FETCH ? "fetch" : "send");
	ocppd_json_add_str(object, "kind", transfer->kind);
	ocppd_json_add_str(object, "state", state_names[transfer->state]);
	ocppd_json_add_str(object, "module", owner);
	ocppd_json_add_str(object, "reference", transfer->reference);
	if (transfer->file_id != 0)
		ocppd_json_add_int(object, "fileId", transfer->file_id);
	ocppd_json_add_int(object, "bytes", transfer->bytes);
	if (transfer->size != 0)
		ocppd_json_add_int(object, "size", transfer->size);
	ocppd_json_add_int(object, "attempts", transfer->attempts);
	ocppd_json_add_str(object, "remote", transfer->remote);
	ocppd_json_add_time(object, "created", transfer->created_us);
	ocppd_json_add_time(object, "expires", transfer->expires_us);
	if (transfer->begun_us != 0)
		ocppd_json_add_time(object, "begun", transfer->begun_us);
	if (transfer->ended_us != 0)
		ocppd_json_add_time(object, "ended", transfer->ended_us);
	return object;
}

struct grant *
grant_of_row(struct hosting *ctx, const struct ocppd_value *row)
{
	struct grant *grant = calloc(1, sizeof(*grant));

	(void)ctx;
	if (grant == NULL)
		return NULL;
	grant->refs = 1;
	grant->id = row[T_ID].number;
	grant->direction = (uint32_t)row[T_DIRECTION].number;
	grant->state = (uint32_t)row[T_STATE].number;
	(void)ocppd_value_copy(&row[T_TOKEN], grant->token, sizeof(grant->token));
	(void)ocppd_value_copy(&row[T_OWNER], grant->owner, sizeof(grant->owner));
	(void)ocppd_value_copy(&row[T_STATION], grant->station_id, sizeof(grant->station_id));
	(void)ocppd_value_copy(&row[T_REFERENCE], grant->reference, sizeof(grant->reference));
	(void)ocppd_value_copy(&row[T_KIND], grant->kind, sizeof(grant->kind));
	(void)ocppd_value_copy(&row[T_REMOTE], grant->remote, sizeof(grant->remote));
	(void)ocppd_value_copy(&row[T_BLOB], grant->blob, sizeof(grant->blob));
	(void)ocppd_value_copy(&row[T_SHA256], grant->sha256, sizeof(grant->sha256));
	(void)ocppd_value_copy(&row[T_NAME], grant->name, sizeof(grant->name));
	if (row[T_SPANS].type == OCPPD_VALUE_TEXT && row[T_SPANS].len > 0) {
		grant->sent = calloc(1, sizeof(*grant->sent));
		if (grant->sent == NULL) {
			free(grant);
			return NULL;
		}
		spans_read(row[T_SPANS].data, row[T_SPANS].len, grant->sent);
	}
	grant->file_id = row[T_FILE].number;
	grant->max_bytes = row[T_MAX].number;
	grant->attempts = (uint32_t)row[T_ATTEMPTS].number;
	grant->bytes = grant->told_bytes = grant->saved_bytes = row[T_BYTES].number;
	grant->size = row[T_SIZE].number;
	grant->created_us = row[T_CREATED].number;
	grant->expires_us = row[T_EXPIRES].number;
	grant->begun_us = row[T_BEGUN].number;
	grant->ended_us = row[T_ENDED].number;
	grant->is_told = grant->begun_us != 0;
	return grant;
}

/* ---- Telling ----------------------------------------------------------------------------------
 */

/* event: its kind, text and files; the rest is filled in. */
static void
tell(struct hosting *ctx, const struct grant *grant, struct ocppd_files_event *event)
{
	struct transfer_view view;
	uint32_t kind = event->kind;
	const char *text = event->text;
	const char *const labels[] = { event_names[kind], NULL };

	transfer_view(ctx, grant, &view);
	event->struct_size = sizeof(*event);
	event->file_stride = sizeof(struct ocppd_file);
	event->time_us = ocppd_now_us(ctx->host);
	event->transfer = &view.transfer;
	watch_tell(ctx, view.owner, event);
	if (kind == OCPPD_FILES_PROGRESS)
		return;
	(void)ocppd_metric_add(ctx->host, METRIC_TRANSFERS, labels, 1);
	OCPPD_INFO(ctx->host, "file_transfer.changed", OCPPD_STR("station", view.station_id),
		   OCPPD_INT("transfer", view.transfer.id), OCPPD_STR("change", event_names[kind]),
		   OCPPD_INT("bytes", view.transfer.bytes), OCPPD_STR("remote", view.remote),
		   OCPPD_STR("text", text));
	if (ocppd_event_wanted(ctx->host, EVENT_TRANSFER_CHANGED)) {
		struct json_object *body = transfer_json(&view.transfer, view.owner);

		ocppd_json_add_str(body, "change", event_names[kind]);
		ocppd_json_add_str(body, "text", text[0] == '\0' ? NULL : text);
		(void)ocppd_event_publish(ctx->host, EVENT_TRANSFER_CHANGED, view.station_id, body);
	}
}

void
transfer_tell(struct hosting *ctx, const struct grant *grant, uint32_t kind, const char *text)
{
	struct ocppd_files_event event = { .kind = kind, .text = text };

	tell(ctx, grant, &event);
}

void
transfer_tell_files(struct hosting *ctx, const struct grant *grant, const struct ocppd_file *files,
		    uint32_t count)
{
	struct ocppd_files_event event = {
		.kind = OCPPD_FILES_COMPLETED, .text = "", .files = files, .file_count = count
	};

	tell(ctx, grant, &event);
}

/* ---- Saving -----------------------------------------------------------------------------------
 */

struct save {
	struct hosting *ctx;
	struct grant *grant; /* a reference */
	uint32_t kind;       /* 0: nothing is told */
	int64_t bytes;
	char text[REASON_SIZE];
};

static void
save_free(struct save *save)
{
	desk_lock(&save->ctx->desk);
	grant_unref(save->grant);
	desk_unlock(&save->ctx->desk);
	free(save);
}

/* Of several that could not be stored, the last decides: it says the most. */
static void
save_later(struct hosting *ctx, struct grant *grant, uint32_t kind)
{
	if (kind > grant->retry)
		grant->retry = kind;
	records_arm(ctx, ocppd_now_us(ctx->host) + RETRY_MS * 1000);
}

/* It has ended, and that is on record. */
static void
forget_ended(struct hosting *ctx, struct grant *grant)
{
	if (!grant->is_closed || grant->saves > 0 || grant->retry != 0)
		return;
	desk_lock(&ctx->desk);
	grant_remove(&ctx->desk, grant);
	desk_unlock(&ctx->desk);
}

static void
on_saved(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	 const struct ocppd_error *err, void *arg)
{
	struct save *save = arg;
	struct hosting *ctx = save->ctx;

	(void)rows;
	(void)count;
	if (result < 0) {
		OCPPD_ERROR(host, "file_transfer.unstored", OCPPD_INT("transfer", save->grant->id),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
		save_later(ctx, save->grant, save->kind);
	} else {
		save->grant->saved_bytes = save->bytes;
		if (save->kind != 0) {
			if (save->kind == OCPPD_FILES_BEGUN)
				save->grant->is_told = true;
			transfer_tell(ctx, save->grant, save->kind, save->text);
		}
	}
	save->grant->saves--;
	forget_ended(ctx, save->grant);
	save_free(save);
	hosting_done(ctx);
}

static struct ocppd_value
time_value(int64_t time_us)
{
	return time_us == 0 ? ocppd_value_null() : ocppd_value_int(time_us);
}

/* Positions of STATEMENT_TRANSFER_SAVE. */
static int
save_add(struct hosting *ctx, struct ocppd_unit *unit, const struct grant *grant,
	 int64_t *ret_bytes)
{
	char spans[SPANS_TEXT_SIZE];
	struct transfer_view view;

	transfer_view(ctx, grant, &view);
	desk_lock(&ctx->desk);
	spans[0] = '\0';
	if (grant->sent != NULL)
		spans_print(grant->sent, spans);
	desk_unlock(&ctx->desk);
	const struct ocppd_value values[] = {
		ocppd_value_int(view.transfer.id),       ocppd_value_int(view.transfer.state),
		ocppd_value_int(view.transfer.attempts), ocppd_value_int(view.transfer.bytes),
		ocppd_value_int(view.transfer.size),     ocppd_value_str(spans),
		ocppd_value_str(view.transfer.remote),   ocppd_value_int(view.transfer.expires_us),
		time_value(view.transfer.begun_us),      time_value(view.transfer.ended_us),
	};

	*ret_bytes = view.transfer.bytes;
	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_TRANSFER_SAVE, values,
				      sizeof(values) / sizeof(values[0]), 0);
}

void
transfer_save(struct hosting *ctx, struct grant *grant, uint32_t kind, const char *text)
{
	struct save *save = calloc(1, sizeof(*save));
	struct ocppd_unit *unit = NULL;
	int r = save == NULL ? OCPPD_ENOMEM : 0;

	if (r == 0)
		r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r == 0)
		r = save_add(ctx, unit, grant, &save->bytes);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		free(save);
		OCPPD_ERROR(ctx->host, "file_transfer.unstored", OCPPD_INT("transfer", grant->id),
			    OCPPD_STR("err", ocppd_error_name(r)));
		save_later(ctx, grant, kind);
		return;
	}
	save->ctx = ctx;
	save->grant = grant;
	save->kind = kind;
	grant->saves++;
	(void)snprintf(save->text, sizeof(save->text), "%s", text);
	desk_lock(&ctx->desk);
	grant->refs++;
	desk_unlock(&ctx->desk);
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_saved, save);
}

/* ---- Ends -------------------------------------------------------------------------------------
 */

void
transfer_end(struct hosting *ctx, struct grant *grant, uint32_t state)
{
	struct desk *desk = &ctx->desk;
	int64_t now_us = ocppd_now_us(ctx->host);
	uint32_t kind = state == OCPPD_TRANSFER_COMPLETED ? OCPPD_FILES_COMPLETED
			: state == OCPPD_TRANSFER_EXPIRED ? OCPPD_FILES_EXPIRED
							  : OCPPD_FILES_WITHDRAWN;
	bool is_open;

	desk_lock(desk);
	is_open = grant->state == OCPPD_TRANSFER_OPEN;
	if (is_open) {
		grant->state = state;
		grant->ended_us = now_us;
	}
	if (state == OCPPD_TRANSFER_COMPLETED) {
		grant->grace_us = now_us + ctx->conf->grace_s * 1000000;
		if (ctx->conf->grace_s == 0 || grant->direction == OCPPD_TRANSFER_SEND)
			grant->is_closed = true;
		if (grant->expires_us > grant->grace_us || grant->is_closed)
			grant->expires_us = grant->is_closed ? now_us : grant->grace_us;
	} else {
		grant->is_closed = true;
		grant_cut(desk, grant,
			  state == OCPPD_TRANSFER_EXPIRED ? "its time is over" : "withdrawn");
	}
	desk_unlock(desk);
	if (is_open) {
		grant->retry = 0; /* what else was to be told is told by the end */
		transfer_save(ctx, grant, kind, "");
	}
	records_arm(ctx, grant->expires_us);
	forget_ended(ctx, grant);
}

void
records_notices(struct hosting *ctx)
{
	struct desk *desk = &ctx->desk;
	struct grant *grant;

	desk_lock(desk);
	while ((grant = TAILQ_FIRST(&desk->noticed)) != NULL) {
		uint32_t notices = grant->notices;
		const char *reason = grant->reason;
		bool is_open = grant->state == OCPPD_TRANSFER_OPEN;

		TAILQ_REMOVE(&desk->noticed, grant, noticed);
		grant->notices = 0;
		desk_unlock(desk);
		if (is_open && (notices & NOTICE_BEGUN) != 0)
			transfer_save(ctx, grant, OCPPD_FILES_BEGUN, "");
		if (is_open && (notices & NOTICE_COVERED) != 0)
			transfer_end(ctx, grant, OCPPD_TRANSFER_COMPLETED);
		else if (is_open && (notices & NOTICE_BROKEN) != 0)
			transfer_save(ctx, grant, OCPPD_FILES_BROKEN, reason);
		else if (is_open && (notices & NOTICE_PART) != 0)
			transfer_save(ctx, grant, 0, "");
		desk_lock(desk);
		grant_unref(grant);
	}
	desk_unlock(desk);
}

/* With the lock held. */
static struct grant *
next_moved(struct hosting *ctx, struct grant *after)
{
	struct grant *grant =
		after == NULL ? TAILQ_FIRST(&ctx->desk.grants) : TAILQ_NEXT(after, all);

	while (grant != NULL &&
	       (grant->id == 0 || grant->state != OCPPD_TRANSFER_OPEN || !grant->is_told ||
		(grant->bytes == grant->told_bytes && grant->bytes == grant->saved_bytes)))
		grant = TAILQ_NEXT(grant, all);
	return grant;
}

/* What moved since it was told last. Only the core thread takes grants off the list. */
void
records_progress(struct hosting *ctx, bool is_last)
{
	struct grant *grant = NULL;

	for (;;) {
		int64_t bytes = 0;

		desk_lock(&ctx->desk);
		grant = next_moved(ctx, grant);
		if (grant != NULL)
			bytes = grant->bytes;
		desk_unlock(&ctx->desk);
		if (grant == NULL)
			break;
		if (!is_last && bytes != grant->told_bytes)
			transfer_tell(ctx, grant, OCPPD_FILES_PROGRESS, "");
		grant->told_bytes = bytes;
		/* A download may be resumed after a crash: what was sent is kept as it grows. */
		if (bytes != grant->saved_bytes && grant->saves == 0 &&
		    (is_last ||
		     (grant->direction == OCPPD_TRANSFER_FETCH && ctx->ticks % SAVE_TICKS == 0)))
			transfer_save(ctx, grant, 0, "");
	}
}

/* ---- Time -------------------------------------------------------------------------------------
 */

void
records_arm(struct hosting *ctx, int64_t at_us)
{
	int64_t now_us = ocppd_now_us(ctx->host);

	if (ctx->is_stopping || ctx->timer == NULL)
		return;
	if (at_us > now_us + LOOK_US)
		at_us = now_us + LOOK_US; /* the wall clock may be set */
	if (at_us >= ctx->armed_us)
		return;
	ctx->armed_us = at_us;
	ocppd_timer_set(ctx->timer, at_us <= now_us ? 0 : (at_us - now_us) / 1000 + 1);
}

/* When the next of all is due. */
static int64_t
next_due(struct hosting *ctx)
{
	int64_t retry_us = ocppd_now_us(ctx->host) + RETRY_MS * 1000;
	int64_t next_us = INT64_MAX;
	struct grant *grant;

	desk_lock(&ctx->desk);
	TAILQ_FOREACH (grant, &ctx->desk.grants, all) {
		int64_t at_us = grant->retry != 0 ? retry_us : grant->expires_us;

		if (grant->retry == 0 && grant->is_closed && grant->saves > 0)
			continue; /* it waits for its unit */
		next_us = at_us < next_us ? at_us : next_us;
	}
	desk_unlock(&ctx->desk);
	return next_us;
}

/* With the lock held: the first whose time has come, or that has to be stored again. */
static struct grant *
find_due(struct hosting *ctx, int64_t now_us, struct grant *after)
{
	struct grant *grant =
		after == NULL ? TAILQ_FIRST(&ctx->desk.grants) : TAILQ_NEXT(after, all);

	while (grant != NULL && grant->retry == 0 &&
	       (grant->expires_us > now_us || (grant->is_closed && grant->saves > 0)))
		grant = TAILQ_NEXT(grant, all);
	return grant;
}

static void
handle_due(struct hosting *ctx, struct grant *grant)
{
	uint32_t kind = grant->retry;

	if (kind != 0) {
		grant->retry = 0;
		transfer_save(ctx, grant, kind, "");
	}
	if (grant->expires_us > ocppd_now_us(ctx->host))
		return;
	if (grant->id != 0 && grant->state == OCPPD_TRANSFER_OPEN) {
		transfer_end(ctx, grant, OCPPD_TRANSFER_EXPIRED);
		return;
	}
	/* The grace of a completed one, or an operator's, is over. */
	desk_lock(&ctx->desk);
	grant->is_closed = true;
	grant_cut(&ctx->desk, grant, "its time is over");
	desk_unlock(&ctx->desk);
	forget_ended(ctx, grant);
}

void
records_timer(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;
	int64_t now_us = ocppd_now_us(host);
	struct grant *grant = NULL;
	struct grant *next;

	ctx->armed_us = INT64_MAX;
	desk_lock(&ctx->desk);
	grant = find_due(ctx, now_us, NULL);
	while (grant != NULL) {
		next = find_due(ctx, now_us, grant);
		desk_unlock(&ctx->desk);
		handle_due(ctx, grant);
		desk_lock(&ctx->desk);
		grant = next;
	}
	desk_unlock(&ctx->desk);
	now_us = next_due(ctx);
	if (now_us != INT64_MAX)
		records_arm(ctx, now_us);
}
