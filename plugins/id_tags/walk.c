/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * All tags on record, in pages: those of the table and, over them, those of the configuration. And
 * the event that says that they changed.
 */
#include "id_tags.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

void
tell_changed(struct id_tags *ctx, const char *presented)
{
	struct json_object *body;

	if (ocppd_event_wanted(ctx->host, OCPPD_EVENT_ID_TAG_CHANGED) == 0)
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "idTag", presented);
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_ID_TAG_CHANGED, NULL, body);
}

static int
compare_tags(const void *a, const void *b)
{
	const struct tag *const *left = a;
	const struct tag *const *right = b;

	return strcmp((*left)->token, (*right)->token);
}

const struct tag **
fixed_beyond(const struct id_tags *ctx, const char *after, size_t *ret_count)
{
	const struct tag **tags = calloc(ctx->fixed.count + 1, sizeof(*tags));
	const struct cache_entry *entry;
	size_t count = 0;

	*ret_count = 0;
	if (tags == NULL)
		return NULL;
	TAILQ_FOREACH (entry, &ctx->fixed.uses, use) {
		if (strcmp(entry->tag.token, after) > 0)
			tags[count++] = &entry->tag;
	}
	qsort(tags, count, sizeof(*tags), compare_tags);
	*ret_count = count;
	return tags;
}

struct walk {
	struct id_tags *ctx;
	struct ocppd_host *asker;
	ocppd_tags_fn *fn;
	void *arg;
	uint32_t limit;
	char after[OCPPD_TOKEN_MAX + 1];
};

struct page {
	struct ocppd_tag_info *items;
	struct tag_texts *texts; /* of the rows */
	const struct tag **fixed;
	size_t fixed_count;
	uint32_t count;
	bool has_more;
};

static void
add_info(struct page *page, const struct tag *tag)
{
	page->items[page->count++] = (struct ocppd_tag_info){
		.struct_size = sizeof(struct ocppd_tag_info),
		.status = tag->status == TAG_STATUS_ACCEPTED  ? OCPPD_AUTH_ACCEPTED
			  : tag->status == TAG_STATUS_BLOCKED ? OCPPD_AUTH_BLOCKED
							      : OCPPD_AUTH_INVALID,
		.has_expiry = tag->has_expiry,
		.max_active = tag->max_active,
		.expiry_us = tag->expiry_us,
		.token = tag->token,
		.presented = tag->presented,
		.parent = tag->parent,
		.type = tag->type,
	};
}

/* Two sorted lists become one; the configuration's word hides the database's about a tag. */
static void
merge(const struct walk *walk, const struct ocppd_rows *rows, struct page *page)
{
	size_t at = 0;
	uint32_t row = 0;

	while (page->count < walk->limit && (at < page->fixed_count || row < rows->count)) {
		struct tag stored = { 0 };
		int order = 1;

		if (row < rows->count) {
			tag_from_row(rows->values + (size_t)row * rows->columns,
				     &page->texts[page->count], &stored);
			order = at < page->fixed_count
					? strcmp(stored.token, page->fixed[at]->token)
					: -1;
		}
		add_info(page, order < 0 ? &stored : page->fixed[at]);
		row += order <= 0 ? 1 : 0;
		at += order >= 0 ? 1 : 0;
	}
	page->has_more = at < page->fixed_count || row < rows->count;
}

static void
on_walked(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	  const struct ocppd_error *err, void *arg)
{
	struct walk *walk = arg;
	struct id_tags *ctx = walk->ctx;
	struct page page = { 0 };

	(void)host;
	(void)err;
	if (result >= 0) {
		page.items = calloc(walk->limit, sizeof(*page.items));
		page.texts = calloc(walk->limit, sizeof(*page.texts));
		page.fixed = fixed_beyond(ctx, walk->after, &page.fixed_count);
		if (page.items == NULL || page.texts == NULL || page.fixed == NULL)
			result = OCPPD_ENOMEM;
	}
	if (result >= 0) {
		merge(walk, rows, &page);
		walk->fn(walk->asker, 0, page.items, page.count,
			 page.has_more ? page.items[page.count - 1].token : NULL, walk->arg);
	} else {
		walk->fn(walk->asker, result, NULL, 0, NULL, walk->arg);
	}
	free(page.items);
	free(page.texts);
	free(page.fixed);
	free(walk);
	id_tags_done(ctx);
}

int
walk_tags(void *self, struct ocppd_host *host, const char *after, uint32_t limit, ocppd_tags_fn *fn,
	  void *arg)
{
	struct id_tags *ctx = self;
	struct ocppd_value values[2];
	struct walk *walk;
	int r;

	if (limit == 0 || limit > OCPPD_TAGS_PAGE_MAX || strlen(after) > OCPPD_TOKEN_MAX)
		return OCPPD_EINVAL;
	walk = calloc(1, sizeof(*walk));
	if (walk == NULL)
		return OCPPD_ENOMEM;
	*walk = (struct walk){ .ctx = ctx, .asker = host, .fn = fn, .arg = arg, .limit = limit };
	snprintf(walk->after, sizeof(walk->after), "%s", after);

	values[0] = ocppd_value_str(walk->after);
	values[1] = ocppd_value_int((int64_t)limit + 1);
	r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_LIST, values, 2, limit + 1,
				on_walked, walk);
	if (r < 0) {
		free(walk);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}
