/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_TABLES_H
#define HTTP_API_TABLES_H

#include <ocppd/plugin.h>

/* The rows of the descriptor. */
#define API_OPTIONS 21
#define API_TOPICS 3
#define API_ROUTES 26

extern const struct ocppd_option api_options[API_OPTIONS];
extern const struct ocppd_topic api_topics[API_TOPICS];
extern const struct ocppd_route api_routes[API_ROUTES];

#endif
