/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_ACTOR_H
#define OCPPD_STATION_ACTOR_H

/* Between actor.c, which walks a scenario, and steps.c, which knows what its steps do. */
#include "station.h"

void step_run(struct actor *actor, const struct step *step);

/* The step is done. */
void actor_next(struct actor *actor);
/* The step failed: says so, and ends the scenario. */
void actor_fail(struct actor *actor, const char *format, ...) OCPPD_PRINTF(2, 3);
/* Runs the step again then. */
void actor_sleep(struct actor *actor, int64_t ms);

/* A parameter with its variables filled in; NULL: absent, or failed (then the actor stopped). */
struct json_object *actor_param_json(struct actor *actor, const struct step *step,
				     enum param param);
/* These leave the output alone where the parameter is absent; negative: the actor stopped. */
int actor_param_text(struct actor *actor, const struct step *step, enum param param, char *ret_text,
		     size_t size);
int actor_param_int(struct actor *actor, const struct step *step, enum param param,
		    int64_t *ret_value);
int actor_param_duration(struct actor *actor, const struct step *step, enum param param,
			 int64_t *ret_ms);
/* NULL: there is none of that number, the actor stopped. */
struct connector *actor_param_connector(struct actor *actor, const struct step *step,
					uint32_t *ret_number);

/* Applies expect and save; false: the actor stopped. */
bool actor_check_payload(struct actor *actor, const struct step *step, struct json_object *payload);
/* Takes an awaited CALL that came already; true: it did, or the actor stopped. */
bool actor_claim(struct actor *actor, const struct step *step);
/* value is taken. */
int actor_set_var(struct actor *actor, const char *name, struct json_object *value);
/* The text at a path, or "". */
const char *actor_member(struct json_object *object, const char *path);

#endif
