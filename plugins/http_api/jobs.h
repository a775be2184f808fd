/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_JOBS_H
#define HTTP_API_JOBS_H

/* One command to many stations, with its progress and a result for each. */

struct api;
struct jobs;

struct jobs *jobs_new(struct api *api);
void jobs_free(struct jobs *jobs);
/* 0 or OCPPD_ENOMEM. */
int jobs_start(struct jobs *jobs);
void jobs_stop(struct jobs *jobs);

#endif
