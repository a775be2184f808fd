/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STATIONS_FILTER_H
#define STATIONS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Which stations a list shows: by the parameters of its query. */

struct json_object;
struct ocppd_error;
struct ocppd_request;
struct record;
struct stations;

#define FILTER_TEXTS 7

struct filter {
	char *texts[FILTER_TEXTS]; /* by the parameters in filter.c; NULL: not asked for */
	int connected;             /* 1, 0, or -1: either */
};

/* 0 or OCPPD_ENOMEM. */
int filter_init(struct filter *filter, const struct ocppd_request *request);
/*
 * The same of an array of texts: `NAME=VALUE`, each a parameter of the list but those of paging and
 * none twice, or `all`. 0, OCPPD_ENOMEM, or OCPPD_EINVAL with err. Needs filter_fini in any case.
 */
int filter_init_texts(struct filter *filter, struct json_object *texts, struct ocppd_error *err);
void filter_fini(struct filter *filter);
bool filter_is_empty(const struct filter *filter);
/* It can be told by filter_takes_record alone. */
bool filter_is_of_records(const struct filter *filter);
/* What can be said before anything is read of the station: cheap. */
bool filter_takes_record(const struct filter *filter, struct stations *ctx,
			 const struct record *record);
/* The rest, of the station as the API shows it. */
bool filter_takes(const struct filter *filter, struct json_object *station);

#endif
