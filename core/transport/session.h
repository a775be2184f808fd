/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_SESSION_H
#define OCPPD_TRANSPORT_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/chain.h"
#include "ocpp/conn.h"
#include "transport/io.h"

struct peer;
struct outbound;

/*
 * One connection, from accept to release, in one allocation.
 *
 *   QUEUED     accepted by the core thread, on its way
 *   HANDSHAKE  adopted: lws reads the request, the gate judges it
 *   OPEN       upgraded, `opened` was told
 *   CLOSING    a close is under way; nothing is sent any more
 *   ENDED      lws is through with it; `closed` is told, or will be when there is memory for it
 *   TOLD       waits for release
 *
 * The I/O thread moves it; it frees it after release, or at once if it never opened.
 */
enum session_state {
	SESSION_QUEUED,
	SESSION_HANDSHAKE,
	SESSION_OPEN,
	SESSION_CLOSING,
	SESSION_ENDED,
	SESSION_TOLD,
};

/* Why it ended, for logs and the core: the first cause stays. */
enum close_class {
	CLOSE_NONE,
	CLOSE_PEER,     /* the station closed */
	CLOSE_IDLE,     /* silent for too long */
	CLOSE_TCP,      /* the connection broke */
	CLOSE_CORE,     /* asked for by the core, with a reason of its own: replaced, admin, … */
	CLOSE_PROTOCOL, /* frames that RFC 6455 or OCPP-J forbid */
	CLOSE_OVERSIZE, /* a message over max_message */
	CLOSE_SLOW,     /* it does not read what we send */
	CLOSE_MEMORY,   /* we could not go on */
	CLOSE_DRAIN,    /* the daemon stops */
};

/* Codes of RFC 6455 that never go over the wire. */
#define CLOSE_CODE_NO_STATUS 1005
#define CLOSE_CODE_ABNORMAL 1006

/* What the core wants of the thread: bits of `wanted`. */
#define WANT_ADOPT 0x01u
#define WANT_CLOSE 0x02u
#define WANT_PAUSE 0x04u
#define WANT_QUIRKS 0x08u
#define WANT_IDLE 0x10u
#define WANT_RESUME 0x20u /* the core has caught up with it */
#define WANT_RELEASE 0x40u

struct session {
	struct conn conn; /* first: the core's handle */
	struct link command;
	/* Any thread. */
	_Atomic uint32_t wanted;    /* WANT_*; whoever sets the first bit queues `command` */
	_Atomic uint32_t undrained; /* messages the core has not seen yet */
	_Atomic uint32_t close_code;
	_Atomic bool wants_pause;
	_Atomic bool is_throttled; /* not read until the core has caught up */
	_Atomic int32_t idle_s;
	_Atomic(char *) close_reason;
	_Atomic(struct quirks *) next_quirks;
	/* The I/O thread's own. */
	struct io *io;
	struct lws *wsi;
	struct peer *peer;
	struct origin *origin; /* its handshake is counted there; or NULL */
	struct quirks *quirks;
	LIST_ENTRY(session) all;
	LIST_ENTRY(session) timer;
	uint32_t timer_tick;
	uint32_t receive_tick;
	uint32_t ping_tick;
	uint32_t todo; /* WANT_* under way */
	struct session *todo_next;
	char *partial; /* a message of which more is to come */
	uint32_t partial_len;
	uint32_t partial_size;
	struct outbound *out_first;
	struct outbound *out_last;
	uint32_t out_count;
	uint32_t out_bytes;
	int fd; /* before adoption, else -1 */
	uint16_t code;
	uint8_t state;    /* enum session_state */
	uint8_t class;    /* enum close_class */
	uint8_t listener; /* index */
	bool is_over_limit : 1;
	bool is_proxied : 1;     /* its peer is a trusted proxy (A15) */
	bool is_told_secure : 1; /* a preface says that its client came by TLS */
	bool is_outdone : 1;     /* its handshake gave way to another's */
	bool is_adopting : 1;
	bool is_listed : 1;
	bool is_timed : 1;
	bool is_handshaking : 1; /* counted as such */
	bool is_opened : 1;      /* the core knows of it */
	bool is_refused : 1;     /* the gate said why */
	bool is_close_sent : 1;
	bool is_core_paused : 1;
	bool is_rx_off : 1;
	bool takes_binary : 1;
	bool takes_pings : 1;
	bool is_pong_due : 1;
	uint8_t met : 2; /* INBOUND_*: to be told with the next message */
	/* TLS. */
	bool is_secure : 1; /* its handshake is done */
	bool is_alert_ours : 1;
	uint8_t tls_alert; /* the first; 0: none */
};

_Static_assert(offsetof(struct session, conn) == 0, "a conn is its session");
/* Messages of one station that the core has not seen: beyond, it is not read. */
#define UNDRAINED_MAX 128

/* One for every station: what grows here grows 50,000 times. */
_Static_assert(sizeof(struct session) <= 384, "a session is small");

extern const struct conn_ops session_ops;

/* Core thread. fd is taken, also on error (NULL). */
struct session *session_new(struct io *io, uint32_t listener, int fd);
void session_free(struct session *session);
/* Sets bits and queues the command. Core thread. */
void session_want(struct session *session, uint32_t bits);
/* Core thread: one of its messages was given to the OCPP floor. */
void session_drained(struct session *session);

/* I/O thread. */
void session_command(struct session *session); /* does `todo` */
void session_send(struct session *session, struct outbound *message);
void session_expire(struct session *session); /* its timer */
/* Sets the timer for what is due next: a ping, or its end. */
void session_plan(struct session *session);
void session_drain(struct session *session);
/* The oldest handshake of the origin that waits for its peer, and not for us, is cut. */
void session_give_way(struct io *io, const struct origin *origin, bool is_crowded);
/* The wsi, if any, is gone for good, or never was: tells the core, or frees it. */
void session_end(struct session *session);
/* Tells the core of an end; later again if there is no memory. */
void session_tell_closed(struct session *session);
/* Between session.c, silence.c and stream.c. The first cause stays. */
void session_note(struct session *session, enum close_class class, uint32_t code);
/* An orderly close; what waits to be sent goes first. */
void session_close(struct session *session, enum close_class class, uint32_t code);
/* No more messages either way; close_timeout begins. */
void session_closing(struct session *session);
/* Cuts the connection. Works anywhere in the thread; lws does it when it is called next. */
void session_kill(struct session *session);
/* The close frame, and waits for the station's. Not inside its RECEIVE. */
void session_send_close(struct session *session);
/* In its RECEIVE, which returns the result: closes for what a station must not send. */
int session_refuse(struct session *session, enum close_class class, uint32_t code, const char *why);
void session_drop_outbound(struct session *session);
void session_touch(struct session *session);
void
session_flow(struct session *session); /* reads, or not, as is_core_paused and is_throttled say */
int session_receive(struct session *session, struct lws *wsi, const char *data, size_t len);
int session_writeable(struct session *session, struct lws *wsi);

/* The callback of every protocol of a vhost. */
int session_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
		     size_t len);

#endif
