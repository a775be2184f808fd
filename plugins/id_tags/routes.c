/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The operator API of id tags. Reads and writes the table, merges the tags of the configuration
 * over it, and keeps the cache in step with what was written.
 */
#include "id_tags.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* A request on its way through the database. */
struct work {
	struct ocppd_work base;
	char token[OCPPD_TOKEN_MAX + 1]; /* LIST: the cursor */
};

static struct work *
work_new(struct id_tags *ctx, struct ocppd_request *request)
{
	struct work *work = ocppd_work_new(&ctx->works, request, sizeof(*work));

	if (work == NULL)
		return NULL;
	work->base.unknown = "unknown-id-tag";
	work->base.unknown_text = "There is no such id tag";
	return work;
}

static struct json_object *
tag_json(const struct tag *tag, bool is_fixed)
{
	struct json_object *object = json_object_new_object();

	if (object == NULL)
		return NULL;
	ocppd_json_add_str(object, "idTag", tag->presented);
	ocppd_json_add_str(object, "status", tag_status_words[tag->status - 1]);
	if (tag->has_expiry)
		ocppd_json_add_time(object, "expiryDate", tag->expiry_us);
	ocppd_json_add_str(object, "parentIdTag", tag->parent);
	if (tag->max_active != 0)
		ocppd_json_add_int(object, "maxActiveTransactions", tag->max_active);
	ocppd_json_add_str(object, "source", is_fixed ? "configuration" : "database");
	return object;
}

/* The path's tag, folded. False: the request was answered. */
static bool
path_token(struct ocppd_host *host, struct ocppd_request *request, char *ret_token)
{
	if (token_fold(ocppd_request_param(request, "idTag"), ret_token) >= 0)
		return true;
	ocppd_request_problem(host, request, 400, "bad-id-tag", "An id tag has 1 to %d bytes",
			      OCPPD_TOKEN_MAX);
	return false;
}

/* ---- GET one ------------------------------------------------------------------------------- */

static struct json_object *
stored_json(const struct ocppd_value *row)
{
	struct tag_texts texts;
	struct tag tag;

	tag_from_row(row, &texts, &tag);
	return tag_json(&tag, false);
}

void
routes_get(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct id_tags *ctx = arg;
	char token[OCPPD_TOKEN_MAX + 1];
	struct ocppd_value value;
	const struct tag *fixed;
	struct work *work;

	if (!path_token(host, request, token))
		return;
	fixed = cache_find(&ctx->fixed, token, 0);
	if (fixed != NULL) {
		ocppd_request_reply(host, request, 200, tag_json(fixed, true));
		return;
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return;
	value = ocppd_value_str(token);
	ocppd_work_get(&work->base, STATEMENT_FIND, &value, 1, stored_json);
}

/* ---- GET all: two sorted lists become one -----------------------------------------------------
 */

static struct json_object *
list_json(const struct work *work, const struct ocppd_rows *rows)
{
	struct json_object *body = json_object_new_object();
	struct json_object *items = json_object_new_array();
	const struct tag **fixed;
	struct tag_texts texts;
	char last[OCPPD_TOKEN_MAX + 1] = "";
	size_t fixed_count;
	size_t at = 0;
	uint32_t row = 0;
	int64_t left = work->base.limit;

	fixed = fixed_beyond(work->base.ctx, work->token, &fixed_count);
	for (; left > 0 && (at < fixed_count || row < rows->count); left--) {
		struct tag stored;
		int order = 1;

		if (row < rows->count) {
			tag_from_row(rows->values + (size_t)row * rows->columns, &texts, &stored);
			order = at < fixed_count ? strcmp(stored.token, fixed[at]->token) : -1;
		}
		snprintf(last, sizeof(last), "%s", order < 0 ? stored.token : fixed[at]->token);
		json_object_array_add(items, order < 0 ? tag_json(&stored, false)
						       : tag_json(fixed[at], true));
		/* The configuration's word hides the database's about the same tag. */
		row += order <= 0 ? 1 : 0;
		at += order >= 0 ? 1 : 0;
	}
	ocppd_json_add(body, "items", items);
	if (at < fixed_count || row < rows->count)
		ocppd_json_add_str(body, "next", last);
	free(fixed);
	return body;
}

static void
on_list(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;

	(void)host;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	ocppd_work_reply(&work->base, 200, list_json(work, rows));
}

void
routes_list(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct id_tags *ctx = arg;
	struct work *work = work_new(ctx, request);
	struct ocppd_value values[2];

	(void)host;
	if (work == NULL)
		return;
	(void)token_fold(ocppd_request_query(request, "after"), work->token);

	values[0] = ocppd_value_str(work->token);
	values[1] = ocppd_value_int(work->base.limit + 1);
	ocppd_work_query(&work->base, STATEMENT_LIST, values, 2, on_list);
}

/* ---- PUT and DELETE ---------------------------------------------------------------------------
 */

static void
on_written(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct id_tags *ctx = work->base.ctx;
	struct tag_texts texts;
	struct tag tag;

	ctx->generation++;
	if (result < 0 || count == 0 || rows[0].count == 0) {
		ocppd_work_fail(&work->base, result < 0 ? result : OCPPD_EIO, err);
		return;
	}
	tag_from_row(rows[0].values, &texts, &tag);
	id_tags_remember(ctx, &tag);
	OCPPD_INFO(host, "tag.changed", OCPPD_TAG("tag", tag.presented),
		   OCPPD_STR("status", tag_status_words[tag.status - 1]),
		   OCPPD_STR("user", ocppd_request_user(work->base.request)));
	tell_changed(ctx, tag.presented);
	ocppd_work_reply(&work->base, 200, tag_json(&tag, false));
}

static void
on_deleted(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	   const struct ocppd_error *err, void *arg)
{
	struct work *work = arg;
	struct id_tags *ctx = work->base.ctx;
	struct tag tag = { .token = work->token };

	ctx->generation++;
	if (result < 0) {
		ocppd_work_fail(&work->base, result, err);
		return;
	}
	id_tags_remember(ctx, &tag);
	if (count == 0 || rows[0].changes == 0) {
		ocppd_work_unknown(&work->base);
		return;
	}
	OCPPD_INFO(host, "tag.deleted", OCPPD_TAG("tag", work->token),
		   OCPPD_STR("user", ocppd_request_user(work->base.request)));
	tell_changed(ctx, ocppd_request_param(work->base.request, "idTag"));
	ocppd_work_reply(&work->base, 200, NULL);
}

/* Commits one statement for a request. */
static void
write_one(struct ocppd_host *host, struct work *work, uint32_t statement,
	  const struct ocppd_value *values, uint32_t count)
{
	struct id_tags *ctx = work->base.ctx;
	struct ocppd_unit *unit = NULL;
	int r = ctx->storage->unit_new(ctx->storage_self, host, &unit);

	if (r >= 0)
		r = ctx->storage->unit_add(unit, host, statement, values, count, 0);
	if (r < 0) {
		ctx->storage->unit_free(unit);
		ocppd_work_fail(&work->base, r, NULL);
		return;
	}
	ctx->generation++;
	ctx->storage->unit_commit(unit, statement == STATEMENT_PUT ? on_written : on_deleted, work);
}

/* Starts a change. NULL: the request was answered. */
static struct work *
change_new(struct ocppd_host *host, struct id_tags *ctx, struct ocppd_request *request)
{
	char token[OCPPD_TOKEN_MAX + 1];
	struct work *work;

	if (!path_token(host, request, token))
		return NULL;
	if (cache_find(&ctx->fixed, token, 0) != NULL) {
		ocppd_request_problem(host, request, 409, "configured",
				      "This id tag stands in the configuration file");
		return NULL;
	}
	work = work_new(ctx, request);
	if (work == NULL)
		return NULL;
	memcpy(work->token, token, sizeof(token));
	return work;
}

static uint32_t
status_number(const char *word)
{
	for (uint32_t i = 0; word != NULL && tag_status_words[i] != NULL; i++) {
		if (strcmp(word, tag_status_words[i]) == 0)
			return i + 1;
	}
	return TAG_STATUS_ACCEPTED;
}

void
routes_put(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct id_tags *ctx = arg;
	struct json_object *body = ocppd_request_body(request);
	struct work *work = change_new(host, ctx, request);
	const char *status = ocppd_json_get_str(body, "status");
	int64_t max_active = ocppd_json_get_int(body, "maxActiveTransactions", 0);
	int64_t expiry_us = 0;
	bool has_expiry;

	if (work == NULL)
		return;
	has_expiry = ocppd_json_get_time(body, "expiryDate", &expiry_us) == 0;

	/* A member that is left out stays what it was; null takes it away. */
	const struct ocppd_value values[] = {
		ocppd_value_str(work->token),
		ocppd_value_str(ocppd_request_param(request, "idTag")),
		ocppd_value_int(status_number(status)),
		has_expiry ? ocppd_value_int(expiry_us) : ocppd_value_null(),
		ocppd_value_str(ocppd_json_get_str(body, "parentIdTag")),
		ocppd_value_int(max_active),
		ocppd_value_int(ocppd_now_us(host)),
		ocppd_value_int(status != NULL),
		ocppd_value_int(json_object_object_get_ex(body, "expiryDate", NULL)),
		ocppd_value_int(json_object_object_get_ex(body, "parentIdTag", NULL)),
		ocppd_value_int(json_object_object_get_ex(body, "maxActiveTransactions", NULL)),
	};

	write_one(host, work, STATEMENT_PUT, values, sizeof(values) / sizeof(values[0]));
}

void
routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct work *work = change_new(host, arg, request);
	struct ocppd_value value;

	if (work == NULL)
		return;
	value = ocppd_value_str(work->token);
	write_one(host, work, STATEMENT_DELETE, &value, 1);
}
