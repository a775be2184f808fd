/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A station is deleted: its open jobs end as cancelled, its version and what it told unasked go.
 * Jobs that are over stay as long as any, so that rollouts keep their figures.
 */
#include "firmware.h"

#include <stdlib.h>
#include <string.h>

#define DELETED "its station was deleted"

static int
data_forget(void *self, struct ocppd_host *host, struct ocppd_station *station,
	    struct ocppd_unit *unit)
{
	static const uint32_t rest[] = { STATEMENT_STATION_UNASKED, STATEMENT_STATION_VERSION };
	struct firmware *ctx = self;
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(station)),
		ocppd_value_str(DELETED),
		ocppd_value_int(ocppd_now_us(ctx->host)),
	};
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_STATION_JOBS, values, 3, 0);

	(void)host;
	for (size_t i = 0; r >= 0 && i < sizeof(rest) / sizeof(rest[0]); i++)
		r = ctx->storage->unit_add(unit, ctx->host, rest[i], values, 1, 0);
	return r < 0 ? r : 0;
}

/* An open job of the station; NULL: none. */
static struct job *
next_open(struct station_slot *slot)
{
	struct job *job = slot->first;

	while (job != NULL && progress_is_over(&job->progress))
		job = job->next;
	return job;
}

static void
data_forgotten(void *self, struct ocppd_host *host, struct ocppd_station *station)
{
	struct firmware *ctx = self;
	struct station_slot *slot = job_slot(ctx, station);
	struct job *job;

	(void)host;
	/* With its story, its event, its rollout, and the URL that it was given. */
	while ((job = next_open(slot)) != NULL)
		job_fact(job, FACT_CANCELLED, DELETED, 0);
	free(slot->version);
	slot->version = NULL;
	slot->is_version_lost = false;
	memset(slot->unasked_us, 0, sizeof(slot->unasked_us));
	memset(slot->unasked, 0, sizeof(slot->unasked));
}

const struct ocppd_station_data_ops forget_data_ops = {
	sizeof(forget_data_ops),
	.forget = data_forget,
	.forgotten = data_forgotten,
};
