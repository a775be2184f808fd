/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_THREADS_H
#define OCPPD_RUNTIME_THREADS_H

#include <stdint.h>

/* Sets of threads of this process, to find those that a module started and left behind. */
#define THREADS_MAX 1024

struct thread_id {
	int64_t id;
	int64_t began; /* with the number, unique: numbers are used again */
};

struct threads {
	struct thread_id *items;
	uint32_t count;
};

/* All that live. 0, OCPPD_EIO where /proc is missing, OCPPD_ENOMEM: then nothing is found. */
int threads_now(struct threads *ret_threads);
/* Adds to `threads` what lives now and is not in `before`. */
void threads_add_new(struct threads *threads, const struct threads *before);
/* How many of them live still. */
uint32_t threads_alive(const struct threads *threads);
void threads_fini(struct threads *threads);

#endif
