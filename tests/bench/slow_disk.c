/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Preloaded into daemon and yardstick alike: lets every flush of a file take at least
 * BENCH_FLUSH_US microseconds, so that group commit can be shown for a disk that flushes slower
 * than the one at hand. The flush itself is done.
 */
#include "bench.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int
slow(long result)
{
	const char *text = getenv("BENCH_FLUSH_US");
	struct timespec wait = { 0 };
	uint32_t us = 0;

	if (text && bench_number(text, &us) == 0) {
		wait.tv_sec = us / 1000000;
		wait.tv_nsec = us % 1000000 * 1000l;
		(void)nanosleep(&wait, NULL);
	}
	return (int)result;
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	return slow(syscall(SYS_fdatasync, fd));
}

__attribute__((visibility("default"))) int
fsync(int fd)
{
	return slow(syscall(SYS_fsync, fd));
}
