/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BENCH_LOAD_H
#define OCPPD_BENCH_LOAD_H

/* The stations of the load generator, and what all of them share. */
#include "bench.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ROUND 8 /* transactions of a station in one round of MODE_START, a connector each */
#define BITMAP_IDS (1u << 26)

enum mode {
	MODE_HEARTBEAT,
	MODE_START,
	MODE_STORM,
	MODE_IDLE,
	MODE_VALUES, /* MeterValues with eight sampled values, as fast as they are answered */
	MODE_FLEET,  /* heartbeats and meter values at a given rate, whatever the answers take */
};

enum conn_state {
	CONN_NONE,
	CONN_CONNECTING,
	CONN_UPGRADING,
	CONN_BOOTING,
	CONN_READY,
	CONN_WAITING, /* for the answer to a measured CALL */
	CONN_FAILED,
};

struct conn {
	int fd;
	enum conn_state state;
	uint32_t serial;
	uint32_t left;  /* CALLs of the round that are not sent yet */
	bool is_values; /* the CALL under way is MeterValues */
	uint32_t kept;
	int64_t begun_us; /* of the connection, or of the CALL under way */
	char *keep;       /* bytes, only while something is incomplete */
	int32_t ids[ROUND];
};

struct load {
	struct sockaddr_in server;
	const char *path;
	enum mode mode;
	uint32_t count;
	uint32_t parallel; /* handshakes at a time, 0: all */
	int64_t warmup_us;
	int64_t measure_us;
	int64_t deadline_us; /* for handshakes and answers */
	int epoll;
	struct conn *conns;
	uint32_t first; /* number of the first identity */
	uint32_t next;
	uint32_t opening;
	uint32_t ready;
	uint32_t waiting;
	uint32_t rate; /* MODE_FLEET: CALLs a second, all stations together */
	uint32_t at;   /* MODE_FLEET: the station whose turn it is */
	bool is_sending;
	bool is_starting; /* each station begins the transaction its values belong to */
	bool is_started;
	bool is_stopping; /* MODE_START: between the rounds, transactions are stopped */
	bool is_measuring;
	uint64_t answered;
	uint64_t wrong;
	uint64_t refused;
	uint64_t timed_out;
	uint64_t lost;
	uint64_t calls_of_server;
	uint64_t pings;
	int64_t base_us; /* wall clock of the first timestamp */
	uint64_t starts;
	uint64_t id_base;
	uint64_t *ids_seen;
	struct histogram latency;
	struct histogram connect;
	char sample[200]; /* of the first wrong answer */
};

/* Sends the station's next CALL: what it is depends on the mode. */
void load_send_call(struct load *load, struct conn *conn);
/* Opens the next connection. */
void load_open_next(struct load *load);
/* What the connections bring, for so long at most. */
void load_turn(struct load *load, int timeout_ms);
/* Those that still wait for something have waited too long. */
void load_fail_waiting(struct load *load);

#endif
