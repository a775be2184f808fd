/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * All stations of the program: the loop, signals, how many may shake hands at a time, progress and
 * the verdict.
 */
#include "console.h"
#include "features/transfer.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>

#include <json-c/json.h>

#define PROGRESS_MS 2000
#define GRACE_MS 3000

int64_t
fleet_scaled(const struct fleet *fleet, int64_t ms)
{
	return (int64_t)((double)ms / fleet->options->speed);
}

static void
start_handshakes(struct fleet *fleet)
{
	while (fleet->queue_head && fleet->connecting < fleet->options->parallel) {
		struct station *station = fleet->queue_head;

		fleet->queue_head = station->next_queued;
		if (!fleet->queue_head)
			fleet->queue_tail = &fleet->queue_head;
		station->next_queued = NULL;
		if (station->is_done || station->state != STATION_QUEUED)
			continue;
		station->state = STATION_CONNECTING;
		fleet->connecting++;
		station_note(station, OUTPUT_STEP, "connecting", NULL, "connecting to %s://%s:%u%s",
			     fleet->options->url.is_tls ? "wss" : "ws", fleet->options->url.host,
			     fleet->options->url.port, station->path);
		link_open(&station->link);
	}
}

void
fleet_queue(struct station *station)
{
	struct fleet *fleet = station->fleet;

	station->state = STATION_QUEUED;
	*fleet->queue_tail = station;
	fleet->queue_tail = &station->next_queued;
	/* From the loop, so that a handshake that fails at once does not nest. */
	uv_async_send(&fleet->wake);
}

void
fleet_turn_over(struct station *station)
{
	station->fleet->connecting--;
	uv_async_send(&station->fleet->wake);
}

static void
on_wake(uv_async_t *wake)
{
	start_handshakes(wake->data);
}

static void
on_grace_over(uv_timer_t *timer)
{
	struct fleet *fleet = timer->data;

	uv_stop(&fleet->loop);
}

void
fleet_done(struct station *station)
{
	struct fleet *fleet = station->fleet;

	fleet->done++;
	fleet->verdicts[station->verdict]++;
	if (fleet->done == fleet->count)
		uv_stop(&fleet->loop);
}

static void
on_signal(uv_signal_t *handle, int number)
{
	struct fleet *fleet = handle->data;

	(void)number;
	if (fleet->is_stopping) {
		uv_stop(&fleet->loop);
		return;
	}
	fleet->is_stopping = true;
	uv_timer_start(&fleet->progress, on_grace_over, GRACE_MS, 0);
	for (uint32_t i = 0; i < fleet->count; i++)
		station_abandon(&fleet->stations[i]);
}

static void
on_progress(uv_timer_t *timer)
{
	const struct output_line line = { OUTPUT_STEP, NULL, "progress", NULL, -1 };
	struct fleet *fleet = timer->data;

	output_print(&fleet->out, &line,
		     "%u online, %u connecting, %u of %u done, %llu answers, %llu failed checks",
		     fleet->online, fleet->connecting, fleet->done, fleet->count,
		     (unsigned long long)fleet->answers, (unsigned long long)fleet->failures);
}

static void
raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
load_builtin(const char *name, struct scenario **ret_scenario)
{
	const struct builtin *builtin = builtin_find(name);

	return scenario_parse(name, builtin->text, strlen(builtin->text), ret_scenario, NULL);
}

/* What every station begins with: what it comes with, and what the command line says. */
static int
set_keys(struct fleet *fleet)
{
	const struct options *options = fleet->options;
	char number[24];
	int r = keys_init_defaults(&fleet->keys);

	(void)snprintf(number, sizeof(number), "%u", options->connectors);
	if (r == 0)
		r = keys_set(&fleet->keys, "NumberOfConnectors", number, KEY_READONLY);
	(void)snprintf(number, sizeof(number), "%lld", (long long)(options->interval_ms / 1000));
	if (r == 0)
		r = keys_set(&fleet->keys, "MeterValueSampleInterval", number, KEY_NUMBER);
	for (uint32_t i = 0; i < options->key_count && r == 0; i++) {
		const struct key_option *own = &options->keys[i];
		const struct key *known = keys_find(&fleet->keys, own->name);
		uint32_t flags = known ? known->flags : 0;

		r = keys_set(&fleet->keys, own->name, own->value,
			     own->is_readonly ? flags | KEY_READONLY : flags);
	}
	return r;
}

static int
set_up(struct fleet *fleet, struct ocppd_error *err)
{
	const struct options *options = fleet->options;
	static const int numbers[] = { SIGINT, SIGTERM };
	int r;

	raise_limit();
	if (transfer_setup() < 0)
		return ocppd_error_set(err, OCPPD_EIO, "libcurl does not start");
	fleet->queue_tail = &fleet->queue_head;
	fleet->tokener = json_tokener_new();
	fleet->stations = calloc(options->count, sizeof(*fleet->stations));
	if (!fleet->tokener || !fleet->stations || load_builtin("remote", &fleet->remote) < 0 ||
	    load_builtin("restart", &fleet->restart) < 0 ||
	    load_builtin("booting", &fleet->booting) < 0 || set_keys(fleet) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	if (getrandom(&fleet->seed, sizeof(fleet->seed), 0) != sizeof(fleet->seed))
		fleet->seed = (uint32_t)payload_now_us();
	for (size_t i = 0; i < 2; i++) {
		uv_signal_init(&fleet->loop, &fleet->signals[i]);
		fleet->signals[i].data = fleet;
		uv_signal_start(&fleet->signals[i], on_signal, numbers[i]);
	}
	uv_timer_init(&fleet->loop, &fleet->progress);
	fleet->progress.data = fleet;
	uv_async_init(&fleet->loop, &fleet->wake, on_wake);
	fleet->wake.data = fleet;
	if (options->count > 16)
		uv_timer_start(&fleet->progress, on_progress, PROGRESS_MS, PROGRESS_MS);
	r = link_net_new(&fleet->loop, options, &station_link_ops, &fleet->net, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < options->count; i++) {
		r = station_init(&fleet->stations[i], fleet, i);
		fleet->count = i + 1;
		if (r < 0)
			return ocppd_error_set(err, r, "a station cannot be set up: %s",
					       ocppd_strerror(r));
	}
	return options->is_console ? console_new(&fleet->stations[0], &fleet->console, err) : 0;
}

static void
on_walk(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void
tear_down(struct fleet *fleet)
{
	link_net_free(fleet->net);
	for (uint32_t i = 0; i < fleet->count; i++)
		station_fini(&fleet->stations[i]);
	uv_walk(&fleet->loop, on_walk, NULL);
	(void)uv_run(&fleet->loop, UV_RUN_DEFAULT);
	(void)uv_loop_close(&fleet->loop);
	console_free(fleet->console);
	if (fleet->tokener)
		json_tokener_free(fleet->tokener);
	scenario_free(fleet->remote);
	scenario_free(fleet->restart);
	scenario_free(fleet->booting);
	keys_fini(&fleet->keys);
	transfer_teardown();
	free(fleet->stations);
}

static int
summarise(struct fleet *fleet)
{
	const struct output_line line = { OUTPUT_SUMMARY, NULL, "summary", NULL, -1 };
	uint32_t passed = fleet->verdicts[VERDICT_PASSED];
	uint32_t unreachable = fleet->verdicts[VERDICT_UNREACHABLE];

	output_print(&fleet->out, &line,
		     "%u of %u %s passed, %llu answers verified, %llu failed checks%s", passed,
		     fleet->count, fleet->count == 1 ? "station" : "stations",
		     (unsigned long long)fleet->answers, (unsigned long long)fleet->failures,
		     unreachable > 0 ? ", no connection" : "");
	if (passed == fleet->count && fleet->failures == 0)
		return 0;
	return unreachable > 0 && unreachable + passed == fleet->count ? 2 : 1;
}

int
fleet_run(const struct options *options, struct scenario *scenario)
{
	struct fleet fleet = { .options = options, .scenario = scenario };
	const struct output_line line = { OUTPUT_FAILURE, NULL, "setup.failed", NULL, -1 };
	struct ocppd_error err = { 0 };
	int status = 2;

	if (uv_loop_init(&fleet.loop) < 0)
		return status;
	output_init(&fleet.out, options->is_json, options->is_quiet, options->is_verbose);
	if (set_up(&fleet, &err) < 0) {
		output_print(&fleet.out, &line, "%s", err.text);
	} else {
		for (uint32_t i = 0; i < fleet.count; i++)
			station_begin(&fleet.stations[i]);
		(void)uv_run(&fleet.loop, UV_RUN_DEFAULT);
		status = summarise(&fleet);
	}
	tear_down(&fleet);
	return status;
}
