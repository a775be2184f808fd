/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Doors: the TCP port and the Unix socket. Each has its own bound of connections, so that a crowd
 * on the port never locks the operator out of the control socket. At the bound the connection that
 * was idle longest makes room; if all are at work, the next one waits in the kernel's queue, and
 * answers end their connections until there is room again.
 */
#include "server.h"

#include <ocppd/address.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/listener.h>

#define BACKLOG 128
#define SOCKET_MODE 0660
#define RETRY_MS 1000

/* ---- Bounds -------------------------------------------------------------------------------- */

/* Not the newest one: that has just come. */
static bool
evict_idlest(struct door *door)
{
	struct client *client;

	/* The list is in order of last use, oldest first. */
	for (client = TAILQ_FIRST(&door->clients); client != NULL; client = client_next(client)) {
		if (client_is_idle(client) && client_next(client) != NULL) {
			client_free(client);
			return true;
		}
	}
	return false;
}

static void
door_fill(struct door *door)
{
	door->is_full = true;
	(void)evconnlistener_disable(door->listener);
}

void
door_left(struct door *door)
{
	struct server *server = door->server;

	door->count--;
	if (door->is_full && door->listener != NULL) {
		door->is_full = false;
		(void)evconnlistener_enable(door->listener);
	}
	if (server->is_stopping && server->tcp.count + server->control.count == 0 &&
	    server->on_empty != NULL)
		server->on_empty(server);
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len,
	  void *arg)
{
	struct door *door = arg;
	int64_t limit = door->server->api->conf->max_connections;
	char remote[OCPPD_ADDRESS_SIZE];

	(void)listener;
	(void)len;
	if (ocppd_address_format(address, remote) < 0)
		(void)snprintf(remote, sizeof(remote), "unix");
	if (client_accept(door, fd, remote) < 0)
		return;
	if (door->count >= limit && !evict_idlest(door))
		door_fill(door);
}

static void
on_retry(struct ocppd_host *host, void *arg)
{
	struct door *door = arg;

	(void)host;
	if (door->listener != NULL && !door->is_full)
		(void)evconnlistener_enable(door->listener);
}

/* Out of descriptors, most likely: the pending connection keeps the listener readable, so pause. */
static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct door *door = arg;
	int code = errno;

	(void)evconnlistener_disable(listener);
	ocppd_timer_set(door->retry, RETRY_MS);
	OCPPD_ERROR(door->server->api->host, "http.accept_failed",
		    OCPPD_STR("listener", door->name), OCPPD_INT("errno", code));
}

/* ---- Opening ------------------------------------------------------------------------------- */

static int
door_listen(struct door *door, int fd, struct ocppd_error *err)
{
	unsigned int flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC;

	door->listener =
		evconnlistener_new(door->server->base, on_accept, door, flags, BACKLOG, fd);
	if (door->listener == NULL) {
		int code = errno;

		(void)close(fd);
		return ocppd_error_set(err, OCPPD_EIO, "cannot listen on %s: errno %d", door->name,
				       code);
	}
	evconnlistener_set_error_cb(door->listener, on_accept_error);
	return 0;
}

static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text == NULL ? "unknown error" : text;
}

static int
tcp_open(struct server *server, struct ocppd_error *err)
{
	const struct api_conf *conf = server->api->conf;
	int fd = -1;
	int r = ocppd_socket_bind(conf->address, conf->port, 0, &fd, err);

	if (r < 0)
		return r;
	(void)ocppd_socket_name(fd, server->tcp.name);
	r = door_listen(&server->tcp, fd, err);
	if (r < 0)
		return r;

	OCPPD_INFO(server->api->host, "http.opened", OCPPD_STR("listener", server->tcp.name),
		   OCPPD_INT("tokens", auth_count(server->api->auth)));
	if (auth_count(server->api->auth) == 0)
		OCPPD_WARN(server->api->host, "http.tokens_missing",
			   OCPPD_STR("listener", server->tcp.name),
			   OCPPD_STR("err", "no token is configured: the port answers /v1/health "
					    "only; use the Unix socket or add tokens"));
	return 0;
}

/* A socket left over by a daemon that was killed goes; one that answers stays. */
static int
stale_remove(const struct sockaddr_un *address, struct ocppd_error *err)
{
	struct stat status;
	int fd;
	int r;

	if (lstat(address->sun_path, &status) != 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return ocppd_error_set(err, OCPPD_EEXIST, "%s is there already and no socket",
				       address->sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot make a socket: %s",
				       errno_text(errno));
	r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	if (r == 0 || errno == EAGAIN) {
		(void)close(fd);
		return ocppd_error_set(err, OCPPD_EEXIST,
				       "another process answers on %s: is ocppd running already",
				       address->sun_path);
	}
	(void)close(fd);
	(void)unlink(address->sun_path);
	return 0;
}

static int
unix_bind(struct door *door, const struct sockaddr_un *address, int *ret_fd,
	  struct ocppd_error *err)
{
	struct stat status;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot make a socket: %s",
				       errno_text(errno));

	/* Nobody can connect before listen, so the mode is right from the first connection on. */
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
	    chmod(address->sun_path, SOCKET_MODE) != 0 || stat(address->sun_path, &status) != 0) {
		int code = errno;

		(void)close(fd);
		return ocppd_error_set(err, OCPPD_EIO, "cannot bind the control socket %s: %s",
				       address->sun_path, errno_text(code));
	}
	door->group = status.st_gid;
	*ret_fd = fd;
	return 0;
}

/* The configured path, or the one in the folder that the service manager made. */
static int
unix_path(const struct api_conf *conf, char *ret_path, size_t size, struct ocppd_error *err)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");
	int len;

	if (conf->socket != NULL)
		len = snprintf(ret_path, size, "%s", conf->socket);
	else if (folder != NULL && folder[0] == '/')
		len = snprintf(ret_path, size, "%.*s/control.sock", (int)strcspn(folder, ":"),
			       folder);
	else
		len = snprintf(ret_path, size, "off");
	if (len < 0 || (size_t)len >= size)
		return ocppd_error_option(err, OCPPD_EINVAL, "socket",
					  "the path of a Unix socket has at most %zu bytes",
					  size - 1);
	return 0;
}

static int
unix_open(struct server *server, struct ocppd_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = -1;
	int r;

	r = unix_path(server->api->conf, address.sun_path, sizeof(address.sun_path), err);
	if (r < 0)
		return r;
	if (strcmp(address.sun_path, "off") == 0)
		return 0;
	r = stale_remove(&address, err);
	if (r < 0)
		return r;
	(void)snprintf(server->control.name, sizeof(server->control.name), "%s", address.sun_path);
	r = unix_bind(&server->control, &address, &fd, err);
	if (r < 0)
		return r;
	r = door_listen(&server->control, fd, err);
	if (r < 0) {
		(void)unlink(address.sun_path);
		return r;
	}
	OCPPD_INFO(server->api->host, "http.opened", OCPPD_STR("listener", server->control.name));
	return 0;
}

static void
door_close(struct door *door)
{
	if (door->listener == NULL)
		return;

	evconnlistener_free(door->listener);
	door->listener = NULL;
	if (door->is_unix)
		(void)unlink(door->name);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static int
door_init(struct door *door, struct server *server, bool is_unix)
{
	door->server = server;
	door->is_unix = is_unix;
	TAILQ_INIT(&door->clients);
	door->retry = ocppd_timer_new(server->api->host, on_retry, door);
	return door->retry == NULL ? OCPPD_ENOMEM : 0;
}

struct server *
server_new(struct api *api)
{
	struct server *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;

	server->api = api;
	server->base = ocppd_event_base(api->host);
	TAILQ_INIT(&server->ready);
	TAILQ_INIT(&server->control.clients);
	TAILQ_INIT(&server->writers);
	share_init(&server->share, ocppd_mono_us(api->host));
	server->turn = ocppd_timer_new(api->host, turns_next, server);
	server->write_turn = ocppd_timer_new(api->host, writer_next, server);
	if (server->turn == NULL || server->write_turn == NULL ||
	    door_init(&server->tcp, server, false) < 0 ||
	    door_init(&server->control, server, true) < 0) {
		server_free(server);
		return NULL;
	}
	return server;
}

int
server_open(struct server *server, struct ocppd_error *err)
{
	int r = 0;

	if (server->api->conf->tcp != 0)
		r = tcp_open(server, err);
	if (r == 0)
		r = unix_open(server, err);
	if (r == 0 && server->tcp.listener == NULL && server->control.listener == NULL)
		OCPPD_WARN(server->api->host, "http.unreachable",
			   OCPPD_STR("err", "neither a port nor a Unix socket is configured"));
	if (r < 0) {
		door_close(&server->tcp);
		door_close(&server->control);
	}
	return r;
}

static void
door_finish(struct door *door)
{
	struct client *client = TAILQ_FIRST(&door->clients);

	door_close(door);
	while (client != NULL) {
		struct client *next = client_next(client);

		client_finish(client);
		client = next;
	}
}

int
server_stop(struct server *server, void (*on_empty)(struct server *server))
{
	door_finish(&server->tcp);
	door_finish(&server->control);
	if (server->tcp.count + server->control.count == 0)
		return 0;
	server->is_stopping = true;
	server->on_empty = on_empty;
	return OCPPD_PENDING;
}

static void
door_abort(struct door *door)
{
	struct client *client;

	while ((client = TAILQ_FIRST(&door->clients)) != NULL) {
		if (!door->server->timers_are_gone)
			client_abandon(client);
		client_free(client);
	}
}

void
server_abort(struct server *server)
{
	server->on_empty = NULL;
	door_close(&server->tcp);
	door_close(&server->control);
	door_abort(&server->tcp);
	door_abort(&server->control);
}

void
server_free(struct server *server)
{
	if (server == NULL)
		return;

	server_abort(server);
	while (!TAILQ_EMPTY(&server->writers)) /* bodies of answers that are sent */
		writer_free(TAILQ_FIRST(&server->writers));
	if (!server->timers_are_gone) {
		ocppd_timer_free(server->tcp.retry);
		ocppd_timer_free(server->control.retry);
		ocppd_timer_free(server->turn);
		ocppd_timer_free(server->write_turn);
	}
	free(server);
}
