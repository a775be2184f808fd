/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_IO_H
#define OCPPD_TRANSPORT_IO_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <pthread.h>

#include <ocppd/error.h>

#include "base/chain.h"
#include "ocpp/conn.h"
#include "runtime/core.h"
#include "transport/drops.h"
#include "transport/forwarded.h"
#include "transport/peers.h"
#include "transport/traffic.h"
#include "transport/transport.h"
#include "transport/turns.h"

/* lws.h defines `struct lws`, uv.h its own; both only where they are used. */
#include <libwebsockets.h>
#include <uv.h>

/*
 * The inside of the transport.
 *
 * The core thread accepts, hands each descriptor to an I/O thread as a `struct session`, and from
 * then on exchanges chains with that thread: commands and outbound messages one way, inbound
 * messages and refusals the other. Each side gathers what it has for the other and wakes it once.
 */
struct session;
struct outbound;
struct inbound;
struct action_table;
struct evconnlistener;
struct event;

#define IO_THREADS_MAX 64
#define SERVICE_BUFFER_SIZE 65536
#define EARLY_KEPT_SIZE 1024
#define WHEEL_SLOTS 1024
#define WHEEL_TICK_MS 250

/* Values of the configuration that change on reload; read by all threads. */
struct limits {
	_Atomic int64_t max_connections;
	_Atomic int64_t max_per_address;
	_Atomic int64_t max_handshakes;
	_Atomic int64_t accept_rate;
	_Atomic int64_t handshake_timeout_ms;
	_Atomic int64_t close_timeout_ms;
	_Atomic int64_t max_message;
	_Atomic int64_t max_outbound;
	_Atomic int64_t max_outbound_count;
	_Atomic int64_t max_undrained;
	_Atomic int64_t ping_interval_ms;
	_Atomic int64_t idle_floor_s;
	_Atomic int64_t tcp_user_timeout_ms;
	_Atomic int64_t missing_subprotocol;
};

static inline int64_t
limit_get(const _Atomic int64_t *limit)
{
	return atomic_load_explicit(limit, memory_order_relaxed);
}

LIST_HEAD(session_list, session);

/* A few lines of one kind in a while; the rest is counted. The thread's own. */
struct quota {
	int64_t began_us;
	uint32_t passed;
	uint32_t omitted;
};

/* A new action table on its way to a thread, and the old one on its way back. */
struct table_swap {
	struct link link;
	struct action_table *table;
};

/* New credentials of a listener on their way to a thread. */
struct credentials;
struct tls_swap {
	struct link link;
	struct credentials *credentials;
	uint32_t listener;
};

struct io {
	struct transport *transport;
	pthread_t thread;
	uint32_t index;
	bool is_running;
	/* Any thread. */
	struct chain commands;  /* sessions, by their `command` link */
	struct chain outbound;  /* struct outbound */
	struct chain swaps;     /* struct table_swap */
	struct chain tls_swaps; /* struct tls_swap */
	struct chain inbound;   /* struct inbound */
	struct chain swapped;   /* struct table_swap, with the old table */
	struct chain refusals;  /* struct refusal */
	_Atomic uint32_t connections;
	_Atomic uint32_t handshakes;
	/* A handshake of this origin shall give way; NULL: none. Compared only, never looked into.
	 */
	_Atomic(struct origin *) give_way;
	_Atomic bool is_crowded;    /* the origin has more than its share */
	_Atomic uint32_t undrained; /* pushed to `inbound`, not yet given to the OCPP floor */
	_Atomic bool is_stopping;
	pthread_mutex_t wake_lock; /* is_context_gone, and wakes against it */
	bool is_context_gone;
	_Atomic bool is_draining;
	struct traffic traffic; /* written by the I/O thread only */
	/* The I/O thread's own. */
	uv_loop_t loop;
	uv_check_t check;
	uv_prepare_t prepare;
	uv_timer_t wheel_timer;
	uv_timer_t drain_timer;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct lws_vhost **vhosts; /* by listener, NULL: the one above; itself NULL without TLS */
	struct ssl_ctx_st **tls_contexts; /* of those */
	char *vhost_names;                /* of those, one behind the other */
	uint32_t vhost_making;            /* the listener whose vhost is being made */
	struct lws_protocols *protocols;
	char **names; /* the protocols' names, changed for a moment: see gate.c */
	uint32_t name_count;
	struct session *adopting;      /* lws is just making its wsi */
	bool is_masked;                /* some names are blanked at present */
	bool is_learning;              /* early.c, as the two below */
	unsigned char *service_buffer; /* of lws, NULL while unknown */
	unsigned char kept[EARLY_KEPT_SIZE];
	bool is_context_made;
	bool needs_poke;
	struct ocppd_beat *beat;
	struct json_tokener *tokener;
	struct action_table *table; /* NULL once the loop has ended */
	uint32_t tick;              /* of the wheel */
	uint32_t timed_count;
	uint64_t tick_ms; /* uv's time of that tick */
	struct session_list wheel[WHEEL_SLOTS];
	struct session_list sessions; /* open */
	struct session_list shaking;  /* adopted, in their handshake: the newest first */
	struct session_list closing;
	struct link *inbound_first; /* gathered in this turn of the loop */
	struct link *inbound_last;
	uint32_t inbound_count;
	struct quota dropped; /* handshakes that came to nothing */
	struct drops drops;
	struct quota refused; /* refusals without a known identity */
	/* The core thread's own. */
	struct link *taken;         /* inbound messages of the present batch */
	struct link *taken_swapped; /* released when that batch is through */
	struct link *out_first;     /* gathered in this turn of the loop */
	struct link *out_last;
	uint32_t out_count;
};

struct listener {
	struct transport *transport;
	struct evconnlistener *socket; /* NULL once closed */
	char *address;                 /* "[::]:8180", as bound */
	char **paths;
	uint32_t path_count;
	uint32_t proxy_count;
	uint32_t proxy_header; /* PROXY_HEADER_* */
	struct network *proxies;
};

struct transport {
	const struct transport_conf *conf; /* until transport_listen */
	struct ocppd_core *core;
	struct limits limits;
	struct io *ios;
	uint32_t io_count;
	uint32_t next_io;
	struct listener *listeners;
	uint32_t listener_count;
	const char *const *served; /* subprotocols */
	/* Of each listener, NULL for a plain one; itself NULL where all are. renewal.c */
	struct credentials **credentials;
	uint8_t *warned_steps; /* of each: lines about its end that were written */
	uint32_t credential_count;
	struct event *watch_timer;
	int64_t tickets_mono_us; /* when the tickets' keys were made */
	int64_t max_descriptors;
	uint32_t metric_base;            /* of traffic.c */
	uint64_t accepted;               /* core thread */
	struct traffic traffic;          /* written by the core thread only: prefaces */
	LIST_HEAD(, greeting) greetings; /* whose preface is not read yet */
	uint32_t greeting_count;
	struct quota greet_quota;
	struct peers peers;
	_Atomic uint32_t connections; /* accepted and not yet freed */
	_Atomic uint64_t next_id;
	/* Whether threads shall wake the core where handshakes or a connection ended. */
	_Atomic bool is_accept_paused;
	_Atomic bool is_draining;
	int wake_fd; /* eventfd of the core's side */
	struct event *wake_event;
	struct event *flush_event;
	struct event *accept_timer;
	int spare_fd;
	struct turns turns; /* those that are accepted, without a thread yet */
	struct event *turns_timer;
	int64_t asked_mono_us; /* when the threads were asked for a place last */
	uint32_t burst;        /* accepted since others of the loop had their turn */
	bool is_in_turn;
	bool is_accepting;
	bool is_accept_off; /* the listeners are not looked at */
	bool is_flush_due;
	int64_t tokens; /* of accept_rate, in thousandths */
	int64_t tokens_mono_us;
	int64_t refusals_began_us; /* of the second in which events are counted */
	uint32_t refusals_passed;
	void (*drain_fn)(void *arg);
	void *drain_arg;
};

/* ---- io.c: the thread and its loop ------------------------------------------------------- */

/* Context, vhost and queues; no thread yet: contexts are made while nothing runs. */
int io_init(struct io *io, struct transport *transport, uint32_t index, struct ocppd_error *err);
int io_start(struct io *io, struct ocppd_error *err);
void io_stop(struct io *io); /* and joins; core thread */
void io_fini(struct io *io);
void io_wake(struct io *io);  /* any thread */
void io_serve(struct io *io); /* takes what the core queued. I/O thread. */
/* lws looks at its own timers only when it is called: after a kill outside of its callbacks. */
void io_poke(struct io *io);
/* Adds a message to what goes to the core at the end of the turn. I/O thread. */
void io_gather(struct io *io, struct inbound *message);
/* One line now and then: true if it may be written now; *ret_omitted lines were not. */
bool quota_pass(struct quota *quota, int64_t now_us, uint32_t *ret_omitted);

/* ---- deliver.c: the core's side of the chains -------------------------------------------- */

int deliver_init(struct transport *transport, struct ocppd_error *err);
void deliver_fini(struct transport *transport);
void deliver_wake(struct transport *transport); /* any thread */
/* Gathers a message for the session's thread. Core thread. */
void deliver_outbound(struct transport *transport, struct io *io, struct outbound *message);
/* Hands over what was gathered: before a command that must not overtake it. Core thread. */
void deliver_flush(struct transport *transport);
void deliver_everything(struct transport *transport); /* when the threads have ended */

/* ---- accept.c ---------------------------------------------------------------------------- */

int accept_listen(struct transport *transport, const struct transport_conf *conf,
		  struct ocppd_error *err);
void accept_resume(struct transport *transport); /* something ended: perhaps there is room */
/* A socket whose preface is read. */
void accept_greeted(const struct arrival *arrival);
/* "[ipv6]:port" of a peer. */
void accept_remote(const struct sockaddr *addr, char ret_remote[CONN_REMOTE_SIZE]);
void accept_reload(struct transport *transport); /* limits that are set on sockets */
void accept_stop(struct transport *transport);
void accept_fini(struct transport *transport);
/* Raises the limit of descriptors; the number of connections they allow. */
int64_t accept_raise_limit(struct transport *transport, int64_t wanted);

#endif
