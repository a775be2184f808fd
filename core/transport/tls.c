/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * TLS in the I/O threads (OCPP-J 1.6 security profiles 2 and 3, quirks A13 and A14). Everything
 * that touches OpenSSL's SSL or SSL_CTX is here; lws gives us its contexts while they are empty.
 */
#include "transport/tls.h"

#include <ocppd/log.h>

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define MODERN_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
/* The one suite that OCPP's security profiles allow below TLS 1.2. */
#define LEGACY_CIPHERS MODERN_CIPHERS ":AES128-SHA"
/* A reconnect within it costs a fifth of a full handshake. */
#define SESSION_LIFE_S 7200
#define VERIFY_DEPTH 8
#define NAME_SIZE 32

/* ---- Suites ------------------------------------------------------------------------------ */

static const char *
default_ciphers(uint32_t min_version)
{
	return min_version < MIN_VERSION_1_2 ? LEGACY_CIPHERS : MODERN_CIPHERS;
}

/* What no listener may offer, however old its stations are. */
static bool
is_broken(const SSL_CIPHER *cipher)
{
	static const int ciphers[] = { NID_undef,   NID_rc4,          NID_rc4_40,  NID_rc2_cbc,
				       NID_des_cbc, NID_des_ede3_cbc, NID_idea_cbc };
	int nid = SSL_CIPHER_get_cipher_nid(cipher);

	for (size_t i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
		if (nid == ciphers[i])
			return true;
	}
	return SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null ||
	       SSL_CIPHER_get_digest_nid(cipher) == NID_md5;
}

int
tls_check_ciphers(const struct tls_conf *conf, uint32_t listener, struct ocppd_error *err)
{
	char option[64];

	if (!conf->ciphers)
		return 0;
	(void)snprintf(option, sizeof(option), "listeners[%u].tls.ciphers", listener);
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	if (!context)
		return OCPPD_ENOMEM;

	int r = 0;
	if (SSL_CTX_set_cipher_list(context, conf->ciphers) != 1)
		r = ocppd_error_option(err, OCPPD_EINVAL, option,
				       "is no list of cipher suites that `openssl ciphers` knows");
	STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(context);
	for (int i = 0; r == 0 && i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(list, i);

		if (is_broken(cipher))
			r = ocppd_error_option(err, OCPPD_EINVAL, option,
					       "%s is broken and not offered to anybody",
					       SSL_CIPHER_get_name(cipher));
	}
	SSL_CTX_free(context);
	ERR_clear_error();
	return r;
}

/* ---- Contexts ---------------------------------------------------------------------------- */

static int
apply_versions(SSL_CTX *context, const struct credentials *credentials)
{
	static const int versions[] = {
		[MIN_VERSION_1_0] = TLS1_VERSION,
		[MIN_VERSION_1_1] = TLS1_1_VERSION,
		[MIN_VERSION_1_2] = TLS1_2_VERSION,
		[MIN_VERSION_1_3] = TLS1_3_VERSION,
	};
	const char *ciphers = credentials->ciphers;

	if (!ciphers)
		ciphers = default_ciphers(credentials->min_version);
	/* OpenSSL signs nothing with SHA-1 above level 0, and TLS 1.0 and 1.1 know nothing else. */
	if (credentials->min_version < MIN_VERSION_1_2)
		SSL_CTX_set_security_level(context, 0);
	if (SSL_CTX_set_min_proto_version(context, versions[credentials->min_version]) != 1 ||
	    SSL_CTX_set_max_proto_version(context, 0) != 1 ||
	    SSL_CTX_set_cipher_list(context, ciphers) != 1)
		return OCPPD_EIO;
	(void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
						   SSL_OP_CIPHER_SERVER_PREFERENCE);
	return 0;
}

static int
apply_authorities(SSL_CTX *context, const struct credentials *credentials)
{
	int mode = SSL_VERIFY_PEER;

	if (!credentials->authorities)
		return 0;
	STACK_OF(X509_NAME) *names =
		sk_X509_NAME_deep_copy(credentials->authority_names, X509_NAME_dup, X509_NAME_free);
	if (!names)
		return OCPPD_ENOMEM;
	SSL_CTX_set_client_CA_list(context, names);
	SSL_CTX_set1_cert_store(context, credentials->authorities);
	SSL_CTX_set_verify_depth(context, VERIFY_DEPTH);
	if (credentials->client_certificate == CLIENT_CERTIFICATE_REQUIRED)
		mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	SSL_CTX_set_verify(context, mode, NULL);
	return 0;
}

/* Sessions live in tickets, at the stations: nothing is kept here, and a station may come back to
 * another thread. */
static int
apply_tickets(SSL_CTX *context, const struct credentials *credentials, uint32_t listener)
{
	unsigned char keys[TICKET_KEYS_SIZE];

	memcpy(keys, credentials->ticket_keys, sizeof(keys));
	long r = SSL_CTX_set_tlsext_ticket_keys(context, keys, sizeof(keys));
	explicit_bzero(keys, sizeof(keys));
	if (r != 1)
		return OCPPD_EIO;
	if (SSL_CTX_set_session_id_context(context, (const unsigned char *)&listener,
					   sizeof(listener)) != 1)
		return OCPPD_EIO;
	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(context, 1);
	(void)SSL_CTX_set_timeout(context, SESSION_LIFE_S);
	return 0;
}

static int
apply(SSL_CTX *context, const struct credentials *credentials, uint32_t listener)
{
	int r = apply_versions(context, credentials);

	for (uint32_t i = 0; r == 0 && i < credentials->pair_count; i++) {
		const struct credential_pair *pair = &credentials->pairs[i];

		if (SSL_CTX_use_cert_and_key(context, pair->leaf, pair->key, pair->chain, 1) != 1)
			r = OCPPD_EIO;
	}
	if (r == 0)
		r = apply_authorities(context, credentials);
	if (r == 0)
		r = apply_tickets(context, credentials, listener);
	return r;
}

int
tls_on_context(struct io *io, void *context)
{
	uint32_t i = io->vhost_making;
	const struct credentials *credentials = io->transport->credentials[i];

	/* lws would choose another vhost by the name a station asks for. */
	(void)SSL_CTX_set_tlsext_servername_callback(context, NULL);
	int r = apply(context, credentials, i);
	if (r < 0) {
		char text[128];

		ERR_error_string_n(ERR_peek_last_error(), text, sizeof(text));
		OCPPD_ERROR(io->transport->core->self, "tls.failed", OCPPD_INT("listener", i),
			    OCPPD_STR("err", text));
		ERR_clear_error();
		return -1;
	}
	(void)SSL_CTX_up_ref(context);
	io->tls_contexts[i] = context;
	return 0;
}

int
tls_make_vhosts(struct io *io, const struct lws_context_creation_info *plain,
		struct ocppd_error *err)
{
	const struct transport *transport = io->transport;
	uint32_t count = transport->credential_count;

	if (!transport->credentials)
		return 0;
	io->vhosts = calloc(count, sizeof(struct lws_vhost *));
	io->tls_contexts = calloc(count, sizeof(struct ssl_ctx_st *));
	/* lws keeps the pointer to a vhost's name. */
	io->vhost_names = calloc(count, NAME_SIZE);
	if (!io->vhosts || !io->tls_contexts || !io->vhost_names)
		return OCPPD_ENOMEM;

	for (uint32_t i = 0; i < count; i++) {
		struct lws_context_creation_info info = *plain;
		char *name = &io->vhost_names[(size_t)i * NAME_SIZE];

		if (!transport->credentials[i])
			continue;
		(void)snprintf(name, NAME_SIZE, "ocppd-tls-%u", i);
		info.vhost_name = name;
		/* GLOBAL_INIT is what makes a vhost a TLS one. It makes a context for clients as
		 * well, which would read all of the system's roots. */
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
				LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX |
				LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
		info.ssl_info_event_mask = SSL_CB_ALERT | SSL_CB_HANDSHAKE_DONE;
		io->vhost_making = i;
		io->vhosts[i] = lws_create_vhost(io->context, &info);
		if (!io->vhosts[i] || !io->tls_contexts[i])
			return ocppd_error_set(err, OCPPD_EIO,
					       "libwebsockets made no virtual host for TLS");
	}
	return 0;
}

bool
tls_is_on(const struct session *session)
{
	struct lws_vhost *const *vhosts = session->io->vhosts;

	/* The list of vhosts is as long as that of listeners, and constant while threads run. */
	return vhosts && vhosts[session->listener];
}

void
tls_serve_swaps(struct io *io)
{
	struct link *link = chain_take(&io->tls_swaps);

	while (link) {
		struct tls_swap *swap = (struct tls_swap *)(void *)link;

		link = link->next;
		if (apply(io->tls_contexts[swap->listener], swap->credentials, swap->listener) < 0)
			OCPPD_ERROR(io->transport->core->self, "tls.failed",
				    OCPPD_INT("listener", swap->listener),
				    OCPPD_STR("err", "out of memory: reload once more"));
		ERR_clear_error();
		credentials_unref(swap->credentials);
		free(swap);
	}
}

void
tls_fini(struct io *io)
{
	struct link *link = chain_take(&io->tls_swaps);

	while (link) {
		struct tls_swap *swap = (struct tls_swap *)(void *)link;

		link = link->next;
		credentials_unref(swap->credentials);
		free(swap);
	}
	for (uint32_t i = 0; io->tls_contexts && i < io->transport->credential_count; i++)
		SSL_CTX_free(io->tls_contexts[i]);
	free(io->tls_contexts);
	free(io->vhosts);
	free(io->vhost_names);
	io->vhost_names = NULL;
	io->tls_contexts = NULL;
	io->vhosts = NULL;
}

/* ---- Handshakes -------------------------------------------------------------------------- */

void
tls_on_info(struct session *session, const struct lws_ssl_info *info)
{
	if (info->where & SSL_CB_HANDSHAKE_DONE)
		session->is_secure = true;
	if (!(info->where & SSL_CB_ALERT) || session->tls_alert != 0)
		return;
	session->tls_alert = (uint8_t)((unsigned int)info->ret & 0xffu);
	session->is_alert_ours = (info->where & SSL_CB_WRITE) != 0;
}

static const char *
our_alert(uint8_t alert)
{
	switch (alert) {
	case SSL_AD_PROTOCOL_VERSION:
		return "the station speaks an older TLS than `min_version` allows";
	case SSL_AD_HANDSHAKE_FAILURE:
		return "no cipher suite in common with the station, or no certificate of hers: see "
		       "`ciphers`, `certificate` and `client_certificate`";
	case TLS1_AD_UNKNOWN_CA:
		return "the station's certificate is not from `client_ca`";
	case SSL_AD_CERTIFICATE_EXPIRED:
		return "the station's certificate ended, or is not valid yet";
	case TLS13_AD_CERTIFICATE_REQUIRED:
		return "the station showed no certificate";
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case TLS1_AD_DECRYPT_ERROR:
		return "the station's certificate is not one for TLS clients, or is damaged";
	default:
		return "the TLS handshake failed: see the alert's number";
	}
}

static const char *
their_alert(uint8_t alert)
{
	switch (alert) {
	case TLS1_AD_UNKNOWN_CA:
		return "the station does not know the issuer of our certificate: install the root, "
		       "and see that `certificate` holds the whole chain";
	case SSL_AD_CERTIFICATE_EXPIRED:
		return "the station holds our certificate for ended: see its clock as well";
	case SSL_AD_BAD_CERTIFICATE:
	case SSL_AD_CERTIFICATE_UNKNOWN:
	case SSL_AD_UNSUPPORTED_CERTIFICATE:
		return "the station refuses our certificate";
	default:
		return "the station ended the TLS handshake: see the alert's number";
	}
}

const char *
tls_failure(const struct session *session)
{
	if (session->is_secure)
		return "closed before a valid WebSocket request";
	if (session->tls_alert == 0)
		return "closed before the TLS handshake ended: no TLS at all, or a certificate "
		       "that the station refuses silently";
	return session->is_alert_ours ? our_alert(session->tls_alert)
				      : their_alert(session->tls_alert);
}

/* ---- The station's certificate ----------------------------------------------------------- */

/* Exactly one name, of which nothing is hidden behind a NUL. */
static bool
copy_name(const X509 *certificate, char *ret_name, size_t size)
{
	X509_NAME *subject = X509_get_subject_name(certificate);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
	unsigned char *text = NULL;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return false;
	int len = ASN1_STRING_to_UTF8(&text,
				      X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (len < 0)
		return false;
	bool is_good = len > 0 && strlen((const char *)text) == (size_t)len &&
		       str_copy(ret_name, size, (const char *)text) == 0;
	OPENSSL_free(text);
	return is_good;
}

enum tls_peer
tls_peer_name(struct lws *wsi, char *ret_name, size_t size)
{
	SSL *ssl = lws_get_ssl(wsi);
	const X509 *certificate = ssl ? SSL_get0_peer_certificate(ssl) : NULL;

	if (!certificate)
		return TLS_PEER_NONE;
	/* A resumed session was verified when it began: the certificate may have ended since. */
	if (SSL_get_verify_result(ssl) != X509_V_OK ||
	    X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
		return TLS_PEER_BAD;
	return copy_name(certificate, ret_name, size) ? TLS_PEER_VALID : TLS_PEER_BAD;
}

void
tls_log_session(const struct session *session, struct lws *wsi)
{
	struct ocppd_host *self = session->io->transport->core->self;
	SSL *ssl = lws_get_ssl(wsi);

	if (!ssl)
		return;
	OCPPD_DEBUG(self, "tls.established", OCPPD_STR("station", session->conn.station_id),
		    OCPPD_INT("conn", session->conn.id), OCPPD_STR("version", SSL_get_version(ssl)),
		    OCPPD_STR("cipher", SSL_get_cipher_name(ssl)),
		    OCPPD_STR("sni", SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)),
		    OCPPD_INT("resumed", SSL_session_reused(ssl)));
}
