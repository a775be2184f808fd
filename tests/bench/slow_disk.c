/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Preloaded into daemon and yardstick alike: lets every flush of a file take at least
 * BENCH_FLUSH_US microseconds, so that group commit can be shown for a disk that flushes slower
 * than the one at hand. The flush itself is done.
 */
#include "bench.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int
flush(long number, int fd)
{
	const char *text = getenv("BENCH_FLUSH_US");
	int64_t end_us = bench_mono_us();
	uint32_t us = 0;
	int result = (int)syscall(number, fd);

	if (text && bench_number(text, &us) == 0) {
		struct timespec end;

		end_us += us;
		end.tv_sec = end_us / 1000000;
		end.tv_nsec = end_us % 1000000 * 1000;
		/* Else the kernel makes the wait some 50 us longer. */
		(void)prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
		(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
	}
	return result;
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	return flush(SYS_fdatasync, fd);
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
	return flush(SYS_fsync, fd);
}
