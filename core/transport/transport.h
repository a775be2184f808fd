/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_TRANSPORT_H
#define OCPPD_TRANSPORT_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

#include "runtime/core.h"
#include "transport/options.h"

/*
 * The WebSocket transport: listeners on the core's loop, connections in I/O threads. Core thread.
 *
 *     transport_init    threads run, nothing listens; after modules started, since the list of
 *                       subprotocols is fixed from here on. Needs core->ocpp and core->directory.
 *     transport_listen  binds and accepts; all listeners or none
 *     transport_stop_accepting   closes the listeners
 *     transport_drain   closes every connection with 1001, in batches; fn when none is left, never
 *                       before this returns
 *     transport_fini    ends the threads; connections that are left are cut
 */

/* Rules across options, and the files of TLS listeners: no side effect. err names the option. */
int transport_check(const struct transport_conf *conf, struct ocppd_error *err);
int transport_init(struct ocppd_core *core, const struct transport_conf *conf,
		   struct ocppd_error *err);
int transport_listen(struct ocppd_core *core, struct ocppd_error *err);
/* Takes over what can change while running; reads certificates and keys again. */
void transport_reload(struct ocppd_core *core, const struct transport_conf *conf);
void transport_stop_accepting(struct ocppd_core *core);
void transport_drain(struct ocppd_core *core, void (*fn)(void *arg), void *arg);
/* Also where transport_init failed or never ran. */
void transport_fini(struct ocppd_core *core);

#endif
