/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files that came, on their way onto record: one unit for the files and the transfer that they end.
 * Then the worker moves them, and whoever sent them is answered. Core thread only.
 */
#include "hosting.h"
#include "http.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The worker moves or removes the files, and wakes the connection. */
static void
hand_on(struct hosting *ctx, struct upload *upload, enum job_kind kind)
{
	struct job *job = upload->job;

	desk_lock(&ctx->desk);
	grant_unref(upload->grant);
	upload->grant = NULL;
	desk_unlock(&ctx->desk);
	upload->job = NULL;
	job->kind = kind;
	job->upload = upload;
	worker_give(ctx, job);
}

static void
refuse(struct hosting *ctx, struct upload *upload, uint32_t status, const char *text)
{
	upload->status = status;
	(void)snprintf(upload->text, sizeof(upload->text), "%s", text);
	desk_lock(&ctx->desk);
	grant_notice(&ctx->desk, upload->grant, NOTICE_BROKEN, text);
	if (upload->request != NULL)
		grant_remove(&ctx->desk, upload->grant); /* an import is tried once */
	desk_unlock(&ctx->desk);
	hand_on(ctx, upload, JOB_DROP);
}

static void
file_of(const struct upload *upload, uint32_t i, struct ocppd_file *ret_file)
{
	const struct grant *grant = upload->grant;
	const struct image_notes *notes = grant->notes;
	const struct received *file = &upload->files[i];

	*ret_file = (struct ocppd_file){
		.struct_size = sizeof(*ret_file),
		.id = file->id,
		.kind = grant->kind,
		.name = file->name,
		.sha256 = file->sha256,
		.size = file->size,
		.created_us = upload->stored_us,
	};
	if (notes == NULL) {
		ret_file->station_id = grant->station_id;
		ret_file->reference = grant->reference[0] == '\0' ? NULL : grant->reference;
		ret_file->transfer_id = grant->id;
		return;
	}
	ret_file->vendor = notes->vendor;
	ret_file->model = notes->model;
	ret_file->version = notes->version;
	ret_file->note = notes->note;
	ret_file->signature = notes->signature;
	ret_file->certificate = notes->certificate;
	ret_file->requester = notes->requester;
}

static int
add_file(struct hosting *ctx, struct ocppd_unit *unit, const struct ocppd_file *file,
	 const char *blob)
{
	const struct ocppd_value values[] = {
		ocppd_value_str(file->kind),
		ocppd_value_str(file->name),
		ocppd_value_str(blob),
		ocppd_value_str(file->sha256),
		ocppd_value_int(file->size),
		ocppd_value_int(file->created_us),
		ocppd_value_str(file->vendor),
		ocppd_value_str(file->model),
		ocppd_value_str(file->version),
		ocppd_value_str(file->note),
		ocppd_value_str(file->signature),
		ocppd_value_str(file->certificate),
		ocppd_value_str(file->requester),
		ocppd_value_str(file->station_id),
		ocppd_value_str(file->reference),
		file->transfer_id == 0 ? ocppd_value_null() : ocppd_value_int(file->transfer_id),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_FILE_ADD, values,
				      sizeof(values) / sizeof(values[0]), OCPPD_UNIT_EXPECT_ROW);
}

/* ---- After the commit -------------------------------------------------------------------------
 */

static void
count_files(struct hosting *ctx, struct upload *upload)
{
	struct desk *desk = &ctx->desk;
	const char *const labels[] = { upload->grant->notes != NULL ? "image" : "received", NULL };

	desk_lock(desk);
	for (uint32_t i = 0; i < upload->count; i++) {
		desk->incoming_bytes -= upload->files[i].size;
		desk->used_bytes += upload->files[i].size;
	}
	desk_unlock(desk);
	(void)ocppd_metric_add(ctx->host, METRIC_FILES, labels, upload->count);
}

static void
received(struct hosting *ctx, struct upload *upload)
{
	struct grant *grant = upload->grant;
	struct ocppd_file files[UPLOAD_FILES_MAX];

	for (uint32_t i = 0; i < upload->count; i++)
		file_of(upload, i, &files[i]);
	desk_lock(&ctx->desk);
	grant->file_id = upload->files[0].id;
	grant->is_closed = true;
	grant_cut(&ctx->desk, grant, "another request brought the file");
	grant_remove(&ctx->desk, grant);
	desk_unlock(&ctx->desk);
	for (uint32_t i = 0; i < upload->count; i++)
		OCPPD_INFO(ctx->host, "file.received", OCPPD_STR("station", grant->station_id),
			   OCPPD_INT("file", upload->files[i].id),
			   OCPPD_STR("name", upload->files[i].name),
			   OCPPD_INT("bytes", upload->files[i].size));
	upload->status = 200;
	(void)snprintf(upload->text, sizeof(upload->text), "Received\n");
	transfer_tell_files(ctx, grant, files, upload->count);
}

static void
answer_image(struct hosting *ctx, struct upload *upload)
{
	struct json_object *body;
	struct ocppd_file file;

	file_of(upload, 0, &file);
	if (catalogue_add(ctx, &file, upload->files[0].blob) < 0)
		OCPPD_ERROR(ctx->host, "image.unlisted", OCPPD_INT("file", file.id),
			    OCPPD_STR("text", "out of memory; it is there after a restart"));
	OCPPD_INFO(ctx->host, "image.stored", OCPPD_INT("file", file.id),
		   OCPPD_STR("name", file.name), OCPPD_INT("bytes", file.size),
		   OCPPD_STR("user", file.requester));
	upload->status = 201;
	body = file_json(&file);
	upload->json = strdup(json_object_to_json_string_ext(
		body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(body);
	desk_lock(&ctx->desk);
	upload->grant->is_closed = true;
	grant_remove(&ctx->desk, upload->grant);
	desk_unlock(&ctx->desk);
}

/* It is not on record: the station, or the operator, may try again. */
static void
open_again(struct hosting *ctx, struct upload *upload, int result)
{
	struct grant *grant = upload->grant;
	uint32_t status = result == OCPPD_ESPACE ? 507 : result == OCPPD_EINVAL ? 409 : 503;

	desk_lock(&ctx->desk);
	grant->state = OCPPD_TRANSFER_OPEN;
	grant->is_closed = false;
	grant->ended_us = 0;
	desk_unlock(&ctx->desk);
	records_arm(ctx, grant->expires_us);
	refuse(ctx, upload, status, "the file could not be put on record");
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct upload *upload = arg;
	struct hosting *ctx = upload->hosting;
	struct grant *grant = upload->grant;

	(void)count;
	grant->saves--;
	if (result < 0) {
		OCPPD_ERROR(host, "file.unstored", OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
		open_again(ctx, upload, result);
		hosting_done(ctx);
		return;
	}
	for (uint32_t i = 0; i < upload->count; i++)
		upload->files[i].id = rows[i].values[0].number;
	count_files(ctx, upload);
	if (grant->notes != NULL) {
		answer_image(ctx, upload);
	} else {
		received(ctx, upload);
	}
	hand_on(ctx, upload, JOB_SETTLE);
	hosting_count(ctx);
	hosting_done(ctx);
}

/* ---- Before -----------------------------------------------------------------------------------
 */

/* Ends the transfer in the same unit. */
static int
add_transfer(struct hosting *ctx, struct ocppd_unit *unit, const struct upload *upload)
{
	const struct grant *grant = upload->grant;
	struct transfer_view view;
	int64_t bytes = 0;

	for (uint32_t i = 0; i < upload->count; i++)
		bytes += upload->files[i].size;
	transfer_view(ctx, grant, &view);
	const struct ocppd_value values[] = {
		ocppd_value_int(grant->id),
		ocppd_value_int(OCPPD_TRANSFER_COMPLETED),
		ocppd_value_int(view.transfer.attempts),
		ocppd_value_int(bytes),
		ocppd_value_int(bytes),
		ocppd_value_str(view.transfer.remote),
		ocppd_value_int(grant->expires_us),
		ocppd_value_int(view.transfer.begun_us),
		ocppd_value_int(upload->stored_us),
		ocppd_value_ref(0, 0),
	};

	return ctx->storage->unit_add(unit, ctx->host, STATEMENT_TRANSFER_RECEIVED, values,
				      sizeof(values) / sizeof(values[0]), OCPPD_UNIT_EXPECT_ROW);
}

static int
make_unit(struct hosting *ctx, struct upload *upload, struct ocppd_unit **ret_unit)
{
	struct ocppd_unit *unit = NULL;
	struct ocppd_file file;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	for (uint32_t i = 0; i < upload->count && r >= 0; i++) {
		file_of(upload, i, &file);
		r = add_file(ctx, unit, &file, upload->files[i].blob);
	}
	if (r >= 0 && upload->grant->notes == NULL)
		r = add_transfer(ctx, unit, upload);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	*ret_unit = unit;
	return 0;
}

/* 0, or the status of a refusal, with its text. */
static uint32_t
check(struct hosting *ctx, struct upload *upload, const char **ret_text)
{
	const struct grant *grant = upload->grant;

	if (upload->count == 0) {
		*ret_text = http_reason(upload->status);
		return upload->status;
	}
	if (grant->state != OCPPD_TRANSFER_OPEN || grant->is_closed) {
		*ret_text = "its transfer has ended";
		return 409;
	}
	if (grant->notes == NULL)
		return 0;
	if (grant->notes->sha256[0] != '\0' &&
	    strcmp(grant->notes->sha256, upload->files[0].sha256) != 0) {
		*ret_text = "the file's SHA-256 is not the expected one";
		return 422;
	}
	if (catalogue_find(ctx, grant->name, 0) != NULL) {
		*ret_text = "there is an image of that name";
		return 409;
	}
	return 0;
}

void
upload_store(struct hosting *ctx, struct upload *upload)
{
	struct grant *grant = upload->grant;
	struct ocppd_unit *unit = NULL;
	const char *text = "";
	uint32_t status = check(ctx, upload, &text);
	int64_t bytes = 0;

	if (status != 0) {
		refuse(ctx, upload, status, text);
		return;
	}
	upload->stored_us = ocppd_now_us(ctx->host);
	if (make_unit(ctx, upload, &unit) < 0) {
		refuse(ctx, upload, 503, "storage takes no writes at present");
		return;
	}
	for (uint32_t i = 0; i < upload->count; i++)
		bytes += upload->files[i].size;
	desk_lock(&ctx->desk);
	/* From here on nothing else ends it, and no other request's file counts. */
	grant->bytes = bytes;
	grant->size = bytes;
	grant->state = OCPPD_TRANSFER_COMPLETED;
	grant->ended_us = upload->stored_us;
	desk_unlock(&ctx->desk);
	grant->saves++;
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, upload);
}

void
uploads_take(struct hosting *ctx)
{
	struct desk *desk = &ctx->desk;
	struct upload *upload;

	desk_lock(desk);
	while ((upload = TAILQ_FIRST(&desk->uploads)) != NULL) {
		TAILQ_REMOVE(&desk->uploads, upload, all);
		desk_unlock(desk);
		upload_store(ctx, upload);
		desk_lock(desk);
	}
	desk_unlock(desk);
}

void
upload_settled(struct hosting *ctx, struct upload *upload)
{
	if (upload->status < 300)
		ocppd_request_reply(ctx->host, upload->request, upload->status,
				    upload->json == NULL ? NULL : json_tokener_parse(upload->json));
	else
		ocppd_request_problem(ctx->host, upload->request, upload->status,
				      upload->status == 404   ? "unknown-file"
				      : upload->status == 409 ? "conflict"
				      : upload->status == 507 ? "no-space"
							      : "not-imported",
				      "%s",
				      upload->status == 404
					      ? "There is no such file in the folder import"
					      : upload->text);
	upload_free(upload);
}
