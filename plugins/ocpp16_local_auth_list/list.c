/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Lists of id tags: order, difference, and the messages that bring one list to another. Pure
 * functions on memory; whoever sends and stores is elsewhere.
 */
#include "list.h"

#include <ocppd/error.h>

#include <stdlib.h>
#include <string.h>

static unsigned char
fold(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

int
tag_copy(const char *text, char ret_text[TAG_SIZE])
{
	size_t len = text == NULL ? 0 : strnlen(text, TAG_SIZE);
	size_t chars = 0;

	for (size_t i = 0; i < len; i++)
		chars += ((unsigned char)text[i] & 0xc0u) != 0x80u ? 1 : 0;
	if (len == 0 || len >= TAG_SIZE || chars > TAG_CHARS)
		return OCPPD_EINVAL;
	memcpy(ret_text, text, len + 1);
	return 0;
}

int
tag_compare(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return (int)fold(*a) - (int)fold(*b);
}

/* ---- Lists ----------------------------------------------------------------------------------- */

void
list_free(struct entry_list *list)
{
	free(list->items);
	memset(list, 0, sizeof(*list));
}

int
list_add(struct entry_list *list, const struct entry *entry)
{
	if (list->count == list->size) {
		uint32_t size = list->size == 0 ? 64 : list->size * 2;
		struct entry *items =
			size <= list->size ? NULL : reallocarray(list->items, size, sizeof(*items));

		if (items == NULL)
			return OCPPD_ENOMEM;
		list->items = items;
		list->size = size;
	}
	list->items[list->count] = *entry;
	list->items[list->count].order = list->count;
	list->count++;
	return 0;
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *left = a;
	const struct entry *right = b;
	int order = tag_compare(left->tag, right->tag);

	if (order != 0)
		return order;
	return left->order > right->order ? -1 : 1;
}

uint32_t
list_sort(struct entry_list *list)
{
	uint32_t kept = 0;
	uint32_t before = list->count;

	if (before > 1)
		qsort(list->items, before, sizeof(*list->items), compare_entries);
	for (uint32_t i = 0; i < before; i++) {
		if (kept > 0 && tag_compare(list->items[kept - 1].tag, list->items[i].tag) == 0)
			continue;
		if (kept != i)
			list->items[kept] = list->items[i];
		kept++;
	}
	list->count = kept;
	return before - kept;
}

static int
compare_tag(const void *key, const void *item)
{
	return tag_compare(key, ((const struct entry *)item)->tag);
}

const struct entry *
list_find(const struct entry_list *list, const char *tag)
{
	return list->count == 0
		       ? NULL
		       : bsearch(tag, list->items, list->count, sizeof(*list->items), compare_tag);
}

static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t len)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3u;
	return hash;
}

static uint64_t
hash_folded(uint64_t hash, const char *text)
{
	for (; *text != '\0'; text++)
		hash = (hash ^ fold(*text)) * 0x100000001b3u;
	return (hash ^ 0xffu) * 0x100000001b3u;
}

uint64_t
entry_digest(const struct entry *entry)
{
	uint64_t hash = hash_folded(0xcbf29ce484222325u, entry->tag);
	int64_t expiry_us = entry->has_expiry ? entry->expiry_us : 0;
	unsigned char bits[2] = { entry->status, entry->has_expiry ? 1 : 0 };

	hash = hash_folded(hash, entry->parent);
	hash = hash_bytes(hash, bits, sizeof(bits));
	hash = hash_bytes(hash, &expiry_us, sizeof(expiry_us));
	/* They are summed up: spread the bits first. */
	hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdu;
	return hash ^ (hash >> 33);
}

uint64_t
list_digest(const struct entry_list *list)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < list->count; i++)
		sum += entry_digest(&list->items[i]);
	return sum;
}

/* ---- Differences ------------------------------------------------------------------------------
 */

static int
add_removals(const struct entry_list *have, const struct entry_list *want,
	     struct entry_list *changes)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < have->count; i++) {
		struct entry removal = { .is_removal = true };

		if (list_find(want, have->items[i].tag) != NULL)
			continue;
		memcpy(removal.tag, have->items[i].tag, sizeof(removal.tag));
		r = list_add(changes, &removal);
	}
	return r;
}

int
list_difference(const struct entry_list *have, const struct entry_list *want,
		struct entry_list *ret_changes)
{
	struct entry_list changes = { 0 };
	int r = add_removals(have, want, &changes);

	for (uint32_t i = 0; r >= 0 && i < want->count; i++) {
		const struct entry *old = list_find(have, want->items[i].tag);

		if (old == NULL || entry_digest(old) != entry_digest(&want->items[i]))
			r = list_add(&changes, &want->items[i]);
	}
	if (r < 0) {
		list_free(&changes);
		return r;
	}
	*ret_changes = changes;
	return 0;
}

int
list_apply(struct entry_list *list, const struct entry_list *changes)
{
	struct entry_list next = { 0 };
	uint32_t old = 0;
	uint32_t at = 0;
	int r = 0;

	while (r >= 0 && (old < list->count || at < changes->count)) {
		int order = old == list->count ? 1
			    : at == changes->count
				    ? -1
				    : tag_compare(list->items[old].tag, changes->items[at].tag);

		if (order < 0)
			r = list_add(&next, &list->items[old]);
		else if (!changes->items[at].is_removal)
			r = list_add(&next, &changes->items[at]);
		old += order <= 0 ? 1 : 0;
		at += order >= 0 ? 1 : 0;
	}
	if (r < 0) {
		list_free(&next);
		return r;
	}
	list_free(list);
	*list = next;
	return 0;
}

/* ---- Plans ------------------------------------------------------------------------------------
 */

static int
copy_all(const struct entry_list *from, struct entry_list *ret_copy)
{
	struct entry_list copy = { 0 };
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < from->count; i++)
		r = list_add(&copy, &from->items[i]);
	if (r < 0)
		list_free(&copy);
	else
		*ret_copy = copy;
	return r;
}

int
plan_make(const struct entry_list *have, const struct entry_list *want, uint32_t per_message,
	  struct plan *ret_plan)
{
	struct plan plan = { .per_message = per_message, .is_full = have == NULL };
	int r = 0;

	if (have != NULL) {
		r = list_difference(have, want, &plan.items);
		plan.is_full = r >= 0 && plan.items.count > want->count;
	}
	if (r >= 0 && plan.is_full) {
		list_free(&plan.items);
		r = copy_all(want, &plan.items);
	}
	if (r < 0) {
		list_free(&plan.items);
		return r;
	}
	plan.messages = plan.items.count / per_message;
	plan.messages += plan.items.count % per_message != 0 ? 1 : 0;
	if (plan.is_full && plan.messages == 0)
		plan.messages = 1; /* the empty list */
	*ret_plan = plan;
	return 0;
}

struct plan_part
plan_part(const struct plan *plan, uint32_t i)
{
	uint32_t first = i * plan->per_message;
	uint32_t left = plan->items.count - first;
	struct plan_part part = {
		.items = plan->items.items == NULL ? NULL : plan->items.items + first,
		.count = left < plan->per_message ? left : plan->per_message,
		.is_full = plan->is_full && i == 0,
	};

	return part;
}

void
plan_free(struct plan *plan)
{
	list_free(&plan->items);
	memset(plan, 0, sizeof(*plan));
}

int64_t
version_next(int64_t used, int64_t reported, uint32_t messages, bool *ret_is_again)
{
	int64_t highest = used > reported ? used : reported;

	if (highest < 0)
		highest = 0;
	*ret_is_again = highest > VERSION_MAX - (int64_t)messages;
	return *ret_is_again ? 1 : highest + 1;
}
