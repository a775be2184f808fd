/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_CLOCK_H
#define OCPPD_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The time of one core: the system's, or one turned by hand in tests. Reading is safe in any
 * thread; turning belongs to the core thread.
 */
struct clock {
	bool is_manual;
	_Atomic int64_t manual_now_us;
	_Atomic int64_t manual_mono_us;
};

void clock_init(struct clock *clock);
void clock_init_manual(struct clock *clock, int64_t now_us);
int64_t clock_now_us(const struct clock *clock);
int64_t clock_mono_us(const struct clock *clock);
/* Manual clocks only. */
void clock_advance(struct clock *clock, int64_t delta_us);

#endif
