/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_JOBS_PRIVATE_H
#define HTTP_API_JOBS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "jobs.h"
#include "problem.h"

/* Between jobs.c (sending), job_routes.c, select.c (which stations), apply.c and template_look.c
 * (templates). */

struct json_object;
struct ocppd_request;
struct ocppd_selection;

#define JOB_ID_DIGITS 16

enum job_state {
	JOB_SELECTING,
	JOB_RUNNING,
	JOB_FINISHED,
	JOB_CANCELLED,
	JOB_FAILED, /* the stations could not be found out: `problem` */
	JOB_STATES,
};

enum target_state {
	TARGET_WAITING,
	TARGET_SENT,
	TARGET_CONFIRMED,
	TARGET_ERROR,
	TARGET_TIMEOUT,
	TARGET_GONE,
	TARGET_REFUSED,
	TARGET_CANCELLED,
	TARGET_NOT_SENT, /* `code` says why */
	TARGET_STATES,
};

struct target {
	char *station_id;
	char *status; /* the response's, or NULL */
	char *detail; /* the response, or what went wrong; NULL */
	char *error;  /* the CALLERROR's code, or NULL */
	char *keys;   /* of a template: what was not as wanted, a JSON array; NULL */
	uint16_t state;
	uint16_t code; /* HTTP status of the single command; 0: not yet */
};

/* A CALL under way; NULL in its job once that is gone. */
struct flight {
	LIST_ENTRY(flight) link;
	struct job *job;
	struct ocppd_request *request; /* of a template: to ourselves, under way */
	uint32_t index;
};

struct job {
	TAILQ_ENTRY(job) link;
	struct jobs *jobs;
	enum job_state state;
	char id[JOB_ID_DIGITS + 1];
	char *action;   /* NULL: it is about a template */
	char *template; /* a stored configuration template, or NULL */
	char *requester;
	struct json_object *payload;
	struct target *targets;
	uint32_t count;
	uint32_t size;
	uint32_t next; /* the first that nobody tried yet */
	uint32_t done;
	uint32_t in_flight;
	uint32_t parallel;
	uint32_t role;
	uint32_t counts[TARGET_STATES];
	int64_t timeout_s;
	int64_t created_us;
	int64_t ended_us;
	size_t keys_bytes;
	bool is_strict;
	bool is_dry_run; /* stations are compared with the template, not brought to it */
	bool is_cut;     /* there was no room for the keys of all stations */
	bool has_news;   /* for the next progress event */
	struct ocppd_selection *selection; /* under way */
	struct problem problem;
	LIST_HEAD(flights, flight) flights;
};

struct jobs {
	struct api *api;
	struct ocppd_timer *timer; /* sends what may be sent */
	struct ocppd_timer *news_timer;
	TAILQ_HEAD(job_list, job) all; /* oldest first */
	uint32_t count;
	int64_t credit; /* of commands that may go now, up to earned_mono_us */
	int64_t earned_mono_us;
	bool is_stopped;
	bool is_turn_due;
	bool is_news_due;
	LIST_HEAD(looks, look) looks; /* of jobs that have not begun */
};

/* Lets all jobs go on in so long at the latest; 0: after the current callback. */
void jobs_turn(struct jobs *jobs, int64_t delay_ms);

/* Room for one more: the oldest that is over goes. */
bool jobs_make_room(struct jobs *jobs);
/* A new one begins. */
void jobs_take(struct jobs *jobs, struct job *job);
void job_free(struct job *job);
void job_cancel(struct job *job);
bool job_is_over(const struct job *job);

/* Adds a station. 0, OCPPD_ENOMEM, or OCPPD_ESPACE: more than a job may have. */
int job_add(struct job *job, const char *station_id);
/* The selection is over: on with it, or failed with job->problem. */
void job_selected(struct job *job, bool is_failed);

/* A cut copy of both texts, which may be NULL. */
void job_target_text(struct target *target, const char *status, const char *detail);
/* A station's result is there; takes flight. */
void job_flight_end(struct flight *flight, enum target_state state, uint32_t code);

/* job_routes.c */
const char *job_state_word(enum job_state state);
struct json_object *job_json(const struct job *job); /* NULL: out of memory */
/* Its stations, and the answer to the request for it. Takes the job. */
void job_begin(struct job *job, struct ocppd_request *request);

/* apply.c */
/* 0, or the status in problem: nobody has such templates. */
uint32_t apply_check(struct job *job, struct problem *problem);
/* Asks for one station; ends in job_flight_end, maybe before this returns. */
void apply_one(struct flight *flight);
void apply_cancel(struct flight *flight);

/* template_look.c */
/* The answer to `request`, which asks for a job with a template: 404, or that of job_begin. Takes
 * the job. */
void look_begin(struct job *job, struct ocppd_request *request);
void looks_cancel(struct jobs *jobs);

/* select.c */
/* Asks which stations fit; 0: ends in job_selected, or the status in problem. */
uint32_t select_begin(struct job *job, struct json_object *list, struct problem *problem);
void select_cancel(struct job *job);

#endif
