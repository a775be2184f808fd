/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* The transport's rows of the top level of the configuration. Tables only. */
#include "transport/options.h"

#include <stddef.h>

static const char *const missing_subprotocol[] = { "assume16-if-known", "reject", NULL };

static const char *const proxy_header[] = { "x-forwarded-for", "forwarded", "proxy-protocol",
					    NULL };
static const char *const client_certificate[] = { "none", "optional", "required", NULL };
static const char *const min_version[] = { "1.0", "1.1", "1.2", "1.3", NULL };

#define TLS(member) offsetof(struct tls_conf, member)

static const struct ocppd_option tls_rows[] = {
	{ "certificate", OCPPD_CONF_PATHS, OCPPD_OPTION_REQUIRED, TLS(certificates), .min = 1,
	  .max = 4,
	  .doc = "A PEM file with the server's certificate, followed by the intermediate ones up "
		 "to, but not necessarily with, the root; or a list of such files with keys of "
		 "different kinds, ECDSA and RSA, of which each station is shown the one it can "
		 "read. The files, and those of `key` and `client_ca`, are read again on reload." },
	{ "key", OCPPD_CONF_PATHS, OCPPD_OPTION_REQUIRED | OCPPD_OPTION_SECRET, TLS(keys), .min = 1,
	  .max = 4,
	  .doc = "A PEM file with the private key, without passphrase; or a list in the order of "
		 "`certificate`. On reload, the user that the daemon runs as must be able to read "
		 "it." },
	{ "client_certificate", OCPPD_CONF_ENUM, 0, TLS(client_certificate), .def = "none",
	  .one_of = client_certificate,
	  .doc = "Whether stations show a certificate: never (`none`, security profile 2), if "
		 "they have one (`optional`, profiles 2 and 3), always (`required`, profile 3). "
		 "Its common name must be the station's identity, or what the quirk option "
		 "`certificate_cn=NAME` of its record says." },
	{ "client_ca", OCPPD_CONF_PATH, 0, TLS(client_ca),
	  .doc = "A PEM file with the roots, and intermediates, that stations' certificates are "
		 "verified against." },
	{ "min_version", OCPPD_CONF_ENUM, 0, TLS(min_version), .def = "1.2", .one_of = min_version,
	  .doc = "The oldest version of TLS that is spoken. 1.0 and 1.1 are broken: only for "
		 "stations that can do no better, on a listener of their own." },
	{ "ciphers", OCPPD_CONF_STRING, 0, TLS(ciphers), .min = 1, .max = 1024,
	  .doc = "Cipher suites up to TLS 1.2, as `openssl ciphers` reads them. Left out: ECDHE "
		 "with AES-GCM or ChaCha20. Stations of the OCPP security profiles that know the "
		 "RSA suites only need "
		 "`ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384`: what was "
		 "recorded can then be read by whoever gets the RSA key later, which is why they "
		 "are not among the default." },
};

static const struct ocppd_option listener_rows[] = {
	{ "address", OCPPD_CONF_ADDRESS, 0, offsetof(struct listener_conf, address), .def = "[::]",
	  .doc = "The address to listen on. `[::]` takes IPv4 as well." },
	{ "port", OCPPD_CONF_INT, 0, offsetof(struct listener_conf, port), .min = 0, .max = 65535,
	  .def = "8180", .doc = "The TCP port; 0 takes a free one, which the log names." },
	{ "path", OCPPD_CONF_STRINGS, 0, offsetof(struct listener_conf, paths), .min = 1, .max = 16,
	  .def = "/ocpp",
	  .doc = "The path, or paths, below which stations connect: the last segment of a station's "
		 "URL is its identity. `/` takes any." },
	{ "trusted_proxies", OCPPD_CONF_STRINGS, 0, offsetof(struct listener_conf, proxies),
	  .min = 1, .max = PROXIES_MAX,
	  .doc = "Addresses and networks (`192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`) of reverse "
		 "proxies that are believed about the client: its address, in the log, the API and "
		 "for max_connections_per_address, and that it came by TLS, for stations of "
		 "security profile 2. They must set the headers themselves, not pass on a "
		 "client's. What others say is ignored." },
	{ "proxy_header", OCPPD_CONF_ENUM, 0, offsetof(struct listener_conf, proxy_header),
	  .def = "x-forwarded-for", .one_of = proxy_header,
	  .doc = "What trusted proxies say it in: X-Forwarded-For and X-Forwarded-Proto; "
		 "Forwarded (RFC 7239); or a header of the PROXY protocol, version 1 or 2, before "
		 "the first byte of each connection, which works with `tls`, too. With the last "
		 "every connection of a trusted proxy must begin so." },
	{ "tls", OCPPD_CONF_SECTION, OCPPD_OPTION_OPTIONAL, offsetof(struct listener_conf, tls),
	  sizeof(struct tls_conf), .options = OCPPD_TABLE(tls_rows),
	  .doc = "With this section the listener speaks TLS only, and admits stations of security "
		 "profiles 2 and 3; without it, those of 0 and 1." },
};

#define AT(member) offsetof(struct transport_conf, member)

static const struct ocppd_option rows[] = {
	{ "listeners", OCPPD_CONF_SECTIONS, 0, AT(listeners), sizeof(struct listener_conf),
	  .min = 1, .max = 32, .options = OCPPD_TABLE(listener_rows),
	  .doc = "Where stations connect." },
	{ "io_threads", OCPPD_CONF_INT, 0, AT(io_threads), .min = 0, .max = 64, .def = "0",
	  .doc = "Threads that serve connections; 0: as many as there are processors, at most 4." },
	{ "max_connections", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_connections), .min = 1,
	  .max = 1000000, .def = "50000",
	  .doc = "Connections at most; more are answered 503. Each takes a file descriptor, so the "
		 "limit of those may be lower, which the log tells at the start." },
	{ "max_connections_per_address", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_per_address),
	  .min = 0, .max = 1000000, .def = "0",
	  .doc = "Connections of one address at most, more are answered 503; 0: no limit. Stations "
		 "behind one gateway share its address." },
	{ "max_handshakes", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_handshakes), .min = 1,
	  .max = 10000, .def = "256",
	  .doc = "Connections of one thread that may be in their opening handshake; others wait "
		 "for their turn, which addresses (of IPv6, networks of 64 bits) have one after the "
		 "other. Where all places are taken, the oldest handshake of the address that has "
		 "the most of them gives way when it has said nothing for a second, where no "
		 "address has more than others for three, or has taken half of "
		 "handshake_timeout." },
	{ "accept_rate", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(accept_rate), .min = 0,
	  .max = 1000000, .def = "0",
	  .doc = "Connections accepted a second; others wait in the backlog. 0: as fast as "
		 "handshakes end." },
	{ "handshake_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(handshake_timeout_ms),
	  .min = 500, .max = 120000, .def = "10s",
	  .doc = "How long a connection may take until it is a WebSocket." },
	{ "close_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(close_timeout_ms),
	  .min = 500, .max = 60000, .def = "5s",
	  .doc = "How long a station may take to answer our close before the connection is cut." },
	{ "max_message", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(max_message), .min = 1024,
	  .max = 67108864, .def = "1MiB",
	  .doc = "The largest message a station may send; beyond it the connection is closed "
		 "with 1009." },
	{ "max_outbound", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(max_outbound), .min = 65536,
	  .max = 268435456, .def = "4MiB",
	  .doc = "Bytes that may wait to be sent to one station; beyond it the connection is "
		 "closed." },
	{ "max_outbound_messages", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_outbound_count),
	  .min = 8, .max = 100000, .def = "256",
	  .doc = "Messages that may wait to be sent to one station; beyond it the connection is "
		 "closed." },
	{ "max_undrained", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_undrained), .min = 64,
	  .max = 1000000, .def = "16384",
	  .doc = "Messages a thread may be ahead of the core before it reads more slowly." },
	{ "ping_interval", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(ping_interval_ms), .min = 0,
	  .max = 86400000, .def = "60s",
	  .doc = "A connection that is silent for so long is sent a WebSocket ping; 0s: never. The "
		 "quirk option `ping=off` spares a station." },
	{ "idle_floor", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(idle_floor_s), .min = 1,
	  .max = 604800, .def = "300s",
	  .doc = "A connection without any frame is given up after this time, or three times the "
		 "heartbeat interval the station was told, whichever is longer." },
	{ "tcp_user_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(tcp_user_timeout_ms),
	  .min = 0, .max = 3600000, .def = "60s",
	  .doc = "How long sent data may stay unacknowledged before the system ends the "
		 "connection; 0s: the system's own limit. For connections accepted from then on." },
	{ "missing_subprotocol", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, AT(missing_subprotocol),
	  .def = "assume16-if-known", .one_of = missing_subprotocol,
	  .doc = "What becomes of a station that names no subprotocol: a known one is taken as OCPP "
		 "1.6, or it is refused." },
};

const struct options *
transport_options(void)
{
	static const struct options table = { OCPPD_TABLE(rows) };

	return &table;
}
