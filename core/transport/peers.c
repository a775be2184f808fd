/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* Connections counted by address, for the limit of each. Added by the core thread, removed by
 * whichever thread frees the connection. */
#include "transport/peers.h"

#include <ocppd/error.h>

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

struct peer {
	uint32_t count;
	char address[];
};

int
peers_init(struct peers *peers)
{
	memset(&peers->map, 0, sizeof(peers->map));
	return pthread_mutex_init(&peers->lock, NULL) == 0 ? 0 : OCPPD_ENOMEM;
}

void
peers_fini(struct peers *peers)
{
	struct peer *peer;
	size_t at = 0;

	while ((peer = map_next(&peers->map, &at)) != NULL)
		free(peer);
	map_fini(&peers->map);
	(void)pthread_mutex_destroy(&peers->lock);
}

static struct peer *
peer_new(struct peers *peers, const char *address)
{
	size_t size = strlen(address) + 1;
	struct peer *peer = malloc(sizeof(*peer) + size);

	if (!peer)
		return NULL;
	peer->count = 0;
	memcpy(peer->address, address, size);
	if (map_put(&peers->map, peer->address, peer) < 0) {
		free(peer);
		return NULL;
	}

	return peer;
}

struct peer *
peers_add(struct peers *peers, const char *address, uint32_t *ret_count)
{
	(void)pthread_mutex_lock(&peers->lock);
	struct peer *peer = map_find(&peers->map, address);
	if (!peer)
		peer = peer_new(peers, address);
	if (peer)
		*ret_count = ++peer->count;
	(void)pthread_mutex_unlock(&peers->lock);

	return peer;
}

void
peers_remove(struct peers *peers, struct peer *peer)
{
	if (!peer)
		return;

	(void)pthread_mutex_lock(&peers->lock);
	bool is_last = --peer->count == 0;
	if (is_last)
		(void)map_remove(&peers->map, peer->address);
	(void)pthread_mutex_unlock(&peers->lock);
	if (is_last)
		free(peer);
}
