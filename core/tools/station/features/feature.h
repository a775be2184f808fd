/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_FEATURE_H
#define OCPPD_STATION_FEATURE_H

/* What a station does besides talking, a file for each feature profile. */
#include "station.h"

/* A CALL of the CSMS while it is answered. */
struct request {
	struct station *station;
	struct json_object *payload;
	const char *word;    /* the outcome that is told to be played; NULL: none */
	const char *error;   /* the CALLERROR's code, where there is no confirmation */
	const char *problem; /* what was wrong, for people; NULL: nothing to tell */
	uint32_t number;     /* the connector that was chosen */
	int64_t value;       /* kept from the answer for what follows, as is this: */
	char name[256];
};

/* Decides, and changes nothing: the confirmation, or NULL for a CALLERROR. */
typedef struct json_object *feature_answer_fn(struct request *request);
/* Does what was confirmed, after the confirmation went. */
typedef void feature_follow_fn(struct request *request);

struct json_object *feature_status(const char *status);
/* The CALLERROR of a request without a member that it must have. */
struct json_object *feature_incomplete(struct request *request);
/* A connector of the request; negative: none is named, or none of that number is there. */
int64_t feature_connector(const struct request *request, int64_t least);

/* keys, by what the station has now */
const struct key *feature_key(const struct station *station, const char *name); /* NULL: none */
const char *feature_key_text(const struct station *station, const char *name);  /* "": none */
bool feature_key_bool(const struct station *station, const char *name);
int64_t feature_key_int(const struct station *station, const char *name, int64_t otherwise);
/* One word of a list such as SupportedFeatureProfiles. */
bool feature_key_has(const struct station *station, const char *name, const char *word);

/* configuration.c */
feature_answer_fn on_get_configuration;
feature_answer_fn on_change_configuration;
feature_follow_fn after_change_configuration;

/* core_profile.c */
feature_answer_fn on_change_availability;
feature_follow_fn after_change_availability;
feature_answer_fn on_clear_cache;
feature_follow_fn after_clear_cache;
feature_answer_fn on_data_transfer;
feature_answer_fn on_remote_start;
feature_follow_fn after_remote_start;
feature_answer_fn on_remote_stop;
feature_follow_fn after_remote_stop;
feature_answer_fn on_reset;
feature_follow_fn after_reset;
feature_answer_fn on_unlock;
feature_follow_fn after_unlock;

/* trigger.c */
feature_answer_fn on_trigger;
feature_follow_fn after_trigger;

/* local_list.c */
feature_answer_fn on_get_list_version;
feature_answer_fn on_send_local_list;
feature_follow_fn after_send_local_list;
/* A tag's status without asking the CSMS: of the list, else of the cache; NULL: not known. */
const char *local_list_status(const struct station *station, const char *tag);
/* Of the list only. */
const char *local_list_own_status(const struct station *station, const char *tag);
/* "" or the parent of a tag that is known here. */
const char *local_list_parent(const struct station *station, const char *tag);
/* The CSMS said what a tag is worth. */
void local_list_learn(struct station *station, const char *tag, struct json_object *info);

/* reservation.c */
feature_answer_fn on_reserve;
feature_follow_fn after_reserve;
feature_answer_fn on_cancel_reservation;
feature_follow_fn after_cancel_reservation;
void reservation_init(struct station *station);
/* Whether a tag may charge there. */
bool reservation_permits(const struct station *station, uint32_t number, const char *tag);
/* The reservation that a transaction of the tag there uses, which ends by it; negative: none. */
int64_t reservation_use(struct station *station, uint32_t number, const char *tag);
/* The connector became unusable. */
void reservation_lose(struct station *station, uint32_t number);

/* smart.c */
feature_answer_fn on_set_profile;
feature_follow_fn after_set_profile;
feature_answer_fn on_clear_profile;
feature_follow_fn after_clear_profile;
feature_answer_fn on_composite;
/* Whether a remote start's profile may be used; NULL in ret_profile: there is none. */
bool smart_read_tx(struct station *station, uint32_t number, struct json_object *json,
		   struct profile **ret_profile);
void smart_begin(struct station *station, uint32_t number); /* a transaction has its id */
void smart_end(struct station *station, uint32_t number);
#define SMART_VOLTAGE_V 230

/* What is drawn at a connector where so much is wanted. */
struct draw {
	double power_w;
	double current_a; /* of each phase in use */
};
void smart_draw(const struct station *station, uint32_t number, double wanted_w,
		struct draw *ret_draw);
void smart_fini(struct station *station);

/* session.c */
void session_begin(struct station *station, uint32_t number, const char *tag);
/* Who samples a connector's meter; NULL: nobody. */
struct actor *session_walker(struct station *station, uint32_t number);
void session_give_up(struct station *station, uint32_t number); /* before it began */
/* Stops the transaction on a connector, by whoever walks there or in the background. */
void session_stop(struct station *station, uint32_t number, const char *reason);
void session_ended(struct station *station, uint32_t number);
/* StartTransaction was answered. */
void session_known(struct station *station, const struct call *call, struct json_object *payload);
/* "Available", or why not. */
const char *session_idle_status(const struct station *station, uint32_t number);
bool session_is_free(const struct station *station, uint32_t number);
uint32_t session_find(const struct station *station, int64_t transaction); /* 0: none */

/* firmware.c, diagnostics.c */
feature_answer_fn on_update_firmware;
feature_follow_fn after_update_firmware;
feature_answer_fn on_get_diagnostics;
feature_follow_fn after_get_diagnostics;
void firmware_booted(struct station *station);       /* accepted after a reboot */
void firmware_session_over(struct station *station); /* it may wait for that */

/* job.c: what the two have in common. */
void job_init(struct job *job, struct station *station, const char *action);
/* Reads location, retries and retryInterval; ends what was under way. OCPPD_ENOMEM. */
int job_begin(struct job *job, const struct request *request);
void job_end(struct job *job); /* nothing is under way now */
void job_fini(struct job *job);
void job_tell(struct job *job, const char *status);
/* Whether that outcome is told: a status to go no further than, or another play. */
bool job_is_told(const struct job *job, const char *status);
void job_later(struct job *job, int64_t ms, job_fn *next);
/* Whether next is tried again later: after a failure. */
bool job_retries(struct job *job, const char *why, job_fn *next);
const char *job_status(const struct job *job); /* "Idle": nothing is under way */

#endif
