/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Origins and their turns. Those that nothing is known of any more are swept out when the map has
 * doubled since the last time: no thread needs a lock to end a handshake.
 */
#include "transport/turns.h"

#include <ocppd/error.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SWEEP_LEAST 1024
#define LOOK_AT 64 /* of each kind that waits, for the fewest */
#define PREFIX_BYTES 8
#define MAPPED_BYTES 12 /* in front of an IPv4 address */

void
turns_init(struct turns *turns)
{
	memset(turns, 0, sizeof(*turns));
	LIST_INIT(&turns->all);
	TAILQ_INIT(&turns->fresh);
	TAILQ_INIT(&turns->ring);
	turns->sweep_at = SWEEP_LEAST;
}

static void
origin_free(struct turns *turns, struct origin *origin)
{
	(void)map_remove(&turns->map, origin->name);
	LIST_REMOVE(origin, all);
	free(origin);
}

static void
sweep(struct turns *turns)
{
	struct origin *origin = LIST_FIRST(&turns->all);

	while (origin) {
		struct origin *next = LIST_NEXT(origin, all);

		if (STAILQ_EMPTY(&origin->parked) && atomic_load(&origin->handshakes) == 0)
			origin_free(turns, origin);
		origin = next;
	}
	turns->sweep_at = turns->map.count * 2 > SWEEP_LEAST ? turns->map.count * 2 : SWEEP_LEAST;
}

static void
write_hex(const unsigned char *bytes, size_t count, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < count; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * count] = '\0';
}

/* Looked up for each socket: hex digits are cheap. A host has a network of its own in IPv6; what is
 * mapped is IPv4's. */
static void
name_origin(const struct sockaddr *peer, char ret_name[ORIGIN_NAME_SIZE])
{
	ret_name[0] = '\0';
	if (peer->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, peer, sizeof(in));
		write_hex((const unsigned char *)&in.sin_addr, sizeof(in.sin_addr), ret_name);
	} else if (peer->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		const unsigned char *bytes = in6.sin6_addr.s6_addr;

		memcpy(&in6, peer, sizeof(in6));
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr))
			write_hex(bytes + MAPPED_BYTES, sizeof(struct in_addr), ret_name);
		else
			write_hex(bytes, PREFIX_BYTES, ret_name);
	}
}

struct origin *
turns_origin(struct turns *turns, const struct sockaddr *peer)
{
	char name[ORIGIN_NAME_SIZE];
	struct origin *origin;

	name_origin(peer, name);
	origin = map_find(&turns->map, name);
	if (origin)
		return origin;
	if (turns->map.count >= turns->sweep_at)
		sweep(turns);
	origin = calloc(1, sizeof(*origin));
	if (!origin)
		return NULL;
	STAILQ_INIT(&origin->parked);
	memcpy(origin->name, name, sizeof(name));
	if (map_put(&turns->map, origin->name, origin) < 0) {
		free(origin);
		return NULL;
	}
	LIST_INSERT_HEAD(&turns->all, origin, all);
	return origin;
}

void
turns_park(struct turns *turns, struct parked *parked)
{
	struct origin *origin = parked->arrival.origin;

	if (STAILQ_EMPTY(&origin->parked)) {
		origin->is_fresh = true;
		TAILQ_INSERT_HEAD(&turns->fresh, origin, ring);
	}
	STAILQ_INSERT_TAIL(&origin->parked, parked, next);
	turns->parked++;
}

static struct origin *
whose_turn(struct turns *turns)
{
	struct origin *latest = TAILQ_FIRST(&turns->fresh);
	struct origin *earliest = TAILQ_LAST(&turns->fresh, origins);
	struct origin *next = TAILQ_FIRST(&turns->ring);

	switch (turns->turn++ % 3) {
	case 0:
		return latest ? latest : next;
	case 1:
		return earliest ? earliest : next;
	default:
		return next ? next : latest;
	}
}

struct parked *
turns_take(struct turns *turns)
{
	struct origin *origin;
	struct parked *parked;

	if (turns->parked == 0)
		return NULL;
	origin = whose_turn(turns);
	parked = STAILQ_FIRST(&origin->parked);
	STAILQ_REMOVE_HEAD(&origin->parked, next);
	turns->parked--;
	TAILQ_REMOVE(origin->is_fresh ? &turns->fresh : &turns->ring, origin, ring);
	origin->is_fresh = false;
	if (!STAILQ_EMPTY(&origin->parked))
		TAILQ_INSERT_TAIL(&turns->ring, origin, ring);
	return parked;
}

static uint32_t
fewest_of(const struct origins *origins, uint32_t fewest)
{
	const struct origin *origin = TAILQ_FIRST(origins);

	for (uint32_t i = 0; i < LOOK_AT && origin; i++, origin = TAILQ_NEXT(origin, ring)) {
		uint32_t count = atomic_load(&origin->handshakes);

		if (count < fewest)
			fewest = count;
	}
	return fewest;
}

uint32_t
turns_fewest(const struct turns *turns)
{
	return fewest_of(&turns->ring, fewest_of(&turns->fresh, UINT32_MAX));
}

struct origin *
turns_richest(const struct turns *turns)
{
	struct origin *richest = NULL;
	struct origin *origin;
	uint32_t most = 0;

	LIST_FOREACH (origin, &turns->all, all) {
		uint32_t count = atomic_load(&origin->handshakes);

		if (count <= most)
			continue;
		most = count;
		richest = origin;
	}
	return richest;
}

void
turns_drop(struct turns *turns)
{
	struct parked *parked;

	while ((parked = turns_take(turns)) != NULL) {
		(void)close(parked->arrival.fd);
		free(parked);
	}
}

void
turns_fini(struct turns *turns)
{
	struct origin *origin;

	turns_drop(turns);
	while ((origin = LIST_FIRST(&turns->all)))
		origin_free(turns, origin);
	map_fini(&turns->map);
}
