/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The hash map: open addressing with linear probing, entries moved back on removal, so there are
 * no tombstones. The table's own address seeds the hash: whoever chooses keys cannot aim.
 */
#include "base/map.h"

#include <ocppd/error.h>

#include "base/text.h"

#define MAP_FIRST_SIZE 16

static size_t
home_of(const struct map *map, const char *key)
{
	return (size_t)hash_bytes(key, strlen(key), (uint64_t)(uintptr_t)map->entries) &
	       (map->size - 1);
}

/* The key's entry, or the free one where it belongs. The table is never full. */
static size_t
slot_of(const struct map *map, const char *key)
{
	size_t at = home_of(map, key);

	while (map->entries[at].key && strcmp(map->entries[at].key, key) != 0)
		at = (at + 1) & (map->size - 1);
	return at;
}

static int
grow(struct map *map)
{
	struct map bigger = { .size = map->size ? map->size * 2 : MAP_FIRST_SIZE };

	bigger.entries = calloc(bigger.size, sizeof(*bigger.entries));
	if (!bigger.entries)
		return OCPPD_ENOMEM;
	for (size_t i = 0; i < map->size; i++)
		if (map->entries[i].key)
			bigger.entries[slot_of(&bigger, map->entries[i].key)] = map->entries[i];
	bigger.count = map->count;
	free(map->entries);
	*map = bigger;
	return 0;
}

void
map_fini(struct map *map)
{
	free(map->entries);
	*map = (struct map){ 0 };
}

void *
map_find(const struct map *map, const char *key)
{
	return map->size ? map->entries[slot_of(map, key)].value : NULL;
}

int
map_put(struct map *map, const char *key, void *value)
{
	struct map_entry *entry;

	if ((map->count + 1) * 4 > map->size * 3 && grow(map) < 0)
		return OCPPD_ENOMEM;
	entry = &map->entries[slot_of(map, key)];
	if (!entry->key)
		map->count++;
	*entry = (struct map_entry){ key, value };
	return 0;
}

void *
map_remove(struct map *map, const char *key)
{
	size_t mask = map->size - 1;
	size_t hole;
	void *value;

	if (!map->size)
		return NULL;
	hole = slot_of(map, key);
	if (!map->entries[hole].key)
		return NULL;
	value = map->entries[hole].value;
	for (size_t at = (hole + 1) & mask; map->entries[at].key; at = (at + 1) & mask) {
		size_t home = home_of(map, map->entries[at].key);

		/* It may move back only if its home does not lie behind the hole. */
		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		map->entries[hole] = map->entries[at];
		hole = at;
	}
	map->entries[hole] = (struct map_entry){ 0 };
	map->count--;
	return value;
}

void *
map_next(const struct map *map, size_t *at)
{
	while (*at < map->size) {
		const struct map_entry *entry = &map->entries[(*at)++];

		if (entry->key)
			return entry->value;
	}
	return NULL;
}
