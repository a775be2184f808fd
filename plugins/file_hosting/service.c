/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The service `ocppd.files`, for modules that plan what stations fetch and send. Core thread only.
 */
#include "hosting.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct watch {
	TAILQ_ENTRY(watch) all;
	struct ocppd_host *host;
	char owner[OWNER_SIZE];
	ocppd_files_fn *fn;
	void *arg;
};

/* ---- Watching ---------------------------------------------------------------------------------
 */

static struct watch *
watch_find(struct hosting *ctx, const char *owner)
{
	struct watch *watch;

	TAILQ_FOREACH (watch, &ctx->watches, all) {
		if (strcmp(watch->owner, owner) == 0)
			return watch;
	}
	return NULL;
}

static int
service_watch(void *self, struct ocppd_host *host, ocppd_files_fn *fn, void *arg)
{
	struct hosting *ctx = self;
	struct watch *watch = watch_find(ctx, ocppd_host_name(host));

	if (fn == NULL) {
		if (watch != NULL)
			TAILQ_REMOVE(&ctx->watches, watch, all);
		free(watch);
		return 0;
	}
	if (watch == NULL) {
		watch = calloc(1, sizeof(*watch));
		if (watch == NULL)
			return OCPPD_ENOMEM;
		(void)snprintf(watch->owner, sizeof(watch->owner), "%s", ocppd_host_name(host));
		TAILQ_INSERT_TAIL(&ctx->watches, watch, all);
	}
	watch->host = host;
	watch->fn = fn;
	watch->arg = arg;
	return 0;
}

void
watch_tell(struct hosting *ctx, const char *owner, const struct ocppd_files_event *event)
{
	struct watch *watch = watch_find(ctx, owner);

	if (watch != NULL)
		watch->fn(watch->host, event, watch->arg);
}

void
watches_free(struct hosting *ctx)
{
	struct watch *watch;

	while ((watch = TAILQ_FIRST(&ctx->watches)) != NULL) {
		TAILQ_REMOVE(&ctx->watches, watch, all);
		free(watch);
	}
}

/* ---- Files ------------------------------------------------------------------------------------
 */

static int
service_image_find(void *self, struct ocppd_host *host, const char *name, int64_t id,
		   struct ocppd_file *ret_file)
{
	const struct stored *stored = catalogue_find(self, name, id);
	uint32_t size = ret_file->struct_size;

	(void)host;
	if (stored == NULL)
		return OCPPD_ENOENT;
	memcpy(ret_file, &stored->file, size < sizeof(stored->file) ? size : sizeof(stored->file));
	ret_file->struct_size = size;
	return 0;
}

static int
service_image_each(void *self, struct ocppd_host *host, ocppd_file_each_fn *fn, void *arg)
{
	const struct hosting *ctx = self;

	(void)host;
	for (uint32_t i = 0; i < ctx->image_count; i++) {
		int r = fn(&ctx->images[i]->file, arg);

		if (r != 0)
			return r;
	}
	return 0;
}

/* A question of a module's, until it is answered. */
struct asked {
	struct hosting *ctx;
	struct ocppd_host *host;
	ocppd_file_fn *file_fn;
	ocppd_transfer_fn *transfer_fn;
	void *arg;
	struct grant *grant; /* transfer_new: owned until it is on record */
	char owner[OWNER_SIZE];
};

static struct asked *
asked_new(struct hosting *ctx, struct ocppd_host *host, void *arg)
{
	struct asked *asked = calloc(1, sizeof(*asked));

	if (asked == NULL)
		return NULL;
	asked->ctx = ctx;
	asked->host = host;
	asked->arg = arg;
	(void)snprintf(asked->owner, sizeof(asked->owner), "%s", ocppd_host_name(host));
	return asked;
}

static void
asked_end(struct asked *asked)
{
	struct hosting *ctx = asked->ctx;

	free(asked);
	hosting_done(ctx);
}

/* The file that was looked for. ret_stored is NULL with a negative return. */
static int
take_stored(int result, const struct ocppd_rows *rows, struct stored **ret_stored)
{
	*ret_stored = NULL;
	if (result < 0)
		return result;
	if (rows->count == 0)
		return OCPPD_ENOENT;
	*ret_stored = stored_of_row(rows->values);
	return *ret_stored == NULL ? OCPPD_ENOMEM : 0;
}

static void
on_file(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct asked *asked = arg;
	struct stored *stored;
	int r = take_stored(result, rows, &stored);

	(void)host;
	asked->file_fn(asked->host, r, stored == NULL ? NULL : &stored->file, err, asked->arg);
	stored_free(stored);
	asked_end(asked);
}

static int
service_file_get(void *self, struct ocppd_host *host, int64_t id, ocppd_file_fn *fn, void *arg)
{
	struct hosting *ctx = self;
	const struct ocppd_value values[] = { ocppd_value_int(id) };
	struct asked *asked = asked_new(ctx, host, arg);
	int r;

	if (asked == NULL)
		return OCPPD_ENOMEM;
	asked->file_fn = fn;
	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FILE, values, 1, 1, on_file,
				asked);
	if (r < 0) {
		free(asked);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}

/* ---- Transfers --------------------------------------------------------------------------------
 */

static void
on_transfer(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct asked *asked = arg;
	struct hosting *ctx = asked->ctx;
	struct transfer_view view;
	struct grant *grant = NULL;

	(void)host;
	if (result >= 0 && rows->count == 0)
		result = OCPPD_ENOENT;
	if (result >= 0) {
		grant = grant_of_row(ctx, rows->values);
		result = grant == NULL ? OCPPD_ENOMEM : 0;
	}
	if (result >= 0 && strcmp(grant->owner, asked->owner) != 0)
		result = OCPPD_ENOENT;
	if (result >= 0) {
		struct grant *live;

		desk_lock(&ctx->desk);
		live = grant_by_id(&ctx->desk, grant->id);
		desk_unlock(&ctx->desk);
		transfer_view(ctx, live != NULL ? live : grant, &view);
	}
	asked->transfer_fn(asked->host, result, result < 0 ? NULL : &view.transfer, err,
			   asked->arg);
	grant_unref(grant);
	asked_end(asked);
}

static int
service_transfer_get(void *self, struct ocppd_host *host, int64_t id, ocppd_transfer_fn *fn,
		     void *arg)
{
	struct hosting *ctx = self;
	const struct ocppd_value values[] = { ocppd_value_int(id) };
	struct asked *asked = asked_new(ctx, host, arg);
	int r;

	if (asked == NULL)
		return OCPPD_ENOMEM;
	asked->transfer_fn = fn;
	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_TRANSFER, values, 1, 1,
				on_transfer, asked);
	if (r < 0) {
		free(asked);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}

/* One of the module's own that is open, or NULL. */
static struct grant *
find_own(struct hosting *ctx, struct ocppd_host *host, int64_t id)
{
	struct grant *grant;

	desk_lock(&ctx->desk);
	grant = grant_by_id(&ctx->desk, id);
	desk_unlock(&ctx->desk);
	if (grant == NULL || grant->state != OCPPD_TRANSFER_OPEN ||
	    strcmp(grant->owner, ocppd_host_name(host)) != 0)
		return NULL;
	return grant;
}

static int
service_transfer_extend(void *self, struct ocppd_host *host, int64_t id, int64_t expires_us)
{
	struct hosting *ctx = self;
	struct grant *grant = find_own(ctx, host, id);
	int64_t now_us = ocppd_now_us(ctx->host);

	if (grant == NULL)
		return OCPPD_ENOENT;
	if (expires_us <= now_us || expires_us > now_us + EXPIRES_MAX_US)
		return OCPPD_EINVAL;
	desk_lock(&ctx->desk);
	grant->expires_us = expires_us;
	desk_unlock(&ctx->desk);
	transfer_save(ctx, grant, 0, "");
	records_arm(ctx, expires_us);
	return 0;
}

static int
service_transfer_withdraw(void *self, struct ocppd_host *host, int64_t id)
{
	struct hosting *ctx = self;
	struct grant *grant = find_own(ctx, host, id);

	if (grant == NULL)
		return OCPPD_ENOENT;
	transfer_end(ctx, grant, OCPPD_TRANSFER_WITHDRAWN);
	return 0;
}

/* ---- Making one -------------------------------------------------------------------------------
 */

static bool
kind_is_valid(const char *kind)
{
	size_t len = strlen(kind);

	return len > 0 && len < KIND_SIZE &&
	       strspn(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

static int
check_request(struct hosting *ctx, const struct ocppd_transfer_request *request,
	      struct ocppd_error *err)
{
	int64_t now_us = ocppd_now_us(ctx->host);

	if (request->direction != OCPPD_TRANSFER_FETCH && request->direction != OCPPD_TRANSFER_SEND)
		return ocppd_error_set(err, OCPPD_EINVAL, "the direction is neither of the two");
	if (request->station_id == NULL || request->station_id[0] == '\0' ||
	    strlen(request->station_id) >= STATION_SIZE)
		return ocppd_error_set(err, OCPPD_EINVAL, "the station is missing or too long");
	if (request->reference != NULL && strlen(request->reference) > OCPPD_FILE_REFERENCE_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "the reference is longer than %d bytes",
				       OCPPD_FILE_REFERENCE_MAX);
	if (request->expires_us <= now_us || request->expires_us > now_us + EXPIRES_MAX_US)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "the time of expiry is not within the next 366 days");
	if (request->direction == OCPPD_TRANSFER_SEND && request->kind != NULL &&
	    !kind_is_valid(request->kind))
		return ocppd_error_set(err, OCPPD_EINVAL, "kind is no word of a-z, 0-9 and -");
	if (request->max_bytes < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "max_bytes is negative");
	if (ctx->is_stopping)
		return ocppd_error_set(err, OCPPD_ESHUTDOWN, "the module is stopping");
	if ((int64_t)ctx->desk.grant_count >= ctx->conf->max_transfers)
		return ocppd_error_set(err, OCPPD_EBUSY, "max_transfers are open already");
	return 0;
}

static void
asked_fail(struct asked *asked, int result, const struct ocppd_error *err)
{
	asked->transfer_fn(asked->host, result, NULL, err, asked->arg);
	grant_unref(asked->grant);
	asked_end(asked);
}

static void
on_made(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	const struct ocppd_error *err, void *arg)
{
	struct asked *asked = arg;
	struct hosting *ctx = asked->ctx;
	struct grant *grant = asked->grant;
	struct transfer_view view;

	(void)host;
	(void)count;
	/* The file was there when the unit was made, and went in between. */
	if (result == OCPPD_ECONFLICT)
		result = OCPPD_ENOENT;
	if (result < 0) {
		asked_fail(asked, result, err);
		return;
	}
	asked->grant = NULL;
	grant->id = rows[0].values[0].number;
	desk_lock(&ctx->desk);
	grant_insert(&ctx->desk, grant);
	desk_unlock(&ctx->desk);
	transfer_view(ctx, grant, &view);
	records_arm(ctx, grant->expires_us);
	hosting_count(ctx);
	asked->transfer_fn(asked->host, 0, &view.transfer, NULL, asked->arg);
	asked_end(asked);
}

/* Its file is known; puts it on record. */
static int
make_transfer(struct asked *asked)
{
	struct hosting *ctx = asked->ctx;
	const struct grant *grant = asked->grant;
	const struct ocppd_value values[] = {
		ocppd_value_str(grant->token),
		ocppd_value_str(grant->owner),
		ocppd_value_int(grant->direction),
		ocppd_value_str(grant->station_id),
		ocppd_value_str(grant->reference[0] == '\0' ? NULL : grant->reference),
		ocppd_value_str(grant->kind),
		grant->file_id == 0 ? ocppd_value_null() : ocppd_value_int(grant->file_id),
		ocppd_value_int(grant->max_bytes),
		ocppd_value_int(grant->size),
		ocppd_value_int(grant->created_us),
		ocppd_value_int(grant->expires_us),
	};
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_TRANSFER_ADD, values,
					   sizeof(values) / sizeof(values[0]),
					   OCPPD_UNIT_EXPECT_ROW);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		return r;
	}
	ctx->storage->unit_commit(unit, on_made, asked);
	return 0;
}

static void
set_file(struct grant *grant, const struct stored *stored)
{
	grant->size = stored->file.size;
	memcpy(grant->blob, stored->blob, sizeof(grant->blob));
	(void)snprintf(grant->sha256, sizeof(grant->sha256), "%s", stored->file.sha256);
	(void)snprintf(grant->name, sizeof(grant->name), "%s", stored->file.name);
	(void)snprintf(grant->kind, sizeof(grant->kind), "%s", stored->file.kind);
}

static void
on_file_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	      const struct ocppd_error *err, void *arg)
{
	struct asked *asked = arg;
	struct stored *stored;
	int r = take_stored(result, rows, &stored);

	(void)host;
	if (r >= 0) {
		set_file(asked->grant, stored);
		r = make_transfer(asked);
	}
	stored_free(stored);
	if (r < 0)
		asked_fail(asked, r, err);
}

static struct grant *
grant_of_request(struct hosting *ctx, struct ocppd_host *host,
		 const struct ocppd_transfer_request *request)
{
	struct grant *grant = calloc(1, sizeof(*grant));
	const char *kind = request->kind == NULL ? OCPPD_FILE_DIAGNOSTICS : request->kind;

	if (grant == NULL)
		return NULL;
	if (token_make(grant->token) < 0) {
		free(grant);
		return NULL;
	}
	grant->refs = 1;
	grant->direction = request->direction;
	grant->state = OCPPD_TRANSFER_OPEN;
	(void)snprintf(grant->owner, sizeof(grant->owner), "%s", ocppd_host_name(host));
	(void)snprintf(grant->station_id, sizeof(grant->station_id), "%s", request->station_id);
	(void)snprintf(grant->reference, sizeof(grant->reference), "%s",
		       request->reference == NULL ? "" : request->reference);
	grant->created_us = ocppd_now_us(ctx->host);
	grant->expires_us = request->expires_us;
	if (request->direction == OCPPD_TRANSFER_FETCH) {
		grant->file_id = request->file_id;
		return grant;
	}
	(void)snprintf(grant->kind, sizeof(grant->kind), "%s", kind);
	grant->max_bytes = request->max_bytes;
	if (grant->max_bytes == 0 || grant->max_bytes > ctx->conf->max_upload)
		grant->max_bytes = ctx->conf->max_upload;
	return grant;
}

/* Images are at hand; other files are looked up. */
static int
begin_transfer(struct hosting *ctx, struct asked *asked)
{
	const struct ocppd_value values[] = { ocppd_value_int(asked->grant->file_id) };
	const struct stored *image;

	if (asked->grant->direction == OCPPD_TRANSFER_SEND)
		return make_transfer(asked);
	image = catalogue_find(ctx, NULL, asked->grant->file_id);
	if (image != NULL) {
		set_file(asked->grant, image);
		return make_transfer(asked);
	}
	return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FILE, values, 1, 1,
				   on_file_found, asked);
}

static int
service_transfer_new(void *self, struct ocppd_host *host,
		     const struct ocppd_transfer_request *request, ocppd_transfer_fn *fn, void *arg,
		     struct ocppd_error *err)
{
	struct hosting *ctx = self;
	struct ocppd_transfer_request own = { 0 };
	struct asked *asked;
	int r;

	memcpy(&own, request,
	       request->struct_size < sizeof(own) ? request->struct_size : sizeof(own));
	r = check_request(ctx, &own, err);
	if (r < 0)
		return r;
	asked = asked_new(ctx, host, arg);
	if (asked == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	asked->transfer_fn = fn;
	asked->grant = grant_of_request(ctx, host, &own);
	r = asked->grant == NULL ? OCPPD_ENOMEM : begin_transfer(ctx, asked);
	if (r < 0) {
		grant_unref(asked->grant);
		free(asked);
		return ocppd_error_set(err, r, "the transfer cannot be put on record: %s",
				       ocppd_strerror(r));
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}

const struct ocppd_files_ops hosting_ops = {
	.struct_size = sizeof(hosting_ops),
	.image_find = service_image_find,
	.image_each = service_image_each,
	.file_get = service_file_get,
	.transfer_new = service_transfer_new,
	.transfer_get = service_transfer_get,
	.transfer_extend = service_transfer_extend,
	.transfer_withdraw = service_transfer_withdraw,
	.watch = service_watch,
};
