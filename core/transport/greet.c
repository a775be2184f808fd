/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Reads prefaces. Bytes are looked at before they are taken from the socket, so that none of the
 * client's is taken with them, TLS or not.
 */
#include "transport/greet.h"

#include <ocppd/log.h>

#include "base/clock.h"
#include "runtime/loop.h"
#include "transport/preface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

struct greeting {
	LIST_ENTRY(greeting) all;
	struct listener *listener;
	struct event *event;
	int64_t deadline_mono_us;
	int fd;
	size_t used;
	struct arrival arrival; /* the proxy's, until it is known whose it is */
	uint8_t data[PREFACE_MAX];
};

static void
greeting_free(struct greeting *greeting)
{
	struct transport *transport = greeting->listener->transport;

	LIST_REMOVE(greeting, all);
	transport->greeting_count--;
	if (greeting->event)
		event_free(greeting->event);
	if (greeting->fd >= 0)
		(void)close(greeting->fd);
	free(greeting);
}

/* reason: the metric's word; why: for people. */
static void
give_up(struct greeting *greeting, const char *reason, const char *why)
{
	struct transport *transport = greeting->listener->transport;
	int64_t now_us = clock_mono_us(&transport->core->clock);
	char remote[CONN_REMOTE_SIZE];
	uint32_t omitted;

	traffic_refused(&transport->traffic, reason);
	if (quota_pass(&transport->greet_quota, now_us, &omitted)) {
		accept_remote(&greeting->arrival.peer.any, remote);
		OCPPD_WARN(transport->core->self, "handshake.failed", OCPPD_STR("remote", remote),
			   OCPPD_STR("err", why),
			   OCPPD_STR("listener", greeting->listener->address),
			   OCPPD_INT("omitted", omitted));
	}
	greeting_free(greeting);
	accept_resume(transport);
}

static void
wait_more(struct greeting *greeting)
{
	struct transport *transport = greeting->listener->transport;
	int64_t left_us = greeting->deadline_mono_us - clock_mono_us(&transport->core->clock);
	struct timeval left = { 0 };

	if (left_us > 0) {
		left.tv_sec = left_us / 1000000;
		left.tv_usec = left_us % 1000000;
	}
	if (event_add(greeting->event, &left) < 0)
		give_up(greeting, "limit", "out of memory");
}

/* Takes the header's bytes off the socket. False: something else took them. */
static bool
consume(struct greeting *greeting, size_t count)
{
	ssize_t n = recv(greeting->fd, greeting->data + greeting->used, count, 0);

	if (n < 0 || (size_t)n != count)
		return false;
	greeting->used += count;
	return true;
}

static void
finish(struct greeting *greeting, const struct preface *preface)
{
	struct arrival arrival = greeting->arrival;

	arrival.fd = greeting->fd;
	arrival.is_secure = preface->is_secure;
	if (preface->has_client)
		memcpy(&arrival.peer, &preface->client, sizeof(preface->client));
	greeting->fd = -1;
	greeting_free(greeting);
	accept_greeted(&arrival);
}

static void
on_bytes(evutil_socket_t fd, short what, void *arg)
{
	struct greeting *greeting = arg;
	struct preface preface;
	const char *why = NULL;
	size_t known;
	ssize_t n;
	int r;

	if ((what & EV_TIMEOUT) != 0) {
		give_up(greeting, "timeout", "no PROXY header within handshake_timeout");
		return;
	}
	n = recv(fd, greeting->data + greeting->used, PREFACE_MAX - greeting->used, MSG_PEEK);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		wait_more(greeting);
		return;
	}
	if (n <= 0) {
		give_up(greeting, "closed", "closed before the PROXY header was whole");
		return;
	}
	known = greeting->used + (size_t)n;
	r = preface_parse(greeting->data, known, &preface, &why);
	if (r < 0)
		give_up(greeting, "proxy", why);
	else if (!consume(greeting, r == 0 ? (size_t)n : (size_t)r - greeting->used))
		give_up(greeting, "closed", "the PROXY header could not be read");
	else if (r == 0)
		wait_more(greeting);
	else
		finish(greeting, &preface);
}

void
greet_begin(struct listener *listener, int fd, const struct sockaddr *proxy, int len)
{
	struct transport *transport = listener->transport;
	struct greeting *greeting = calloc(1, sizeof(*greeting));

	if (!greeting) {
		traffic_refused(&transport->traffic, "limit");
		(void)close(fd);
		return;
	}
	greeting->listener = listener;
	greeting->fd = fd;
	greeting->arrival.listener = listener;
	greeting->arrival.is_greeted = true;
	memcpy(&greeting->arrival.peer, proxy,
	       (size_t)len < sizeof(greeting->arrival.peer) ? (size_t)len
							    : sizeof(greeting->arrival.peer));
	greeting->deadline_mono_us = clock_mono_us(&transport->core->clock) +
				     limit_get(&transport->limits.handshake_timeout_ms) * 1000;
	LIST_INSERT_HEAD(&transport->greetings, greeting, all);
	transport->greeting_count++;
	greeting->event = event_new(loop_base(transport->core), fd, EV_READ, on_bytes, greeting);
	if (!greeting->event)
		give_up(greeting, "limit", "out of memory");
	else
		wait_more(greeting);
}

void
greet_stop(struct transport *transport)
{
	struct greeting *greeting;

	while ((greeting = LIST_FIRST(&transport->greetings)))
		greeting_free(greeting);
}
