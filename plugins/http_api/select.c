/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which stations a job is for, where they are given by filters: the service of stations finds them
 * out, a few at a time.
 */
#include <ocppd/plugin.h>
#include <ocppd/service/stations.h>

#include "http_api.h"
#include "jobs_private.h"

static const struct ocppd_stations_ops *
stations_of(const struct job *job, void **ret_self)
{
	const void *ops = NULL;

	if (ocppd_service_get(job->jobs->api->host, "ocppd.stations", 1, 0, &ops, ret_self) < 0)
		return NULL;
	return ops;
}

static void
fail(struct job *job, const char *detail)
{
	(void)problem_set(&job->problem, 503, "selection-failed", "%s", detail);
	job_selected(job, true);
}

static void
on_selected(struct ocppd_host *host, int result, const char *const *station_ids, uint32_t count,
	    void *arg)
{
	struct job *job = arg;
	int r = 0;

	(void)host;
	for (uint32_t i = 0; i < count && r == 0; i++)
		r = job_add(job, station_ids[i]);
	if (r < 0)
		select_cancel(job);
	else if (result != OCPPD_PENDING)
		job->selection = NULL;
	if (r == OCPPD_ESPACE)
		fail(job, "the selection has more stations than job_stations allows");
	else if (r < 0 || result < 0)
		fail(job, ocppd_strerror(r < 0 ? r : result));
	else if (result == 0)
		job_selected(job, false);
}

uint32_t
select_begin(struct job *job, struct json_object *list, struct problem *problem)
{
	const struct ocppd_select select = {
		.struct_size = sizeof(select), .filters = list, .fn = on_selected, .arg = job
	};
	struct ocppd_error err = { 0 };
	void *self = NULL;
	const struct ocppd_stations_ops *stations = stations_of(job, &self);
	int r;

	if (stations == NULL || stations->select == NULL)
		return problem_set(problem, 501, "unsupported",
				   "no loaded module lists stations: name them");
	r = stations->select(self, job->jobs->api->host, &select, &job->selection, &err);
	if (r == OCPPD_EINVAL)
		return problem_set(problem, 400, "invalid-body", "select: %s", err.text);
	if (r < 0)
		return problem_set(problem, 503, "selection-failed", "%s", ocppd_strerror(r));
	return 0;
}

void
select_cancel(struct job *job)
{
	void *self = NULL;
	const struct ocppd_stations_ops *stations =
		job->selection == NULL ? NULL : stations_of(job, &self);

	if (stations != NULL)
		stations->select_cancel(self, job->selection);
	job->selection = NULL;
}
