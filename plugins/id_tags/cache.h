/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef ID_TAGS_CACHE_H
#define ID_TAGS_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/service/authorization.h>

/*
 * Id tokens in memory: an index by folded text with the least recently used one in reach. One kind
 * of table holds the tags of the configuration (no limit), another what was read from the
 * database, the knowledge that a token is not there included.
 */
#define TAG_STATUS_ACCEPTED 1
#define TAG_STATUS_BLOCKED 2
#define TAG_STATUS_INVALID 3

/* What is on record about a token. */
struct tag {
	bool is_known; /* false: there is no such token */
	bool has_expiry;
	uint8_t status; /* TAG_STATUS_* */
	uint32_t max_active;
	int64_t expiry_us;
	char *token;     /* folded; owned, as all texts here */
	char *presented; /* as the operator wrote it */
	char *parent;    /* or NULL */
	char *type;      /* or NULL */
};

struct cache_entry {
	struct tag tag;
	uint64_t hash;
	int64_t until_mono_us; /* 0: for ever */
	struct cache_entry *chained;
	TAILQ_ENTRY(cache_entry) use;
};

struct cache {
	struct cache_entry **buckets;
	size_t bucket_count; /* a power of two */
	size_t count;
	size_t max; /* 0: no limit */
	TAILQ_HEAD(cache_uses, cache_entry) uses;
};

/* Folds ASCII case. Returns the length; OCPPD_EINVAL: NULL, empty or longer than
 * OCPPD_TOKEN_MAX. ret_text is OCPPD_TOKEN_MAX + 1 bytes. */
int token_fold(const char *text, char *ret_text);

/* max 0: no limit. 0 or OCPPD_ENOMEM. */
int cache_init(struct cache *cache, size_t max);
void cache_fini(struct cache *cache);
/* Borrowed until the cache changes; NULL: nothing is known about the token. */
const struct tag *cache_find(struct cache *cache, const char *token, int64_t now_mono_us);
/* Adds or replaces; everything is copied; evicts the least recently used beyond max. */
int cache_put(struct cache *cache, const struct tag *tag, int64_t until_mono_us);
/* The limit from now on; evicts what is beyond it. */
void cache_set_max(struct cache *cache, size_t max);

/* The verdict at `now_us`: OCPPD_AUTH_*. type: of the presented token, or NULL. */
uint32_t tag_verdict(const struct tag *tag, const char *type, int64_t now_us);

#endif
