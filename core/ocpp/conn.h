/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_CONN_H
#define OCPPD_OCPP_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/chain.h"
#include "ocpp/quirks.h"

/*
 * The border between the OCPP floor and whatever carries its messages: the WebSocket transport, or
 * a scripted one in tests.
 *
 * The transport allocates a `struct conn` with each connection (embedded in its own struct). Life:
 *
 *   transport thread                              core thread
 *   handshake passed, conn filled  -- opened -->  ocpp_conn_opened(): station bound, old one closed
 *   frame parsed (inbound_new)     -- inbound ->  ocpp_conn_inbound()
 *                              <- ops->send, ops->close, ops->set_quirks, ops->pause --
 *   connection ended               -- closed -->  ocpp_conn_closed(): the last message of the conn
 *                              <- ops->release --  only now the transport frees it
 *
 * So either side may keep the pointer until that exchange is over, and neither needs a lock. A
 * message that is sent after the connection ended is dropped by the transport.
 */
struct conn;
struct inbound;
struct outbound;
struct ocppd_station;

struct conn_ops {
	/* Takes the message. Core thread. */
	void (*send)(struct conn *conn, struct outbound *message);
	/* Asks for an orderly close; `closed` follows in any case. Core thread. */
	void (*close)(struct conn *conn, uint32_t code, const char *reason);
	/* Stops or resumes reading the connection (C08). Core thread. */
	void (*pause)(struct conn *conn, bool is_paused);
	/* Quirks that count from the next message on; takes a reference of its own. Core thread. */
	void (*set_quirks)(struct conn *conn, struct quirks *quirks);
	/* Seconds of silence after which the connection is given up; 0: the floor. Core thread. */
	void (*set_idle)(struct conn *conn, int64_t idle_s);
	/* The core holds no pointer any more. */
	void (*release)(struct conn *conn);
};

#define CONN_REMOTE_SIZE 56 /* "[ipv6]:port" and NUL */

struct conn {
	/* Set by the transport before `opened`, constant from then on. */
	const struct conn_ops *ops;
	uint64_t id; /* unique in the process, not 0 */
	int64_t opened_us;
	const char *protocol; /* the negotiated subprotocol, static or the action table's */
	uint32_t security_profile;
	uint32_t verifier;     /* which of the record's matched, from 1; 0: none was asked */
	uint32_t registration; /* OCPPD_REG_* of the directory record */
	char *station_id;      /* in the provisioned spelling; the conn's own */
	struct quirks *quirks; /* a reference of the conn; core's view after set_quirks */
	char remote[CONN_REMOTE_SIZE];
	/* Written by the transport thread, read anywhere: coarse time of the last frame. */
	_Atomic int64_t last_receive_us;
	/* The core thread's own. */
	struct ocppd_station *station; /* NULL once replaced or closed */
	void *slots;
	uint32_t warned[4]; /* quirk codes already warned about (bits by section) */
	int64_t opened_mono_us;
	const char *close_class; /* why the core closes it: a static word, or NULL */
	uint32_t bad_frames;     /* in a row */
	bool is_paused;
	bool is_closing;
	/* Set by the transport before `opened`: deviations of the handshake, bit i for A(i + 1). */
	uint16_t met;
};

#endif
