/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_TIMERS_H
#define OCPPD_RUNTIME_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core.h"

/*
 * The loop's heap of timers. A slot's key is at most the timer's deadline: putting a deadline off
 * or cancelling it leaves the slot where it is, and the heap mends it when it comes to the top. So
 * the common case, a deadline that moves with every message, costs no walk through the heap.
 */
struct ocppd_timer;

struct timer_slot {
	int64_t key_us;
	uint64_t seq;
	struct ocppd_timer *timer;
};

struct timers {
	struct timer_slot *slots; /* room for every timer there is, so setting cannot fail */
	uint32_t count;
	uint32_t size;
	uint32_t timers; /* that exist, set or not */
	uint64_t seq;    /* of the newest setting: equal deadlines run in this order */
};

/* The core's own. */
struct timers *loop_timers(struct ocppd_core *core);

void timers_fini(struct timers *timers); /* all timers must be freed */
/* The next deadline, false if no timer is set. */
bool timers_next(struct timers *timers, int64_t *ret_deadline_us);
/* Runs what is due and was set before the call, at most `limit` callbacks; returns how many. */
uint32_t timers_run(struct timers *timers, int64_t now_mono_us, uint32_t limit);

#endif
