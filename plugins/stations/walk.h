/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STATIONS_WALK_H
#define STATIONS_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "filter.h"
#include "stations.h"

/*
 * The stations that fit a filter, in order of identity: a slice at a time, so that stations'
 * messages get in between.
 */

#define WALK_SLICE_MAX 100

enum walk_depth {
	WALK_RECORDS, /* their records */
	WALK_STATES,  /* and as JSON, with what they said when they booted */
	WALK_ALL,     /* and their connectors and connection */
};

struct walk;

/* A slice is there, or will not come: result is negative, and err may be NULL. */
typedef void walk_fn(struct walk *walk, int result, const struct ocppd_error *err);

struct walk {
	struct stations *ctx;
	walk_fn *fn;
	void *arg;
	enum walk_depth depth;
	struct filter filter;
	bool is_filtered;
	char after[ID_SIZE]; /* the last record that was looked at */
	/* The slice. Its objects may be taken: NULL then. */
	struct record **records;
	struct json_object **objects;
	uint32_t count;
	uint32_t limit;
	bool has_more; /* behind it */
};

/* Looks at up to limit records (at most WALK_SLICE_MAX); 0: fn will run, once. */
int walk_next(struct walk *walk, uint32_t limit);
/* A slice of this one record, taken, whatever the filter says. */
int walk_one(struct walk *walk, struct record *record);
void walk_fini(struct walk *walk);

#endif
