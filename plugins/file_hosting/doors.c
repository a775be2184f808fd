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

static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text != NULL ? text : "unknown error";
}

bool
address_is_any(const char *text)
{
	struct sockaddr_storage address;
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (ocppd_address_parse(text, 0, &address) < 0)
		return false;
	memcpy(&in, &address, sizeof(in));
	memcpy(&in6, &address, sizeof(in6));
	return address.ss_family == AF_INET ? in.sin_addr.s_addr == htonl(INADDR_ANY)
					    : IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

static int
bind_door(struct door *door, const char *text, int64_t port, struct ocppd_error *err)
{
	/* Each address is one of the list, so that [::] and 0.0.0.0 stand side by side. */
	int r = ocppd_socket_bind(text, port, OCPPD_BIND_V6ONLY, &door->fd, err);

	if (r < 0)
		return r;
	if (listen(door->fd, BACKLOG) != 0)
		return ocppd_error_set(err, OCPPD_EIO, "cannot listen on %s port %lld: %s", text,
				       (long long)port, errno_text(errno));
	(void)ocppd_socket_name(door->fd, door->address);
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
