/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The load generator of the benches: thousands of stations on one epoll loop, every answer verified
 * by id and shape. It spends as little CPU as it can, so that the server is what is measured. Talks
 * to tests/bench/run by lines: events on stdout, "go" and "end" on stdin. Bounded in connections,
 * time and memory.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_CONNECTIONS 19000

static void
event_line(const struct load *load, const char *name, double seconds)
{
	printf("{\"event\":\"%s\",\"seconds\":%.6f,\"answered\":%llu,\"wrong\":%llu,"
	       "\"refused\":%llu,\"timed_out\":%llu,\"lost\":%llu,\"ready\":%u,"
	       "\"server_calls\":%llu,\"pings\":%llu,",
	       name, seconds, (unsigned long long)load->answered, (unsigned long long)load->wrong,
	       (unsigned long long)load->refused, (unsigned long long)load->timed_out,
	       (unsigned long long)load->lost, load->ready,
	       (unsigned long long)load->calls_of_server, (unsigned long long)load->pings);
	histogram_json("latency", &load->latency);
	printf(",");
	histogram_json("connect", &load->connect);
	printf("}\n");
	(void)fflush(stdout);
}

static void
connect_all(struct load *load)
{
	int64_t begun_us = bench_mono_us();

	while (load->next < load->count || load->opening > 0) {
		while (load->next < load->count &&
		       (load->parallel == 0 || load->opening < load->parallel))
			load_open_next(load);
		load_turn(load, 100);
		if (bench_mono_us() - begun_us > load->deadline_us) {
			load_fail_waiting(load);
			break;
		}
	}
	event_line(load, "connected", (double)(bench_mono_us() - begun_us) / 1e6);
}

/* Serves the connections (pings, CALLs of the server) until a line comes. */
static bool
wait_for(struct load *load, const char *word)
{
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN },
				 { .fd = load->epoll, .events = POLLIN } };
	char line[64];

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return false;
		if (fds[1].revents)
			load_turn(load, 0);
		if (!fds[0].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return false;
		return strncmp(line, word, strlen(word)) == 0;
	}
}

static void
run_until(struct load *load, int64_t end_us)
{
	for (;;) {
		int64_t left_us = end_us - bench_mono_us();

		if (left_us <= 0 || load->ready == 0)
			return;
		load_turn(load, (int)(left_us / 1000) + 1);
	}
}

/* Every station sends ROUND starts, or stops what it started, as fast as it gets answers. */
static void
run_round(struct load *load, bool is_stopping)
{
	int64_t begun_us = bench_mono_us();

	load->is_stopping = is_stopping;
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY)
			continue;
		conn->left = ROUND;
		load_send_call(load, conn);
	}
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		load_turn(load, 100);
	load_fail_waiting(load);
}

static void
measure_starts(struct load *load)
{
	uint64_t before = load->answered;
	int64_t begun_us;

	event_line(load, "measuring", 0);
	load->is_measuring = true;
	begun_us = bench_mono_us();
	run_round(load, false);
	load->is_measuring = false;
	load->answered -= before;
	event_line(load, "measured", (double)(bench_mono_us() - begun_us) / 1e6);
	load->answered += before;
	run_round(load, true);
	event_line(load, "drained", 0);
}

/* One transaction a station, once. */
static void
begin_transactions(struct load *load)
{
	int64_t begun_us = bench_mono_us();

	if (load->is_started)
		return;
	load->is_started = true;
	load->is_starting = true;
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[i];

		if (conn->state != CONN_READY)
			continue;
		conn->left = ROUND;
		load_send_call(load, conn);
	}
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		load_turn(load, 100);
	load->is_starting = false;
	load_fail_waiting(load);
}

/* The next station that waits for nothing; NULL: none. */
static struct conn *
next_ready(struct load *load)
{
	for (uint32_t i = 0; i < load->count; i++) {
		struct conn *conn = &load->conns[load->at++ % load->count];

		if (conn->state == CONN_READY)
			return conn;
	}
	return NULL;
}

/* CALLs go at their time, however long the answers to others take. */
static void
run_paced(struct load *load, int64_t end_us)
{
	int64_t begun_us = bench_mono_us();
	int64_t sent = 0;
	int64_t now_us;

	while ((now_us = bench_mono_us()) < end_us && load->ready > 0) {
		int64_t due = (now_us - begun_us) * load->rate / 1000000;

		for (; sent < due; sent++) {
			struct conn *conn = next_ready(load);

			if (conn)
				load_send_call(load, conn);
		}
		load_turn(load, 1);
	}
}

static void
send_until(struct load *load, int64_t end_us)
{
	if (load->mode == MODE_FLEET)
		run_paced(load, end_us);
	else
		run_until(load, end_us);
}

static void
measure(struct load *load)
{
	int64_t begun_us;
	uint64_t before;

	if (load->mode == MODE_VALUES || load->mode == MODE_FLEET)
		begin_transactions(load);
	memset(&load->latency, 0, sizeof(load->latency));
	load->is_sending = load->mode != MODE_FLEET;
	for (uint32_t i = 0; load->is_sending && i < load->count; i++) {
		if (load->conns[i].state == CONN_READY)
			load_send_call(load, &load->conns[i]);
	}
	send_until(load, bench_mono_us() + load->warmup_us);
	event_line(load, "measuring", 0);
	load->is_measuring = true;
	begun_us = bench_mono_us();
	before = load->answered;
	send_until(load, begun_us + load->measure_us);
	load->is_measuring = false;
	load->answered -= before;
	event_line(load, "measured", (double)(bench_mono_us() - begun_us) / 1e6);
	load->answered += before;
	load->is_sending = false;
	begun_us = bench_mono_us();
	while (load->waiting > 0 && bench_mono_us() - begun_us < load->deadline_us)
		load_turn(load, 100);
	load_fail_waiting(load);
	event_line(load, "drained", (double)(bench_mono_us() - begun_us) / 1e6);
}

static int
usage(void)
{
	fprintf(stderr,
		"usage: bench_load --port N --mode heartbeat|start|storm|idle|values|fleet "
		"--connections N [--first N] [--path /ocpp] [--parallel N] [--warmup SECONDS] "
		"[--seconds SECONDS] [--deadline SECONDS] [--rate CALLS-A-SECOND]\n");
	return 2;
}

static int
parse(int argc, char **argv, struct load *load)
{
	static const struct option options[] = {
		{ "port", 1, NULL, 'p' },
		{ "path", 1, NULL, 'a' },
		{ "mode", 1, NULL, 'm' },
		{ "connections", 1, NULL, 'n' },
		{ "parallel", 1, NULL, 'l' },
		{ "warmup", 1, NULL, 'w' },
		{ "seconds", 1, NULL, 's' },
		{ "first", 1, NULL, 'f' },
		{ "deadline", 1, NULL, 'd' },
		{ "rate", 1, NULL, 'r' },
		{ 0 },
	};
	static const char *const modes[] = { "heartbeat", "start",  "storm",
					     "idle",      "values", "fleet" };
	uint32_t number = 0;
	int id;

	load->path = "/ocpp";
	load->rate = 1000;
	load->parallel = 128;
	load->warmup_us = 1000000;
	load->measure_us = 5000000;
	load->deadline_us = 60000000;
	load->server.sin_family = AF_INET;
	load->server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	while ((id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == '?')
			return -1;
		if (id != 'a' && id != 'm' && bench_number(optarg, &number) < 0)
			return -1;
		if (id == 'p')
			load->server.sin_port = htons((uint16_t)number);
		else if (id == 'a')
			load->path = optarg;
		else if (id == 'f')
			load->first = number;
		else if (id == 'n')
			load->count = number;
		else if (id == 'l')
			load->parallel = number;
		else if (id == 'w')
			load->warmup_us = number * 1000000ll;
		else if (id == 's')
			load->measure_us = number * 1000000ll;
		else if (id == 'r')
			load->rate = number;
		else if (id == 'd')
			load->deadline_us = number * 1000000ll;
		for (uint32_t i = 0; id == 'm' && i < sizeof(modes) / sizeof(modes[0]); i++) {
			if (strcmp(optarg, modes[i]) == 0)
				load->mode = (enum mode)i;
		}
	}
	if (load->mode == MODE_STORM)
		load->parallel = 0;
	return load->count >= 1 && load->count <= MAX_CONNECTIONS && load->server.sin_port ? 0 : -1;
}

int
main(int argc, char **argv)
{
	struct load load = { .epoll = -1 };
	struct rlimit limit;
	struct timespec now;

	if (parse(argc, argv, &load) < 0)
		return usage();
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	(void)clock_gettime(CLOCK_REALTIME, &now);
	/* Now: a start that is late costs a look for what came before it (G07). */
	load.base_us = (int64_t)now.tv_sec * 1000000;
	load.epoll = epoll_create1(EPOLL_CLOEXEC);
	load.conns = calloc(load.count, sizeof(*load.conns));
	load.ids_seen = calloc(BITMAP_IDS / 64, sizeof(*load.ids_seen));
	if (load.epoll < 0 || !load.conns || !load.ids_seen)
		return 2;
	event_line(&load, "prepared", 0);
	if (!wait_for(&load, "go"))
		return 2;
	connect_all(&load);
	while (load.mode != MODE_STORM && load.mode != MODE_IDLE && wait_for(&load, "go")) {
		if (load.mode == MODE_START)
			measure_starts(&load);
		else
			measure(&load);
	}
	if (load.mode == MODE_STORM || load.mode == MODE_IDLE)
		(void)wait_for(&load, "end");
	for (uint32_t i = 0; i < load.count; i++) {
		if (load.conns[i].fd > 0)
			(void)close(load.conns[i].fd);
		free(load.conns[i].keep);
	}
	free(load.conns);
	free(load.ids_seen);
	return load.wrong + load.refused + load.timed_out + load.lost > 0;
}
