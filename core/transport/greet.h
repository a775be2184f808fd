/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_GREET_H
#define OCPPD_TRANSPORT_GREET_H

#include "transport/io.h"

/*
 * Connections of proxies that begin with a header of the PROXY protocol: read here, on the core
 * thread, before limits are looked at and a thread gets the socket, so that all of that is the
 * client's. Bounded in size by PREFACE_MAX, in time by handshake_timeout, in number like those that
 * wait for a thread.
 */
/* Takes the socket. accept_greeted gets it, or it is closed with a line in the log. */
void greet_begin(struct listener *listener, int fd, const struct sockaddr *proxy, int len);
void greet_stop(struct transport *transport); /* closes what is not read yet */

#endif
