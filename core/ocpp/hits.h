/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_HITS_H
#define OCPPD_OCPP_HITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * How often stations were met with each deviation (quirks.md, house rule 6): a few bytes with those
 * that deviate, nothing with the others. Core thread.
 */
struct ocpp;
struct ocppd_station;
struct hits; /* of one station; NULL: none */

/* index: of quirks_index. What memory cannot be had for is not counted. */
void hits_add(struct hits **hits, int index);
void hits_free(struct hits *hits);

/* The daily summary of what was not logged one by one. 0 or OCPPD_ENOMEM. */
int hits_init(struct ocpp *ocpp);
void hits_fini(struct ocpp *ocpp);

#endif
