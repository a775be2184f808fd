/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_LINK_H
#define OCPPD_STATION_LINK_H

#include "options.h"

#include "base/buf.h"

/*
 * The network of the program: WebSocket connections of libwebsockets on a libuv loop. A link is
 * one station's connection, opened again and again. One thread.
 *
 *   idle -> opening -> open -> idle (on_closed), or opening -> idle (on_refused)
 */
struct link_net;
struct lws;
struct uv_loop_s;
struct link_frame;

struct ws_link {
	struct link_net *net;
	struct lws *wsi; /* NULL: idle */
	bool is_open;
	bool is_opening;
	bool wants_close;
	bool wants_drop;
	bool has_closed;
	char subprotocol[32];
	uint16_t close_code; /* ours to send, or the peer's after it came */
	struct buf in;
	struct link_frame *out_head;
	struct link_frame **out_tail;
	size_t out_bytes;
	const char *path;
	const char *identity; /* for HTTP Basic */
	void *arg;
};

struct link_ops {
	/* subprotocol: "" when the server named none. */
	void (*on_open)(void *arg, const char *subprotocol);
	/* status: of the HTTP answer, 0: none came. */
	void (*on_refused)(void *arg, int status, const char *text);
	void (*on_message)(void *arg, const char *text, size_t len, bool is_binary);
	/* code: the peer's close code, 0: none. */
	void (*on_closed)(void *arg, uint16_t code);
};

#define LINK_MAX_MESSAGE (1024 * 1024)
#define LINK_MAX_QUEUED (4 * 1024 * 1024)

int link_net_new(struct uv_loop_s *loop, const struct options *options, const struct link_ops *ops,
		 struct link_net **ret_net, struct ocppd_error *err);
/* All links must be idle, or are forgotten. Turns the loop to let libwebsockets finish. */
void link_net_free(struct link_net *net);

void link_init(struct ws_link *link, struct link_net *net, void *arg);
void link_fini(struct ws_link *link);
/* Ends in on_open or on_refused, possibly before this returns. */
void link_open(struct ws_link *link);
/* Queues a frame; OCPPD_ENOTCONN, OCPPD_ESPACE, OCPPD_ENOMEM. */
int link_send(struct ws_link *link, const char *text, size_t len, bool is_binary);
/* Sends what is queued, closes with the code; on_closed follows. */
void link_close(struct ws_link *link, uint16_t code);
/* Resets the connection without a word; on_closed follows. */
void link_drop(struct ws_link *link);

#endif
