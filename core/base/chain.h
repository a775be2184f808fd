/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_CHAIN_H
#define OCPPD_BASE_CHAIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A bounded queue between threads. Producers append links, the one consumer takes all that
 * gathered; the producer that found it empty wakes the consumer, so a batch costs one wake-up.
 * A link is the first member of what is queued.
 */
struct link {
	struct link *next;
};

struct chain {
	pthread_mutex_t lock;
	struct link *head;
	struct link **tail;
	uint32_t count;
	uint32_t limit; /* 0: none */
	bool is_closed;
};

void chain_init(struct chain *chain, uint32_t limit);
void chain_fini(struct chain *chain); /* must be empty */
/* 1: added, and it was empty: wake the consumer; 0: added; OCPPD_EBUSY: full; OCPPD_ESHUTDOWN:
 * closed. With a negative result the caller keeps the link. */
int chain_push(struct chain *chain, struct link *link);
/* Appends a whole list (last->next is overwritten), `count` links, even beyond the limit. */
int chain_push_list(struct chain *chain, struct link *first, struct link *last, uint32_t count);
/* All that is there, oldest first, or NULL. */
struct link *chain_take(struct chain *chain);
/* Links that wait at present. */
uint32_t chain_count(struct chain *chain);
/* From now on push answers OCPPD_ESHUTDOWN. */
void chain_close(struct chain *chain);

#endif
