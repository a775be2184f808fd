/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Frames that a client sends before it has read our 101. libwebsockets reads them together with
 * the handshake into the thread's service buffer, composes its answer in that same buffer, and
 * then goes on with what it read: the answer stands where frames stood. Here the start of the
 * buffer is kept while the answer is written, and put back behind it.
 *
 * libwebsockets does not tell where the buffer is, but where in it headers may be added, and how
 * many bytes are left; its size is ours. So each thread makes a handshake with itself before it
 * serves any, and learns the place from that. It believes it only if it finds its own request
 * there.
 */
#include "transport/early.h"

#include <ocppd/log.h>

#include "transport/io.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LEARN_TURNS 64
#define PATH_MAX_SIZE 4096
/* The answer begins at about 400 and is followed by the name of a subprotocol. */
#define ANSWER_ROOM 256

static const char probe[] = "GET /learn-where-the-service-buffer-is HTTP/1.1\r\n"
			    "Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
			    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			    "Sec-WebSocket-Version: 13\r\n\r\n";

int
early_on_headers(struct io *io, const struct lws_process_html_args *args)
{
	size_t left = args->max_len > 0 ? (size_t)args->max_len : 0;
	/* What of the probe lies behind the hash that lws puts first, and before its answer. */
	size_t part = LWS_PRE + 128;

	if (!io->is_learning)
		return 0;
	if (left == 0 || left > SERVICE_BUFFER_SIZE)
		return -1;

	size_t used = SERVICE_BUFFER_SIZE - left;
	unsigned char *buffer = (unsigned char *)args->p - used;
	if (used >= part && used + ANSWER_ROOM <= EARLY_KEPT_SIZE &&
	    memcmp(buffer + part, probe + part - LWS_PRE, sizeof(probe) - 1 - part + LWS_PRE) == 0)
		io->service_buffer = buffer;

	return -1; /* it was for this */
}

void
early_learn(struct io *io)
{
	int fds[2];
	lws_adopt_desc_t desc = {
		.vh = io->vhost,
		/* Flags in an enum: a cast says that it is meant. */
		.type = (lws_adoption_type)(LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP),
	};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		goto out;
	io->is_learning = true;
	desc.fd.sockfd = fds[0]; /* lws closes it, whatever happens */
	if (send(fds[1], probe, sizeof(probe) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(probe) - 1)
		(void)lws_adopt_descriptor_vhost_via_info(&desc);
	else
		(void)close(fds[0]);
	for (int i = 0; i < LEARN_TURNS && !io->service_buffer; i++)
		(void)uv_run(&io->loop, UV_RUN_NOWAIT);
	io->is_learning = false;
	(void)close(fds[1]);
out:
	if (!io->service_buffer)
		OCPPD_WARN(io->transport->core->self, "handshake.unguarded",
			   OCPPD_STR("err",
				     "libwebsockets did not show its buffer: frames of a client "
				     "that does not wait for the 101 may be lost"));
}

void
early_keep(struct io *io)
{
	if (io->service_buffer)
		memcpy(io->kept, io->service_buffer, EARLY_KEPT_SIZE);
}

void
early_restore(struct io *io)
{
	if (!io->service_buffer)
		return;
	memcpy(io->service_buffer, io->kept, EARLY_KEPT_SIZE);
	explicit_bzero(io->kept, EARLY_KEPT_SIZE); /* credentials are among it */
}

size_t
early_path(const struct io *io, const char **ret_path)
{
	static const char method[] = "GET ";
	size_t len = 0;

	if (!io->service_buffer)
		return 0;
	const char *text = (const char *)io->service_buffer + LWS_PRE;
	if (memcmp(text, method, sizeof(method) - 1) != 0)
		return 0;

	text += sizeof(method) - 1;
	while (len < PATH_MAX_SIZE && !strchr("?# \r\n", text[len]))
		len++;
	*ret_path = text;
	return len;
}
