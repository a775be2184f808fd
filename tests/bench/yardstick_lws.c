/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The yardstick of the transport: bare libwebsockets on a foreign libuv loop, one thread, that
 * parses each message with json-c and answers it. Nothing is validated, stored or logged. Accepts
 * by itself and adopts, so that handshakes under way can be paced as a server must.
 */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>
#include <libwebsockets.h>
#include <uv.h>

#define REPLY_MAX 256
/* As the daemon has it: lws's default would be pt_serv_buf_size, and 4 KB more a connection. */
#define RX_SIZE 2048

struct yardstick {
	uv_loop_t loop;
	uv_poll_t listener;
	uv_signal_t signal;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct json_tokener *tokener;
	int fd;
	uint32_t paced; /* handshakes at a time, 0: no limit */
	uint32_t pending;
	int64_t next_id;
	int64_t time_s; /* of time_text */
	char time_text[32];
	unsigned char reply[LWS_PRE + REPLY_MAX];
};

static const lws_retry_bo_t no_policy;

static void on_connection(uv_poll_t *poll, int status, int events);

static const char *
now_text(struct yardstick *y)
{
	struct timespec now;
	int ms;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != y->time_s) {
		y->time_s = now.tv_sec;
		bench_time((int64_t)now.tv_sec * 1000000, y->time_text);
	}
	ms = (int)(now.tv_nsec / 1000000);
	y->time_text[20] = (char)('0' + ms / 100);
	y->time_text[21] = (char)('0' + ms / 10 % 10);
	y->time_text[22] = (char)('0' + ms % 10);
	return y->time_text;
}

static int
answer(struct yardstick *y, struct lws *wsi, struct json_object *frame)
{
	const char *id = json_object_get_string(json_object_array_get_idx(frame, 1));
	const char *action = json_object_get_string(json_object_array_get_idx(frame, 2));
	char *text = (char *)y->reply + LWS_PRE;
	int n;

	if (!id || !action)
		return -1;
	if (strcmp(action, "Heartbeat") == 0)
		n = snprintf(text, REPLY_MAX, "[3,\"%s\",{\"currentTime\":\"%s\"}]", id,
			     now_text(y));
	else if (strcmp(action, "StartTransaction") == 0)
		n = snprintf(text, REPLY_MAX,
			     "[3,\"%s\",{\"idTagInfo\":{\"status\":\"Accepted\"},"
			     "\"transactionId\":%lld}]",
			     id, (long long)++y->next_id);
	else
		n = snprintf(text, REPLY_MAX,
			     "[3,\"%s\",{\"status\":\"Accepted\",\"currentTime\":\"%s\","
			     "\"interval\":300}]",
			     id, now_text(y));
	return lws_write(wsi, y->reply + LWS_PRE, (size_t)n, LWS_WRITE_TEXT) < 0 ? -1 : 0;
}

static int
on_receive(struct yardstick *y, struct lws *wsi, const char *data, size_t len)
{
	struct json_object *frame;
	int r = -1;

	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return -1; /* the load generator sends whole frames */
	json_tokener_reset(y->tokener);
	frame = json_tokener_parse_ex(y->tokener, data, (int)len);
	if (json_tokener_get_error(y->tokener) == json_tokener_success &&
	    json_object_is_type(frame, json_type_array))
		r = answer(y, wsi, frame);
	json_object_put(frame);
	return r;
}

static void
handshake_over(struct yardstick *y)
{
	if (y->pending > 0)
		y->pending--;
	if (y->paced > 0 && y->pending + 1 == y->paced)
		uv_poll_start(&y->listener, UV_READABLE, on_connection);
}

static int
callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct yardstick *y = lws_context_user(lws_get_context(wsi));

	(void)user;
	if (reason == LWS_CALLBACK_RECEIVE)
		return on_receive(y, wsi, in, len);
	if (reason == LWS_CALLBACK_ESTABLISHED)
		handshake_over(y);
	return 0;
}

static void
on_connection(uv_poll_t *poll, int status, int events)
{
	struct yardstick *y = poll->data;
	int one = 1;

	(void)status;
	(void)events;
	for (int i = 0; i < 64; i++) {
		lws_adopt_desc_t d = { .vh = y->vhost,
				       .type = (lws_adoption_type)(LWS_ADOPT_SOCKET |
								   LWS_ADOPT_HTTP) };

		if (y->paced > 0 && y->pending >= y->paced) {
			uv_poll_stop(&y->listener);
			return;
		}
		d.fd.sockfd = accept4(y->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (d.fd.sockfd < 0)
			return;
		(void)setsockopt(d.fd.sockfd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		y->pending++;
		if (!lws_adopt_descriptor_vhost_via_info(&d))
			handshake_over(y);
	}
}

static int
open_listener(struct yardstick *y)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	y->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (y->fd < 0 || bind(y->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(y->fd, 4096) < 0 || getsockname(y->fd, (struct sockaddr *)&address, &size) < 0)
		return -1;
	uv_poll_init(&y->loop, &y->listener, y->fd);
	y->listener.data = y;
	uv_poll_start(&y->listener, UV_READABLE, on_connection);
	printf("port %u\n", ntohs(address.sin_port));
	(void)fflush(stdout);
	return 0;
}

static int
open_context(struct yardstick *y)
{
	static const struct lws_protocols protocols[] = {
		{ .name = "ocpp1.6", .callback = callback, .rx_buffer_size = RX_SIZE },
		{ 0 },
	};
	struct lws_context_creation_info info = { 0 };
	void *loops[1] = { &y->loop };

	lws_set_log_level(LLL_ERR, NULL);
	info.port = CONTEXT_PORT_NO_LISTEN;
	info.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
		       LWS_SERVER_OPTION_VALIDATE_UTF8;
	info.foreign_loops = loops;
	info.user = y;
	info.pt_serv_buf_size = 65536;
	info.retry_and_idle_policy = &no_policy;
	y->context = lws_create_context(&info);
	if (!y->context)
		return -1;
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	y->vhost = lws_create_vhost(y->context, &info);
	return y->vhost ? 0 : -1;
}

static void
on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

int
main(int argc, char **argv)
{
	struct yardstick y = { .fd = -1 };
	struct rlimit limit;

	if (argc == 3 && strcmp(argv[1], "--paced") == 0 && bench_number(argv[2], &y.paced) == 0)
		argc = 1;
	if (argc != 1) {
		fprintf(stderr, "usage: yardstick_lws [--paced HANDSHAKES]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	y.tokener = json_tokener_new();
	if (!y.tokener || uv_loop_init(&y.loop) < 0 || open_context(&y) < 0 ||
	    open_listener(&y) < 0) {
		fprintf(stderr, "yardstick_lws: cannot start\n");
		return 2;
	}
	uv_signal_init(&y.loop, &y.signal);
	uv_signal_start(&y.signal, on_signal, SIGTERM);
	(void)uv_run(&y.loop, UV_RUN_DEFAULT);
	return 0;
}
