/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Asks the operator API through its Unix socket without a pause, on a few connections at once,
 * until standard input ends, and checks every answer. It is no part of what is measured, so it
 * takes as little of the machine as it can.
 */
#include "bench.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (1024 * 1024)
#define CURSOR_MAX 64
#define TIMEOUT_MS 30000
#define STDIN_MARK UINT64_MAX

enum kind {
	KIND_VERSION, /* asks nothing of anybody */
	KIND_PAGING,  /* the list of stations from end to end, a hundred a page */
	KIND_COMMAND, /* a command to one station after the other */
	KINDS,
};

static const char *const kind_names[KINDS] = { "version", "paging", "command" };

struct asker {
	int fd;
	uint32_t at;   /* the station it asks */
	uint32_t seen; /* items of this pass */
	int64_t asked_us;
	char cursor[CURSOR_MAX]; /* of the next page, "" for the first */
	char *answer;
	size_t len;
};

struct ask {
	const char *path;
	enum kind kind;
	uint32_t clients;
	uint32_t stations;
	struct asker *askers;
	uint64_t done;
	uint64_t bad;
	uint64_t passes;
	uint64_t not_whole;
	struct histogram latency;
	bool is_over;
};

static bool
send_request(struct ask *ask, struct asker *asker)
{
	char text[512];
	int len = 0;

	switch (ask->kind) {
	case KIND_VERSION:
	case KINDS:
		len = snprintf(text, sizeof(text), "GET /v1/version HTTP/1.1\r\nHost: x\r\n\r\n");
		break;
	case KIND_PAGING:
		len = snprintf(text, sizeof(text),
			       "GET /v1/stations?limit=100%s%s HTTP/1.1\r\nHost: x\r\n\r\n",
			       asker->cursor[0] == '\0' ? "" : "&after=", asker->cursor);
		break;
	case KIND_COMMAND:
		len = snprintf(text, sizeof(text),
			       "POST /v1/stations/BENCH-%06u/commands/ClearCache HTTP/1.1\r\n"
			       "Host: x\r\nContent-Type: application/json\r\n"
			       "Content-Length: 2\r\n\r\n{}",
			       asker->at);
		asker->at = (asker->at + ask->clients) % ask->stations;
		break;
	}
	asker->len = 0;
	asker->asked_us = bench_mono_us();
	return send(asker->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

/* Takes the cursor of the next page out of the body. */
static void
end_page(struct ask *ask, struct asker *asker, const char *body)
{
	static const char item[] = "\"stationId\":";
	static const char next[] = "\"next\":\"";
	const char *at = body;
	size_t len;

	while ((at = strstr(at, item)) != NULL) {
		asker->seen++;
		at += sizeof(item) - 1;
	}
	at = strstr(body, next);
	len = at == NULL ? 0 : strcspn(at + sizeof(next) - 1, "\"");
	if (len > 0 && len < CURSOR_MAX) {
		memcpy(asker->cursor, at + sizeof(next) - 1, len);
		asker->cursor[len] = '\0';
		return;
	}
	ask->passes++;
	ask->not_whole += asker->seen != ask->stations;
	asker->seen = 0;
	asker->cursor[0] = '\0';
}

/* Whether the answer is whole; counts it then. */
static bool
take_answer(struct ask *ask, struct asker *asker)
{
	static const char *const wanted[KINDS] = { "\"version\":", "\"items\":",
						   "\"status\":\"Accepted\"" };
	static const char length[] = "Content-Length: ";
	const char *body = strstr(asker->answer, "\r\n\r\n");
	const char *at = body == NULL ? NULL : strstr(asker->answer, length);
	char digits[16];
	uint32_t size = 0;
	bool is_good;

	if (at == NULL || at > body)
		return false;
	at += sizeof(length) - 1;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)strcspn(at, "\r"), at);
	if (bench_number(digits, &size) < 0 ||
	    asker->len < (size_t)(body + 4 - asker->answer) + size)
		return false;

	is_good = strncmp(asker->answer, "HTTP/1.1 200 ", 13) == 0 &&
		  strstr(body, wanted[ask->kind]) != NULL;
	histogram_add(&ask->latency, bench_mono_us() - asker->asked_us);
	ask->done++;
	ask->bad += !is_good;
	if (is_good && ask->kind == KIND_PAGING)
		end_page(ask, asker, body);
	return true;
}

/* False: the connection is of no more use. */
static bool
receive(struct ask *ask, struct asker *asker)
{
	ssize_t len =
		recv(asker->fd, asker->answer + asker->len, ANSWER_MAX - asker->len, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (len <= 0 || asker->len + (size_t)len == ANSWER_MAX)
		return false;
	asker->len += (size_t)len;
	asker->answer[asker->len] = '\0';
	return !take_answer(ask, asker) || ask->is_over || send_request(ask, asker);
}

static int
start_asker(struct ask *ask, struct asker *asker, int epoll, uint32_t number)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = number };

	asker->at = number % ask->stations;
	asker->answer = malloc(ANSWER_MAX + 1);
	asker->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", ask->path);
	if (asker->answer == NULL || asker->fd < 0 ||
	    connect(asker->fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, asker->fd, &event) != 0 || !send_request(ask, asker))
		return -1;
	return 0;
}

static void
turn(struct ask *ask, int epoll)
{
	struct epoll_event events[64];
	int count = epoll_wait(epoll, events, 64, TIMEOUT_MS);

	if (count == 0) {
		ask->bad++;
		ask->is_over = true;
	}
	for (int i = 0; i < count && !ask->is_over; i++) {
		if (events[i].data.u64 == STDIN_MARK) {
			ask->is_over = true;
		} else if (!receive(ask, &ask->askers[events[i].data.u64])) {
			ask->bad++;
			ask->is_over = true;
		}
	}
}

static int
run(struct ask *ask)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = STDIN_MARK };
	int epoll = epoll_create1(0);
	int64_t began_us = bench_mono_us();

	ask->askers = calloc(ask->clients, sizeof(*ask->askers));
	if (ask->askers == NULL || epoll < 0 ||
	    epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
		return -1;
	for (uint32_t i = 0; i < ask->clients; i++) {
		if (start_asker(ask, &ask->askers[i], epoll, i) < 0) {
			(void)fprintf(stderr, "bench_ask: cannot ask at %s\n", ask->path);
			return -1;
		}
	}
	while (!ask->is_over)
		turn(ask, epoll);
	printf("{\"done\":%llu,\"bad\":%llu,\"passes\":%llu,\"not_whole\":%llu,\"seconds\":%.3f,",
	       (unsigned long long)ask->done, (unsigned long long)ask->bad,
	       (unsigned long long)ask->passes, (unsigned long long)ask->not_whole,
	       (double)(bench_mono_us() - began_us) / 1e6);
	histogram_json("latency", &ask->latency);
	printf("}\n");
	return 0;
}

int
main(int argc, char **argv)
{
	static struct ask ask;

	if (argc != 5 || bench_number(argv[3], &ask.clients) < 0 || ask.clients == 0 ||
	    bench_number(argv[4], &ask.stations) < 0 || ask.stations == 0) {
		(void)fprintf(stderr, "usage: bench_ask SOCKET version|paging|command CLIENTS "
				      "STATIONS\n");
		return 2;
	}
	ask.path = argv[1];
	for (ask.kind = 0; ask.kind < KINDS && strcmp(kind_names[ask.kind], argv[2]) != 0;)
		ask.kind++;
	if (ask.kind == KINDS) {
		(void)fprintf(stderr, "bench_ask: there is no %s to ask for\n", argv[2]);
		return 2;
	}
	return run(&ask) < 0 ? 1 : 0;
}
