/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_RENEWAL_H
#define OCPPD_TRANSPORT_RENEWAL_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

#include "transport/io.h"

/*
 * Which credentials each TLS listener has in force: read at the start and again on reload, handed
 * to the threads, and watched until they end. Core thread.
 */

/* Reads all files of the configuration: no side effect. err names option and file. */
int renewal_check(const struct transport_conf *conf, struct ocppd_error *err);
/* Before the threads: fills transport->credentials where there is a TLS listener. */
int renewal_init(struct transport *transport, const struct transport_conf *conf,
		 struct ocppd_error *err);
/* A listener whose new files are no good keeps what it has. */
void renewal_reload(struct transport *transport, const struct transport_conf *conf);
void renewal_fini(struct transport *transport); /* when the threads have ended */
bool renewal_has_tls(const struct transport *transport, uint32_t listener); /* core thread */

#endif
