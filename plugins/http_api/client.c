/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The life of one HTTP/1.1 connection: accepted, idle, answered and idle again, closed. Nothing
 * here waits: a slow asker costs its own connection and its bounds, nothing else.
 */
#include "client.h"

#include "server.h"
#include "writer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#define CLIENT_MAGIC 0x544e4c43u
#define LINGER_MS 2000

/* ---- States -------------------------------------------------------------------------------- */

struct evbuffer *
client_output(const struct client *client)
{
	return bufferevent_get_output(client->bev);
}

void
client_bound_input(struct client *client, size_t high)
{
	bufferevent_setwatermark(client->bev, EV_READ, 0, high);
}

static void
forget_request(struct client *client)
{
	free(client->text);
	client->text = NULL;
	client->scanned = 0;
	memset(&client->head, 0, sizeof(client->head));
	client->segment_count = 0;
	client->query.count = 0;
	client->logged_path = NULL;
	client->extra[0] = '\0';
	client->is_head = false;
	client->is_chunked = false;
	client->wants_room = false;
}

static void
become_idle(struct client *client)
{
	forget_request(client);
	client->state = CLIENT_IDLE;
	TAILQ_REMOVE(&client->door->clients, client, link);
	TAILQ_INSERT_TAIL(&client->door->clients, client, link);
	client_bound_input(client, (size_t)client->api->conf->max_headers);
	(void)bufferevent_enable(client->bev, EV_READ);
	ocppd_timer_set(client->timer, client->api->conf->idle_timeout_ms);
}

/* Says that nothing more comes, and waits a little for the peer to see it: closing with unread
 * input would make the kernel throw away the answer. */
static void
become_lingering(struct client *client)
{
	client->state = CLIENT_LINGERING;
	(void)shutdown(bufferevent_getfd(client->bev), SHUT_WR);
	(void)bufferevent_enable(client->bev, EV_READ);
	ocppd_timer_set(client->timer, LINGER_MS);
	client_read(client);
}

static void
on_readable(struct bufferevent *bev, void *arg)
{
	(void)bev;
	client_read(arg);
}

static void
on_drained(struct bufferevent *bev, void *arg)
{
	struct client *client = arg;

	if (client->state == CLIENT_STREAMING && client->wants_room) {
		client->wants_room = false;
		if (client->request != NULL)
			ocppd_request_ready(client->request);
		return;
	}
	if (client->state != CLIENT_ANSWERING ||
	    evbuffer_get_length(bufferevent_get_output(bev)) > 0)
		return;
	if (client->must_close) {
		become_lingering(client);
		return;
	}
	become_idle(client);
	client_read(client);
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *client = arg;

	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0 &&
	    (client->state == CLIENT_WRITING || client->state == CLIENT_ANSWERING)) {
		client->must_close = true; /* half closed: it may still read */
		return;
	}
	client_free(client);
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct client *client = arg;

	(void)host;
	if (client->state == CLIENT_HEAD || client->state == CLIENT_BODY) {
		struct problem problem;

		client->must_close = true;
		(void)problem_set(&problem, 408, "request-timeout",
				  "the request did not arrive in time");
		client_send_problem(client, &problem);
		return;
	}
	client_free(client);
}

static int
identify(struct client *client, int fd)
{
	int one = 1;

	if (client->door->is_unix)
		return auth_unix(fd, client->door->group, &client->peer);

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	client->peer.role = OCPPD_ROLE_NONE;
	(void)snprintf(client->peer.user, sizeof(client->peer.user), "anonymous");
	return 0;
}

int
client_accept(struct door *door, int fd, const char *remote)
{
	struct api *api = door->server->api;
	struct client *client = calloc(1, sizeof(*client));
	struct timeval no_progress = { .tv_sec = api->conf->request_timeout_ms / 1000,
				       .tv_usec = api->conf->request_timeout_ms % 1000 * 1000 };

	if (client == NULL) {
		(void)close(fd);
		return OCPPD_ENOMEM;
	}
	client->magic = CLIENT_MAGIC;
	client->door = door;
	client->api = api;
	(void)snprintf(client->remote, sizeof(client->remote), "%s", remote);
	client->timer = ocppd_timer_new(api->host, on_deadline, client);
	client->bev = bufferevent_socket_new(door->server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->bev == NULL)
		(void)close(fd);
	if (client->bev == NULL || client->timer == NULL || identify(client, fd) < 0) {
		ocppd_timer_free(client->timer);
		if (client->bev != NULL)
			bufferevent_free(client->bev);
		free(client);
		return OCPPD_ENOMEM;
	}
	client->asker = client->peer;
	door->count++;
	TAILQ_INSERT_TAIL(&door->clients, client, link);
	bufferevent_setcb(client->bev, on_readable, on_drained, on_event, client);
	(void)bufferevent_set_timeouts(client->bev, NULL, &no_progress);
	become_idle(client);
	(void)bufferevent_enable(client->bev, EV_READ | EV_WRITE);
	return 0;
}

void
client_free(struct client *client)
{
	struct ocppd_request *request = client->request;
	struct door *door = client->door;

	client->request = NULL;
	turns_leave(client);
	if (client->writer != NULL)
		writer_free(client->writer);
	if (request != NULL && !door->server->timers_are_gone)
		ocppd_request_gone(request);
	TAILQ_REMOVE(&door->clients, client, link);
	if (!door->server->timers_are_gone)
		ocppd_timer_free(client->timer);
	bufferevent_free(client->bev);
	free(client->text);
	client->magic = 0;
	free(client);
	door_left(door);
}

void
client_finish(struct client *client)
{
	if (client->is_ready) { /* it is whole, so its asker hears that it was not handled */
		struct problem problem;

		turns_leave(client);
		client->must_close = true;
		(void)problem_set(&problem, 503, "shutting-down",
				  "the daemon or its API is stopping");
		client_send_problem(client, &problem);
		return;
	}
	switch (client->state) {
	case CLIENT_HANDLING:
	case CLIENT_WRITING:
	case CLIENT_ANSWERING:
		client->must_close = true;
		return;
	case CLIENT_IDLE:
	case CLIENT_HEAD:
	case CLIENT_BODY:
	case CLIENT_STREAMING:
	case CLIENT_LINGERING:
		client_free(client);
		return;
	}
}

void
client_abandon(struct client *client)
{
	struct ocppd_request *request = client->request;
	struct problem problem;

	if (client->state != CLIENT_HANDLING && client->state != CLIENT_WRITING)
		return;
	client->must_close = true;
	if (client->state == CLIENT_WRITING) {
		writer_finish(client->writer);
	} else {
		client->request = NULL;
		if (request != NULL)
			ocppd_request_gone(request);
		(void)problem_set(&problem, 503, "shutting-down",
				  "the daemon or its API is stopping");
		client_send_problem(client, &problem);
	}
	/* The loop has no turn left for this connection; a bufferevent keeps its output frozen. */
	(void)evbuffer_unfreeze(client_output(client), 1);
	(void)evbuffer_write(client_output(client), bufferevent_getfd(client->bev));
}

bool
client_is_idle(const struct client *client)
{
	return client->state == CLIENT_IDLE;
}

struct client *
client_next(struct client *client)
{
	return TAILQ_NEXT(client, link);
}
