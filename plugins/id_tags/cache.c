/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Id tokens in memory. Owns the entries and their order of use; knows nothing of the database, of
 * requests or of time but what it is told.
 */
#include "cache.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

int
token_fold(const char *text, char *ret_text)
{
	size_t len = text == NULL ? 0 : strnlen(text, OCPPD_TOKEN_MAX + 1);

	if (len == 0 || len > OCPPD_TOKEN_MAX)
		return OCPPD_EINVAL;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		ret_text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	ret_text[len] = '\0';
	return (int)len;
}

/* FNV-1a: tokens are short, and a flood of colliding ones costs its sender a LRU entry each. */
static uint64_t
hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return hash ^ (hash >> 32);
}

static void
entry_free(struct cache_entry *entry)
{
	if (entry == NULL)
		return;
	free(entry->tag.token);
	free(entry->tag.presented);
	free(entry->tag.parent);
	free(entry->tag.type);
	free(entry);
}

static struct cache_entry **
find_slot(const struct cache *cache, const char *token, uint64_t hash)
{
	struct cache_entry **slot = &cache->buckets[hash & (cache->bucket_count - 1)];

	while (*slot != NULL && ((*slot)->hash != hash || strcmp((*slot)->tag.token, token) != 0))
		slot = &(*slot)->chained;
	return slot;
}

static void
remove_entry(struct cache *cache, struct cache_entry **slot)
{
	struct cache_entry *entry = *slot;

	if (entry == NULL)
		return;
	*slot = entry->chained;
	TAILQ_REMOVE(&cache->uses, entry, use);
	cache->count--;
	entry_free(entry);
}

static void
evict(struct cache *cache)
{
	while (cache->max != 0 && cache->count > cache->max) {
		struct cache_entry *oldest = TAILQ_LAST(&cache->uses, cache_uses);

		remove_entry(cache, find_slot(cache, oldest->tag.token, oldest->hash));
	}
}

/* Twice as many buckets; without memory the chains just grow longer. */
static void
grow(struct cache *cache)
{
	size_t count = cache->bucket_count * 2;
	struct cache_entry **buckets;
	struct cache_entry *entry;

	if (cache->count <= cache->bucket_count)
		return;
	buckets = calloc(count, sizeof(*buckets));
	if (buckets == NULL)
		return;
	TAILQ_FOREACH (entry, &cache->uses, use) {
		struct cache_entry **slot = &buckets[entry->hash & (count - 1)];

		entry->chained = *slot;
		*slot = entry;
	}
	free(cache->buckets);
	cache->buckets = buckets;
	cache->bucket_count = count;
}

int
cache_init(struct cache *cache, size_t max)
{
	memset(cache, 0, sizeof(*cache));
	TAILQ_INIT(&cache->uses);
	cache->buckets = calloc(BUCKETS_MIN, sizeof(*cache->buckets));
	if (cache->buckets == NULL)
		return OCPPD_ENOMEM;
	cache->bucket_count = BUCKETS_MIN;
	cache->max = max;
	return 0;
}

void
cache_fini(struct cache *cache)
{
	struct cache_entry *entry;

	if (cache->buckets == NULL)
		return;
	while ((entry = TAILQ_FIRST(&cache->uses)) != NULL) {
		TAILQ_REMOVE(&cache->uses, entry, use);
		entry_free(entry);
	}
	free(cache->buckets);
	memset(cache, 0, sizeof(*cache));
}

const struct tag *
cache_find(struct cache *cache, const char *token, int64_t now_mono_us)
{
	struct cache_entry **slot = find_slot(cache, token, hash_text(token));
	struct cache_entry *entry = *slot;

	if (entry == NULL)
		return NULL;
	if (entry->until_mono_us != 0 && entry->until_mono_us <= now_mono_us) {
		remove_entry(cache, slot);
		return NULL;
	}
	if (entry != TAILQ_FIRST(&cache->uses)) {
		TAILQ_REMOVE(&cache->uses, entry, use);
		TAILQ_INSERT_HEAD(&cache->uses, entry, use);
	}
	return &entry->tag;
}

static struct cache_entry *
entry_new(const struct tag *tag)
{
	struct cache_entry *entry = calloc(1, sizeof(*entry));

	if (entry == NULL)
		return NULL;
	entry->tag = *tag;
	entry->tag.token = strdup(tag->token);
	entry->tag.presented = tag->presented == NULL ? NULL : strdup(tag->presented);
	entry->tag.parent = tag->parent == NULL ? NULL : strdup(tag->parent);
	entry->tag.type = tag->type == NULL ? NULL : strdup(tag->type);
	if (entry->tag.token == NULL || (tag->presented != NULL && entry->tag.presented == NULL) ||
	    (tag->parent != NULL && entry->tag.parent == NULL) ||
	    (tag->type != NULL && entry->tag.type == NULL)) {
		entry_free(entry);
		return NULL;
	}
	return entry;
}

int
cache_put(struct cache *cache, const struct tag *tag, int64_t until_mono_us)
{
	struct cache_entry *entry = entry_new(tag);
	struct cache_entry **slot;

	if (entry == NULL)
		return OCPPD_ENOMEM;
	entry->hash = hash_text(entry->tag.token);
	entry->until_mono_us = until_mono_us;

	slot = find_slot(cache, entry->tag.token, entry->hash);
	if (*slot != NULL)
		remove_entry(cache, slot);
	slot = &cache->buckets[entry->hash & (cache->bucket_count - 1)];
	entry->chained = *slot;
	*slot = entry;
	TAILQ_INSERT_HEAD(&cache->uses, entry, use);
	cache->count++;
	evict(cache);
	grow(cache);
	return 0;
}

void
cache_set_max(struct cache *cache, size_t max)
{
	cache->max = max;
	evict(cache);
}

uint32_t
tag_verdict(const struct tag *tag, const char *type, int64_t now_us)
{
	if (!tag->is_known || tag->status == TAG_STATUS_INVALID)
		return OCPPD_AUTH_INVALID;
	/* The same text as another kind of token is another token. */
	if (type != NULL && tag->type != NULL && strcmp(type, tag->type) != 0)
		return OCPPD_AUTH_INVALID;
	if (tag->status == TAG_STATUS_BLOCKED)
		return OCPPD_AUTH_BLOCKED;
	if (tag->has_expiry && tag->expiry_us <= now_us)
		return OCPPD_AUTH_EXPIRED;
	return OCPPD_AUTH_ACCEPTED;
}
