/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * A bump allocator: chunks in a list, given back together. What is larger than a chunk gets one of
 * its own. Nothing is ever freed singly.
 */
#include "runtime/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_SIZE 8192u

struct arena_chunk {
	struct arena_chunk *next;
	size_t used;
	size_t size;
	alignas(max_align_t) char data[];
};

static struct arena_chunk *
chunk_new(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk;
	size_t bytes = size > CHUNK_SIZE ? size : CHUNK_SIZE;

	if (bytes > SIZE_MAX - sizeof(*chunk))
		return NULL;

	chunk = calloc(1, sizeof(*chunk) + bytes);
	if (chunk == NULL)
		return NULL;

	chunk->size = bytes;
	if (arena->chunks != NULL && size > CHUNK_SIZE) {
		/* Behind the current one, which still has room for small things. */
		chunk->next = arena->chunks->next;
		arena->chunks->next = chunk;
	} else {
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	return chunk;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = arena->chunks;
	size_t align = alignof(max_align_t);
	size_t bytes;
	void *data;

	if (size > SIZE_MAX - align)
		return NULL;

	bytes = (size == 0 ? align : size + align - 1) / align * align;
	if (chunk == NULL || chunk->size - chunk->used < bytes) {
		chunk = chunk_new(arena, bytes);
		if (chunk == NULL)
			return NULL;
	}
	data = chunk->data + chunk->used;
	chunk->used += bytes;
	return data;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	return arena_alloc(arena, bytes);
}

char *
arena_ndup(struct arena *arena, const char *text, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;

	copy = arena_alloc(arena, len + 1);
	if (copy != NULL && len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *
arena_dup(struct arena *arena, const char *text)
{
	return arena_ndup(arena, text, strlen(text));
}

void
arena_fini(struct arena *arena)
{
	struct arena_chunk *chunk = arena->chunks;

	while (chunk != NULL) {
		struct arena_chunk *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	arena->chunks = NULL;
}
