/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * WebSocket client connections: libwebsockets on a foreign libuv loop, for one to many thousand
 * stations. Knows frames, not OCPP.
 */
#include "link.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <libwebsockets.h>
#include <uv.h>

struct link_frame {
	struct link_frame *next;
	size_t len;
	bool is_binary;
	unsigned char data[]; /* LWS_PRE bytes, then the text */
};

struct link_net {
	struct lws_context *context;
	struct lws_vhost *vhost;
	uv_loop_t *loop;
	const struct options *options;
	const struct link_ops *ops;
};

/* All zero: no validity timers of lws, whose list is linear in connections. */
static const lws_retry_bo_t no_policy;

static void
drop_frames(struct ws_link *link)
{
	while (link->out_head) {
		struct link_frame *frame = link->out_head;

		link->out_head = frame->next;
		free(frame);
	}
	link->out_tail = &link->out_head;
	link->out_bytes = 0;
}

static void
make_idle(struct ws_link *link)
{
	link->wsi = NULL;
	link->is_open = false;
	link->is_opening = false;
	link->wants_close = false;
	link->wants_drop = false;
	link->has_closed = false;
	buf_clear(&link->in);
	drop_frames(link);
}

static int
on_headers(struct ws_link *link, struct lws *wsi, unsigned char **at, unsigned char *end)
{
	const struct options *options = link->net->options;
	char plain[512];
	char header[768] = "Basic ";
	size_t len;

	if (!options->has_password)
		return 0;
	len = strlen(link->identity);
	if (len + 1 + options->password_len > sizeof(plain))
		return -1;
	memcpy(plain, link->identity, len);
	plain[len++] = ':';
	memcpy(plain + len, options->password, options->password_len);
	len += options->password_len;
	if (lws_b64_encode_string(plain, (int)len, header + 6, sizeof(header) - 6) < 0)
		return -1;
	return lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_AUTHORIZATION,
					    (unsigned char *)header, (int)strlen(header), at, end);
}

static void
read_subprotocol(struct ws_link *link, struct lws *wsi)
{
	if (lws_hdr_copy(wsi, link->subprotocol, sizeof(link->subprotocol), WSI_TOKEN_PROTOCOL) < 0)
		link->subprotocol[0] = '\0';
}

static void
on_established(struct ws_link *link)
{
	link->is_opening = false;
	link->is_open = true;
	link->close_code = 0;
	link->net->ops->on_open(link->arg, link->subprotocol);
}

static int
on_receive(struct ws_link *link, struct lws *wsi, const char *data, size_t len)
{
	if (link->in.len + len > LINK_MAX_MESSAGE) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_MESSAGE_TOO_LARGE, NULL, 0);
		return -1;
	}
	buf_add(&link->in, data, len);
	if (link->in.error)
		return -1;
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return 0;
	link->net->ops->on_message(link->arg, link->in.data ? link->in.data : "", link->in.len,
				   lws_frame_is_binary(wsi) != 0);
	buf_clear(&link->in);
	return 0;
}

/*
 * From a timer of lws: with libuv, lws 4.1.6 closes the socket at once where WRITEABLE returns -1,
 * and its close frame is never sent.
 */
static int
on_timer(struct ws_link *link, struct lws *wsi)
{
	if (!link->wants_close)
		return 0;
	lws_close_reason(wsi, (enum lws_close_status)link->close_code, NULL, 0);
	return -1;
}

static int
on_writeable(struct ws_link *link, struct lws *wsi)
{
	struct link_frame *frame = link->out_head;
	int r;

	if (link->wants_drop) {
		const struct linger now = { .l_onoff = 1, .l_linger = 0 };

		(void)setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
		return -1;
	}
	if (frame && !lws_partial_buffered(wsi)) {
		link->out_head = frame->next;
		if (!link->out_head)
			link->out_tail = &link->out_head;
		link->out_bytes -= frame->len;
		r = lws_write(wsi, frame->data + LWS_PRE, frame->len,
			      frame->is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
		free(frame);
		if (r < 0)
			return -1;
	}
	if (link->out_head || (link->wants_close && lws_partial_buffered(wsi))) {
		lws_callback_on_writable(wsi);
		return 0;
	}
	if (!link->wants_close)
		return 0;
	if (!link->has_closed)
		lws_set_timer_usecs(wsi, 1);
	link->has_closed = true;
	return 0;
}

static void
on_error(struct ws_link *link, struct lws *wsi, const char *text, size_t len)
{
	char copy[160] = "no connection";
	int status = (int)lws_http_client_http_response(wsi);

	if (!link->wsi && !link->is_opening)
		return;
	if (text && len > 0) {
		len = len < sizeof(copy) - 1 ? len : sizeof(copy) - 1;
		memcpy(copy, text, len);
		copy[len] = '\0';
	}
	make_idle(link);
	link->net->ops->on_refused(link->arg, status, copy);
}

static void
on_end(struct ws_link *link)
{
	uint16_t code = link->wants_close ? 0 : link->close_code;
	bool was_open = link->is_open;

	if (!link->wsi && !was_open)
		return;
	make_idle(link);
	if (was_open)
		link->net->ops->on_closed(link->arg, code);
	else
		link->net->ops->on_refused(link->arg, 0, "closed during the handshake");
}

static int
link_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct ws_link *link = wsi ? lws_get_opaque_user_data(wsi) : NULL;
	const unsigned char *bytes = in;

	(void)user;
	if (!link)
		return 0;
	if (reason == LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER) {
		unsigned char **at = in;

		return on_headers(link, wsi, at, *at + len) ? -1 : 0;
	}
	if (reason == LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH) /* headers are gone later */
		read_subprotocol(link, wsi);
	else if (reason == LWS_CALLBACK_CLIENT_ESTABLISHED)
		on_established(link);
	else if (reason == LWS_CALLBACK_CLIENT_RECEIVE)
		return on_receive(link, wsi, in, len);
	else if (reason == LWS_CALLBACK_CLIENT_WRITEABLE)
		return on_writeable(link, wsi);
	else if (reason == LWS_CALLBACK_TIMER)
		return on_timer(link, wsi);
	else if (reason == LWS_CALLBACK_WS_PEER_INITIATED_CLOSE && !link->wants_close)
		link->close_code = (uint16_t)(len >= 2 ? bytes[0] << 8 | bytes[1] : 1005);
	else if (reason == LWS_CALLBACK_CLIENT_CONNECTION_ERROR)
		on_error(link, wsi, in, len);
	else if (reason == LWS_CALLBACK_CLIENT_CLOSED)
		on_end(link);
	return 0;
}

static const struct lws_protocols protocols[] = {
	{ .name = "ocpp", .callback = link_callback, .rx_buffer_size = 0 },
	{ 0 },
};

int
link_net_new(uv_loop_t *loop, const struct options *options, const struct link_ops *ops,
	     struct link_net **ret_net, struct ocppd_error *err)
{
	struct lws_context_creation_info info = { 0 };
	void *loops[1] = { loop };
	struct link_net *net = calloc(1, sizeof(*net));

	if (!net)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	lws_set_log_level(0, NULL);
	net->loop = loop;
	net->options = options;
	net->ops = ops;
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	if (options->url.is_tls)
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
	info.foreign_loops = loops;
	info.pt_serv_buf_size = 16384;
	info.alpn = "http/1.1";
	info.retry_and_idle_policy = &no_policy;
	net->context = lws_create_context(&info);
	if (!net->context) {
		free(net);
		return ocppd_error_set(err, OCPPD_EIO,
				       "libwebsockets does not start (its libuv plugin is in "
				       "libwebsockets-evlib-uv)");
	}
	info.protocols = protocols;
	info.vhost_name = "station";
	info.client_ssl_ca_filepath = options->ca;
	net->vhost = lws_create_vhost(net->context, &info);
	if (!net->vhost) {
		link_net_free(net);
		return ocppd_error_set(err, OCPPD_EIO, "TLS cannot be set up%s%s",
				       options->ca ? " with " : "", options->ca ? options->ca : "");
	}
	*ret_net = net;
	return 0;
}

void
link_net_free(struct link_net *net)
{
	if (!net)
		return;
	lws_context_destroy(net->context);
	for (int i = 0; i < 64 && uv_run(net->loop, UV_RUN_NOWAIT); i++)
		;
	lws_context_destroy(net->context);
	free(net);
}

void
link_init(struct ws_link *link, struct link_net *net, void *arg)
{
	*link = (struct ws_link){ .net = net, .arg = arg };
	link->out_tail = &link->out_head;
}

void
link_fini(struct ws_link *link)
{
	drop_frames(link);
	buf_fini(&link->in);
}

void
link_open(struct ws_link *link)
{
	const struct options *options = link->net->options;
	struct lws_client_connect_info info = { 0 };
	char host[300];
	bool is_v6 = strchr(options->url.host, ':') != NULL;
	const struct url *url = &options->url;

	(void)snprintf(host, sizeof(host), "%s%s%s:%u", is_v6 ? "[" : "", url->host,
		       is_v6 ? "]" : "", url->port);
	info.context = link->net->context;
	info.vhost = link->net->vhost;
	info.address = url->host;
	info.port = url->port;
	info.path = link->path;
	info.host = host;
	info.protocol = options->subprotocol[0] ? options->subprotocol : NULL;
	info.local_protocol_name = "ocpp";
	info.retry_and_idle_policy = &no_policy;
	info.opaque_user_data = link;
	info.pwsi = &link->wsi;
	info.alpn = "http/1.1";
	if (url->is_tls)
		info.ssl_connection = LCCSCF_USE_SSL;
	if (url->is_tls && options->is_insecure)
		info.ssl_connection |= LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_EXPIRED |
				       LCCSCF_ALLOW_INSECURE |
				       LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK;
	link->is_opening = true;
	link->close_code = 0;
	if (!lws_client_connect_via_info(&info) && link->is_opening) {
		make_idle(link);
		link->net->ops->on_refused(link->arg, 0, "no connection");
	}
}

int
link_send(struct ws_link *link, const char *text, size_t len, bool is_binary)
{
	struct link_frame *frame;

	if (!link->is_open || link->wants_close || link->wants_drop)
		return OCPPD_ENOTCONN;
	if (link->out_bytes + len > LINK_MAX_QUEUED)
		return OCPPD_ESPACE;
	frame = malloc(sizeof(*frame) + LWS_PRE + len);
	if (!frame)
		return OCPPD_ENOMEM;
	frame->next = NULL;
	frame->len = len;
	frame->is_binary = is_binary;
	memcpy(frame->data + LWS_PRE, text, len);
	*link->out_tail = frame;
	link->out_tail = &frame->next;
	link->out_bytes += len;
	lws_callback_on_writable(link->wsi);
	return 0;
}

void
link_close(struct ws_link *link, uint16_t code)
{
	if (!link->is_open || link->wants_close)
		return;
	link->wants_close = true;
	link->close_code = code;
	lws_callback_on_writable(link->wsi);
}

void
link_drop(struct ws_link *link)
{
	if (!link->is_open)
		return;
	link->wants_drop = true;
	lws_callback_on_writable(link->wsi);
}
