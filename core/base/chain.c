/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The queue between threads: appending under a lock of a few instructions, taking everything at
 * once. Waking the consumer is the caller's affair; the result of push says when.
 */
#include "base/chain.h"

#include <ocppd/error.h>

#include "base/assert.h"

void
chain_init(struct chain *chain, uint32_t limit)
{
	pthread_mutexattr_t attr;

	/* Held for a few instructions: waiting for it should not cost a sleep. */
	OCPPD_ASSERT(pthread_mutexattr_init(&attr) == 0);
	(void)pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	OCPPD_ASSERT(pthread_mutex_init(&chain->lock, &attr) == 0);
	(void)pthread_mutexattr_destroy(&attr);
	chain->head = NULL;
	chain->tail = &chain->head;
	chain->count = 0;
	chain->limit = limit;
	chain->is_closed = false;
}

void
chain_fini(struct chain *chain)
{
	OCPPD_ASSERT(!chain->head);
	(void)pthread_mutex_destroy(&chain->lock);
}

static int
append(struct chain *chain, struct link *first, struct link *last, uint32_t count)
{
	int was_empty = !chain->head;

	last->next = NULL;
	*chain->tail = first;
	chain->tail = &last->next;
	chain->count += count;
	return was_empty;
}

int
chain_push(struct chain *chain, struct link *link)
{
	int r;

	(void)pthread_mutex_lock(&chain->lock);
	if (chain->is_closed)
		r = OCPPD_ESHUTDOWN;
	else if (chain->limit && chain->count >= chain->limit)
		r = OCPPD_EBUSY;
	else
		r = append(chain, link, link, 1);
	(void)pthread_mutex_unlock(&chain->lock);
	return r;
}

int
chain_push_list(struct chain *chain, struct link *first, struct link *last, uint32_t count)
{
	int r;

	(void)pthread_mutex_lock(&chain->lock);
	r = chain->is_closed ? OCPPD_ESHUTDOWN : append(chain, first, last, count);
	(void)pthread_mutex_unlock(&chain->lock);
	return r;
}

struct link *
chain_take(struct chain *chain)
{
	struct link *first;

	(void)pthread_mutex_lock(&chain->lock);
	first = chain->head;
	chain->head = NULL;
	chain->tail = &chain->head;
	chain->count = 0;
	(void)pthread_mutex_unlock(&chain->lock);
	return first;
}

uint32_t
chain_count(struct chain *chain)
{
	uint32_t count;

	(void)pthread_mutex_lock(&chain->lock);
	count = chain->count;
	(void)pthread_mutex_unlock(&chain->lock);
	return count;
}

void
chain_close(struct chain *chain)
{
	(void)pthread_mutex_lock(&chain->lock);
	chain->is_closed = true;
	(void)pthread_mutex_unlock(&chain->lock);
}
