/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The runtime floor's own metrics: posts, events, slow callbacks. What is counted elsewhere is
 * fetched when somebody reads.
 */
#include "runtime/figures.h"

#include <ocppd/metric.h>

#include "base/assert.h"
#include "runtime/bus.h"
#include "runtime/host.h"
#include "runtime/loop.h"
#include "runtime/metrics.h"

enum figure {
	FIGURE_POSTS,
	FIGURE_EVENTS,
	FIGURE_EVENTS_QUEUED,
	FIGURE_EVENTS_DROPPED,
	FIGURE_SLOW,
	FIGURE_COUNT,
};

static const char *const label_module[] = { "module", NULL };

static const struct ocppd_metric figures[] = {
	[FIGURE_POSTS] = { "ocppd_posts_queued", "Callbacks that wait for the core thread",
			   OCPPD_METRIC_GAUGE },
	[FIGURE_EVENTS] = { "ocppd_events_published_total",
			    "Events published, whether anybody listened or not",
			    OCPPD_METRIC_COUNTER },
	[FIGURE_EVENTS_QUEUED] = { "ocppd_events_queued", "Events on their way to subscribers",
				   OCPPD_METRIC_GAUGE },
	[FIGURE_EVENTS_DROPPED] = { "ocppd_events_dropped_total",
				    "Events lost because event_queue was full",
				    OCPPD_METRIC_COUNTER },
	[FIGURE_SLOW] = { "ocppd_callbacks_slow_total",
			  "Callbacks of a module that held the core thread longer than "
			  "slow_callback",
			  OCPPD_METRIC_COUNTER, .labels = label_module },
};

static void
on_collect(struct ocppd_host *host, void *arg)
{
	struct ocppd_core *core = host->core;

	(void)arg;
	(void)ocppd_metric_set(host, FIGURE_POSTS, NULL, loop_queued(core));
	(void)metrics_set_total(host, FIGURE_EVENTS, NULL, (double)bus_sequence(core));
	(void)ocppd_metric_set(host, FIGURE_EVENTS_QUEUED, NULL, bus_queued(core));
	(void)metrics_set_total(host, FIGURE_EVENTS_DROPPED, NULL, (double)bus_dropped(core));
}

void
figures_slow(struct ocppd_host *host)
{
	const char *const labels[] = { host->name, NULL };

	(void)ocppd_metric_add(host->core->self, FIGURE_SLOW, labels, 1);
}

int
figures_init(struct ocppd_core *core, struct ocppd_error *err)
{
	int first = metrics_add(core, core->self, figures, FIGURE_COUNT, err);

	if (first < 0)
		return first;
	/* The core's first table: its indexes are those of the rows. */
	OCPPD_ASSERT(first == 0);
	if (metrics_add_collector(core, core->self, on_collect, NULL) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}
