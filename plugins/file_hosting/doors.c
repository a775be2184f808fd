/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Listeners: one for each address, each with the library's own threads. Also what the URLs begin
 * with, which follows from where it listens unless the configuration says otherwise.
 */
#include "hosting.h"
#include "http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128
#define PEM_MAX (1 << 20)
#define REQUEST_MEMORY 32768
#define STACK_SIZE (256 << 10)
#define PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

union any_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text != NULL ? text : "unknown error";
}

/* "[::1]" and "::1" are the same address. */
static int
parse_address(const char *text, int64_t port, union any_address *ret_address, socklen_t *ret_len)
{
	char bare[INET6_ADDRSTRLEN + 2] = "";
	size_t len = strlen(text);

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(bare))
		return OCPPD_EINVAL;
	memcpy(bare, text, len);
	memset(ret_address, 0, sizeof(*ret_address));
	if (inet_pton(AF_INET, bare, &ret_address->in.sin_addr) == 1) {
		ret_address->in.sin_family = AF_INET;
		ret_address->in.sin_port = htons((uint16_t)port);
		*ret_len = sizeof(ret_address->in);
		return 0;
	}
	if (inet_pton(AF_INET6, bare, &ret_address->in6.sin6_addr) != 1)
		return OCPPD_EINVAL;
	ret_address->in6.sin6_family = AF_INET6;
	ret_address->in6.sin6_port = htons((uint16_t)port);
	*ret_len = sizeof(ret_address->in6);
	return 0;
}

bool
address_is_valid(const char *text)
{
	union any_address address;
	socklen_t len;

	return parse_address(text, 0, &address, &len) == 0;
}

bool
address_is_any(const char *text)
{
	union any_address address;
	socklen_t len;

	if (parse_address(text, 0, &address, &len) < 0)
		return false;
	if (address.any.sa_family == AF_INET)
		return address.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&address.in6.sin6_addr);
}

static void
name_door(struct door *door)
{
	union any_address bound;
	socklen_t len = sizeof(bound);
	char host[INET6_ADDRSTRLEN] = "";

	memset(&bound, 0, sizeof(bound));
	if (getsockname(door->fd, &bound.any, &len) != 0)
		return;
	if (bound.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &bound.in6.sin6_addr, host, sizeof(host));
		(void)snprintf(door->address, sizeof(door->address), "[%s]:%u", host,
			       ntohs(bound.in6.sin6_port));
		return;
	}
	(void)inet_ntop(AF_INET, &bound.in.sin_addr, host, sizeof(host));
	(void)snprintf(door->address, sizeof(door->address), "%s:%u", host,
		       ntohs(bound.in.sin_port));
}

static int
bind_door(struct door *door, const char *text, int64_t port, struct ocppd_error *err)
{
	union any_address address;
	socklen_t len = 0;
	int on = 1;

	if (parse_address(text, port, &address, &len) < 0)
		return ocppd_error_option(err, OCPPD_EINVAL, "address", "%s is no IP address",
					  text);
	door->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (door->fd < 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot make a socket: %s",
				       errno_text(errno));
	(void)setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Each address is one of the list, so that [::] and 0.0.0.0 stand side by side. */
	if (address.any.sa_family == AF_INET6)
		(void)setsockopt(door->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(door->fd, &address.any, len) != 0 || listen(door->fd, BACKLOG) != 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot listen on %s port %lld: %s", text,
				       (long long)port, errno_text(errno));
	name_door(door);
	return 0;
}

/* A PEM file as a text; the key's memory is cleared when the doors close. */
static char *
read_pem(const char *path, struct ocppd_error *err)
{
	struct stat info;
	char *text = NULL;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size > 0 && info.st_size <= PEM_MAX)
		text = calloc(1, (size_t)info.st_size + 1);
	if (text != NULL)
		n = read(fd, text, (size_t)info.st_size);
	if (n <= 0) {
		(void)ocppd_error_set(err, OCPPD_EIO, "cannot read %s: %s", path,
				      fd < 0 ? errno_text(errno) : "not a PEM file");
		free(text);
		text = NULL;
	}
	if (fd >= 0)
		(void)close(fd);
	return text;
}

static void on_library_log(void *cls, const char *format, va_list args) OCPPD_PRINTF(2, 0);

static void
on_library_log(void *cls, const char *format, va_list args)
{
	struct hosting *ctx = cls;
	char text[256];

	(void)vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\r\n")] = '\0';
	OCPPD_DEBUG(ctx->host, "http.noted", OCPPD_STR("text", text));
}

static void
start_library(struct hosting *ctx, struct door *door)
{
	const struct hosting_conf *conf = ctx->conf;
	unsigned int flags = MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD |
			     MHD_USE_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	/* Beyond the limit, answers say so; far beyond, nothing is accepted. */
	unsigned int connections = (unsigned int)(conf->max_connections * 2 + conf->threads * 8);
	struct MHD_OptionItem tls[] = {
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, ctx->certificate },
		{ MHD_OPTION_HTTPS_MEM_KEY, 0, ctx->key },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};
	struct MHD_OptionItem pool[] = {
		{ MHD_OPTION_THREAD_POOL_SIZE, conf->threads, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};
	sigset_t all;
	sigset_t old;

	if (ctx->certificate != NULL)
		flags |= MHD_USE_TLS;
	/* Signals belong to the daemon's own threads. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	door->daemon = MHD_start_daemon(
		flags, 0, NULL, NULL, http_access, ctx, MHD_OPTION_EXTERNAL_LOGGER, on_library_log,
		ctx, MHD_OPTION_LISTEN_SOCKET, door->fd, MHD_OPTION_NOTIFY_CONNECTION,
		http_connection, ctx, MHD_OPTION_NOTIFY_COMPLETED, http_completed, ctx,
		MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)REQUEST_MEMORY, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_SIZE,
		MHD_OPTION_ARRAY, conf->threads > 1 ? pool : &pool[1], MHD_OPTION_ARRAY,
		ctx->certificate != NULL ? tls : &tls[3], MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static int
door_open(struct hosting *ctx, const char *address, struct ocppd_error *err)
{
	struct door *door = &ctx->doors[ctx->door_count];
	int r;

	*door = (struct door){ .fd = -1 };
	r = bind_door(door, address, ctx->conf->port, err);
	if (r < 0) {
		if (door->fd >= 0)
			(void)close(door->fd);
		return r;
	}
	start_library(ctx, door);
	if (door->daemon == NULL) {
		(void)close(door->fd);
		return ocppd_error_set(
			err, OCPPD_EIO, "cannot serve on %s%s", door->address,
			ctx->certificate != NULL ? ": are the certificate and its key right?" : "");
	}
	ctx->door_count++;
	OCPPD_INFO(ctx->host, "files.opened", OCPPD_STR("listener", door->address),
		   OCPPD_INT("tls", ctx->certificate != NULL));
	return 0;
}

int
doors_open(struct hosting *ctx, struct ocppd_error *err)
{
	const struct hosting_conf *conf = ctx->conf;
	int r = 0;

	if (conf->tls.certificate != NULL) {
		ctx->certificate = read_pem(conf->tls.certificate, err);
		ctx->key = ctx->certificate == NULL ? NULL : read_pem(conf->tls.key, err);
		if (ctx->key == NULL) {
			doors_close(ctx);
			return OCPPD_EIO;
		}
	}
	for (uint32_t i = 0; i < conf->addresses.count && r == 0; i++)
		r = door_open(ctx, conf->addresses.items[i], err);
	if (r < 0)
		doors_close(ctx);
	return r;
}

void
doors_quiet(struct hosting *ctx)
{
	for (uint32_t i = 0; i < ctx->door_count; i++) {
		struct door *door = &ctx->doors[i];

		if (MHD_quiesce_daemon(door->daemon) == MHD_INVALID_SOCKET)
			door->fd = -1; /* stopping will close it */
	}
}

void
doors_close(struct hosting *ctx)
{
	for (uint32_t i = 0; i < ctx->door_count; i++) {
		struct door *door = &ctx->doors[i];

		/* Its threads may still wait on the socket: they go first. */
		if (door->fd >= 0)
			(void)MHD_quiesce_daemon(door->daemon);
		MHD_stop_daemon(door->daemon);
		if (door->fd >= 0)
			(void)close(door->fd);
	}
	ctx->door_count = 0;
	free(ctx->certificate);
	if (ctx->key != NULL)
		explicit_bzero(ctx->key, strlen(ctx->key));
	free(ctx->key);
	ctx->certificate = NULL;
	ctx->key = NULL;
}

void
base_choose(struct hosting *ctx)
{
	const char *url = ctx->conf->public_url;
	const char *scheme = ctx->certificate != NULL ? "https" : "http";
	const char *path;
	size_t len;

	ctx->base[0] = '\0';
	if (url != NULL)
		(void)snprintf(ctx->base, sizeof(ctx->base), "%s", url);
	else if (ctx->door_count > 0)
		(void)snprintf(ctx->base, sizeof(ctx->base), "%s://%s", scheme,
			       ctx->doors[0].address);
	len = strlen(ctx->base);
	while (len > 0 && ctx->base[len - 1] == '/')
		ctx->base[--len] = '\0';
	ctx->local[0] = '\0';
	if (ctx->certificate == NULL && ctx->door_count > 0) {
		const char *address = ctx->doors[0].address;
		const char *port = strrchr(address, ':');
		bool is_any =
			strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;

		if (is_any && port != NULL)
			(void)snprintf(ctx->local, sizeof(ctx->local), "http://%s%s",
				       address[0] == '[' ? "[::1]" : "127.0.0.1", port);
		else
			(void)snprintf(ctx->local, sizeof(ctx->local), "http://%s", address);
	}
	path = base_path(ctx->base, &len);
	desk_lock(&ctx->desk);
	(void)snprintf(ctx->desk.limits.prefix, sizeof(ctx->desk.limits.prefix), "%.*s", (int)len,
		       path);
	desk_unlock(&ctx->desk);
}
