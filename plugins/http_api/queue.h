/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_QUEUE_H
#define HTTP_API_QUEUE_H

#include <stdint.h>

#include <ocppd/service/storage.h>

/* Commands that wait for their station to connect, each with an expiry. */

struct api;
struct ocppd_station_data_ops;
struct ocppd_request;
struct queue;

struct queue *queue_new(struct api *api);
void queue_free(struct queue *queue);
/* What the database holds; before queue_start. 0 or OCPPD_ENOMEM. */
int queue_load(struct queue *queue, const struct ocppd_rows *rows);
/* 0 or OCPPD_ENOMEM. */
int queue_start(struct queue *queue);
void queue_stop(struct queue *queue);
/* A command to a station that is known and not connected: answers 202 once it is kept. */
void queue_post(struct api *api, struct ocppd_request *request, int64_t queue_s);
/* Those of a station that is deleted. */
extern const struct ocppd_station_data_ops queue_data_ops;

#endif
