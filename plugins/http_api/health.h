/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_HEALTH_H
#define HTTP_API_HEALTH_H

/* Watches the host's clock, which everything that is written down depends on. */

struct api;
struct health;

struct health *health_new(struct api *api);
void health_free(struct health *health);
/* 0 or OCPPD_ENOMEM. */
int health_start(struct health *health);
void health_stop(struct health *health);

#endif
