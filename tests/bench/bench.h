/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BENCH_H
#define OCPPD_BENCH_H

/* What the bench programs share: time, numbers, and a histogram of durations. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* 32 buckets for each power of two: within 3 percent. */
#define HISTOGRAM_BUCKETS (40 * 32)

struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	int64_t max_us;
};

void histogram_add(struct histogram *histogram, int64_t us);
int64_t histogram_at(const struct histogram *histogram, double share); /* 0.5: median */
/* Prints "name":{"count":...,"p50":...,"p99":...,"max":...}. */
void histogram_json(const char *name, const struct histogram *histogram);

int64_t bench_mono_us(void);
void bench_time(int64_t time_us, char ret_text[32]);      /* 2026-03-01T10:00:00.123Z */
int bench_number(const char *text, uint32_t *ret_number); /* 0, or -1: none */

#endif
