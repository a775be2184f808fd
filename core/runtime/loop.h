/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_LOOP_H
#define OCPPD_RUNTIME_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/thread.h>
#include <ocppd/time.h>

#include "runtime/core.h"

/*
 * The core thread's loop: posts from any thread, timers, signals, descriptors.
 *
 * One turn runs the timers that are due, a bounded number of posts, then the descriptors that are
 * ready. Posts that post for ever, or timers that set themselves to 0, wait for a later turn, so
 * sockets always get theirs. The same heap of timers runs with the system's clock and with one
 * turned by hand.
 */
struct event_base;
struct loop;

int loop_init(struct ocppd_core *core, struct ocppd_error *err);
void loop_fini(struct ocppd_core *core); /* what is queued is dropped */

/* Runs until loop_break; the calling thread is the core thread from then on. Returns 0, or
 * OCPPD_EIO when the system's poll failed. */
int loop_run(struct ocppd_core *core);
void loop_break(struct ocppd_core *core); /* core thread: loop_run returns after this turn */
/* libevent's base, for what the core itself runs on libevent. Core thread. */
struct event_base *loop_base(struct ocppd_core *core);

/* The core's own posts: like ocppd_post, but never dropped while the loop lives. Any thread.
 * Returns 0 or OCPPD_ENOMEM; on the core thread a reserve keeps a few going without memory. */
typedef void loop_post_fn(struct ocppd_core *core, void *arg);
int loop_post(struct ocppd_core *core, loop_post_fn *fn, void *arg);
/* Forgets what waits for the host. Core thread. */
void loop_drop_posts(struct ocppd_host *host);
/* Posts that wait at present, about. */
uint32_t loop_queued(struct ocppd_core *core);

/* fn runs on the core thread, outside signal context, until the loop goes. 0 or OCPPD_EIO,
 * OCPPD_ENOMEM. */
typedef void loop_signal_fn(struct ocppd_core *core, int signo, void *arg);
int loop_signal_add(struct ocppd_core *core, int signo, loop_signal_fn *fn, void *arg);

/* Timers below a millisecond's grain, for the core: ocppd_timer_set takes milliseconds. */
void loop_timer_set_us(struct ocppd_timer *timer, int64_t delay_us);
bool loop_timer_is_set(const struct ocppd_timer *timer);

/* Tests: runs whatever is ready, without waiting, until nothing is; at most `LOOP_TURNS_MAX` turns.
 * Returns the number of callbacks that ran. */
#define LOOP_TURNS_MAX 10000
uint32_t core_turn(struct ocppd_core *core);
/* Tests, manual clock: moves time on, stopping at each timer's deadline on the way, and runs what
 * is ready there and at the end. */
void core_advance(struct ocppd_core *core, int64_t delta_us);

#endif
