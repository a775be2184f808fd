/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_COMMAND_H
#define HTTP_API_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/action.h>

#include "problem.h"

/* What a command's way and end have in common, sent now, later, or to many. */

struct json_object;

/* The body that tells how a CALL ended, and its HTTP status. NULL: out of memory. */
struct json_object *command_result(const struct ocppd_outcall *call, uint32_t result,
				   struct json_object *conf, uint32_t *ret_status);
/* Why it was not sent: result is what ocppd_call_send returned, or OCPPD_ENOENT for a station that
 * is not known. Returns the problem's status. */
uint32_t command_refusal(struct ocppd_host *host, const char *station_id, const char *action,
			 int result, const struct ocppd_error *err, struct problem *problem);
/* Before anything is sent: 0, OCPPD_EINVAL with err, or OCPPD_ENOTSUP: nobody offers the action. */
int command_check(struct ocppd_host *host, const char *action, struct json_object *payload,
		  struct ocppd_error *err);
/* A station that the core did not see since it began may still be on record. */
bool station_is_known(struct ocppd_host *host, const char *station_id);

#endif
