/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* A small table that is walked: it is looked at once for a failed handshake. */
#include "transport/drops.h"

#include "base/text.h"

#include <stdbool.h>
#include <string.h>

#define QUIET_US INT64_C(3600000000)

uint32_t
drops_add(struct drops *drops, const char *remote, int64_t now_us)
{
	const char *port = strrchr(remote, ':');
	size_t len = port ? (size_t)(port - remote) : strlen(remote);
	struct drop *oldest = &drops->entries[0];

	if (len >= sizeof(oldest->address))
		len = sizeof(oldest->address) - 1;
	for (uint32_t i = 0; i < DROPS_MAX; i++) {
		struct drop *drop = &drops->entries[i];

		if (strlen(drop->address) == len && memcmp(drop->address, remote, len) == 0) {
			oldest = drop;
			break;
		}
		if (drop->last_us < oldest->last_us)
			oldest = drop;
	}

	bool is_same = strlen(oldest->address) == len && memcmp(oldest->address, remote, len) == 0;
	if (!is_same || now_us - oldest->last_us > QUIET_US)
		oldest->count = 0;
	memcpy(oldest->address, remote, len);
	oldest->address[len] = '\0';
	oldest->last_us = now_us;
	return ++oldest->count;
}
