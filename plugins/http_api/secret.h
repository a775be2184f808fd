/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_SECRET_H
#define HTTP_API_SECRET_H

#include <stdbool.h>

struct json_object;
struct ocppd_host;

/* What must not be written down: as frames are masked, by the action's tables and its own word. */

/* Whether a request holds a secret. True also where that cannot be found out. */
bool secret_is_in(struct ocppd_host *host, const char *action, struct json_object *request);
/* Masks the confirmation in an answer's member `response`. */
void secret_hide_response(struct ocppd_host *host, const char *action, struct json_object *answer);

#endif
