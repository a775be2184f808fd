/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Timers: a binary heap by deadline, then by order of setting. It knows no event loop: the loop
 * asks for the next deadline and says when time has come, so a clock turned by hand runs the same
 * code as the system's.
 */
#include "runtime/timers.h"

#include <ocppd/time.h>

#include "base/assert.h"
#include "runtime/host.h"
#include "runtime/loop.h"

#define TIMER_MAGIC 0x54494d52u
#define NOT_IN_HEAP UINT32_MAX
#define TIMERS_FIRST_SIZE 64
#define DELAY_MAX_MS (INT64_C(100) * 366 * 86400 * 1000) /* a century: sums stay in range */

struct ocppd_timer {
	uint32_t magic;
	uint32_t at; /* its slot, or NOT_IN_HEAP */
	struct ocppd_host *host;
	ocppd_timer_fn *fn;
	void *arg;
	int64_t deadline_us;
	uint64_t seq;
	bool is_set;
	LIST_ENTRY(ocppd_timer) owned;
};

static bool
is_before(const struct timer_slot *a, const struct timer_slot *b)
{
	return a->key_us != b->key_us ? a->key_us < b->key_us : a->seq < b->seq;
}

static void
place(struct timers *timers, uint32_t at, const struct timer_slot *slot)
{
	timers->slots[at] = *slot;
	slot->timer->at = at;
}

static void
sift_up(struct timers *timers, uint32_t at)
{
	struct timer_slot slot = timers->slots[at];

	while (at > 0 && is_before(&slot, &timers->slots[(at - 1) / 2])) {
		place(timers, at, &timers->slots[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	place(timers, at, &slot);
}

static void
sift_down(struct timers *timers, uint32_t at)
{
	struct timer_slot slot = timers->slots[at];

	for (;;) {
		uint32_t child = at * 2 + 1;

		if (child >= timers->count)
			break;
		if (child + 1 < timers->count &&
		    is_before(&timers->slots[child + 1], &timers->slots[child]))
			child++;
		if (!is_before(&timers->slots[child], &slot))
			break;
		place(timers, at, &timers->slots[child]);
		at = child;
	}
	place(timers, at, &slot);
}

static void
heap_remove(struct timers *timers, struct ocppd_timer *timer)
{
	uint32_t at = timer->at;

	if (at == NOT_IN_HEAP)
		return;
	timer->at = NOT_IN_HEAP;
	timers->count--;
	if (at == timers->count)
		return;
	place(timers, at, &timers->slots[timers->count]);
	sift_up(timers, at);
	sift_down(timers, timers->slots[at].timer->at);
}

/* The timer at the top with its true deadline, or NULL. */
static struct ocppd_timer *
heap_top(struct timers *timers)
{
	while (timers->count) {
		struct timer_slot *top = &timers->slots[0];
		struct ocppd_timer *timer = top->timer;

		if (!timer->is_set) {
			heap_remove(timers, timer);
		} else if (top->seq != timer->seq) {
			top->key_us = timer->deadline_us;
			top->seq = timer->seq;
			sift_down(timers, 0);
		} else {
			return timer;
		}
	}
	return NULL;
}

/* ---- For the loop ---------------------------------------------------------------------------- */

void
timers_fini(struct timers *timers)
{
	OCPPD_ASSERT(timers->timers == 0);
	free(timers->slots);
	*timers = (struct timers){ 0 };
}

bool
timers_next(struct timers *timers, int64_t *ret_deadline_us)
{
	const struct ocppd_timer *timer = heap_top(timers);

	if (!timer)
		return false;
	*ret_deadline_us = timer->deadline_us;
	return true;
}

uint32_t
timers_run(struct timers *timers, int64_t now_mono_us, uint32_t limit)
{
	uint64_t newest = timers->seq;
	uint32_t ran = 0;

	while (ran < limit) {
		struct ocppd_timer *timer = heap_top(timers);
		struct ocppd_host *host;
		int64_t began;

		if (!timer || timer->deadline_us > now_mono_us || timer->seq > newest)
			break;
		timer->is_set = false;
		heap_remove(timers, timer);
		host = timer->host;
		began = host_enter(host);
		timer->fn(host, timer->arg); /* which may free it */
		host_leave(host, began, "timer");
		ran++;
	}
	return ran;
}

/* ---- Public ---------------------------------------------------------------------------------- */

static bool
make_room(struct timers *timers)
{
	uint32_t size = timers->size ? timers->size * 2 : TIMERS_FIRST_SIZE;
	struct timer_slot *slots;

	if (timers->timers < timers->size)
		return true;
	if (size > UINT32_MAX / 4)
		return false;
	slots = realloc(timers->slots, size * sizeof(*slots));
	if (!slots)
		return false;
	timers->slots = slots;
	timers->size = size;
	return true;
}

struct ocppd_timer *
ocppd_timer_new(struct ocppd_host *host, ocppd_timer_fn *fn, void *arg)
{
	struct timers *timers = loop_timers(host->core);
	struct ocppd_timer *timer = make_room(timers) ? calloc(1, sizeof(*timer)) : NULL;

	if (!timer)
		return NULL;
	timer->magic = TIMER_MAGIC;
	timer->at = NOT_IN_HEAP;
	timer->host = host;
	timer->fn = fn;
	timer->arg = arg;
	timers->timers++;
	LIST_INSERT_HEAD(&host->timers, timer, owned);
	return timer;
}

void
loop_timer_set_us(struct ocppd_timer *timer, int64_t delay_us)
{
	struct timers *timers = loop_timers(timer->host->core);
	struct timer_slot slot = { .timer = timer };

	OCPPD_ASSERT(timer->magic == TIMER_MAGIC);
	timer->deadline_us =
		clock_mono_us(&timer->host->core->clock) + (delay_us > 0 ? delay_us : 0);
	timer->seq = ++timers->seq;
	timer->is_set = true;
	if (timer->at != NOT_IN_HEAP && timers->slots[timer->at].key_us <= timer->deadline_us)
		return;
	slot.key_us = timer->deadline_us;
	slot.seq = timer->seq;
	if (timer->at == NOT_IN_HEAP)
		timer->at = timers->count++;
	timers->slots[timer->at] = slot;
	sift_up(timers, timer->at);
}

void
ocppd_timer_set(struct ocppd_timer *timer, int64_t delay_ms)
{
	loop_timer_set_us(timer, (delay_ms < DELAY_MAX_MS ? delay_ms : DELAY_MAX_MS) * 1000);
}

bool
loop_timer_is_set(const struct ocppd_timer *timer)
{
	return timer->is_set;
}

void
ocppd_timer_cancel(struct ocppd_timer *timer)
{
	OCPPD_ASSERT(timer->magic == TIMER_MAGIC);
	timer->is_set = false;
}

void
ocppd_timer_free(struct ocppd_timer *timer)
{
	struct timers *timers;

	if (!timer)
		return;
	OCPPD_ASSERT(timer->magic == TIMER_MAGIC);
	timers = loop_timers(timer->host->core);
	heap_remove(timers, timer);
	timers->timers--;
	LIST_REMOVE(timer, owned);
	timer->magic = 0;
	free(timer);
}
