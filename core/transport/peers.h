/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_PEERS_H
#define OCPPD_TRANSPORT_PEERS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

/* How many connections each address has. Any thread. */
struct peer;
struct peers {
	pthread_mutex_t lock;
	struct map map;
};

int peers_init(struct peers *peers);
void peers_fini(struct peers *peers);
/* Counts one more, and gives the entry to hand back later. *ret_count is the number with it. NULL:
 * out of memory. */
struct peer *peers_add(struct peers *peers, const char *address, uint32_t *ret_count);
void peers_remove(struct peers *peers, struct peer *peer); /* NULL is fine */

#endif
