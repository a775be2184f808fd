/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DAEMON_NOTIFY_H
#define OCPPD_DAEMON_NOTIFY_H

#include <stdint.h>

#include <ocppd/abi.h>

/*
 * The service manager's notification protocol: datagrams to the socket it names in the environment.
 * Without one, every call does nothing.
 */

/* Sends one or more lines (`READY=1\nSTATUS=…`). 1: sent, 0: nobody listens, negative: OCPPD_EIO.
 */
int notify_send(const char *format, ...) OCPPD_PRINTF(1, 2);

/* The watchdog's interval in microseconds, if it is meant for this process; else 0. */
int64_t notify_watchdog_us(void);

/* Takes the variables out of the environment, so that no child believes to be the service. */
void notify_forget(void);

#endif
