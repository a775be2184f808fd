/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_BUS_H
#define OCPPD_RUNTIME_BUS_H

#include <stdint.h>

#include <ocppd/event.h>

#include "runtime/core.h"

/*
 * Events (ocppd/event.h): topics with their publishers, subscriptions, the queue of what is not yet
 * delivered. Core thread.
 */
struct bus;

int bus_init(struct ocppd_core *core, struct ocppd_error *err);
void bus_fini(struct ocppd_core *core);

/* Makes the host a publisher of the rows, which are borrowed until bus_remove_topics. A floor of
 * the core passes its own table with core->self; several tables of one host add up.
 * host_register does it for modules. Returns 0; OCPPD_ECONFLICT another publisher's table of the
 * same topic differs; OCPPD_ENOMEM. */
int bus_add_topics(struct ocppd_core *core, struct ocppd_host *host, const struct ocppd_topic *rows,
		   uint32_t count, struct ocppd_error *err);
void bus_remove_topics(struct ocppd_core *core, struct ocppd_host *host);

/* The number of the newest event, 0 before the first. */
uint64_t bus_sequence(const struct ocppd_core *core);
/* Events refused for the queue's bound so far. */
uint64_t bus_dropped(const struct ocppd_core *core);
uint32_t bus_queued(const struct ocppd_core *core);

#endif
