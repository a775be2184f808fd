/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_DROPS_H
#define OCPPD_TRANSPORT_DROPS_H

#include <stdint.h>

#include "ocpp/conn.h"

/*
 * Connections that died before HTTP, counted by address (A14): a station that dislikes our
 * certificate says nothing more than that. Bounded: the address that was quiet longest is
 * forgotten. A thread's own.
 */
#define DROPS_MAX 64

struct drop {
	char address[CONN_REMOTE_SIZE]; /* without port; "": free */
	int64_t last_us;
	uint32_t count;
};

struct drops {
	struct drop entries[DROPS_MAX];
};

/* Counts one more from "address:port"; returns how many came within an hour of each other. */
uint32_t drops_add(struct drops *drops, const char *remote, int64_t now_us);

#endif
