/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The gate: judges an opening handshake before lws answers it (OCPP-J 1.6 sections 3 and 6, quirks
 * A01 to A12, A15), in the session's I/O thread, without asking the core. A refusal is answered,
 * logged once and told to the core; a session that passes leaves with its conn filled.
 */
#include "transport/gate.h"

#include <ocppd/error.h>
#include <ocppd/log.h>

#include "base/clock.h"
#include "base/text.h"
#include "ocpp/quirks.h"
#include "transport/directory.h"
#include "transport/early.h"
#include "transport/target.h"
#include "transport/tls.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 1024
/* lws reads the list into 128 bytes of its own. */
#define PROTOCOLS_SIZE 127
#define PROTOCOL_NAME_SIZE 64 /* likewise each name */
#define KEY_SIZE 64
#define RETRY_AFTER "30"
#define ASSUMED_PROTOCOL "ocpp1.6" /* A01: what a station without a list speaks */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define DIGEST_SIZE 20

/* A refusal: words for machines, for people, and for the station. */
struct verdict {
	const char *reason; /* of the event */
	uint32_t status;
	const char *remedy; /* for the log */
	const char *body;
	const char *quirk; /* what it is counted as, or NULL */
};

static const struct verdict no_upgrade = { "malformed", 426,
					   "not a WebSocket request: check the station's URL",
					   "this is a WebSocket endpoint\n" };
static const struct verdict wrong_version = { "malformed", 426,
					      "only WebSocket version 13 is spoken",
					      "WebSocket version 13 is needed\n" };
static const struct verdict bad_request = { "malformed", 400,
					    "headers of the upgrade are missing, doubled or too "
					    "long",
					    "malformed upgrade request\n", "A16" };
static const struct verdict bad_protocols = {
	"malformed", 400,
	"the list of subprotocols is not made of tokens with a comma between them",
	"malformed list of subprotocols\n", "A16"
};
static const struct verdict wrong_path = { "unknown", 404,
					   "the URL is not PATH/IDENTITY with a listener's `path`",
					   "no such endpoint\n" };
static const struct verdict bad_identity = {
	"malformed", 404, "an identity is 1 to 48 characters of UTF-8 without control characters",
	"no such station\n", "A04"
};
static const struct verdict unknown_station = { "unknown", 404,
						"provision the station, or set the policy for "
						"unknown ones",
						"no such station\n", "A07" };
static const struct verdict refused_station = { "refused", 403, "the station's record refuses it",
						"refused\n" };
static const struct verdict wrong_profile = {
	"profile", 403,
	"the station is provisioned for another security profile than this listener offers",
	"wrong security profile\n", "A12"
};
static const struct verdict no_credentials = { "credentials", 401,
					       "the station sent no Basic credentials: set its "
					       "AuthorizationKey",
					       "credentials needed\n" };
static const struct verdict wrong_credentials = {
	"credentials", 401,
	"user name or password is wrong; auth_user or accept_hex_password may admit it",
	"wrong credentials\n"
};
static const struct verdict no_certificate = {
	"credentials", 403,
	"the station showed no certificate that could be relied on: its profile is 3",
	"a client certificate is needed\n"
};
static const struct verdict wrong_certificate = {
	"credentials", 403,
	"the certificate's common name is not the identity; certificate_cn may admit it",
	"wrong client certificate\n"
};
static const struct verdict no_protocol = {
	"protocol", 101, "none of the offered subprotocols is served, or the record pins another",
	NULL, "A02"
};
static const struct verdict no_protocol_named = {
	"protocol", 101,
	"no subprotocol is named; `missing_subprotocol: assume16-if-known` admits known stations",
	NULL, "A01"
};
static const struct verdict over_limit = {
	"limit", 503, "max_connections or max_connections_per_address is reached",
	"too many connections\n"
};
static const struct verdict draining = { "limit", 503, "the daemon is stopping",
					 "shutting down\n" };
static const struct verdict no_memory = { "limit", 503, "out of memory", "out of memory\n" };

/* What is known of the request so far. */
struct request {
	struct session *session;
	struct lws *wsi;
	const struct listener *listener;
	char uri[HEADER_SIZE];
	char id[TARGET_ID_SIZE];
	char protocols[PROTOCOLS_SIZE + 1];
	bool has_protocols;
	bool is_known; /* has a record of its own */
	bool is_tls;
	const char *chosen; /* subprotocol */
	bool has_odd_path;  /* slashes too many (A04) */
	bool has_hex;       /* the hex text of the key was sent (A09) */
	bool has_own_user;  /* auth_user is set, and matched (A10) */
	bool has_vain;      /* credentials that nobody asked for (A11) */
	bool has_hearsay;   /* forwarded headers from an address that is not trusted (A15) */
	bool is_secure;     /* TLS, ours or a trusted proxy's */
	uint32_t profile;   /* seen */
	uint32_t verifier;  /* which of the record's matched, from 1; 0: none was asked */
};

/* ---- Answers ----------------------------------------------------------------------------- */

/* The header's text, "" where there is none; false: too long. */
static bool
header(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size)
{
	int n = lws_hdr_copy(wsi, text, (int)size, token);

	if (n < 0)
		return false;
	if (n == 0)
		text[0] = '\0';
	return true;
}

/* For people and events: cut, and what is no UTF-8 left out. */
static void
header_excerpt(struct lws *wsi, enum lws_token_indexes token, char *text, size_t size)
{
	char full[HEADER_SIZE];

	text[0] = '\0';
	if (!header(wsi, token, full, sizeof(full)) || !utf8_valid(full, strlen(full)))
		return;
	full[utf8_cut(full, size - 1)] = '\0';
	(void)str_copy(text, size, full);
}

static void
tell_core(const struct request *request, const struct verdict *verdict)
{
	struct io *io = request->session->io;
	struct refusal *refusal = calloc(1, sizeof(*refusal));

	if (!refusal)
		return;
	refusal->reason = verdict->reason;
	refusal->status = verdict->status;
	refusal->quirk = verdict->quirk;
	(void)str_copy(refusal->station_id, sizeof(refusal->station_id), request->id);
	(void)str_copy(refusal->remote, sizeof(refusal->remote), request->session->conn.remote);
	header_excerpt(request->wsi, WSI_TOKEN_HTTP_USER_AGENT, refusal->user_agent,
		       sizeof(refusal->user_agent));
	header_excerpt(request->wsi, WSI_TOKEN_PROTOCOL, refusal->protocols,
		       sizeof(refusal->protocols));
	/* Bounded: what the core cannot take now is lost, and the log has it. */
	int r = chain_push(&io->refusals, &refusal->link);
	if (r < 0)
		free(refusal);
	else if (r == 1)
		deliver_wake(io->transport);
}

static void
log_refusal(const struct request *request, const struct verdict *verdict)
{
	struct io *io = request->session->io;
	struct ocppd_core *core = io->transport->core;
	char agent[REFUSAL_TEXT_SIZE];
	uint32_t omitted = 0;

	/* The logger limits the lines of each station; an endless list of made-up ones is limited
	 * here. */
	if (!request->is_known && !quota_pass(&io->refused, clock_mono_us(&core->clock), &omitted))
		return;
	header_excerpt(request->wsi, WSI_TOKEN_HTTP_USER_AGENT, agent, sizeof(agent));
	OCPPD_WARN(core->self, "station.refused",
		   OCPPD_STR("station", request->id[0] ? request->id : NULL),
		   OCPPD_STR("reason", verdict->reason), OCPPD_INT("status", verdict->status),
		   OCPPD_STR("err", verdict->remedy),
		   OCPPD_STR("remote", request->session->conn.remote),
		   OCPPD_STR("path", request->uri), OCPPD_STR("offered", request->protocols),
		   OCPPD_STR("agent", agent), OCPPD_INT("omitted", omitted));
}

static int
add_header(struct lws *wsi, const char *name, const char *value, unsigned char **at,
	   unsigned char *end)
{
	return lws_add_http_header_by_name(wsi, (const unsigned char *)name,
					   (const unsigned char *)value, (int)strlen(value), at,
					   end);
}

/* lws would say HTTP/1.0 before an upgrade, which clients that know WebSockets alone cannot read,
 * and has no words for 426. */
static int
add_status(uint32_t status, unsigned char **at, const unsigned char *end)
{
	static const struct {
		uint32_t status;
		const char *words;
	} known[] = {
		{ 400, "Bad Request" }, { 401, "Unauthorized" },     { 403, "Forbidden" },
		{ 404, "Not Found" },   { 426, "Upgrade Required" }, { 503, "Service Unavailable" },
	};
	const char *words = "";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (known[i].status == status)
			words = known[i].words;
	}
	int n = snprintf((char *)*at, (size_t)(end - *at), "HTTP/1.1 %u %s\r\n", status, words);
	if (n < 0 || n >= end - *at)
		return -1;
	*at += n;
	return 0;
}

static int
write_response(struct lws *wsi, const struct verdict *verdict)
{
	unsigned char frame[LWS_PRE + HEADER_SIZE];
	unsigned char body[LWS_PRE + REFUSAL_TEXT_SIZE];
	unsigned char *at = frame + LWS_PRE;
	unsigned char *end = frame + sizeof(frame);
	size_t len = strlen(verdict->body);

	if (add_status(verdict->status, &at, end) ||
	    add_header(wsi, "content-type:", "text/plain", &at, end) ||
	    lws_add_http_header_content_length(wsi, len, &at, end))
		return -1;
	if (verdict->status == 401 &&
	    add_header(wsi, "www-authenticate:", "Basic realm=\"ocppd\", charset=\"UTF-8\"", &at,
		       end))
		return -1;
	if (verdict->status == 503 && add_header(wsi, "retry-after:", RETRY_AFTER, &at, end))
		return -1;
	if (verdict->status == 426 && (add_header(wsi, "upgrade:", "websocket", &at, end) ||
				       add_header(wsi, "sec-websocket-version:", "13", &at, end)))
		return -1;
	if (add_header(wsi, "connection:", "close", &at, end) ||
	    lws_finalize_write_http_header(wsi, frame + LWS_PRE, &at, end))
		return -1;

	memcpy(body + LWS_PRE, verdict->body, len);
	if (lws_write(wsi, body + LWS_PRE, len, LWS_WRITE_HTTP_FINAL) < (int)len)
		return -1;
	return 0;
}

/* OCPP-J 1.6 section 3.1.2: without a common subprotocol the handshake is finished without naming
 * one, and the WebSocket closed at once. lws can do neither, so the bytes are ours. */
static int
write_bare_upgrade(struct lws *wsi)
{
	static const unsigned char close_frame[] = { 0x88, 0x02, 0x03, 0xea }; /* 1002 */
	char key[KEY_SIZE + sizeof(GUID)];
	unsigned char digest[DIGEST_SIZE];
	char accept[32];
	unsigned char frame[LWS_PRE + 256];
	char *text = (char *)frame + LWS_PRE;

	if (!header(wsi, WSI_TOKEN_KEY, key, KEY_SIZE))
		return -1;
	size_t key_len = strlen(key);
	memcpy(key + key_len, GUID, sizeof(GUID));
	lws_SHA1((const unsigned char *)key, strlen(key), digest);
	if (lws_b64_encode_string((const char *)digest, DIGEST_SIZE, accept, sizeof(accept)) < 0)
		return -1;

	int n = snprintf(text, sizeof(frame) - LWS_PRE,
			 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			 accept);
	if (n < 0 || (size_t)n + sizeof(close_frame) > sizeof(frame) - LWS_PRE)
		return -1;
	memcpy(text + n, close_frame, sizeof(close_frame));
	(void)lws_write(wsi, (unsigned char *)text, (size_t)n + sizeof(close_frame),
			LWS_WRITE_HTTP_HEADERS);
	return -1;
}

/* Answers, logs, tells; returns what the callback has to return. */
static int
refuse(const struct request *request, const struct verdict *verdict)
{
	request->session->is_refused = true;
	traffic_refused(&request->session->io->traffic, verdict->reason);
	log_refusal(request, verdict);
	tell_core(request, verdict);
	if (verdict->status == 101)
		return write_bare_upgrade(request->wsi);
	return write_response(request->wsi, verdict) < 0 ? -1 : 1;
}

/* ---- Proxies (A15) ----------------------------------------------------------------------- */

#define X_FORWARDED_PROTO "x-forwarded-proto:"
#define FORWARDED "forwarded:"

/* As header, by name. */
static bool
header_by_name(struct lws *wsi, const char *name, char *text, size_t size)
{
	int len = (int)strlen(name);

	text[0] = '\0';
	if (lws_hdr_custom_length(wsi, name, len) <= 0)
		return true;
	return lws_hdr_custom_copy(wsi, text, (int)size, name, len) >= 0;
}

static bool
has_forwarded(struct lws *wsi)
{
	return lws_hdr_total_length(wsi, WSI_TOKEN_X_FORWARDED_FOR) > 0 ||
	       lws_hdr_custom_length(wsi, FORWARDED, (int)strlen(FORWARDED)) > 0;
}

/* False: a header is too long. */
static bool
read_client(const struct request *request, struct client *ret_client)
{
	const struct listener *listener = request->listener;
	char text[HEADER_SIZE];
	char proto[HEADER_SIZE];

	if (listener->proxy_header == PROXY_HEADER_FORWARDED) {
		if (!header_by_name(request->wsi, FORWARDED, text, sizeof(text)))
			return false;
		client_from_forwarded(text, listener->proxies, listener->proxy_count, ret_client);
		return true;
	}
	if (!header(request->wsi, WSI_TOKEN_X_FORWARDED_FOR, text, sizeof(text)) ||
	    !header_by_name(request->wsi, X_FORWARDED_PROTO, proto, sizeof(proto)))
		return false;
	client_from_list(text, proto, listener->proxies, listener->proxy_count, ret_client);
	return true;
}

/* From here on the connection is the client's, in logs and limits. */
static void
take_client(const struct request *request, const struct client *client)
{
	struct session *session = request->session;
	struct transport *transport = session->io->transport;
	int64_t max = limit_get(&transport->limits.max_per_address);
	uint32_t count = 0;

	if (client->address[0])
		(void)snprintf(session->conn.remote, sizeof(session->conn.remote),
			       strchr(client->address, ':') ? "[%s]:%u" : "%s:%u", client->address,
			       (unsigned int)client->port);
	if (max == 0 || !client->address[0] || session->peer)
		return;
	session->peer = peers_add(&transport->peers, client->address, &count);
	session->is_over_limit = session->is_over_limit || count > max;
}

/* ---- Checks, in the order of OCPP-J: each returns NULL or the verdict -------------------- */

static const struct verdict *
check_limits(const struct request *request)
{
	if (atomic_load(&request->session->io->transport->is_draining))
		return &draining;
	return request->session->is_over_limit ? &over_limit : NULL;
}

static const struct verdict *
check_request(struct request *request)
{
	struct lws *wsi = request->wsi;
	char text[HEADER_SIZE];

	if (!header(wsi, WSI_TOKEN_GET_URI, request->uri, sizeof(request->uri)))
		return &bad_request;
	if (!header(wsi, WSI_TOKEN_VERSION, text, sizeof(text)))
		return &bad_request;
	if (!str_eq(text, "13"))
		return &wrong_version;
	if (!header(wsi, WSI_TOKEN_KEY, text, KEY_SIZE) || !text[0])
		return &bad_request;
	if (!header(wsi, WSI_TOKEN_CONNECTION, text, PROTOCOLS_SIZE) ||
	    !header_list_has(text, "upgrade"))
		return &bad_request;
	/* lws itself insists on it. */
	if (lws_hdr_total_length(wsi, WSI_TOKEN_HOST) <= 0)
		return &bad_request;
	if (!header(wsi, WSI_TOKEN_PROTOCOL, request->protocols, PROTOCOLS_SIZE)) {
		request->protocols[0] = '\0';
		return &bad_request;
	}
	request->has_protocols = lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) > 0;
	return NULL;
}

static const struct verdict *
check_proxy(struct request *request)
{
	struct client client;

	request->is_secure = request->is_tls || request->session->is_told_secure;
	if (!request->session->is_proxied) {
		request->has_hearsay = has_forwarded(request->wsi);
		return NULL;
	}
	if (!read_client(request, &client))
		return &bad_request;
	take_client(request, &client);
	request->is_secure = request->is_tls || client.is_secure;
	return NULL;
}

static const struct verdict *
check_target(struct request *request)
{
	const struct listener *listener = request->listener;
	const char *raw = NULL;
	size_t raw_len;
	int r = OCPPD_ENOENT;

	/* What is not GET has no such token, and lws does not upgrade it. */
	if (!request->uri[0])
		return &bad_request;
	for (uint32_t i = 0; i < listener->path_count && r == OCPPD_ENOENT; i++)
		r = target_identity(request->uri, listener->paths[i], request->id,
				    sizeof(request->id));
	if (r == OCPPD_ENOENT)
		return &wrong_path;
	raw_len = early_path(request->session->io, &raw);
	if (raw_len > 0 && target_hides_slash(raw, raw_len))
		return &bad_identity;
	request->has_odd_path =
		strstr(request->uri, "//") || request->uri[strlen(request->uri) - 1] == '/';
	return r < 0 ? &bad_identity : NULL;
}

static const struct verdict *
check_credentials(struct request *request, struct admission *record)
{
	struct directory *directory = request->session->io->transport->core->directory;
	char text[HEADER_SIZE];
	struct basic basic;

	if (!header(request->wsi, WSI_TOKEN_HTTP_AUTHORIZATION, text, sizeof(text)))
		return &wrong_credentials;
	if (!text[0])
		return &no_credentials;
	if (basic_parse(text, &basic) < 0 || !admission_check_user(record, request->id, basic.user))
		return &wrong_credentials;

	uint32_t verifier = 0;
	enum password_form form = admission_check_password(directory, record, basic.password,
							   basic.password_len, &verifier);
	explicit_bzero(&basic, sizeof(basic));
	explicit_bzero(text, sizeof(text));
	request->has_hex = form == PASSWORD_HEX;
	request->has_own_user = record->auth_user != NULL;
	if (form == PASSWORD_WRONG)
		return &wrong_credentials;
	request->verifier = verifier + 1;
	return NULL;
}

/* Exactly the name: two identities may differ in case only. */
static const struct verdict *
check_certificate(const struct request *request, const struct admission *record)
{
	const char *wanted = quirks_option(record->quirks, "certificate_cn");
	char name[HEADER_SIZE];

	/* A proxy's word is no certificate. */
	if (!request->is_tls)
		return &no_certificate;
	if (!wanted)
		wanted = record->id ? record->id : request->id;
	if (tls_peer_name(request->wsi, name, sizeof(name)) != TLS_PEER_VALID)
		return &no_certificate;
	return str_eq(name, wanted) ? NULL : &wrong_certificate;
}

static const struct verdict *
check_record(struct request *request, struct admission *record)
{
	if (record->flags & OCPPD_ADMIT_REFUSE)
		return &refused_station;

	request->has_vain = record->security_profile != 1 && record->security_profile != 2 &&
			    lws_hdr_total_length(request->wsi, WSI_TOKEN_HTTP_AUTHORIZATION) > 0;
	if (record->security_profile == OCPPD_PROFILE_ANY) {
		/* Credentials that nobody asked for are not looked at (A11). */
		if (request->is_tls && !check_certificate(request, record))
			request->profile = 3;
		return NULL;
	}
	/* A12: never less than what is set, nor anything else (white paper, A00.FR.002). */
	if (request->is_secure != (record->security_profile >= 2))
		return &wrong_profile;
	request->profile = record->security_profile;
	switch (record->security_profile) {
	case 0:
		return NULL;
	case 3:
		return check_certificate(request, record);
	default:
		return check_credentials(request, record);
	}
}

/* Whether lws, too, gets to the chosen name: on what it cannot read before it, it would close
 * without an answer. */
static bool
chosen_is_reached(const char *list, const char *chosen)
{
	struct lws_tokenize tokens;
	char name[PROTOCOL_NAME_SIZE];

	lws_tokenize_init(&tokens, list,
			  LWS_TOKENIZE_F_COMMA_SEP_LIST | LWS_TOKENIZE_F_MINUS_NONTERM |
				  LWS_TOKENIZE_F_DOT_NONTERM | LWS_TOKENIZE_F_RFC7230_DELIMS);
	tokens.len = strlen(list);
	for (;;) {
		lws_tokenize_elem e = lws_tokenize(&tokens);

		if (e == LWS_TOKZE_DELIMITER)
			continue;
		if (e != LWS_TOKZE_TOKEN || lws_tokenize_cstr(&tokens, name, sizeof(name)))
			return false;
		if (str_eq(name, chosen))
			return true;
	}
}

static const struct verdict *
check_protocol(struct request *request, const struct admission *record)
{
	const struct transport *transport = request->session->io->transport;
	const char *offered = request->protocols;

	if (!request->has_protocols) {
		if (limit_get(&transport->limits.missing_subprotocol) == MISSING_SUBPROTOCOL_REJECT)
			return &no_protocol_named;
		offered = ASSUMED_PROTOCOL;
	}
	request->chosen = target_negotiate(offered, transport->served, record->protocols,
					   record->protocol_count);
	if (!request->chosen)
		return &no_protocol;
	if (request->has_protocols && !chosen_is_reached(offered, request->chosen))
		return &bad_protocols;
	return NULL;
}

/* ---- Passing ----------------------------------------------------------------------------- */

/*
 * lws takes the first of the station's list that the vhost knows. Where the record pins another,
 * the names before it are blanked until lws has chosen, which it does before it returns to the
 * loop: names are this thread's own, and no other handshake comes between.
 */
static void
mask(struct io *io, const char *chosen)
{
	for (uint32_t i = 0; i < io->name_count; i++) {
		if (!str_eq(io->names[i], chosen))
			io->names[i][0] = '\x01';
	}
	io->is_masked = true;
}

void
gate_unmask(struct io *io)
{
	if (!io->is_masked)
		return;
	for (uint32_t i = 0; io->transport->served[i]; i++)
		io->names[i][0] = io->transport->served[i][0];
	io->is_masked = false;
}

/* What was tolerated: logged with what was met, counted when the core knows of the connection. */
static void
note_tolerated(const struct request *request, const struct admission *record, bool is_folded)
{
	struct conn *conn = &request->session->conn;
	const struct {
		bool is_met;
		const char *code;
		const char *raw;
	} met[] = {
		{ !request->has_protocols, "A01", request->chosen },
		{ request->has_odd_path, "A04", request->uri },
		{ is_folded, "A06", request->uri },
		{ request->has_hex, "A09", "hex" },
		{ request->has_own_user, "A10", record->auth_user },
		{ request->has_vain, "A11", NULL },
		{ request->has_hearsay, "A15", conn->remote },
	};

	for (size_t i = 0; i < sizeof(met) / sizeof(met[0]); i++) {
		if (!met[i].is_met)
			continue;
		conn->met |= (uint16_t)(1u << quirks_index(met[i].code));
		OCPPD_WARN(request->session->io->transport->core->self, "station.tolerated",
			   OCPPD_STR("station", conn->station_id), OCPPD_STR("quirk", met[i].code),
			   OCPPD_STR("raw", met[i].raw));
	}
}

static int
fill_conn(struct request *request, struct admission *record, bool is_folded)
{
	struct session *session = request->session;
	const char *id = record->id ? record->id : request->id;

	session->conn.station_id = str_dup(id);
	if (!session->conn.station_id)
		return OCPPD_ENOMEM;
	session->conn.protocol = request->chosen;
	session->conn.security_profile = request->profile;
	session->conn.verifier = request->verifier;
	session->conn.registration = record->registration;
	session->conn.quirks = quirks_ref(record->quirks);
	note_tolerated(request, record, is_folded);
	if (request->is_tls)
		tls_log_session(session, request->wsi);
	if (request->has_protocols)
		mask(session->io, request->chosen);

	return 0;
}

static int
admit(struct request *request)
{
	struct directory *directory = request->session->io->transport->core->directory;
	bool is_folded;
	struct admission *record = directory_find(directory, request->id, &is_folded);
	const struct verdict *verdict = &unknown_station;

	request->is_known = record && record->id;
	if (record)
		verdict = check_record(request, record);
	if (!verdict)
		verdict = check_protocol(request, record);
	if (!verdict && fill_conn(request, record, is_folded) < 0)
		verdict = &no_memory;
	admission_unref(record);

	return verdict ? refuse(request, verdict) : 0;
}

static void
begin_request(struct request *request, struct session *session, struct lws *wsi)
{
	memset(request, 0, sizeof(*request));
	request->session = session;
	request->wsi = wsi;
	request->listener = &session->io->transport->listeners[session->listener];
	request->is_tls = tls_is_on(session);
}

int
gate_confirm(struct session *session, struct lws *wsi, const char *upgrade)
{
	struct request request;
	const struct verdict *verdict = NULL;

	begin_request(&request, session, wsi);
	/* One request a connection: lws would serve a second one on a kept connection. */
	if (session->is_refused || session->conn.station_id)
		return -1;
	if (!upgrade || !str_ci_eq(upgrade, "websocket"))
		verdict = &no_upgrade;
	if (!verdict)
		verdict = check_request(&request);
	if (!verdict)
		verdict = check_proxy(&request);
	if (!verdict)
		verdict = check_limits(&request);
	if (!verdict)
		verdict = check_target(&request);
	if (verdict)
		return refuse(&request, verdict);

	return admit(&request);
}

int
gate_plain(struct session *session, struct lws *wsi)
{
	struct request request;

	begin_request(&request, session, wsi);
	if (session->is_refused)
		return -1;
	if (!header(wsi, WSI_TOKEN_GET_URI, request.uri, sizeof(request.uri)))
		request.uri[0] = '\0';
	(void)refuse(&request, &no_upgrade);
	/* The response is with the kernel, or lws keeps it until it is. */
	return -1;
}
