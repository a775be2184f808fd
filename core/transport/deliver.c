/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The core thread's side of the exchange with the I/O threads: inbound messages in bounded turns,
 * outbound ones gathered and handed over once a turn, refusals as events.
 */
#include <ocppd/event.h>
#include <ocppd/event/station.h>
#include <ocppd/json.h>
#include <ocppd/log.h>

#include "base/clock.h"
#include "ocpp/message.h"
#include "ocpp/ocpp.h"
#include "runtime/loop.h"
#include "transport/gate.h"
#include "transport/io.h"
#include "transport/session.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <json-c/json.h>

/* Messages of one turn; then the loop looks at everything else. */
#define TURN_MESSAGES 256
#define REFUSALS_A_SECOND 50

void
deliver_wake(struct transport *transport)
{
	uint64_t one = 1;

	while (write(transport->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		continue;
}

/* ---- Inbound ----------------------------------------------------------------------------- */

static void
release_swapped(struct io *io)
{
	while (io->taken_swapped) {
		struct table_swap *swap = (struct table_swap *)(void *)io->taken_swapped;

		io->taken_swapped = swap->link.next;
		action_table_release(swap->table);
		free(swap);
	}
}

/* The next batch. Old tables are taken before the messages that were read with them, and go when
 * those are through. */
static void
take_batch(struct io *io)
{
	if (io->taken)
		return;
	release_swapped(io);
	io->taken_swapped = chain_take(&io->swapped);
	io->taken = chain_take(&io->inbound);
}

static void
dispatch(struct transport *transport, struct inbound *message)
{
	if (message->kind != INBOUND_OPENED && message->kind != INBOUND_CLOSED)
		session_drained((struct session *)(void *)message->conn);
	ocpp_inbound(transport->core, message);
}

/* True if something may be left: false only after the chain was seen empty, since whoever adds to
 * one that is not empty wakes nobody. */
static bool
drain_io(struct transport *transport, struct io *io, uint32_t budget)
{
	while (budget > 0) {
		take_batch(io);
		if (!io->taken) {
			release_swapped(io);
			return false;
		}
		for (; io->taken && budget > 0; budget--) {
			struct inbound *message = (struct inbound *)(void *)io->taken;

			io->taken = message->link.next;
			dispatch(transport, message);
		}
	}
	return true;
}

/* ---- Refusals ---------------------------------------------------------------------------- */

static bool
refusal_passes(struct transport *transport)
{
	int64_t now_us = clock_mono_us(&transport->core->clock);

	if (now_us - transport->refusals_began_us >= 1000000) {
		transport->refusals_began_us = now_us;
		transport->refusals_passed = 0;
	}
	return transport->refusals_passed++ < REFUSALS_A_SECOND;
}

static void
publish_refusal(struct transport *transport, const struct refusal *refusal)
{
	struct ocppd_host *self = transport->core->self;
	const char *station_id = refusal->station_id[0] ? refusal->station_id : NULL;

	if (!ocppd_event_wanted(self, OCPPD_EVENT_STATION_REFUSED) || !refusal_passes(transport))
		return;

	struct json_object *body = json_object_new_object();
	if (!body)
		return;
	if (station_id)
		ocppd_json_add_str(body, "stationId", station_id);
	ocppd_json_add_str(body, "reason", refusal->reason);
	ocppd_json_add_int(body, "status", refusal->status);
	ocppd_json_add_str(body, "remote", refusal->remote);
	if (refusal->user_agent[0])
		ocppd_json_add_str(body, "userAgent", refusal->user_agent);
	if (refusal->protocols[0])
		ocppd_json_add_str(body, "offeredProtocols", refusal->protocols);
	(void)ocppd_event_publish(self, OCPPD_EVENT_STATION_REFUSED, station_id, body);
}

static void
drain_refusals(struct transport *transport, struct io *io)
{
	struct link *link = chain_take(&io->refusals);

	while (link) {
		struct refusal *refusal = (struct refusal *)(void *)link;

		link = link->next;
		if (refusal->quirk)
			ocpp_quirk_refused(transport->core, refusal->quirk);
		publish_refusal(transport, refusal);
		free(refusal);
	}
}

/* ---- Outbound ---------------------------------------------------------------------------- */

void
deliver_flush(struct transport *transport)
{
	transport->is_flush_due = false;
	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];

		if (!io->out_first)
			continue;
		if (chain_push_list(&io->outbound, io->out_first, io->out_last, io->out_count) == 1)
			io_wake(io);
		io->out_first = NULL;
		io->out_last = NULL;
		io->out_count = 0;
	}
}

void
deliver_outbound(struct transport *transport, struct io *io, struct outbound *message)
{
	if (!io->is_running) {
		outbound_free(message);
		return;
	}

	message->link.next = NULL;
	if (io->out_last)
		io->out_last->next = &message->link;
	else
		io->out_first = &message->link;
	io->out_last = &message->link;
	io->out_count++;
	if (transport->is_in_turn || transport->is_flush_due)
		return;
	/* Outside of a turn, say after a commit: everything of this pass of the loop together. */
	transport->is_flush_due = true;
	event_active(transport->flush_event, EV_WRITE, 0);
}

static void
on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	deliver_flush(arg);
}

/* ---- Turns ------------------------------------------------------------------------------- */

static void
check_drained(struct transport *transport)
{
	void (*fn)(void *arg) = transport->drain_fn;

	if (!fn || atomic_load(&transport->connections) > 0)
		return;
	transport->drain_fn = NULL;
	fn(transport->drain_arg);
}

static void
on_wake(evutil_socket_t fd, short what, void *arg)
{
	struct transport *transport = arg;
	uint64_t count;
	bool is_more = false;

	(void)what;
	/* Cleared first: what comes after is not lost. */
	if (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
		return;

	transport->is_in_turn = true;
	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];

		if (drain_io(transport, io, TURN_MESSAGES / transport->io_count + 1))
			is_more = true;
		drain_refusals(transport, io);
	}
	transport->is_in_turn = false;
	deliver_flush(transport);
	if (atomic_load(&transport->is_accept_paused))
		accept_resume(transport);
	if (is_more)
		deliver_wake(transport);
	check_drained(transport);
}

int
deliver_init(struct transport *transport, struct ocppd_error *err)
{
	struct event_base *base = loop_base(transport->core);

	transport->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (transport->wake_fd < 0)
		return ocppd_error_set(err, OCPPD_EIO, "no eventfd: %s", strerrordesc_np(errno));
	transport->wake_event =
		event_new(base, transport->wake_fd, EV_READ | EV_PERSIST, on_wake, transport);
	transport->flush_event = event_new(base, -1, 0, on_flush, transport);
	if (!transport->wake_event || !transport->flush_event ||
	    event_add(transport->wake_event, NULL) < 0)
		return OCPPD_ENOMEM;

	return 0;
}

void
deliver_everything(struct transport *transport)
{
	transport->is_in_turn = true;
	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];

		while (drain_io(transport, io, TURN_MESSAGES))
			continue;

		struct link *link = chain_take(&io->refusals);
		while (link) {
			struct refusal *refusal = (struct refusal *)(void *)link;

			link = link->next;
			free(refusal);
		}
	}
	transport->is_in_turn = false;
}

void
deliver_fini(struct transport *transport)
{
	if (transport->wake_event)
		event_free(transport->wake_event);
	if (transport->flush_event)
		event_free(transport->flush_event);
	if (transport->wake_fd >= 0)
		(void)close(transport->wake_fd);
}
