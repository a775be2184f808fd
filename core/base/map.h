/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_MAP_H
#define OCPPD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A hash map from text to pointer. Keys are borrowed: they must live as long as their entry (they
 * usually are members of the value). {0} is an empty map. 16 bytes a slot, at most 3/4 full.
 */
struct map_entry {
	const char *key; /* NULL: free */
	void *value;
};

struct map {
	struct map_entry *entries;
	size_t size; /* a power of two, or 0 */
	size_t count;
};

void map_fini(struct map *map); /* values are not touched */
void *map_find(const struct map *map, const char *key);
/* Adds, or replaces key and value of an equal key. 0 or OCPPD_ENOMEM. */
int map_put(struct map *map, const char *key, void *value);
/* Returns the value that was there, or NULL. */
void *map_remove(struct map *map, const char *key);
/* Walks: start with *at = 0; NULL at the end. No change of the map in between, but for removing the
 * entry just returned is not allowed either. */
void *map_next(const struct map *map, size_t *at);

#endif
