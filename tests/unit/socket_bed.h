/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_SOCKET_BED_H
#define OCPPD_TESTS_SOCKET_BED_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include <ocppd/directory.h>
#include <ocppd/error.h>
#include <ocppd/plugin.h>

#include "base/clock.h"
#include "runtime/host.h"
#include "transport/transport.h"

/* A core with one static module and its listeners, in a thread of its own. */
struct socket_bed {
	struct ocppd_core core;
	struct ocppd_host host;
	/* The test's, before it starts. */
	struct transport_conf conf;
	const struct ocppd_plugin *plugin;
	void *ctx; /* of the module */
	void (*provision)(struct socket_bed *bed);
	bool is_manual; /* the clock is turned by hand */
	/* After that. */
	int result; /* of the listeners; err says why */
	struct ocppd_error err;
	uint16_t port; /* of the last listener without TLS */
	uint16_t tls_port;
	struct clock clock;
	pthread_t thread;
	sem_t ready;
	sem_t stopped;
};

/* Limits that no test meets by chance. listeners is borrowed. */
struct transport_conf socket_bed_conf(struct listener_conf *listeners, uint32_t count);
/* Returns when the core listens, or has failed to. */
void socket_bed_start(struct socket_bed *bed);
void socket_bed_stop(struct socket_bed *bed);
/* In provision: a station that is accepted. */
void socket_bed_admit(struct socket_bed *bed, const struct ocppd_admission *record);
/* Answers {}. */
int socket_bed_echo(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		    void *ctx);
/* A connection, with a deadline on what it hears and says. */
int socket_bed_dial(uint16_t port);

#endif
