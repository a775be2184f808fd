/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_EVENT_TYPES_H
#define HTTP_API_EVENT_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct ocppd_host;
struct ocppd_request;
struct problem;

/* Types of events, as loaded modules and the core declare them: `types` of a follower. */

/* Whether an event of that topic is one of `types`; "" is all of them. */
bool event_types_fit(const char *types, const char *topic);
/* 0, or the status of a problem that names the first that no loaded module publishes. */
uint32_t event_types_check(struct ocppd_host *host, const char *types, struct problem *problem);

/* GET /v1/event-types */
void event_types_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
