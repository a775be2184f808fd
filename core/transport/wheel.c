/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* The timer wheel of an I/O thread. It knows when, silence.c knows what. */
#include "transport/wheel.h"

#include "transport/session.h"

void
wheel_init(struct io *io)
{
	for (uint32_t i = 0; i < WHEEL_SLOTS; i++)
		LIST_INIT(&io->wheel[i]);
	/* Tick 0 is never "long ago": sessions remember ticks. */
	io->tick = 1;
}

void
wheel_clear(struct session *session)
{
	if (!session->is_timed)
		return;
	LIST_REMOVE(session, timer);
	session->is_timed = false;
	session->io->timed_count--;
}

static void
turn(struct io *io)
{
	struct session_list due = LIST_HEAD_INITIALIZER(due);
	struct session *session;

	io->tick++;

	struct session *next = LIST_FIRST(&io->wheel[io->tick % WHEEL_SLOTS]);
	while ((session = next) != NULL) {
		next = LIST_NEXT(session, timer);
		if ((int32_t)(session->timer_tick - io->tick) > 0)
			continue;
		LIST_REMOVE(session, timer);
		LIST_INSERT_HEAD(&due, session, timer);
	}

	/* An expiry may end its own session and any other: always the first that is left. */
	while ((session = LIST_FIRST(&due)) != NULL) {
		wheel_clear(session);
		session_expire(session);
	}
}

static void
on_wheel_timer(uv_timer_t *timer)
{
	struct io *io = timer->data;
	uint64_t now_ms = uv_now(&io->loop);

	while (now_ms - io->tick_ms >= WHEEL_TICK_MS && io->timed_count > 0) {
		io->tick_ms += WHEEL_TICK_MS;
		turn(io);
	}
	/* A thread without connections sleeps. */
	if (io->timed_count == 0)
		(void)uv_timer_stop(timer);
	io_poke(io);
}

void
wheel_set(struct session *session, uint32_t tick)
{
	struct io *io = session->io;

	wheel_clear(session);
	if (io->timed_count++ == 0 && !uv_is_active((uv_handle_t *)&io->wheel_timer)) {
		io->tick_ms = uv_now(&io->loop);
		(void)uv_timer_start(&io->wheel_timer, on_wheel_timer, WHEEL_TICK_MS,
				     WHEEL_TICK_MS);
	}
	session->timer_tick = tick;
	session->is_timed = true;
	LIST_INSERT_HEAD(&io->wheel[tick % WHEEL_SLOTS], session, timer);
}

uint32_t
wheel_after(const struct io *io, int64_t ms)
{
	int64_t ticks = (ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	if (ticks < 1)
		ticks = 1;
	if (ticks > INT32_MAX / 2)
		ticks = INT32_MAX / 2;
	return io->tick + (uint32_t)ticks;
}
