/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files as structs of the service, and the images in memory, in order of their names: there are
 * few, and whoever plans an update asks for them often. Core thread only.
 */
#include "hosting.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* The texts of a file, in any order, for copying them. */
#define TEXTS 12

static void
texts_of(struct ocppd_file *file, const char **ret_texts[TEXTS])
{
	const char **texts[TEXTS] = { &file->kind,      &file->name,       &file->sha256,
				      &file->vendor,    &file->model,      &file->version,
				      &file->note,      &file->signature,  &file->certificate,
				      &file->requester, &file->station_id, &file->reference };

	memcpy(ret_texts, texts, sizeof(texts));
}

struct stored *
stored_new(const struct ocppd_file *file, const char *blob)
{
	struct stored *stored = calloc(1, sizeof(*stored));
	const char **texts[TEXTS];
	size_t total = 0;
	char *at;

	if (stored == NULL)
		return NULL;
	stored->file = *file;
	stored->file.struct_size = sizeof(stored->file);
	memcpy(stored->blob, blob, BLOB_SIZE);
	texts_of(&stored->file, texts);
	for (size_t i = 0; i < TEXTS; i++)
		total += *texts[i] == NULL ? 0 : strlen(*texts[i]) + 1;
	at = stored->texts = malloc(total + 1);
	if (at == NULL) {
		free(stored);
		return NULL;
	}
	for (size_t i = 0; i < TEXTS; i++) {
		size_t len;

		if (*texts[i] == NULL)
			continue;
		len = strlen(*texts[i]) + 1;
		memcpy(at, *texts[i], len);
		*texts[i] = at;
		at += len;
	}
	return stored;
}

void
stored_free(struct stored *stored)
{
	if (stored == NULL)
		return;
	free(stored->texts);
	free(stored);
}

struct stored *
stored_of_row(const struct ocppd_value *row)
{
	static const uint32_t columns[TEXTS] = {
		F_KIND, F_NAME,      F_SHA256,      F_VENDOR,    F_MODEL,   F_VERSION,
		F_NOTE, F_SIGNATURE, F_CERTIFICATE, F_REQUESTER, F_STATION, F_REFERENCE
	};
	struct stored *stored = calloc(1, sizeof(*stored));
	const char **texts[TEXTS];
	size_t total = 0;
	char *at;

	if (stored == NULL)
		return NULL;
	stored->file = (struct ocppd_file){ .struct_size = sizeof(stored->file),
					    .id = row[F_ID].number,
					    .size = row[F_SIZE].number,
					    .created_us = row[F_CREATED].number,
					    .transfer_id = row[F_TRANSFER].number };
	(void)ocppd_value_copy(&row[F_BLOB], stored->blob, sizeof(stored->blob));
	for (size_t i = 0; i < TEXTS; i++)
		total += row[columns[i]].len + 1;
	at = stored->texts = malloc(total);
	if (at == NULL) {
		free(stored);
		return NULL;
	}
	texts_of(&stored->file, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		const struct ocppd_value *value = &row[columns[i]];

		if (value->type != OCPPD_VALUE_TEXT)
			continue;
		(void)ocppd_value_copy(value, at, value->len + 1);
		*texts[i] = at;
		at += value->len + 1;
	}
	return stored;
}

struct json_object *
file_json(const struct ocppd_file *file)
{
	struct json_object *object = json_object_new_object();

	ocppd_json_add_int(object, "fileId", file->id);
	ocppd_json_add_str(object, "kind", file->kind);
	ocppd_json_add_str(object, "name", file->name);
	ocppd_json_add_int(object, "size", file->size);
	ocppd_json_add_str(object, "sha256", file->sha256);
	ocppd_json_add_time(object, "created", file->created_us);
	ocppd_json_add_str(object, "stationId", file->station_id);
	ocppd_json_add_str(object, "reference", file->reference);
	if (file->transfer_id != 0)
		ocppd_json_add_int(object, "transferId", file->transfer_id);
	ocppd_json_add_str(object, "vendor", file->vendor);
	ocppd_json_add_str(object, "model", file->model);
	ocppd_json_add_str(object, "firmwareVersion", file->version);
	ocppd_json_add_str(object, "note", file->note);
	ocppd_json_add_str(object, "signature", file->signature);
	ocppd_json_add_str(object, "certificate", file->certificate);
	ocppd_json_add_str(object, "requester", file->requester);
	return object;
}

/* ---- Images -----------------------------------------------------------------------------------
 */

int
catalogue_add(struct hosting *ctx, const struct ocppd_file *file, const char *blob)
{
	struct stored **images =
		reallocarray(ctx->images, (size_t)ctx->image_count + 1, sizeof(struct stored *));
	struct stored *stored;
	uint32_t at = 0;

	if (images == NULL)
		return OCPPD_ENOMEM;
	ctx->images = images;
	stored = stored_new(file, blob);
	if (stored == NULL)
		return OCPPD_ENOMEM;
	while (at < ctx->image_count && strcmp(images[at]->file.name, file->name) < 0)
		at++;
	memmove(images + at + 1, images + at, (ctx->image_count - at) * sizeof(images[0]));
	images[at] = stored;
	ctx->image_count++;
	return 0;
}

void
catalogue_remove(struct hosting *ctx, int64_t id)
{
	for (uint32_t i = 0; i < ctx->image_count; i++) {
		if (ctx->images[i]->file.id != id)
			continue;
		stored_free(ctx->images[i]);
		memmove(ctx->images + i, ctx->images + i + 1,
			(ctx->image_count - i - 1) * sizeof(ctx->images[0]));
		ctx->image_count--;
		return;
	}
}

const struct stored *
catalogue_find(const struct hosting *ctx, const char *name, int64_t id)
{
	for (uint32_t i = 0; i < ctx->image_count; i++) {
		const struct ocppd_file *file = &ctx->images[i]->file;

		if (name != NULL ? strcmp(file->name, name) == 0 : file->id == id)
			return ctx->images[i];
	}
	return NULL;
}

void
catalogue_clear(struct hosting *ctx)
{
	for (uint32_t i = 0; i < ctx->image_count; i++)
		stored_free(ctx->images[i]);
	free(ctx->images);
	ctx->images = NULL;
	ctx->image_count = 0;
}
