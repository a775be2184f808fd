/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Metrics of all modules and of the core, for Prometheus: as a route for whoever serves the
 * operator API, and on a listener of its own where one is wanted. Counts nothing but the process.
 */
#include "metrics.h"

#include <stdlib.h>
#include <string.h>

#define WRITE_MAX 16384 /* bytes given to the server at a time */

struct metrics {
	struct ocppd_host *host;
	const struct metrics_conf *conf;
	struct pages pages;
	struct door *door;
	TAILQ_HEAD(, answer) answers;
};

/* A request on the route. */
struct answer {
	struct waiter waiter; /* first */
	struct metrics *metrics;
	struct ocppd_request *request;
	struct page *page;
	size_t sent;
	TAILQ_ENTRY(answer) all;
};

/* ---- The route --------------------------------------------------------------------------- */

static void
answer_free(struct answer *answer)
{
	page_forget(&answer->metrics->pages, &answer->waiter);
	TAILQ_REMOVE(&answer->metrics->answers, answer, all);
	page_unref(answer->page);
	free(answer);
}

static void
send_on(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct answer *answer = arg;
	const struct text *text = &answer->page->text;
	int r = 0;

	while (r == 0 && answer->sent < text->len) {
		size_t len = text->len - answer->sent;

		len = len < WRITE_MAX ? len : WRITE_MAX;
		r = ocppd_request_write(host, request, text->data + answer->sent, len);
		if (r == 0)
			answer->sent += len;
	}
	if (r == OCPPD_EBUSY)
		return;
	if (r == 0)
		ocppd_request_end(host, request);
	answer_free(answer);
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	(void)host;
	(void)request;
	answer_free(arg);
}

static void
on_page(struct waiter *waiter, struct page *page)
{
	struct answer *answer = (struct answer *)(void *)waiter;
	struct ocppd_host *host = answer->metrics->host;

	answer->page = page;
	if (page == NULL) {
		ocppd_request_problem(host, answer->request, 503, "unavailable",
				      "the metrics could not be gathered");
		answer_free(answer);
		return;
	}
	if (ocppd_request_begin(host, answer->request, 200, METRICS_CONTENT_TYPE, send_on, on_gone,
				answer) < 0) {
		answer_free(answer);
		return;
	}
	send_on(host, answer->request, answer);
}

static void
on_request(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct metrics *metrics = ctx;
	struct answer *answer = calloc(1, sizeof(*answer));

	if (answer == NULL) {
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
		return;
	}
	answer->metrics = metrics;
	answer->request = request;
	answer->waiter.fn = on_page;
	TAILQ_INSERT_TAIL(&metrics->answers, answer, all);
	page_wait(&metrics->pages, &answer->waiter);
}

/* ---- Life -------------------------------------------------------------------------------- */

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics == NULL || pages_init(&metrics->pages, host) < 0) {
		free(metrics);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	metrics->host = host;
	metrics->conf = conf;
	TAILQ_INIT(&metrics->answers);
	*ret_ctx = metrics;
	return 0;
}

static int
start(struct ocppd_host *host, void *ctx, struct ocppd_error *err)
{
	struct metrics *metrics = ctx;

	if (metrics->conf->listen == 0)
		return 0;
	metrics->door = door_new(host, &metrics->pages, metrics->conf, err);
	return metrics->door != NULL ? 0 : OCPPD_EIO;
}

/* What is half sent is cut; what waits hears 503. */
static int
stop(struct ocppd_host *host, void *ctx)
{
	struct metrics *metrics = ctx;

	(void)host;
	door_free(metrics->door);
	metrics->door = NULL;
	pages_fini(&metrics->pages);
	while (!TAILQ_EMPTY(&metrics->answers)) {
		struct answer *answer = TAILQ_FIRST(&metrics->answers);

		ocppd_request_cut(host, answer->request);
		answer_free(answer);
	}
	return 0;
}

static void
shutdown_module(struct ocppd_host *host, void *ctx)
{
	struct metrics *metrics = ctx;

	(void)host;
	door_free(metrics->door);
	pages_fini(&metrics->pages);
	free(metrics);
}

/* ---- Descriptor -------------------------------------------------------------------------- */

#define AT(member) .offset = offsetof(struct metrics_conf, member)

static const struct ocppd_option options[] = {
	{ "listen", OCPPD_CONF_BOOL, AT(listen), .def = "false",
	  .doc = "Whether to listen on `address` and `port` as well. There everybody who can connect "
		 "reads the metrics, without a token; through http_api they need the role viewer." },
	{ "address", OCPPD_CONF_ADDRESS, AT(address), .def = "127.0.0.1",
	  .doc = "IP address to listen on." },
	{ "port", OCPPD_CONF_INT, AT(port), .max = 65535, .def = "9464",
	  .doc = "TCP port to listen on; 0: one that the system chooses, which the log tells." },
	{ "max_connections", OCPPD_CONF_INT, AT(max_connections), .min = 1, .max = 10000,
	  .def = "16",
	  .doc = "Connections to that port at a time. One that has not asked yet makes room; if "
		 "all are being answered, the newest is closed." },
	{ "timeout", OCPPD_CONF_DURATION_MS, AT(timeout_ms), .min = 100, .max = 600000,
	  .def = "10s",
	  .doc = "From connecting to the last byte of the answer; then the connection is closed." },
};

static const char *const version_label[] = { "version", NULL };

static const struct ocppd_metric own_metrics[] = {
	[OWN_CPU] = { "process_cpu_seconds_total", "User and system CPU time in seconds",
		      OCPPD_METRIC_COUNTER },
	[OWN_RESIDENT] = { "process_resident_memory_bytes", "Resident memory", OCPPD_METRIC_GAUGE },
	[OWN_VIRTUAL] = { "process_virtual_memory_bytes", "Address space", OCPPD_METRIC_GAUGE },
	[OWN_OPEN_FDS] = { "process_open_fds", "Open file descriptors", OCPPD_METRIC_GAUGE },
	[OWN_MAX_FDS] = { "process_max_fds", "File descriptors that may be open",
			  OCPPD_METRIC_GAUGE },
	[OWN_THREADS] = { "process_threads", "Threads", OCPPD_METRIC_GAUGE },
	[OWN_START] = { "process_start_time_seconds", "When the daemon started, since 1970 UTC",
			OCPPD_METRIC_GAUGE },
	[OWN_BUILD] = { "ocppd_build_info", "1, with the version of the daemon", OCPPD_METRIC_GAUGE,
			.labels = version_label },
	[OWN_SCRAPES] = { "ocppd_scrapes_total", "Pages of metrics made", OCPPD_METRIC_COUNTER },
	[OWN_PIECES] = { "ocppd_scrape_pieces_total",
			 "Pieces that these pages were made of, with room for other work between",
			 OCPPD_METRIC_COUNTER },
};

static const struct ocppd_command commands[] = {
	{ "metrics", "", NULL, "Print all metrics" },
};

static const struct ocppd_route routes[] = {
	{ "GET", "/metrics", OCPPD_ROLE_VIEWER, .commands = OCPPD_TABLE(commands),
	  .summary = "All metrics, in the text format of Prometheus", .media = "text/plain",
	  .on_request = on_request },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"metrics",
	"0.1.0",
	"Metrics for Prometheus",
	.conf_size = sizeof(struct metrics_conf),
	.options = OCPPD_TABLE(options),
	.routes = OCPPD_TABLE(routes),
	.metrics = OCPPD_TABLE(own_metrics),
	.init = init,
	.start = start,
	.stop = stop,
	.shutdown = shutdown_module,
};
