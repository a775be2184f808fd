/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_FLOOR_H
#define OCPPD_OCPP_FLOOR_H

#include <sys/queue.h>

#include <ocppd/plugin.h>

#include "base/map.h"
#include "ocpp/actions.h"
#include "ocpp/calls.h"
#include "ocpp/conn.h"
#include "ocpp/frames.h"
#include "ocpp/message.h"
#include "ocpp/ocpp.h"
#include "ocpp/router.h"
#include "ocpp/station.h"
#include "ocpp/tally.h"
#include "runtime/host.h"

/*
 * All state of the OCPP floor, core thread only. Each part belongs to the file of its header; the
 * others reach it by that file's functions.
 */
struct ocpp_host {
	struct ocppd_host *host;
	LIST_ENTRY(ocpp_host) all;
	LIST_HEAD(, ocppd_call) calls;       /* router.c: handles it holds */
	LIST_HEAD(, ocppd_outcall) asked;    /* calls.c: what it sent */
	LIST_HEAD(, ocppd_outcall) prepared; /* calls.c: what it owns the action of */
	struct ocppd_action *added;          /* actions.c: ocppd_action_add, until attached */
	uint32_t added_count;
	bool is_attached;
};

struct ocpp {
	struct ocppd_core *core;
	struct ocppd_host *self;
	uint32_t metric_base;
	struct ocpp_conf conf;
	LIST_HEAD(, ocpp_host) hosts;
	struct actions actions;
	struct stations stations;
	struct router router;
	struct calls calls;
	struct tallies tallies;
	struct frames frames;
	bool is_draining;
	bool is_drain_posted;
	void (*drained)(void *arg);
	void *drained_arg;
};

/* The floor's record of a module, made at first. NULL: out of memory. */
struct ocpp_host *ocpp_host_get(struct ocppd_host *host);
static inline struct ocpp *
ocpp_of(struct ocppd_host *host)
{
	return host->core->ocpp;
}

/* Something ended: tells the drain's waiter, once, when nothing is left. */
void ocpp_drain_check(struct ocpp *ocpp);

/* Metrics of the floor, in the order of its table in ocpp.c. */
enum ocpp_metric {
	OCPP_METRIC_QUIRKS,
	OCPP_METRIC_REFUSED,
	OCPP_METRIC_IGNORED,
	OCPP_METRIC_UNCLAIMED,
	OCPP_METRIC_TAKEOVERS,
	OCPP_METRIC_UNSOLICITED,
	OCPP_METRIC_HANDLER_TIMEOUTS,
	OCPP_METRIC_BAD_REPLIES,
	OCPP_METRIC_COUNT,
};
void ocpp_count(struct ocpp *ocpp, enum ocpp_metric metric, const char *label);
void ocpp_publish(struct ocpp *ocpp, const char *topic, const char *station_id,
		  struct json_object *body);

#endif
