/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_EVENTS_H
#define HTTP_API_EVENTS_H

#include <stdint.h>

struct auth;
struct ocppd_host;
struct events;

/* The newest events, and those who follow them. */
struct events *events_new(struct ocppd_host *host, int64_t history);
void events_free(struct events *events);
/* Timers and subscriptions. 0 or OCPPD_ENOMEM. */
int events_start(struct events *events);
/* Ends the streams of those whose token is another now, or none. */
void events_recheck(struct events *events, const struct auth *before, const struct auth *after);
/* Ends all streams, and what events_start made. */
void events_stop(struct events *events);

#endif
