/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CATALOGUE_PRIVATE_H
#define OCPPD_RUNTIME_CATALOGUE_PRIVATE_H

#include <stdint.h>
#include <sys/queue.h>

#include "runtime/core.h"

/* Shared by catalogue.c and request.c only. */
struct ocppd_request;

struct route_owner {
	TAILQ_ENTRY(route_owner) all;
	struct ocppd_host *host;
};

struct catalogue {
	TAILQ_HEAD(, route_owner) owners; /* in order of registration */
	LIST_HEAD(, ocppd_request) requests;
	uint64_t generation;
};

/* Ends all requests on the host's routes with 503, and forgets those it serves. */
void requests_revoke(struct ocppd_core *core, struct ocppd_host *host);
/* Frees what is left; the loop does not turn any more. */
void requests_free(struct ocppd_core *core);

#endif
