/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* The transport as the daemon sees it: its life, its limits and its list of listeners. */
#include "transport/transport.h"

#include <ocppd/event.h>
#include <ocppd/event/station.h>
#include <ocppd/log.h>
#include <ocppd/plugin.h>

#include "base/text.h"
#include "ocpp/ocpp.h"
#include "runtime/bus.h"
#include "runtime/host.h"
#include "transport/io.h"
#include "transport/peers.h"
#include "transport/renewal.h"
#include "transport/session.h"
#include "transport/target.h"
#include "transport/traffic.h"

#include <sched.h>
#include <stdlib.h>

#define THREADS_DEFAULT_MAX 4

static const struct ocppd_field refused_fields[] = {
	{ "reason", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "status", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "remote", OCPPD_T_STRING, OCPPD_REQUIRED },
	{ "stationId", OCPPD_T_STRING },
	{ "userAgent", OCPPD_T_STRING },
	{ "offeredProtocols", OCPPD_T_STRING },
};

static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_STATION_REFUSED, "A station's opening handshake was refused.",
	  OCPPD_TABLE(refused_fields) },
};

/* ---- Limits ------------------------------------------------------------------------------ */

static void
limit_set(_Atomic int64_t *limit, int64_t value)
{
	atomic_store_explicit(limit, value, memory_order_relaxed);
}

static void
limits_set(struct limits *limits, const struct transport_conf *conf)
{
	limit_set(&limits->max_connections, conf->max_connections);
	limit_set(&limits->max_per_address, conf->max_per_address);
	limit_set(&limits->max_handshakes, conf->max_handshakes);
	limit_set(&limits->accept_rate, conf->accept_rate);
	limit_set(&limits->handshake_timeout_ms, conf->handshake_timeout_ms);
	limit_set(&limits->close_timeout_ms, conf->close_timeout_ms);
	limit_set(&limits->max_message, conf->max_message);
	limit_set(&limits->max_outbound, conf->max_outbound);
	limit_set(&limits->max_outbound_count, conf->max_outbound_count);
	limit_set(&limits->max_undrained, conf->max_undrained);
	limit_set(&limits->ping_interval_ms, conf->ping_interval_ms);
	limit_set(&limits->idle_floor_s, conf->idle_floor_s);
	limit_set(&limits->tcp_user_timeout_ms, conf->tcp_user_timeout_ms);
	limit_set(&limits->missing_subprotocol, conf->missing_subprotocol);
}

static int
check_listener(const struct listener_conf *listener, uint32_t i, struct ocppd_error *err)
{
	char option[64];

	(void)snprintf(option, sizeof(option), "listeners[%u].path", i);
	for (uint32_t k = 0; k < listener->paths.count; k++) {
		if (!target_path_valid(listener->paths.items[k]))
			return ocppd_error_option(err, OCPPD_EINVAL, option,
						  "a path begins with `/` and has no blank, `?`, "
						  "`#`, `%%` or `+`");
	}
	(void)snprintf(option, sizeof(option), "listeners[%u].trusted_proxies", i);
	if (listener->proxy_header == PROXY_HEADER_PREFACE && listener->proxies.count == 0)
		return ocppd_error_option(err, OCPPD_EINVAL, option,
					  "is required with proxy_header: proxy-protocol: the "
					  "addresses of the proxies that send it");
	for (uint32_t k = 0; k < listener->proxies.count; k++) {
		struct network network;

		if (network_parse(listener->proxies.items[k], &network) < 0)
			return ocppd_error_option(
				err, OCPPD_EINVAL, option,
				"%.60s is no address and no network, as 10.0.0.0/8",
				listener->proxies.items[k]);
	}

	return 0;
}

static bool
is_wildcard(const char *address)
{
	return str_eq(address, "::") || str_eq(address, "0.0.0.0");
}

/* [::] takes IPv4, too. */
static int
check_places(const struct listener_conf *listeners, uint32_t i, struct ocppd_error *err)
{
	const struct listener_conf *own = &listeners[i];
	char option[64];

	(void)snprintf(option, sizeof(option), "listeners[%u].port", i);
	for (uint32_t k = 0; k < i; k++) {
		const struct listener_conf *other = &listeners[k];

		if (own->port == 0 || own->port != other->port ||
		    (!str_eq(own->address, other->address) &&
		     !(is_wildcard(own->address) && is_wildcard(other->address))))
			continue;
		return ocppd_error_option(
			err, OCPPD_EINVAL, option,
			"listeners[%u] listens at %s port %d already: take another "
			"port, or give one listener a list of paths",
			k, other->address, (int)other->port);
	}

	return 0;
}

int
transport_check(const struct transport_conf *conf, struct ocppd_error *err)
{
	const struct listener_conf *listeners = conf->listeners.items;

	for (uint32_t i = 0; i < conf->listeners.count; i++) {
		int r = check_listener(&listeners[i], i, err);
		if (r >= 0)
			r = check_places(listeners, i, err);
		if (r < 0)
			return r;
	}
	/* B02: a live but silent station is pinged before it is given up. */
	if (conf->ping_interval_ms > 0 && conf->idle_floor_s * 1000 < 2 * conf->ping_interval_ms)
		return ocppd_error_option(err, OCPPD_EINVAL, "idle_floor",
					  "must be at least twice ping_interval, or live stations "
					  "are given up");
	if (conf->max_outbound < conf->max_message)
		return ocppd_error_option(err, OCPPD_EINVAL, "max_outbound",
					  "must not be less than max_message");

	return renewal_check(conf, err);
}

/* ---- Action tables ----------------------------------------------------------------------- */

/* A thread that misses a table would serve with the old one for ever: out of memory is logged, and
 * the next change tries again. */
static void
on_table(struct action_table *table, void *arg)
{
	struct transport *transport = arg;

	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];
		struct table_swap *swap = malloc(sizeof(*swap));

		if (!swap) {
			OCPPD_ERROR(transport->core->self, "actions.stale",
				    OCPPD_STR("err", "out of memory: reload once more"));
			continue;
		}
		action_table_hold(table);
		swap->table = table;
		if (chain_push(&io->swaps, &swap->link) == 1)
			io_wake(io);
	}
}

static void
release_tables(struct io *io)
{
	struct link *link = chain_take(&io->swaps);

	while (link) {
		struct table_swap *swap = (struct table_swap *)(void *)link;

		link = link->next;
		action_table_release(swap->table);
		free(swap);
	}
	if (io->table)
		action_table_release(io->table);
	io->table = NULL;
}

/* ---- Life -------------------------------------------------------------------------------- */

static uint32_t
thread_count(int64_t wanted)
{
	cpu_set_t set;
	uint32_t count = 1;

	if (wanted > 0)
		return wanted > IO_THREADS_MAX ? IO_THREADS_MAX : (uint32_t)wanted;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		count = (uint32_t)CPU_COUNT(&set);
	return count > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : count;
}

static int
make_threads(struct transport *transport, uint32_t count, struct ocppd_error *err)
{
	transport->ios = calloc(count, sizeof(*transport->ios));
	if (!transport->ios)
		return OCPPD_ENOMEM;

	/* All contexts first: one is not made while another's thread serves. */
	while (transport->io_count < count) {
		uint32_t i = transport->io_count++;
		int r = io_init(&transport->ios[i], transport, i, err);
		if (r < 0)
			return r;
	}
	for (uint32_t i = 0; i < count; i++) {
		int r = io_start(&transport->ios[i], err);
		if (r < 0)
			return r;
	}

	return 0;
}

int
transport_init(struct ocppd_core *core, const struct transport_conf *conf, struct ocppd_error *err)
{
	struct transport *transport = calloc(1, sizeof(*transport));
	int r;

	if (!transport)
		return OCPPD_ENOMEM;
	transport->core = core;
	transport->spare_fd = -1;
	transport->wake_fd = -1;
	transport->served = ocpp_protocols(core);
	transport->conf = conf;
	limits_set(&transport->limits, conf);
	turns_init(&transport->turns);
	r = peers_init(&transport->peers);
	if (r < 0) {
		free(transport);
		return r;
	}
	core->transport = transport;

	r = bus_add_topics(core, core->self, topics, sizeof(topics) / sizeof(topics[0]), err);
	if (r < 0)
		goto out;
	r = traffic_init(transport, err);
	if (r < 0)
		goto out;
	r = deliver_init(transport, err);
	if (r < 0)
		goto out;
	r = renewal_init(transport, conf, err);
	if (r < 0)
		goto out;
	transport->max_descriptors = accept_raise_limit(transport, conf->max_connections);
	r = make_threads(transport, thread_count(conf->io_threads), err);
	if (r < 0)
		goto out;
	ocpp_set_table_listener(core, on_table, transport);
out:
	if (r < 0)
		transport_fini(core);
	return r;
}

int
transport_listen(struct ocppd_core *core, struct ocppd_error *err)
{
	int r = accept_listen(core->transport, core->transport->conf, err);

	core->transport->conf = NULL;
	if (r < 0)
		accept_stop(core->transport);
	return r;
}

void
transport_reload(struct ocppd_core *core, const struct transport_conf *conf)
{
	if (!core->transport)
		return;
	limits_set(&core->transport->limits, conf);
	accept_reload(core->transport);
	renewal_reload(core->transport, conf);
}

void
transport_stop_accepting(struct ocppd_core *core)
{
	if (!core->transport)
		return;
	atomic_store(&core->transport->is_draining, true);
	accept_stop(core->transport);
}

void
transport_drain(struct ocppd_core *core, void (*fn)(void *arg), void *arg)
{
	struct transport *transport = core->transport;

	transport_stop_accepting(core);
	transport->drain_fn = fn;
	transport->drain_arg = arg;
	for (uint32_t i = 0; i < transport->io_count; i++) {
		atomic_store(&transport->ios[i].is_draining, true);
		io_wake(&transport->ios[i]);
	}
	/* Where no connection is left, the wake-up says so. */
	deliver_wake(transport);
}

void
transport_fini(struct ocppd_core *core)
{
	struct transport *transport = core->transport;

	if (!transport)
		return;
	ocpp_set_table_listener(core, NULL, NULL);
	traffic_fini(transport);
	accept_stop(transport);
	for (uint32_t i = 0; i < transport->io_count; i++)
		io_stop(&transport->ios[i]);
	/* What the threads said last, every `closed` among it; sessions are released by it. */
	deliver_everything(transport);
	for (uint32_t i = 0; i < transport->io_count; i++) {
		release_tables(&transport->ios[i]);
		io_fini(&transport->ios[i]);
	}
	free(transport->ios);
	renewal_fini(transport);
	accept_fini(transport);
	deliver_fini(transport);
	turns_fini(&transport->turns);
	peers_fini(&transport->peers);
	free(transport);
	core->transport = NULL;
}

int
ocppd_listener_each(struct ocppd_host *host, ocppd_listener_fn *fn, void *arg)
{
	const struct transport *transport = host->core->transport;

	for (uint32_t i = 0; transport && i < transport->listener_count; i++) {
		const struct listener *listener = &transport->listeners[i];

		for (uint32_t k = 0; listener->socket && k < listener->path_count; k++) {
			struct ocppd_listener_info info = {
				.struct_size = sizeof(info),
				.is_tls = renewal_has_tls(transport, i),
				.address = listener->address,
				.path = listener->paths[k],
			};
			int r = fn(&info, arg);

			if (r != 0)
				return r;
		}
	}

	return 0;
}
