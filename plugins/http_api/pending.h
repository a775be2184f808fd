/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_PENDING_H
#define HTTP_API_PENDING_H

#include <stdint.h>
#include <sys/queue.h>

struct api;
struct ocppd_request;

/*
 * An own request whose answer comes later. The core answers such a request itself when the module
 * stops; the completion that still comes then finds `request` empty.
 */
struct pending {
	LIST_ENTRY(pending) link;
	struct api *api;
	struct ocppd_request *request; /* NULL: the module stopped in between */
	uint32_t flags;
};
LIST_HEAD(pending_list, pending);

struct pending *pending_new(struct api *api, struct ocppd_request *request);
/* Ends it; returns the request to answer, or NULL. */
struct ocppd_request *pending_end(struct pending *pending);
/* The module stops: nobody is to be answered any more. */
void pending_forget(struct api *api);

#endif
