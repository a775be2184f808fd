/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Accepting, on the core thread: binding, limits, pacing, descriptors. What it accepts goes to the
 * I/O thread with the fewest connections; what no thread has room for waits here for its turn
 * (turns.c), since the kernel drops, and at times resets, what its backlog does not hold. What has
 * no descriptor, or no token of accept_rate, waits there all the same.
 */
#include <ocppd/log.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/loop.h"
#include "transport/greet.h"
#include "transport/io.h"
#include "transport/options.h"
#include "transport/session.h"
#include "transport/target.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#define BACKLOG 4096
#define ACCEPT_RETRY_MS 500 /* without descriptors */
#define ACCEPT_PACE_MS 20   /* with accept_rate */
#define ACCEPT_BURST 512    /* then the loop looks at everything else */
#define PARKED_MAX 65536
#define ASK_EVERY_US 50000 /* for a place, while some wait */
#define ASK_PAUSE_US 5000  /* between two times, at least */
#define ASK_ORIGIN_US 4
#define KEEP_IDLE_S 60
#define KEEP_INTERVAL_S 15
#define KEEP_COUNT 4
#define DESCRIPTORS_RESERVED 512   /* modules, databases, the operator API; half of fewer */
#define DESCRIPTORS_USEFUL 1048576 /* lws has a table as long as the limit */

/* ---- Descriptors ------------------------------------------------------------------------- */

int64_t
accept_raise_limit(struct transport *transport, int64_t wanted)
{
	struct ocppd_host *self = transport->core->self;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return wanted;

	rlim_t need = (rlim_t)wanted + DESCRIPTORS_RESERVED;
	rlim_t before = limit.rlim_cur;
	if (limit.rlim_cur < need || limit.rlim_cur > DESCRIPTORS_USEFUL) {
		if (limit.rlim_max < need) {
			/* Needs a capability; the next attempt does without. */
			struct rlimit higher = { need, need };
			if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
				limit = higher;
		}
		limit.rlim_cur = limit.rlim_max < need ? limit.rlim_max : need;
		if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
			limit.rlim_cur = before;
	}

	int64_t half = (int64_t)limit.rlim_cur / 2;
	int64_t usable =
		half < DESCRIPTORS_RESERVED ? half : (int64_t)limit.rlim_cur - DESCRIPTORS_RESERVED;
	if (usable < 1)
		usable = 1;
	if (usable < wanted)
		OCPPD_WARN(self, "descriptors.limited", OCPPD_INT("limit", limit.rlim_cur),
			   OCPPD_INT("max_connections", usable),
			   OCPPD_STR("err", "raise LimitNOFILE= of the service to serve "
					    "max_connections"));
	else
		OCPPD_INFO(self, "descriptors.limited", OCPPD_INT("limit", limit.rlim_cur));
	return usable;
}

/* ---- Accepting --------------------------------------------------------------------------- */

static void
set_enabled(struct transport *transport, bool is_enabled)
{
	for (uint32_t i = 0; i < transport->listener_count; i++) {
		struct evconnlistener *socket = transport->listeners[i].socket;

		if (!socket)
			continue;
		if (is_enabled)
			(void)evconnlistener_enable(socket);
		else
			(void)evconnlistener_disable(socket);
	}
}

/* The thread with the fewest connections that has room for a handshake, or NULL. */
static struct io *
find_room(struct transport *transport)
{
	int64_t max = limit_get(&transport->limits.max_handshakes);
	struct io *best = NULL;
	uint32_t fewest = UINT32_MAX;

	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];
		uint32_t count = atomic_load(&io->connections);

		if (atomic_load(&io->handshakes) >= max || count >= fewest)
			continue;
		best = io;
		fewest = count;
	}

	return best;
}

static void
set_timer(struct transport *transport, int64_t ms)
{
	struct timeval delay = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	(void)event_add(transport->accept_timer, &delay);
}

static void
pause_accepting(struct transport *transport)
{
	set_enabled(transport, false);
	transport->is_accept_off = true;
	atomic_store(&transport->is_accept_paused, true);
}

/* A token bucket: accept_rate a second, a tenth of a second's worth at once. */
static bool
has_token(struct transport *transport)
{
	int64_t rate = limit_get(&transport->limits.accept_rate);
	int64_t now_us = clock_mono_us(&transport->core->clock);
	int64_t most = rate * 100 > 1000 ? rate * 100 : 1000;

	if (rate == 0)
		return true;
	transport->tokens += (now_us - transport->tokens_mono_us) * rate / 1000;
	transport->tokens_mono_us = now_us;
	if (transport->tokens > most)
		transport->tokens = most;
	return transport->tokens >= 1000;
}

/* As inet_ntop writes it, which takes a third of the time of an accept. */
static void
format_ipv4(const struct in_addr *addr, char *ret_address)
{
	const unsigned char *bytes = (const unsigned char *)addr;
	size_t len = 0;

	for (size_t i = 0; i < 4; i++) {
		char number[I64_TEXT_SIZE];
		size_t digits = i64_text(bytes[i], number);

		memcpy(ret_address + len, number, digits);
		len += digits;
		ret_address[len++] = i < 3 ? '.' : '\0';
	}
}

static void
append_port(const char *address, uint16_t port, char *ret_remote)
{
	bool is_bracketed = strchr(address, ':') != NULL;
	size_t len = strlen(address);
	char number[I64_TEXT_SIZE];
	size_t at = 0;

	if (is_bracketed)
		ret_remote[at++] = '[';
	memcpy(ret_remote + at, address, len);
	at += len;
	if (is_bracketed)
		ret_remote[at++] = ']';
	ret_remote[at++] = ':';
	memcpy(ret_remote + at, number, i64_text(port, number) + 1);
}

/* The address without port in ret_address; "[ipv6]:port" in ret_remote. IPv4 that came through an
 * IPv6 socket is written as IPv4. */
static void
format_peer(const struct sockaddr *addr, char ret_address[INET6_ADDRSTRLEN], char *ret_remote)
{
	_Static_assert(CONN_REMOTE_SIZE >= INET6_ADDRSTRLEN + 8, "[]:65535");
	uint16_t port = 0;

	(void)str_copy(ret_address, INET6_ADDRSTRLEN, "unknown");
	if (addr->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, addr, sizeof(in));
		port = ntohs(in.sin_port);
		format_ipv4(&in.sin_addr, ret_address);
	} else if (addr->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, addr, sizeof(in6));
		port = ntohs(in6.sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
			struct in_addr mapped;

			memcpy(&mapped, in6.sin6_addr.s6_addr + 12, sizeof(mapped));
			format_ipv4(&mapped, ret_address);
		} else {
			(void)inet_ntop(AF_INET6, &in6.sin6_addr, ret_address, INET6_ADDRSTRLEN);
		}
	}
	append_port(ret_address, port, ret_remote);
}

static bool
is_trusted(const struct listener *listener, const struct sockaddr *addr)
{
	uint8_t address[ADDRESS_BYTES];

	return listener->proxy_count > 0 && address_of(addr, address) == 0 &&
	       network_has(listener->proxies, listener->proxy_count, address);
}

void
accept_remote(const struct sockaddr *addr, char ret_remote[CONN_REMOTE_SIZE])
{
	char address[INET6_ADDRSTRLEN];

	format_peer(addr, address, ret_remote);
}

/* The socket is the session's from now on. */
static void
take(struct io *io, const struct arrival *arrival)
{
	struct listener *listener = arrival->listener;
	struct transport *transport = listener->transport;
	struct session *session =
		session_new(io, (uint32_t)(listener - transport->listeners), arrival->fd);
	char address[INET6_ADDRSTRLEN];
	uint32_t of_address = 0;

	if (!session)
		return;

	transport->accepted++;
	session->origin = arrival->origin;
	if (session->origin)
		atomic_fetch_add(&session->origin->handshakes, 1);
	format_peer(&arrival->peer.any, address, session->conn.remote);
	session->is_told_secure = arrival->is_secure;
	int64_t max = limit_get(&transport->limits.max_connections);
	int64_t max_of_address = limit_get(&transport->limits.max_per_address);
	if (max > transport->max_descriptors)
		max = transport->max_descriptors;
	session->is_proxied = listener->proxy_header != PROXY_HEADER_PREFACE &&
			      is_trusted(listener, &arrival->peer.any);
	/* Of those behind a proxy the gate counts the client's address. */
	if (max_of_address > 0 && !session->is_proxied)
		session->peer = peers_add(&transport->peers, address, &of_address);
	/* The gate says 503: a station that is told backs off. */
	session->is_over_limit = atomic_load(&transport->connections) > max ||
				 (max_of_address > 0 && of_address > max_of_address);
	session_want(session, WANT_ADOPT);
}

/* Behind those of its origin that wait for a thread's room. */
static bool
park(const struct arrival *arrival)
{
	struct parked *parked = calloc(1, sizeof(*parked));

	if (!parked)
		return false;
	parked->arrival = *arrival;
	turns_park(&arrival->listener->transport->turns, parked);
	return true;
}

/* To a thread with room, or to those that wait for one. */
static void
arrive(struct arrival *arrival)
{
	struct transport *transport = arrival->listener->transport;
	struct io *io = transport->turns.parked == 0 ? find_room(transport) : NULL;

	arrival->origin = turns_origin(&transport->turns, &arrival->peer.any);
	if (!io && (!arrival->origin || !park(arrival)))
		io = &transport->ios[transport->next_io++ % transport->io_count];
	if (io)
		take(io, arrival);
	else
		atomic_store(&transport->is_accept_paused, true);
}

void
accept_greeted(const struct arrival *arrival)
{
	struct transport *transport = arrival->listener->transport;
	struct arrival own = *arrival;

	arrive(&own);
	accept_resume(transport);
}

/* Those whose turn it is, as far as there is room. */
static void
unpark(struct transport *transport)
{
	struct parked *parked;
	struct io *io;

	while (transport->turns.parked > 0 && (io = find_room(transport)) &&
	       (parked = turns_take(&transport->turns))) {
		take(io, &parked->arrival);
		free(parked);
	}
}

/* All places are taken, and some wait: whoever has the most handshakes, and does nothing with them,
 * gives some up. Whose share is fair has more time for that. */
static void
ask_for_room(struct transport *transport)
{
	struct timeval delay = { .tv_usec = ASK_EVERY_US };
	int64_t now_us = clock_mono_us(&transport->core->clock);
	struct origin *richest;

	if (transport->turns.parked == 0 || !transport->is_accepting)
		return;
	if (!event_pending(transport->turns_timer, EV_TIMEOUT, NULL))
		(void)event_add(transport->turns_timer, &delay);
	/* All origins are looked at: the more there are, the less often. */
	if (now_us - transport->asked_mono_us <
	    ASK_PAUSE_US + ASK_ORIGIN_US * (int64_t)transport->turns.map.count)
		return;
	transport->asked_mono_us = now_us;
	richest = turns_richest(&transport->turns);
	if (!richest)
		return;

	uint32_t fair = turns_fewest(&transport->turns) + 1;
	bool is_crowded = atomic_load(&richest->handshakes) > fair;
	for (uint32_t i = 0; i < transport->io_count; i++) {
		struct io *io = &transport->ios[i];

		atomic_store(&io->is_crowded, is_crowded);
		atomic_store(&io->give_way, richest);
		io_wake(io);
	}
}

static void
on_turns_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	accept_resume(arg);
}

static bool
has_place(const struct transport *transport)
{
	uint32_t waiting = transport->turns.parked + transport->greeting_count;

	return waiting < PARKED_MAX &&
	       (int64_t)atomic_load(&transport->connections) + waiting < transport->max_descriptors;
}

void
accept_resume(struct transport *transport)
{
	if (!transport->is_accepting || !atomic_load(&transport->is_accept_paused))
		return;
	unpark(transport);
	ask_for_room(transport);
	if (!transport->is_accept_off) {
		atomic_store(&transport->is_accept_paused, transport->turns.parked > 0);
		return;
	}
	if (event_pending(transport->accept_timer, EV_TIMEOUT, NULL))
		return; /* it does this when it is due */
	if (!has_token(transport)) {
		set_timer(transport, ACCEPT_PACE_MS);
		return;
	}
	if (!has_place(transport) && transport->turns.parked > 0)
		return; /* a handshake's end wakes us */

	transport->is_accept_off = false;
	transport->burst = 0;
	atomic_store(&transport->is_accept_paused, transport->turns.parked > 0);
	set_enabled(transport, true);
}

static void
on_accept_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	accept_resume(arg);
}

static void
on_accept(struct evconnlistener *socket, evutil_socket_t fd, struct sockaddr *addr, int len,
	  void *arg)
{
	struct listener *listener = arg;
	struct transport *transport = listener->transport;
	struct arrival arrival = { .listener = listener, .fd = fd };

	(void)socket;
	transport->tokens -= 1000;
	if (listener->proxy_header == PROXY_HEADER_PREFACE && is_trusted(listener, addr)) {
		greet_begin(listener, fd, addr, len);
	} else {
		memcpy(&arrival.peer, addr,
		       (size_t)len < sizeof(arrival.peer) ? (size_t)len : sizeof(arrival.peer));
		arrive(&arrival);
	}

	if (++transport->burst >= ACCEPT_BURST || !has_token(transport) || !has_place(transport)) {
		pause_accepting(transport);
		if (transport->burst >= ACCEPT_BURST)
			set_timer(transport, 0);
	}
	/* A handshake may have ended before it could know that we wait for it. */
	accept_resume(transport);
}

static void
open_spare(struct transport *transport)
{
	if (transport->spare_fd < 0)
		transport->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Out of descriptors: libevent would call again at once, and for ever. */
static void
on_accept_error(struct evconnlistener *socket, void *arg)
{
	struct listener *listener = arg;
	struct transport *transport = listener->transport;
	int error = EVUTIL_SOCKET_ERROR();

	/* Whoever waits longest hears at least that it is in vain. */
	if ((error == EMFILE || error == ENFILE) && transport->spare_fd >= 0) {
		(void)close(transport->spare_fd);
		transport->spare_fd = -1;
		int fd = accept4(evconnlistener_get_fd(socket), NULL, NULL,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			(void)close(fd);
		open_spare(transport);
	}
	OCPPD_WARN(transport->core->self, "accept.failed", OCPPD_STR("listener", listener->address),
		   OCPPD_STR("err", strerrordesc_np(error)));
	pause_accepting(transport);
	set_timer(transport, ACCEPT_RETRY_MS);
}

/* ---- Binding ----------------------------------------------------------------------------- */

static int
set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* On Linux an accepted socket inherits these: no system call for each. */
static void
set_options(const struct transport *transport, int fd)
{
	int timeout_ms = (int)limit_get(&transport->limits.tcp_user_timeout_ms);

	(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	(void)set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	(void)set_int(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEP_IDLE_S);
	(void)set_int(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEP_INTERVAL_S);
	(void)set_int(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEP_COUNT);
	(void)set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms);
}

static int
bind_address(const char *host, int64_t port, int *ret_fd)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *info = NULL;
	char service[8];
	int fd = -1;
	int error = EINVAL;

	(void)snprintf(service, sizeof(service), "%u", (unsigned int)port & 0xffffu);
	if (getaddrinfo(host, service, &hints, &info) != 0)
		return error;

	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		error = errno;
		goto out;
	}
	(void)set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (info->ai_family == AF_INET6)
		(void)set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		error = errno;
		goto out;
	}
	*ret_fd = fd;
	fd = -1;
	error = 0;
out:
	if (fd >= 0)
		(void)close(fd);
	freeaddrinfo(info);
	return error;
}

/* `[::]` on a machine without IPv6 means all of IPv4. */
static int
bind_or_fall_back(struct transport *transport, const char *host, int64_t port, int *ret_fd)
{
	int error = bind_address(host, port, ret_fd);

	if (!str_eq(host, "::") || (error != EAFNOSUPPORT && error != EADDRNOTAVAIL))
		return error;
	OCPPD_WARN(transport->core->self, "listener.limited", OCPPD_STR("address", "0.0.0.0"),
		   OCPPD_STR("err", "this system has no IPv6; [::] listens on IPv4 only"));
	return bind_address("0.0.0.0", port, ret_fd);
}

static char *
bound_address(int fd)
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof(addr);
	char address[INET6_ADDRSTRLEN];
	char remote[CONN_REMOTE_SIZE];

	if (getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		return NULL;
	format_peer((const struct sockaddr *)&addr, address, remote);
	return str_dup(remote);
}

static int
copy_paths(struct listener *listener, const struct ocppd_strings *paths)
{
	static const char *const fallback[] = { "/ocpp" };
	const char *const *items = paths->count > 0 ? paths->items : fallback;
	uint32_t count = paths->count > 0 ? paths->count : 1;

	listener->paths = calloc(count, sizeof(*listener->paths));
	if (!listener->paths)
		return OCPPD_ENOMEM;
	for (listener->path_count = 0; listener->path_count < count; listener->path_count++) {
		char *copy = str_dup(items[listener->path_count]);

		if (!copy)
			return OCPPD_ENOMEM;
		listener->paths[listener->path_count] = copy;
	}
	return 0;
}

static int
copy_proxies(struct listener *listener, const struct listener_conf *conf)
{
	listener->proxy_header = conf->proxy_header;
	if (conf->proxies.count == 0)
		return 0;
	listener->proxies = calloc(conf->proxies.count, sizeof(*listener->proxies));
	if (!listener->proxies)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < conf->proxies.count; i++) {
		int r = network_parse(conf->proxies.items[i], &listener->proxies[i]);

		if (r < 0)
			return r;
		listener->proxy_count++;
	}
	return 0;
}

static int
listen_one(struct transport *transport, struct listener *listener, const struct listener_conf *conf,
	   struct ocppd_error *err)
{
	struct event_base *base = loop_base(transport->core);
	const char *text = conf->address ? conf->address : "::";
	char host[INET6_ADDRSTRLEN + 2];
	int fd;

	if (str_copy(host, sizeof(host), text[0] == '[' ? text + 1 : text) < 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "bad address %s", text);
	host[strcspn(host, "]")] = '\0';

	int error = bind_or_fall_back(transport, host, conf->port, &fd);
	if (error != 0)
		return ocppd_error_set(err, OCPPD_EIO,
				       strchr(host, ':') ? "cannot listen on [%s]:%lld: %s"
							 : "cannot listen on %s:%lld: %s",
				       host, (long long)conf->port, strerrordesc_np(error));
	set_options(transport, fd);
	listener->transport = transport;
	listener->address = bound_address(fd);
	listener->socket = evconnlistener_new(
		base, on_accept, listener,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (!listener->socket) {
		(void)close(fd);
		return OCPPD_ENOMEM;
	}
	evconnlistener_set_error_cb(listener->socket, on_accept_error);
	if (!listener->address)
		return OCPPD_ENOMEM;
	int r = copy_proxies(listener, conf);
	return r < 0 ? r : copy_paths(listener, &conf->paths);
}

int
accept_listen(struct transport *transport, const struct transport_conf *conf,
	      struct ocppd_error *err)
{
	static const struct listener_conf fallback = { .address = "::", .port = 8180 };
	const struct listener_conf *listeners = conf->listeners.items;
	uint32_t count = conf->listeners.count;

	if (count == 0) {
		listeners = &fallback;
		count = 1;
	}
	transport->listeners = calloc(count, sizeof(*transport->listeners));
	transport->accept_timer =
		evtimer_new(loop_base(transport->core), on_accept_timer, transport);
	transport->turns_timer = evtimer_new(loop_base(transport->core), on_turns_timer, transport);
	if (!transport->listeners || !transport->accept_timer || !transport->turns_timer)
		return OCPPD_ENOMEM;

	for (uint32_t i = 0; i < count; i++) {
		struct listener *listener = &transport->listeners[i];

		transport->listener_count++;
		int r = listen_one(transport, listener, &listeners[i], err);
		if (r < 0)
			return r;
	}

	open_spare(transport);
	transport->tokens_mono_us = clock_mono_us(&transport->core->clock);
	transport->is_accepting = true;
	set_enabled(transport, true);
	return 0;
}

void
accept_stop(struct transport *transport)
{
	transport->is_accepting = false;
	if (transport->accept_timer)
		(void)event_del(transport->accept_timer);
	/* The rest of a listener stays: handshakes under way still look at its paths. */
	for (uint32_t i = 0; i < transport->listener_count; i++) {
		if (transport->listeners[i].socket)
			evconnlistener_free(transport->listeners[i].socket);
		transport->listeners[i].socket = NULL;
	}
	greet_stop(transport);
	turns_drop(&transport->turns);
	if (transport->turns_timer)
		(void)event_del(transport->turns_timer);
	if (transport->spare_fd >= 0)
		(void)close(transport->spare_fd);
	transport->spare_fd = -1;
}

static void
free_paths(struct listener *listener)
{
	for (uint32_t i = 0; i < listener->path_count; i++)
		free(listener->paths[i]);
	free(listener->paths);
	free(listener->proxies);
}

void
accept_fini(struct transport *transport)
{
	accept_stop(transport);
	for (uint32_t i = 0; i < transport->listener_count; i++) {
		free_paths(&transport->listeners[i]);
		free(transport->listeners[i].address);
	}
	free(transport->listeners);
	transport->listeners = NULL;
	transport->listener_count = 0;
	if (transport->accept_timer)
		event_free(transport->accept_timer);
	transport->accept_timer = NULL;
	if (transport->turns_timer)
		event_free(transport->turns_timer);
	transport->turns_timer = NULL;
}

void
accept_reload(struct transport *transport)
{
	for (uint32_t i = 0; i < transport->listener_count; i++) {
		if (transport->listeners[i].socket)
			set_options(transport,
				    evconnlistener_get_fd(transport->listeners[i].socket));
	}
	/* A raised limit may be what is waited for. */
	accept_resume(transport);
}
