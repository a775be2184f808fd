/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_TURNS_H
#define OCPPD_TRANSPORT_TURNS_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/map.h"

/*
 * Whose turn it is where more sockets want a handshake than may be under way. Sockets wait by where
 * they come from, an address or an IPv6 network of 64 bits, and each origin has its turn after the
 * others: who opens a thousand connections waits for his own. Of three turns one goes to the origin
 * that came last and had none yet, one to the one that waits longest for its first, and one to
 * those that had theirs: nobody starves, and a newcomer need not wait for thousands of origins.
 * Core thread, but for the count of handshakes, which any thread lowers.
 */
struct listener;
struct origin;

#define ORIGIN_NAME_SIZE 17

/* A socket that was accepted. */
struct arrival {
	struct listener *listener;
	struct origin *origin;
	int fd;
	bool is_greeted; /* a preface said whose it is */
	bool is_secure;  /* and that the client came by TLS */
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} peer;
};

/* One that waits for a thread with room for a handshake. */
struct parked {
	STAILQ_ENTRY(parked) next;
	struct arrival arrival;
};

struct origin {
	TAILQ_ENTRY(origin) ring; /* while any wait: in `fresh` or `ring` */
	LIST_ENTRY(origin) all;
	STAILQ_HEAD(, parked) parked; /* oldest first */
	_Atomic uint32_t handshakes;  /* under way */
	bool is_fresh;
	char name[ORIGIN_NAME_SIZE]; /* the map's key */
};
TAILQ_HEAD(origins, origin);

struct turns {
	struct map map;
	LIST_HEAD(, origin) all;
	struct origins fresh; /* that had no turn since they began to wait: the latest first */
	struct origins ring;  /* the others: whose turn is next first */
	uint32_t parked;
	uint32_t turn;
	size_t sweep_at;
};

void turns_init(struct turns *turns);
/* Closes the sockets that wait. */
void turns_drop(struct turns *turns);
/* No handshake may be under way any more. */
void turns_fini(struct turns *turns);

/* Where a peer comes from; stays while a handshake is counted or a socket waits. NULL: out of
 * memory. */
struct origin *turns_origin(struct turns *turns, const struct sockaddr *peer);
/* parked is taken. */
void turns_park(struct turns *turns, struct parked *parked);
/* Removes the oldest of the origin whose turn it is, and is the caller's; NULL: none waits. */
struct parked *turns_take(struct turns *turns);
/* The fewest handshakes under way of an origin that waits, of those whose turns come soon. */
uint32_t turns_fewest(const struct turns *turns);
/* The origin with the most handshakes under way; NULL: there are none. */
struct origin *turns_richest(const struct turns *turns);

#endif
