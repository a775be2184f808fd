/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What reservations go by: tags, statuses, and ids within a block. Pure functions.
 */
#define TAG_SIZE (20 * 4 + 1)
#define ID_BLOCK 256
#define RESERVATION_ID_MAX 2147483647

/* The words of `status`. The first two hold, the others are over. */
#define STATUS_ACCEPTED "Accepted"
#define STATUS_UNCONFIRMED "Unconfirmed" /* sent, but its answer never came */
#define STATUS_FAILED "Failed"           /* answered with an error */
#define STATUS_USED "Used"
#define STATUS_CANCELLED "Cancelled"
#define STATUS_EXPIRED "Expired"

/* What is reserved, for whom and until when. */
struct terms {
	int64_t id;
	int64_t expiry_us;
	int32_t connector; /* 0: any */
	char token[TAG_SIZE];
	char parent[TAG_SIZE]; /* "" : none */
};

bool status_is_live(const char *status);
/* A connector or station of that status serves no reservation. status may be NULL. */
bool status_is_out(const char *status);
void tag_fold(const char *text, char ret_text[TAG_SIZE]);
/* Is the token, or its group, the one it is reserved for? Either may be NULL. */
bool terms_are_for(const struct terms *terms, const char *token, const char *parent);

struct id_block {
	int64_t base; /* 0: none */
	uint32_t next;
	bool is_ready;                 /* what is taken is known */
	uint64_t taken[ID_BLOCK / 64]; /* a bit an id */
};
/* Where a block begins at the earliest: no restored database repeats what was given away since. */
int64_t id_floor(int64_t now_us);
/* Somebody else has this one. */
void id_block_mark(struct id_block *block, int64_t id);
/* The next id that is free. False: there is none. */
bool id_block_next(struct id_block *block, int64_t *ret_id);

#endif
