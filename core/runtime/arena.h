/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_ARENA_H
#define OCPPD_RUNTIME_ARENA_H

#include <stddef.h>

/*
 * Memory that is given back as a whole: configuration trees, filled option structs, imported
 * descriptors. {0} is an empty arena.
 */
struct arena_chunk;
struct arena {
	struct arena_chunk *chunks;
};

/* Zeroed, aligned for any type; NULL: out of memory. size 0 gives a valid address. */
void *arena_alloc(struct arena *arena, size_t size);
/* The same for count elements, refusing what overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);
char *arena_dup(struct arena *arena, const char *text);
char *arena_ndup(struct arena *arena, const char *text, size_t len);
void arena_fini(struct arena *arena);

#endif
