/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What fetching firmware and sending diagnostics have in common: a place, retries, statuses that
 * are told, and a status at which the user wants it to end.
 */
#include "features/feature.h"
#include "features/transfer.h"

#include "base/text.h"

#include <stdlib.h>

#include <ocppd/json.h>

#define RETRY_DEFAULT_S 10

void
job_init(struct job *job, struct station *station, const char *action)
{
	job->station = station;
	job->action = action;
	uv_timer_init(&station->fleet->loop, &job->timer);
	job->timer.data = job;
}

void
job_end(struct job *job)
{
	uv_timer_stop(&job->timer);
	transfer_cancel(job->transfer);
	job->transfer = NULL;
	job->status = NULL;
	job->is_waiting = false;
}

void
job_fini(struct job *job)
{
	transfer_cancel(job->transfer);
	job->transfer = NULL;
	free(job->url);
	job->url = NULL;
}

int
job_begin(struct job *job, const struct request *request)
{
	int64_t retries = ocppd_json_get_int(request->payload, "retries", 0);
	int64_t interval_s = ocppd_json_get_int(request->payload, "retryInterval", RETRY_DEFAULT_S);
	char *url = str_dup(ocppd_json_get_str(request->payload, "location"));

	if (!url)
		return OCPPD_ENOMEM;
	job_end(job);
	free(job->url);
	job->url = url;
	job->tries = retries < 0 ? 0 : retries;
	job->retry_ms = interval_s < 0 ? 0 : interval_s * 1000;
	(void)str_copy(job->last, sizeof(job->last), request->word ? request->word : "");
	(void)str_copy(job->name, sizeof(job->name), request->name);
	return 0;
}

void
job_tell(struct job *job, const char *status)
{
	job->status = status;
	if (!job_is_told(job, "Wordless"))
		station_call(job->station, NULL, job->action, payload_words("status", status));
}

bool
job_is_told(const struct job *job, const char *status)
{
	return str_eq(job->last, status);
}

static void
on_timer(uv_timer_t *timer)
{
	struct job *job = timer->data;

	job->next(job->station);
}

void
job_later(struct job *job, int64_t ms, job_fn *next)
{
	job->next = next;
	uv_timer_start(&job->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

bool
job_retries(struct job *job, const char *why, job_fn *next)
{
	int64_t ms = fleet_scaled(job->station->fleet, job->retry_ms);

	station_note(job->station, OUTPUT_NOTE, "transfer.failed", NULL, "%s: %s; %lld tries left",
		     job->url, why, (long long)job->tries);
	if (job->tries == 0)
		return false;
	job->tries--;
	job_later(job, ms, next);
	return true;
}

const char *
job_status(const struct job *job)
{
	return job->status ? job->status : "Idle";
}
