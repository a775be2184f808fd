/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_OCPP_H
#define OCPPD_OCPP_OCPP_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

#include "runtime/core.h"

/*
 * The OCPP floor as the floors above see it: made once, fed by the transport on the core thread.
 */
struct conn;
struct inbound;
struct action_table;

struct ocpp_conf {
	int64_t call_timeout_ms;    /* default for CALLs to stations, from the write */
	int64_t call_wait_ms;       /* default for how long one may wait in the queue */
	int64_t call_queue;         /* waiting CALLs a station, at most */
	int64_t handler_timeout_ms; /* no answer of a module: InternalError */
	int64_t inbound_queue; /* unanswered CALLs of a station before reading stops (C08: 64) */
	int64_t max_stations;
	int64_t reply_memory;     /* bytes for repeated answers (C03), all stations together */
	int64_t frames_memory;    /* bytes of the ring of frames; 0: none are kept */
	int64_t connect_grace_ms; /* OCPPD_CALL_AUTOMATIC waits that long after connect (C09) */
	uint32_t unclaimed_notifications; /* 0: ack, 1: refuse (C11) */
	uint32_t is_strict;               /* top-level `strict` */
};

/* Makes core->ocpp and installs its runtime hook. */
int ocpp_init(struct ocppd_core *core, const struct ocpp_conf *conf, struct ocppd_error *err);
void ocpp_reload(struct ocppd_core *core, const struct ocpp_conf *conf);
void ocpp_fini(struct ocppd_core *core);

/* The transport's notices; each takes the message. Core thread, in order for each connection. */
void ocpp_inbound(struct ocppd_core *core, struct inbound *message);

/*
 * The action table that transport threads read with. The current one, with a reference for the
 * caller's thread; when `ocpp_table_changed` was called, a thread exchanges it at its convenience
 * and gives the old one back on the core thread with action_table_release (in a message of its
 * own).
 */
struct action_table *ocpp_table_current(struct ocppd_core *core);
/* Called on the core thread whenever a new table was published. */
void ocpp_set_table_listener(struct ocppd_core *core,
			     void (*fn)(struct action_table *table, void *arg), void *arg);
void action_table_hold(struct action_table *table);    /* core thread */
void action_table_release(struct action_table *table); /* core thread */

/* Subprotocols that loaded modules serve, most preferred (order of loading) first; NULL-terminated,
 * owned by the table, which never loses them while the daemon runs. */
const char *const *ocpp_protocols(struct ocppd_core *core);

/* Draining: no new CALLs, those under way may end. Calls fn when none is left in either direction.
 */
void ocpp_drain(struct ocppd_core *core, void (*fn)(void *arg), void *arg);
/* A deviation of somebody who was not let in: counted by its code only. */
void ocpp_quirk_refused(struct ocppd_core *core, const char *code);
/* Numbers for status lines and health. */
uint32_t ocpp_connected_count(const struct ocppd_core *core);

#endif
