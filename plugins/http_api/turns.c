/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Whose turn it is: requests are handled one in a turn of the loop, in the order in which they were
 * whole, and no faster than the API's share of the core's thread allows. Stations' messages come in
 * between, so operators' programs slow each other down and not the stations.
 */
#include "client.h"

#include "server.h"

#include <event2/bufferevent.h>
#include <event2/event.h>

static int64_t
wait_ms(struct server *server)
{
	int64_t wait_us = share_wait_us(&server->share, ocppd_mono_us(server->api->host),
					server->api->conf->core_share);

	return (wait_us + 999) / 1000;
}

static void
set_turn(struct server *server, int64_t delay_ms)
{
	server->is_turn_set = true;
	ocppd_timer_set(server->turn, delay_ms);
	if (delay_ms > 0)
		(void)ocppd_metric_add(server->api->host, METRIC_HELD_BACK, NULL,
				       (double)delay_ms / 1000);
}

bool
turns_take(struct client *client)
{
	struct server *server = client->door->server;
	int64_t delay_ms = 0;

	if (client->is_ready)
		return false;
	if (!client->has_turn && !server->is_turn_set) {
		delay_ms = wait_ms(server);
		client->has_turn = delay_ms == 0;
	}
	if (!server->is_turn_set)
		set_turn(server, delay_ms);
	if (client->has_turn) {
		client->has_turn = false;
		share_request(&server->share);
		return true;
	}
	client->is_ready = true;
	ocppd_timer_cancel(client->timer);
	(void)bufferevent_disable(client->bev, EV_READ);
	TAILQ_INSERT_TAIL(&server->ready, client, ready);
	return false;
}

void
turns_leave(struct client *client)
{
	if (!client->is_ready)
		return;
	TAILQ_REMOVE(&client->door->server->ready, client, ready);
	client->is_ready = false;
	(void)bufferevent_enable(client->bev, EV_READ);
}

void
turns_next(struct ocppd_host *host, void *arg)
{
	struct server *server = arg;
	struct client *client = TAILQ_FIRST(&server->ready);
	int64_t delay_ms = client == NULL ? 0 : wait_ms(server);

	(void)host;
	server->is_turn_set = false;
	if (client == NULL)
		return;
	set_turn(server, delay_ms);
	if (delay_ms > 0)
		return;
	turns_leave(client);
	client->has_turn = true;
	client_read(client);
}

void
turns_work_begin(struct server *server)
{
	share_begin(&server->share, ocppd_mono_us(server->api->host),
		    server->api->conf->core_share);
}

void
turns_work_end(struct server *server)
{
	share_end(&server->share, ocppd_mono_us(server->api->host), server->api->conf->core_share);
}
