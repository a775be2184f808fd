/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef LOCAL_LIST_LIST_H
#define LOCAL_LIST_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Lists of id tags as stations keep them: order, difference, parts of a message. Pure: no clock, no
 * database, no station.
 */
#define TAG_CHARS 20
#define TAG_SIZE (TAG_CHARS * 4 + 1)
#define VERSION_MAX INT32_MAX

struct entry {
	char tag[TAG_SIZE];    /* as presented; compared without regard to ASCII case */
	char parent[TAG_SIZE]; /* "" : none */
	uint8_t status;        /* OCPPD_AUTH_* */
	bool has_expiry;
	bool is_removal; /* in a difference */
	uint32_t order;  /* of two equal tags the later one counts */
	int64_t expiry_us;
};

struct entry_list {
	struct entry *items;
	uint32_t count;
	uint32_t size;
};

/* 0; OCPPD_EINVAL: NULL, empty or more than 20 characters. */
int tag_copy(const char *text, char ret_text[TAG_SIZE]);
int tag_compare(const char *a, const char *b);

void list_free(struct entry_list *list);
/* Appends a copy. 0 or OCPPD_ENOMEM. */
int list_add(struct entry_list *list, const struct entry *entry);
/* By tag; of equal tags only the one added last stays. Returns how many went. */
uint32_t list_sort(struct entry_list *list);
/* NULL: not in it. The list is sorted. */
const struct entry *list_find(const struct entry_list *list, const char *tag);
/* Tells contents apart; independent of order and spelling. */
uint64_t entry_digest(const struct entry *entry);
uint64_t list_digest(const struct entry_list *list);

/* What makes `want` out of `have`, both sorted: removals first, so that the list never grows beyond
 * the longer of the two. 0 or OCPPD_ENOMEM. */
int list_difference(const struct entry_list *have, const struct entry_list *want,
		    struct entry_list *ret_changes);
/* Changes in order of tag onto a sorted list. 0 or OCPPD_ENOMEM: it is unchanged. */
int list_apply(struct entry_list *list, const struct entry_list *changes);

/*
 * The messages that bring a station to a list: a difference where the station's list is known and
 * that is no longer than the list itself, else everything. A full list that is longer than a
 * message begins with a Full and goes on with differentials.
 */
struct plan {
	struct entry_list items;
	uint32_t per_message;
	uint32_t messages; /* 0: nothing to send */
	bool is_full;
};
struct plan_part {
	const struct entry *items;
	uint32_t count;
	bool is_full;
};
/* have: NULL where a full list is needed. per_message: at least 1. 0 or OCPPD_ENOMEM. */
int plan_make(const struct entry_list *have, const struct entry_list *want, uint32_t per_message,
	      struct plan *ret_plan);
struct plan_part plan_part(const struct plan *plan, uint32_t i);
void plan_free(struct plan *plan);

/*
 * The first of `messages` versions to use: beyond all that were used or reported, never 0 or -1.
 * Beyond what fits 32 bits it begins at 1 again, with *ret_is_again: only a full list may do that.
 */
int64_t version_next(int64_t used, int64_t reported, uint32_t messages, bool *ret_is_again);

#endif
