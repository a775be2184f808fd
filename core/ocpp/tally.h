/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_TALLY_H
#define OCPPD_OCPP_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/action.h>

#include "base/map.h"

/*
 * What is counted for each action and each connection, in plain integers that the row of the action
 * points to: a message costs no look-up. They become metrics when somebody reads. A tally is made
 * when an action is registered or declared as a word of its protocol and lives as long as the
 * floor; what is neither counts as "other". Core thread.
 */
struct ocpp;
struct conn;

#define TALLY_BUCKETS 14
#define TALLY_RESULTS (OCPPD_RES_REFUSED + 1)

struct tally {
	STAILQ_ENTRY(tally) all;
	uint32_t direction; /* OCPPD_FROM_STATION or OCPPD_TO_STATION */
	uint64_t calls;
	uint64_t errors[OCPPD_CALLERROR_COUNT]; /* by code; 0: one that OCPP does not know */
	uint64_t results[TALLY_RESULTS];        /* TO_STATION: how they ended, OCPPD_RES_* */
	uint64_t buckets[TALLY_BUCKETS + 1];    /* times: handler, or answer of the station */
	int64_t sum_us;
	char action[]; /* of this block */
};

#define TALLY_CLASSES 16
#define TALLY_PROTOCOLS 16

struct tallies {
	uint32_t metric_base;
	struct map from; /* action -> struct tally */
	struct map to;
	STAILQ_HEAD(, tally) all;
	struct tally *other_from;
	struct tally *other_to;
	uint64_t opened;
	uint32_t connected[TALLY_PROTOCOLS + 1]; /* by protocol, in the registry's order; others */
	/* Connections that ended, by class: the classes are static words of the code. */
	struct {
		char class[24];
		uint64_t count;
	} closed[TALLY_CLASSES]; /* the last one: all others */
};

int tallies_init(struct ocpp *ocpp);
/* Adds the metrics, and what brings them up to date. */
int tallies_show(struct ocpp *ocpp, struct ocppd_error *err);
void tallies_fini(struct ocpp *ocpp);

/* The action's, made if need be. NULL: out of memory. */
struct tally *tally_get(struct ocpp *ocpp, const char *action, uint32_t direction);
/* That of a registered word or action, else "other". */
struct tally *tally_find(struct ocpp *ocpp, const char *action, uint32_t direction);

/* OCPPD_RES_* as a word. */
const char *tally_result_word(uint32_t result);

/* How long a handler, or a station, took. */
void tally_time(struct tally *tally, int64_t took_us);
/* A CALLERROR, by code; or as a station spelled it, which may be nonsense. */
void tally_error(struct tally *tally, uint32_t code);
void tally_error_named(struct tally *tally, const char *protocol, const char *name);

void tally_opened(struct ocpp *ocpp, const struct conn *conn);
void tally_closed(struct ocpp *ocpp, const struct conn *conn, const char *close_class);

#endif
