/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Counts by action and by connection: integers while messages pass, metrics when somebody reads.
 * No label takes a value from a station: actions are registered words, codes are OCPP's, classes
 * are the code's. Must not know any action.
 */
#include "ocpp/tally.h"

#include "base/text.h"
#include "ocpp/floor.h"
#include "runtime/metrics.h"

#define OTHER "other"

enum tally_metric {
	TALLY_CALLS,
	TALLY_ERRORS,
	TALLY_HANDLER_SECONDS,
	TALLY_CALL_SECONDS,
	TALLY_COMPLETED,
	TALLY_OPEN,
	TALLY_CONNECTED,
	TALLY_KNOWN,
	TALLY_OPENED,
	TALLY_CLOSED,
	TALLY_REPLY_BYTES,
	TALLY_METRIC_COUNT,
};

static const char *const label_call[] = { "action", "direction", NULL };
static const char *const label_error[] = { "action", "code", "direction", NULL };
static const char *const label_action[] = { "action", NULL };
static const char *const label_result[] = { "action", "result", NULL };
static const char *const label_direction[] = { "direction", NULL };
static const char *const label_protocol[] = { "protocol", NULL };
static const char *const label_class[] = { "class", NULL };

/* A handler answers in microseconds or after a commit, a station after a radio link. */
static const double handler_buckets[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01,
					  0.025,  0.05,    0.1,    0.25,  0.5,    1,     5 };
static const double answer_buckets[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
					 1,     2.5,  5,     10,   30,  60,   120 };
static const int64_t handler_bounds_us[TALLY_BUCKETS] = {
	100,   250,   500,    1000,   2500,   5000,    10000,
	25000, 50000, 100000, 250000, 500000, 1000000, 5000000,
};
static const int64_t answer_bounds_us[TALLY_BUCKETS] = {
	5000,    10000,   25000,   50000,    100000,   250000,   500000,
	1000000, 2500000, 5000000, 10000000, 30000000, 60000000, 120000000,
};

_Static_assert(sizeof(handler_buckets) / sizeof(handler_buckets[0]) == TALLY_BUCKETS, "as many");
_Static_assert(sizeof(answer_buckets) / sizeof(answer_buckets[0]) == TALLY_BUCKETS, "as many");

static const struct ocppd_metric metrics[] = {
	[TALLY_CALLS] = { "ocppd_calls_total", "CALLs received from stations and sent to them",
			  OCPPD_METRIC_COUNTER, .labels = label_call },
	[TALLY_ERRORS] = { "ocppd_call_errors_total",
			   "CALLs answered with a CALLERROR, or with a result beyond reading; the "
			   "direction is that of the CALL",
			   OCPPD_METRIC_COUNTER, .labels = label_error },
	[TALLY_HANDLER_SECONDS] = { "ocppd_handler_seconds",
				    "Time from handing a station's CALL to its module to the "
				    "answer, commits included",
				    OCPPD_METRIC_HISTOGRAM, TALLY_BUCKETS, handler_buckets,
				    label_action },
	[TALLY_CALL_SECONDS] = { "ocppd_call_seconds",
				 "Time from sending a CALL to a station to its answer",
				 OCPPD_METRIC_HISTOGRAM, TALLY_BUCKETS, answer_buckets,
				 label_action },
	[TALLY_COMPLETED] = { "ocppd_calls_completed_total", "CALLs to stations by outcome",
			      OCPPD_METRIC_COUNTER, .labels = label_result },
	[TALLY_OPEN] = { "ocppd_calls_open",
			 "CALLs that are worked on: by modules, and by stations or in their queues",
			 OCPPD_METRIC_GAUGE, .labels = label_direction },
	[TALLY_CONNECTED] = { "ocppd_stations_connected", "Stations connected at present",
			      OCPPD_METRIC_GAUGE, .labels = label_protocol },
	[TALLY_KNOWN] = { "ocppd_stations_known", "Stations with a record in memory",
			  OCPPD_METRIC_GAUGE },
	[TALLY_OPENED] = { "ocppd_connections_opened_total", "Connections of stations admitted",
			   OCPPD_METRIC_COUNTER },
	[TALLY_CLOSED] = { "ocppd_connections_closed_total", "Connections of stations that ended",
			   OCPPD_METRIC_COUNTER, .labels = label_class },
	[TALLY_REPLY_BYTES] = { "ocppd_reply_memory_bytes",
				"Answers that are remembered for repeated CALLs",
				OCPPD_METRIC_GAUGE },
};

static const char *const result_words[TALLY_RESULTS] = {
	[OCPPD_RES_REPLY] = "reply",         [OCPPD_RES_ERROR] = "error",
	[OCPPD_RES_TIMEOUT] = "timeout",     [OCPPD_RES_GONE] = "gone",
	[OCPPD_RES_CANCELLED] = "cancelled", [OCPPD_RES_REFUSED] = "refused",
};

const char *
tally_result_word(uint32_t result)
{
	return result < TALLY_RESULTS && result_words[result] != NULL ? result_words[result]
								      : "unknown";
}

/* ---- Tallies ------------------------------------------------------------------------------ */

struct tally *
tally_get(struct ocpp *ocpp, const char *action, uint32_t direction)
{
	struct tallies *tallies = &ocpp->tallies;
	struct map *map = direction == OCPPD_FROM_STATION ? &tallies->from : &tallies->to;
	struct tally *tally = map_find(map, action);
	size_t size = strlen(action) + 1;

	if (tally != NULL)
		return tally;
	tally = calloc(1, sizeof(*tally) + size);
	if (tally == NULL)
		return NULL;
	tally->direction = direction;
	memcpy(tally->action, action, size);
	if (map_put(map, tally->action, tally) < 0) {
		free(tally);
		return NULL;
	}
	STAILQ_INSERT_TAIL(&tallies->all, tally, all);
	return tally;
}

struct tally *
tally_find(struct ocpp *ocpp, const char *action, uint32_t direction)
{
	struct tallies *tallies = &ocpp->tallies;
	bool is_from = direction == OCPPD_FROM_STATION;
	struct tally *tally =
		action != NULL ? map_find(is_from ? &tallies->from : &tallies->to, action) : NULL;

	if (tally != NULL)
		return tally;
	return is_from ? tallies->other_from : tallies->other_to;
}

void
tally_time(struct tally *tally, int64_t took_us)
{
	const int64_t *bounds =
		tally->direction == OCPPD_FROM_STATION ? handler_bounds_us : answer_bounds_us;
	uint32_t at = 0;

	while (at < TALLY_BUCKETS && took_us > bounds[at])
		at++;
	tally->buckets[at]++;
	tally->sum_us += took_us > 0 ? took_us : 0;
}

void
tally_error(struct tally *tally, uint32_t code)
{
	tally->errors[code < OCPPD_CALLERROR_COUNT ? code : 0]++;
}

void
tally_error_named(struct tally *tally, const char *protocol, const char *name)
{
	for (uint32_t code = 1; name != NULL && code < OCPPD_CALLERROR_COUNT; code++) {
		if (str_eq(name, ocppd_callerror_name(protocol, code)) ||
		    str_eq(name, ocppd_callerror_name("", code))) {
			tally_error(tally, code);
			return;
		}
	}
	tally_error(tally, 0);
}

/* ---- Connections -------------------------------------------------------------------------- */

static uint32_t *
connected_of(struct ocpp *ocpp, const struct conn *conn)
{
	const struct actions *actions = &ocpp->actions;

	for (uint32_t i = 0; i < actions->protocol_count && i < TALLY_PROTOCOLS; i++) {
		if (str_eq(actions->protocols[i], conn->protocol))
			return &ocpp->tallies.connected[i];
	}
	return &ocpp->tallies.connected[TALLY_PROTOCOLS];
}

void
tally_opened(struct ocpp *ocpp, const struct conn *conn)
{
	ocpp->tallies.opened++;
	(*connected_of(ocpp, conn))++;
}

void
tally_closed(struct ocpp *ocpp, const struct conn *conn, const char *close_class)
{
	struct tallies *tallies = &ocpp->tallies;
	uint32_t at = 0;

	(*connected_of(ocpp, conn))--;
	while (at < TALLY_CLASSES - 1 && tallies->closed[at].class[0] != '\0' &&
	       !str_eq(tallies->closed[at].class, close_class))
		at++;
	if (at == TALLY_CLASSES - 1)
		close_class = OTHER;
	(void)str_copy(tallies->closed[at].class, sizeof(tallies->closed[at].class), close_class);
	tallies->closed[at].count++;
}

/* ---- Reading ------------------------------------------------------------------------------ */

static void
show_errors(struct ocppd_host *host, uint32_t base, const struct tally *tally,
	    const char *direction)
{
	for (uint32_t code = 0; code < OCPPD_CALLERROR_COUNT; code++) {
		const char *const labels[] = {
			tally->action,
			/* As newer protocols spell them: the same whatever the station speaks. */
			code > 0 ? ocppd_callerror_name("", code) : OTHER,
			direction,
			NULL,
		};

		if (tally->errors[code] > 0)
			(void)metrics_set_total(host, base + TALLY_ERRORS, labels,
						(double)tally->errors[code]);
	}
}

static void
show_results(struct ocppd_host *host, uint32_t base, const struct tally *tally)
{
	for (uint32_t result = 0; result < TALLY_RESULTS; result++) {
		const char *const labels[] = { tally->action, tally_result_word(result), NULL };

		if (tally->results[result] > 0)
			(void)metrics_set_total(host, base + TALLY_COMPLETED, labels,
						(double)tally->results[result]);
	}
}

static bool
was_timed(const struct tally *tally)
{
	for (uint32_t i = 0; i <= TALLY_BUCKETS; i++) {
		if (tally->buckets[i] > 0)
			return true;
	}
	return false;
}

static void
show_tally(struct ocppd_host *host, uint32_t base, const struct tally *tally)
{
	bool is_from = tally->direction == OCPPD_FROM_STATION;
	const char *direction = is_from ? "from_station" : "to_station";
	const char *const labels[] = { tally->action, direction, NULL };

	(void)metrics_set_total(host, base + TALLY_CALLS, labels, (double)tally->calls);
	show_errors(host, base, tally, direction);
	show_results(host, base, tally);
	if (was_timed(tally))
		(void)metrics_set_histogram(
			host, base + (is_from ? TALLY_HANDLER_SECONDS : TALLY_CALL_SECONDS), labels,
			tally->buckets, (double)tally->sum_us / 1e6);
}

static void
show_connections(struct ocppd_host *host, const struct ocpp *ocpp)
{
	const struct tallies *tallies = &ocpp->tallies;
	uint32_t base = tallies->metric_base;

	for (uint32_t i = 0; i < ocpp->actions.protocol_count && i < TALLY_PROTOCOLS; i++) {
		const char *const labels[] = { ocpp->actions.protocols[i], NULL };

		(void)ocppd_metric_set(host, base + TALLY_CONNECTED, labels, tallies->connected[i]);
	}
	for (uint32_t i = 0; i < TALLY_CLASSES && tallies->closed[i].count > 0; i++) {
		const char *const labels[] = { tallies->closed[i].class, NULL };

		(void)metrics_set_total(host, base + TALLY_CLOSED, labels,
					(double)tallies->closed[i].count);
	}
	(void)metrics_set_total(host, base + TALLY_OPENED, NULL, (double)tallies->opened);
	(void)ocppd_metric_set(host, base + TALLY_KNOWN, NULL, (double)ocpp->stations.map.count);
}

static void
on_collect(struct ocppd_host *host, void *arg)
{
	static const char *const from[] = { "from_station", NULL };
	static const char *const to[] = { "to_station", NULL };
	const struct ocpp *ocpp = arg;
	uint32_t base = ocpp->tallies.metric_base;
	const struct tally *tally;

	STAILQ_FOREACH(tally, &ocpp->tallies.all, all)
	show_tally(host, base, tally);
	show_connections(host, ocpp);
	(void)ocppd_metric_set(host, base + TALLY_OPEN, from, ocpp->router.open_count);
	(void)ocppd_metric_set(host, base + TALLY_OPEN, to, ocpp->calls.busy_count);
	(void)ocppd_metric_set(host, base + TALLY_REPLY_BYTES, NULL,
			       (double)ocpp->router.reply_bytes);
}

/* ---- Life --------------------------------------------------------------------------------- */

int
tallies_init(struct ocpp *ocpp)
{
	struct tallies *tallies = &ocpp->tallies;

	STAILQ_INIT(&tallies->all);
	tallies->other_from = tally_get(ocpp, OTHER, OCPPD_FROM_STATION);
	tallies->other_to = tally_get(ocpp, OTHER, OCPPD_TO_STATION);
	return tallies->other_from != NULL && tallies->other_to != NULL ? 0 : OCPPD_ENOMEM;
}

int
tallies_show(struct ocpp *ocpp, struct ocppd_error *err)
{
	int base = metrics_add(ocpp->core, ocpp->self, metrics, TALLY_METRIC_COUNT, err);

	if (base < 0)
		return base;
	ocpp->tallies.metric_base = (uint32_t)base;
	if (metrics_add_collector(ocpp->core, ocpp->self, on_collect, ocpp) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}

void
tallies_fini(struct ocpp *ocpp)
{
	struct tallies *tallies = &ocpp->tallies;

	metrics_remove_collector(ocpp->core, ocpp->self, ocpp);
	while (!STAILQ_EMPTY(&tallies->all)) {
		struct tally *tally = STAILQ_FIRST(&tallies->all);

		STAILQ_REMOVE_HEAD(&tallies->all, all);
		free(tally);
	}
	map_fini(&tallies->from);
	map_fini(&tallies->to);
}
