/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API. Bodies there are small, files are not: what an operator uploads and fetches
 * goes over the files' own listeners, at a URL for that one purpose.
 */
#include "hosting.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct work {
	struct ocppd_work base;
	int64_t id;
};

struct wanted {
	const char *param; /* its number in the path */
	const char *unknown;
	const char *unknown_text;
};
static const struct wanted wanted_file = { "fileId", "unknown-file", "There is no such file" };
static const struct wanted wanted_transfer = { "transferId", "unknown-transfer",
					       "There is no such transfer" };

/* With the path's id; NULL: the request was answered. */
static struct work *
work_of_path(struct hosting *ctx, struct ocppd_request *request, const struct wanted *wanted)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.unknown = wanted->unknown;
	work->base.unknown_text = wanted->unknown_text;
	return ocppd_work_id(&work->base, wanted->param, &work->id) < 0 ? NULL : work;
}

/* Before which; NULL: the request was answered. */
static struct work *
work_of_list(struct hosting *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	return work == NULL || ocppd_work_after(&work->base, &work->id) < 0 ? NULL : work;
}

/* ---- Files ------------------------------------------------------------------------------------
 */

static struct json_object *
stored_json(const struct ocppd_value *row)
{
	struct stored *stored = stored_of_row(row);
	struct json_object *json = stored == NULL ? NULL : file_json(&stored->file);

	stored_free(stored);
	return json;
}

static const struct ocppd_page files_page = { sizeof(files_page), 0, .row_json = stored_json };

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const char *station_id = ocppd_request_query(request, "stationId");
	struct work *work = work_of_list(ctx, request);

	(void)host;
	if (work == NULL)
		return;
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(ocppd_request_query(request, "kind")),
		ocppd_value_str(station_id),
	};

	ocppd_work_list(&work->base, station_id == NULL ? STATEMENT_FILES : STATEMENT_FILES_STATION,
			values, 4, &files_page);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request, &wanted_file);

	(void)host;
	if (work == NULL)
		return;
	const struct ocppd_value id = ocppd_value_int(work->id);

	ocppd_work_get(&work->base, STATEMENT_FILE, &id, 1, stored_json);
}

static void
find_file(struct work *work, ocppd_rows_fn *fn)
{
	const struct ocppd_value id = ocppd_value_int(work->id);

	ocppd_work_query(&work->base, STATEMENT_FILE, &id, 1, fn);
}

static void
on_deleted(struct hosting *ctx, int result, const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)ctx;
	if (result == OCPPD_ECONFLICT) {
		ocppd_work_problem(&work->base, 409, "in-use",
				   "A transfer of the file is open; withdraw it first");
	} else if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
	} else {
		ocppd_work_reply(&work->base, 200, NULL);
	}
}

static void
on_delete(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	int r;

	(void)host;
	if (ocppd_work_row(&work->base, result, rows, err) == NULL)
		return;
	r = file_delete(work->base.ctx, work->id, "operator", on_deleted, work);
	if (r < 0)
		ocppd_work_fail(&work->base, r, NULL);
}

void
routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request, &wanted_file);

	(void)host;
	if (work != NULL)
		find_file(work, on_delete);
}

/* ---- URLs for operators -----------------------------------------------------------------------
 */

static void
reply_ticket(struct hosting *ctx, struct ocppd_request *request, const struct grant *grant)
{
	struct json_object *body = json_object_new_object();
	bool is_fetch = grant->direction == OCPPD_TRANSFER_FETCH;
	char url[OCPPD_FILE_URL_MAX + 1];

	url_of(ctx->base, grant, url);
	ocppd_json_add_str(body, "url", url);
	if (ctx->local[0] != '\0') {
		url_of(ctx->local, grant, url);
		ocppd_json_add_str(body, "localUrl", url);
	}
	ocppd_json_add_str(body, "method", is_fetch ? "GET" : "PUT");
	ocppd_json_add_time(body, "expires", grant->expires_us);
	ocppd_json_add_str(body, "name", grant->name);
	if (is_fetch) {
		ocppd_json_add_int(body, "size", grant->size);
		ocppd_json_add_str(body, "sha256", grant->sha256);
	}
	ocppd_request_reply(ctx->host, request, is_fetch ? 200 : 201, body);
}

/* NULL: the request was answered. */
static struct grant *
ticket_new(struct hosting *ctx, struct ocppd_request *request, uint32_t direction)
{
	struct grant *grant = NULL;

	if (ctx->is_stopping || (int64_t)ctx->desk.grant_count >= ctx->conf->max_transfers) {
		ocppd_request_problem(ctx->host, request, 429, "busy",
				      "max_transfers are open already");
		return NULL;
	}
	grant = calloc(1, sizeof(*grant));
	if (grant == NULL || token_make(grant->token) < 0) {
		free(grant);
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	grant->refs = 1;
	grant->direction = direction;
	grant->state = OCPPD_TRANSFER_OPEN;
	grant->created_us = ocppd_now_us(ctx->host);
	grant->expires_us = grant->created_us + ctx->conf->operator_time_s * 1000000;
	return grant;
}

static void
ticket_open(struct hosting *ctx, struct grant *grant)
{
	desk_lock(&ctx->desk);
	grant_insert(&ctx->desk, grant);
	desk_unlock(&ctx->desk);
	records_arm(ctx, grant->expires_us);
	hosting_count(ctx);
}

static void
on_download(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct hosting *ctx = work->base.ctx;
	const struct ocppd_value *row = ocppd_work_row(&work->base, result, rows, err);
	struct grant *grant;

	(void)host;
	if (row == NULL)
		return;
	grant = ticket_new(ctx, work->base.request, OCPPD_TRANSFER_FETCH);
	if (grant != NULL) {
		grant->file_id = row[F_ID].number;
		grant->size = row[F_SIZE].number;
		(void)ocppd_value_copy(&row[F_BLOB], grant->blob, sizeof(grant->blob));
		(void)ocppd_value_copy(&row[F_SHA256], grant->sha256, sizeof(grant->sha256));
		(void)ocppd_value_copy(&row[F_NAME], grant->name, sizeof(grant->name));
		ticket_open(ctx, grant);
		OCPPD_INFO(ctx->host, "file.asked",
			   OCPPD_STR("user", ocppd_request_user(work->base.request)),
			   OCPPD_INT("file", grant->file_id));
		reply_ticket(ctx, work->base.request, grant);
	}
	ocppd_work_end(&work->base);
}

void
routes_download(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request, &wanted_file);

	(void)host;
	if (work != NULL)
		find_file(work, on_download);
}

static char *
text_of(struct json_object *body, const char *key, bool *is_short)
{
	const char *text = ocppd_json_get_str(body, key);
	char *copy = text == NULL ? NULL : strdup(text);

	*is_short = *is_short || (text != NULL && copy == NULL);
	return copy;
}

static struct image_notes *
notes_of(struct json_object *body, const char *user)
{
	struct image_notes *notes = calloc(1, sizeof(*notes));
	const char *sha256 = ocppd_json_get_str(body, "sha256");
	bool is_short = false;

	if (notes == NULL)
		return NULL;
	notes->vendor = text_of(body, "vendor", &is_short);
	notes->model = text_of(body, "model", &is_short);
	notes->version = text_of(body, "firmwareVersion", &is_short);
	notes->note = text_of(body, "note", &is_short);
	notes->signature = text_of(body, "signature", &is_short);
	notes->certificate = text_of(body, "certificate", &is_short);
	notes->requester = strdup(user);
	for (size_t i = 0; sha256 != NULL && i < SHA256_SIZE - 1 && sha256[i] != '\0'; i++)
		notes->sha256[i] = sha256[i] >= 'A' && sha256[i] <= 'F'
					   ? (char)(sha256[i] - 'A' + 'a')
					   : sha256[i];
	if (is_short || notes->requester == NULL) {
		notes_free(notes);
		return NULL;
	}
	return notes;
}

/* An image that may come; NULL: the request was answered. */
static struct grant *
image_ticket(struct hosting *ctx, struct ocppd_request *request)
{
	struct json_object *body = ocppd_request_body(request);
	const char *name = ocppd_json_get_str(body, "name");
	const char *sha256 = ocppd_json_get_str(body, "sha256");
	struct grant *grant;

	if (!name_is_clean(name)) {
		ocppd_request_problem(ctx->host, request, 422, "bad-name",
				      "name must be made of A-Z, a-z, 0-9, `.`, `_` and `-`, "
				      "without a dot in front");
		return NULL;
	}
	if (sha256 != NULL &&
	    (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdefABCDEF") != 64)) {
		ocppd_request_problem(ctx->host, request, 422, "bad-digest",
				      "sha256 must be 64 hexadecimal digits");
		return NULL;
	}
	if (catalogue_find(ctx, name, 0) != NULL) {
		ocppd_request_problem(ctx->host, request, 409, "name-taken",
				      "There is an image of that name; delete it first, or choose "
				      "another");
		return NULL;
	}
	grant = ticket_new(ctx, request, OCPPD_TRANSFER_SEND);
	if (grant == NULL)
		return NULL;
	grant->notes = notes_of(body, ocppd_request_user(request));
	if (grant->notes == NULL) {
		free(grant);
		ocppd_request_fail(ctx->host, request, OCPPD_ENOMEM, NULL);
		return NULL;
	}
	grant->max_bytes = ctx->conf->max_image;
	(void)snprintf(grant->kind, sizeof(grant->kind), "%s", OCPPD_FILE_FIRMWARE);
	(void)snprintf(grant->name, sizeof(grant->name), "%s", name);
	return grant;
}

void
routes_upload(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct hosting *ctx = arg;
	struct grant *grant = image_ticket(ctx, request);

	(void)host;
	if (grant == NULL)
		return;
	ticket_open(ctx, grant);
	reply_ticket(ctx, request, grant);
}

/* It takes the way of an upload, but for the connection. */
void
routes_import(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct hosting *ctx = arg;
	const char *file = ocppd_json_get_str(ocppd_request_body(request), "file");
	struct grant *grant = NULL;
	struct upload *upload = NULL;
	struct job *job = NULL;

	if (!name_is_clean(file)) {
		ocppd_request_problem(host, request, 422, "bad-name",
				      "file must be the plain name of a file in the folder import");
		return;
	}
	grant = image_ticket(ctx, request);
	if (grant == NULL)
		return;
	job = job_new(JOB_IMPORT);
	upload = calloc(1, sizeof(*upload));
	if (upload != NULL)
		upload->job = job_new(JOB_SETTLE);
	if (job == NULL || upload == NULL || upload->job == NULL) {
		free(job);
		if (upload != NULL)
			free(upload->job);
		free(upload);
		notes_free(grant->notes);
		free(grant);
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	upload->hosting = ctx;
	upload->grant = grant;
	upload->request = request;
	(void)snprintf(upload->source, sizeof(upload->source), "%s", file);
	desk_lock(&ctx->desk);
	grant->refs++;
	grant_insert(&ctx->desk, grant);
	desk_unlock(&ctx->desk);
	job->upload = upload;
	job->limit = grant->max_bytes;
	worker_give(ctx, job);
}

/* ---- Transfers --------------------------------------------------------------------------------
 */

/* What is open is newer in memory than on record. */
static struct json_object *
row_json(const struct ocppd_value *row, void *arg)
{
	struct hosting *ctx = arg;
	struct grant *stored = grant_of_row(ctx, row);
	struct transfer_view view;
	struct grant *live;

	if (stored == NULL)
		return NULL;
	desk_lock(&ctx->desk);
	live = grant_by_id(&ctx->desk, stored->id);
	desk_unlock(&ctx->desk);
	transfer_view(ctx, live != NULL ? live : stored, &view);
	grant_unref(stored);
	return transfer_json(&view.transfer, view.owner);
}

static const struct ocppd_page transfers_page = { sizeof(transfers_page), 0,
						  .row_json_in = row_json };

static struct ocppd_value
state_value(const char *word)
{
	static const char *const words[] = { "open", "completed", "expired", "withdrawn" };

	for (int64_t i = 0; word != NULL && i < 4; i++) {
		if (strcmp(words[i], word) == 0)
			return ocppd_value_int(i + 1);
	}
	return ocppd_value_null();
}

void
routes_transfers(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_list(ctx, request);

	(void)host;
	if (work == NULL)
		return;
	const struct ocppd_value values[] = {
		ocppd_value_int(work->id),
		ocppd_value_int(work->base.limit + 1),
		ocppd_value_str(ocppd_request_query(request, "stationId")),
		state_value(ocppd_request_query(request, "state")),
	};

	ocppd_work_list(&work->base, STATEMENT_TRANSFERS, values, 4, &transfers_page);
}

static void
on_transfer(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	const struct ocppd_value *row = ocppd_work_row(&work->base, result, rows, err);

	(void)host;
	if (row != NULL)
		ocppd_work_reply(&work->base, 200, row_json(row, work->base.ctx));
}

static void
find_transfer(struct work *work, ocppd_rows_fn *fn)
{
	const struct ocppd_value id = ocppd_value_int(work->id);

	ocppd_work_query(&work->base, STATEMENT_TRANSFER, &id, 1, fn);
}

void
routes_transfer(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request, &wanted_transfer);

	(void)host;
	if (work != NULL)
		find_transfer(work, on_transfer);
}

static void
on_withdraw(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct hosting *ctx = work->base.ctx;
	struct grant *grant;

	if (ocppd_work_row(&work->base, result, rows, err) == NULL)
		return;
	desk_lock(&ctx->desk);
	grant = grant_by_id(&ctx->desk, work->id);
	desk_unlock(&ctx->desk);
	if (grant == NULL || grant->state != OCPPD_TRANSFER_OPEN) {
		ocppd_work_problem(&work->base, 409, "not-open", "The transfer has ended already");
		return;
	}
	OCPPD_INFO(host, "file_transfer.withdrawn",
		   OCPPD_STR("user", ocppd_request_user(work->base.request)),
		   OCPPD_INT("transfer", work->id));
	transfer_end(ctx, grant, OCPPD_TRANSFER_WITHDRAWN);
	ocppd_work_reply(&work->base, 200, NULL);
}

void
routes_withdraw(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct work *work = work_of_path(ctx, request, &wanted_transfer);

	(void)host;
	if (work != NULL)
		find_transfer(work, on_withdraw);
}
