/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_TLS_H
#define OCPPD_TRANSPORT_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

#include "transport/credentials.h"
#include "transport/io.h"
#include "transport/session.h"

/*
 * TLS in the I/O threads, and all that touches OpenSSL's SSL: one virtual host for each TLS
 * listener in each thread, whose SSL_CTX is filled from the listener's credentials when lws made
 * it, and again, in its own thread, whenever there are new ones. Connections that are open keep
 * what they began with.
 */

/* Whether OpenSSL knows the suites, and none of them is broken. err names the option. */
int tls_check_ciphers(const struct tls_conf *conf, uint32_t listener, struct ocppd_error *err);

/* The vhosts of a thread, while none of the transport's runs. */
int tls_make_vhosts(struct io *io, const struct lws_context_creation_info *plain,
		    struct ocppd_error *err);
/* LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS: context is the vhost's SSL_CTX. */
int tls_on_context(struct io *io, void *context);
void tls_serve_swaps(struct io *io); /* takes over new credentials. I/O thread. */
void tls_fini(struct io *io);
/* Whether the session came by a TLS listener. I/O thread. */
bool tls_is_on(const struct session *session);

/* LWS_CALLBACK_SSL_INFO: remembers an alert, for the log of a handshake that fails. */
void tls_on_info(struct session *session, const struct lws_ssl_info *info);
/* Why it came to nothing before HTTP, for people. */
const char *tls_failure(const struct session *session);

enum tls_peer {
	TLS_PEER_NONE,  /* showed no certificate */
	TLS_PEER_VALID, /* one that was verified, and has one common name */
	TLS_PEER_BAD,   /* one that says nothing we could rely on */
};
/* The common name of the station's certificate. */
enum tls_peer tls_peer_name(struct lws *wsi, char *ret_name, size_t size);
/* One debug line: version, suite, name asked for (A13). */
void tls_log_session(const struct session *session, struct lws *wsi);

#endif
