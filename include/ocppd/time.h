/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TIME_H
#define OCPPD_TIME_H

/*
 * Time: microseconds since 1970-01-01T00:00:00Z (`_us`) for what is recorded, the monotonic clock
 * (`_mono_us`) for deadlines. Timers run on the core thread. Tests turn the clock by hand, so a
 * module never asks the system.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

#define OCPPD_TIME_SIZE 32 /* bytes for ocppd_time_format, NUL included */

OCPPD_API int64_t ocppd_now_us(struct ocppd_host *host);  /* any thread */
OCPPD_API int64_t ocppd_mono_us(struct ocppd_host *host); /* any thread */

/*
 * Writes `2026-03-01T10:00:00.123Z`: UTC, three digits, cut not rounded. Returns the length, 24;
 * OCPPD_ERANGE (and "" in ret_text) outside the years 0000 to 9999. Any thread.
 */
OCPPD_API int ocppd_time_format(int64_t time_us, char ret_text[OCPPD_TIME_SIZE]);

/* What the text lacked or bent, in ret_flags of ocppd_time_parse. */
#define OCPPD_TIME_NAIVE 0x1u        /* no zone: quirk E01 */
#define OCPPD_TIME_SHORT_OFFSET 0x2u /* `+02` or `+0200`: quirk E02 */

/*
 * Reads RFC 3339: any offset, 0 to 9 and more fraction digits (finer than a microsecond is cut),
 * `T`, `t` or a blank, `Z` or `z`, leap second `:60`; also without zone and with short offsets,
 * which ret_flags tells.
 *
 * naive_offset_s  added to UTC for a text without zone: seconds east of Greenwich.
 * ret_flags       may be NULL.
 *
 * Returns 0 or OCPPD_EINVAL. Any thread.
 */
OCPPD_API int ocppd_time_parse(const char *text, int32_t naive_offset_s, int64_t *ret_time_us,
			       uint32_t *ret_flags);

/* Timers. Owner-tracked: what is left after the module's shutdown is deleted. Core thread. */
struct ocppd_timer;
typedef void ocppd_timer_fn(struct ocppd_host *host, void *arg);

/* A timer that does not run yet. NULL: out of memory. */
OCPPD_API struct ocppd_timer *ocppd_timer_new(struct ocppd_host *host, ocppd_timer_fn *fn,
					      void *arg);
/* Runs fn once, delay_ms from now (0: after the current callback); replaces an earlier deadline. */
OCPPD_API void ocppd_timer_set(struct ocppd_timer *timer, int64_t delay_ms);
OCPPD_API void ocppd_timer_cancel(struct ocppd_timer *timer);
/* Also inside its own callback. NULL is fine. */
OCPPD_API void ocppd_timer_free(struct ocppd_timer *timer);

OCPPD_END_DECLS
#endif
