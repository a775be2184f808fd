/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Time, numbers and histograms for the bench programs. No part of ocppd: a yardstick must not
 * share the code it measures.
 */
#include "bench.h"

#include <stdio.h>
#include <time.h>

static uint32_t
bucket_of(int64_t us)
{
	uint64_t value = us > 0 ? (uint64_t)us : 0;
	uint32_t shift = 0;

	if (value < 32)
		return (uint32_t)value;
	while (value >> shift >= 64)
		shift++;
	return (shift + 1) * 32 + (uint32_t)(value >> shift) - 32;
}

void
histogram_add(struct histogram *histogram, int64_t us)
{
	uint32_t bucket = bucket_of(us);

	if (bucket >= HISTOGRAM_BUCKETS)
		bucket = HISTOGRAM_BUCKETS - 1;
	histogram->counts[bucket]++;
	histogram->total++;
	if (us > histogram->max_us)
		histogram->max_us = us;
}

int64_t
histogram_at(const struct histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)((double)histogram->total * share);
	uint64_t seen = 0;

	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->counts[i];
		if (seen <= wanted)
			continue;
		if (i < 64)
			return i;
		return (int64_t)(i % 32 + 32) << (i / 32 - 1);
	}
	return histogram->max_us;
}

void
histogram_json(const char *name, const struct histogram *histogram)
{
	printf("\"%s\":{\"count\":%llu,\"p50\":%lld,\"p99\":%lld,\"max\":%lld}", name,
	       (unsigned long long)histogram->total, (long long)histogram_at(histogram, 0.5),
	       (long long)histogram_at(histogram, 0.99), (long long)histogram->max_us);
}

int64_t
bench_mono_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void
bench_time(int64_t time_us, char ret_text[32])
{
	time_t seconds = (time_t)(time_us / 1000000);
	struct tm tm;
	size_t len;

	(void)gmtime_r(&seconds, &tm);
	len = strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(ret_text + len, 32 - len, ".%03dZ", (int)(time_us / 1000 % 1000));
}

int
bench_number(const char *text, uint32_t *ret_number)
{
	uint32_t number = 0;

	if (!*text || strlen(text) > 9)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		number = number * 10 + (uint32_t)(*text - '0');
	}
	*ret_number = number;
	return 0;
}
