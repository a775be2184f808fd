/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tags, statuses and ids. Knows no station and no table.
 */
#include "rules.h"

#include <string.h>

/* As for transactions: a block never begins below 128 for each minute since 2025, so that a
 * restored older database does not repeat what was given away since. */
#define EPOCH_US INT64_C(1735689600000000)
#define IDS_A_MINUTE 128

bool
status_is_live(const char *status)
{
	return strcmp(status, STATUS_ACCEPTED) == 0 || strcmp(status, STATUS_UNCONFIRMED) == 0;
}

bool
status_is_out(const char *status)
{
	return status != NULL &&
	       (strcmp(status, "Faulted") == 0 || strcmp(status, "Unavailable") == 0);
}

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

void
tag_fold(const char *text, char ret_text[TAG_SIZE])
{
	size_t len = strnlen(text, TAG_SIZE - 1);

	for (size_t i = 0; i < len; i++)
		ret_text[i] = fold(text[i]);
	ret_text[len] = '\0';
}

static bool
tag_equal(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

bool
terms_are_for(const struct terms *terms, const char *token, const char *parent)
{
	if (token != NULL && tag_equal(terms->token, token))
		return true;
	return parent != NULL && parent[0] != '\0' && terms->parent[0] != '\0' &&
	       tag_equal(terms->parent, parent);
}

int64_t
id_floor(int64_t now_us)
{
	int64_t floor;

	if (now_us < EPOCH_US)
		return 1;
	floor = (now_us - EPOCH_US) / 60000000 * IDS_A_MINUTE + 1;
	return floor > RESERVATION_ID_MAX / 4 * 3 ? 1 : floor;
}

void
id_block_mark(struct id_block *block, int64_t id)
{
	int64_t at = id - block->base;

	if (block->base != 0 && at >= 0 && at < ID_BLOCK)
		block->taken[at / 64] |= UINT64_C(1) << (at % 64);
}

bool
id_block_next(struct id_block *block, int64_t *ret_id)
{
	while (block->base != 0 && block->is_ready && block->next < ID_BLOCK) {
		uint32_t at = block->next++;

		if ((block->taken[at / 64] >> (at % 64) & 1) != 0)
			continue;
		*ret_id = block->base + at;
		return true;
	}
	return false;
}
