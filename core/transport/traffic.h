/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_TRAFFIC_H
#define OCPPD_TRANSPORT_TRAFFIC_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

/*
 * What a thread counts for the metrics: an I/O thread, and the core thread where a connection ends
 * before it has one. Only that thread writes, so adding is a load and a store; the core thread
 * reads whenever somebody asks.
 */
struct transport;

#define TRAFFIC_REASONS 16

struct traffic_reason {
	_Atomic(const char *) word; /* static; NULL: not used yet */
	_Atomic uint64_t count;
};

struct traffic {
	_Atomic uint64_t bytes_in; /* of messages: without the frames' and TLS's own */
	_Atomic uint64_t bytes_out;
	_Atomic uint64_t messages_in;
	_Atomic uint64_t messages_out;
	struct traffic_reason refused[TRAFFIC_REASONS]; /* handshakes; the last one: all others */
};

static inline void
traffic_add(_Atomic uint64_t *counter, uint64_t more)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
			      memory_order_relaxed);
}

/* A handshake came to nothing; reason is a static word. The thread whose traffic it is. */
void traffic_refused(struct traffic *traffic, const char *reason);

/* Adds the metrics of the transport, and what brings them up to date. Core thread. */
int traffic_init(struct transport *transport, struct ocppd_error *err);
void traffic_fini(struct transport *transport);

#endif
