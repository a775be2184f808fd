/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Deviations counted by station and code since the daemon began, and summed up in the log once a
 * day. Bounded: one entry for each code that exists. Must not know what a code means.
 */
#include "ocpp/hits.h"

#include <stdlib.h>

#include <ocppd/station.h>

#include "base/buf.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/quirks.h"

#define SUMMARY_EVERY_MS (INT64_C(24) * 3600 * 1000)
#define SUMMARY_PAUSE_MS 100
#define SUMMARY_BATCH 1000 /* stations looked at in one turn of the loop */

struct hit {
	uint64_t count;
	uint32_t fresh; /* since the last summary */
	int index;
};

struct hits {
	uint32_t count;
	struct hit items[]; /* in order of index */
};

_Static_assert(QUIRKS_COUNT <= 255, "a station's hits are few");

void
hits_add(struct hits **hits, int index)
{
	struct hits *grown = *hits;
	uint32_t count = grown != NULL ? grown->count : 0;
	uint32_t at = 0;

	while (at < count && grown->items[at].index < index)
		at++;
	if (at == count || grown->items[at].index != index) {
		grown = realloc(*hits, sizeof(*grown) + (count + 1) * sizeof(grown->items[0]));
		if (grown == NULL)
			return;
		*hits = grown;
		memmove(&grown->items[at + 1], &grown->items[at],
			(count - at) * sizeof(grown->items[0]));
		grown->items[at] = (struct hit){ .index = index };
		grown->count = count + 1;
	}
	grown->items[at].count++;
	if (grown->items[at].fresh < UINT32_MAX)
		grown->items[at].fresh++;
}

void
hits_free(struct hits *hits)
{
	free(hits);
}

int
ocppd_station_quirk_each(const struct ocppd_station *station, ocppd_quirk_fn *fn, void *arg)
{
	const struct hits *hits = station->hits;
	char code[QUIRK_CODE_SIZE];
	int r = 0;

	for (uint32_t i = 0; hits != NULL && r == 0 && i < hits->count; i++) {
		quirks_code(hits->items[i].index, code);
		r = fn(code, hits->items[i].count, arg);
	}
	return r;
}

/* ---- The summary -------------------------------------------------------------------------- */

static void
sum_up(struct ocpp *ocpp, const struct ocppd_station *station)
{
	struct hits *hits = station->hits;
	struct buf text = { 0 };
	char code[QUIRK_CODE_SIZE];

	for (uint32_t i = 0; i < hits->count; i++) {
		if (hits->items[i].fresh == 0)
			continue;
		quirks_code(hits->items[i].index, code);
		buf_printf(&text, "%s%s=%u", text.len > 0 ? " " : "", code, hits->items[i].fresh);
		hits->items[i].fresh = 0;
	}
	if (text.error == 0 && text.len > 0)
		OCPPD_INFO(ocpp->self, "quirks.summed", OCPPD_STR("station", station->id),
			   OCPPD_STR("quirks", text.data));
	buf_fini(&text);
}

/* A station that is made meanwhile may move the others in the map: whoever is met twice has nothing
 * fresh any more, whoever is missed is in the next one. */
static void
on_summary(struct ocppd_host *host, void *arg)
{
	struct ocpp *ocpp = arg;
	struct ocppd_station *station = NULL;
	uint32_t left = SUMMARY_BATCH;

	(void)host;
	while (left-- > 0 &&
	       (station = map_next(&ocpp->stations.map, &ocpp->stations.summary_at)) != NULL) {
		if (station->hits != NULL)
			sum_up(ocpp, station);
	}
	if (station == NULL)
		ocpp->stations.summary_at = 0;
	ocppd_timer_set(ocpp->stations.summary_timer,
			station == NULL ? SUMMARY_EVERY_MS : SUMMARY_PAUSE_MS);
}

int
hits_init(struct ocpp *ocpp)
{
	ocpp->stations.summary_timer = ocppd_timer_new(ocpp->self, on_summary, ocpp);
	if (ocpp->stations.summary_timer == NULL)
		return OCPPD_ENOMEM;
	ocppd_timer_set(ocpp->stations.summary_timer, SUMMARY_EVERY_MS);
	return 0;
}

void
hits_fini(struct ocpp *ocpp)
{
	ocppd_timer_free(ocpp->stations.summary_timer);
	ocpp->stations.summary_timer = NULL;
}
