/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_WHEEL_H
#define OCPPD_TRANSPORT_WHEEL_H

#include <stdint.h>

#include "transport/io.h"

/*
 * Deadlines of a thread's sessions: one timer for all, slots of WHEEL_TICK_MS. A deadline beyond
 * the wheel's turn is looked at again each turn. Those that are due get session_expire. lws's own
 * timers are a sorted list, which is why they are not used. I/O thread.
 */
void wheel_init(struct io *io);
void wheel_set(struct session *session, uint32_t tick); /* replaces an earlier one */
void wheel_clear(struct session *session);
/* The tick that is `ms` from now, at least one ahead. */
uint32_t wheel_after(const struct io *io, int64_t ms);

#endif
