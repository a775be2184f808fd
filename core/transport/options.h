/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_OPTIONS_H
#define OCPPD_TRANSPORT_OPTIONS_H

#include <stdint.h>

#include <ocppd/conf.h>

#include "runtime/options.h"

/* Whether stations show a certificate. */
#define CLIENT_CERTIFICATE_NONE 0
#define CLIENT_CERTIFICATE_OPTIONAL 1
#define CLIENT_CERTIFICATE_REQUIRED 2

#define MIN_VERSION_1_0 0
#define MIN_VERSION_1_1 1
#define MIN_VERSION_1_2 2
#define MIN_VERSION_1_3 3

#define PROXY_HEADER_LIST 0      /* X-Forwarded-For */
#define PROXY_HEADER_FORWARDED 1 /* RFC 7239 */
#define PROXY_HEADER_PREFACE 2   /* the PROXY protocol, before everything else */
#define PROXIES_MAX 32

struct tls_conf {
	struct ocppd_strings certificates; /* none: the listener is plain */
	struct ocppd_strings keys;         /* in the same order */
	const char *client_ca;
	const char *ciphers;
	uint32_t client_certificate; /* CLIENT_CERTIFICATE_* */
	uint32_t min_version;        /* MIN_VERSION_* */
};

/* What the transport is told by the configuration. */
struct listener_conf {
	const char *address;
	int64_t port;
	struct ocppd_strings paths;
	struct ocppd_strings proxies; /* that are believed (A15) */
	uint32_t proxy_header;        /* PROXY_HEADER_* */
	struct tls_conf tls;
};

/* Without Sec-WebSocket-Protocol in the request (A01). */
#define MISSING_SUBPROTOCOL_ASSUME 0
#define MISSING_SUBPROTOCOL_REJECT 1

struct transport_conf {
	struct ocppd_sections listeners; /* of struct listener_conf */
	int64_t io_threads;              /* 0: one a core, at most 4 */
	int64_t max_connections;
	int64_t max_per_address; /* 0: no limit */
	int64_t max_handshakes;  /* unfinished ones of a thread */
	int64_t accept_rate;     /* a second; 0: as fast as handshakes end */
	int64_t handshake_timeout_ms;
	int64_t close_timeout_ms;
	int64_t max_message;
	int64_t max_outbound;       /* bytes that wait for one station */
	int64_t max_outbound_count; /* messages */
	int64_t max_undrained;      /* messages of a thread that the core has not seen yet */
	int64_t ping_interval_ms;   /* 0: none */
	int64_t idle_floor_s;
	int64_t tcp_user_timeout_ms;
	uint32_t missing_subprotocol; /* MISSING_SUBPROTOCOL_* */
};

/* The rows; offsets are those in struct transport_conf. */
const struct options *transport_options(void);

#endif
