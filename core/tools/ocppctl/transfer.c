/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files between this machine and the daemon, at URLs that the daemon named, with progress on a
 * terminal. The operator's token does not go there.
 */
#include "transfer.h"

#include "base/clock.h"
#include "spec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#define SHOW_EVERY_US 200000
#define MEGABYTE 1000000.0

static const char *
errno_text(int code)
{
	const char *text = strerrordesc_np(code);

	return text == NULL ? "unknown error" : text;
}

static void
show_progress(struct transfer *transfer, bool is_over)
{
	struct clock clock;
	int64_t now_us;

	if (isatty(STDERR_FILENO) == 0)
		return;
	clock_init(&clock);
	now_us = clock_mono_us(&clock);
	if (!is_over && now_us - transfer->shown_mono_us < SHOW_EVERY_US)
		return;
	transfer->shown_mono_us = now_us;
	(void)fprintf(stderr, "\r\033[K");
	if (!is_over && transfer->size > 0)
		(void)fprintf(stderr, "%.1f of %.1f MB (%d%%)", (double)transfer->moved / MEGABYTE,
			      (double)transfer->size / MEGABYTE,
			      (int)(100.0 * (double)transfer->moved / (double)transfer->size));
	else if (!is_over)
		(void)fprintf(stderr, "%.1f MB", (double)transfer->moved / MEGABYTE);
	(void)fflush(stderr);
}

/* ---- Sending ------------------------------------------------------------------------------- */

int
transfer_init(struct transfer *transfer, char way, const char *name, struct ocppd_error *err)
{
	struct stat info;

	*transfer = (struct transfer){
		.way = way, .name = name, .fd = -1, .output = { .fd = -1 }, .size = -1
	};
	if (way != '<')
		return 0;
	if (name == NULL)
		return ocppd_error_set(err, OCPPD_EINVAL, "the file to send is missing");
	if (strcmp(name, "-") == 0) {
		transfer->fd = STDIN_FILENO;
		return 0;
	}
	transfer->fd = open(name, O_RDONLY | O_CLOEXEC);
	if (transfer->fd < 0 || fstat(transfer->fd, &info) != 0)
		return ocppd_error_set(err, OCPPD_EINVAL, "cannot read %s: %s", name,
				       errno_text(errno));
	if (S_ISDIR(info.st_mode))
		return ocppd_error_set(err, OCPPD_EINVAL, "%s is a folder", name);
	if (S_ISREG(info.st_mode))
		transfer->size = info.st_size;
	return 0;
}

void
transfer_fini(struct transfer *transfer)
{
	if (transfer->fd > STDERR_FILENO)
		(void)close(transfer->fd);
	transfer->fd = -1;
}

static ssize_t
read_more(char *data, size_t size, void *arg)
{
	struct transfer *transfer = arg;
	ssize_t n;

	do {
		n = read(transfer->fd, data, size);
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		transfer->moved += n;
	show_progress(transfer, false);
	return n;
}

/* ---- Fetching ------------------------------------------------------------------------------ */

static int
open_target(struct transfer *transfer, const char *named, struct ocppd_error *err)
{
	if (transfer->name == NULL) {
		/* Whatever the daemon says, only a plain name in this folder. */
		if (named == NULL || named[0] == '\0' || named[0] == '.' || strchr(named, '/'))
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "the daemon did not name the file: use -o");
		transfer->name = named;
	}
	return output_open(&transfer->output, transfer->name, err) < 0 ? OCPPD_EINVAL : 0;
}

static int
take_more(struct buf *body, void *arg)
{
	struct transfer *transfer = arg;
	int r;

	transfer->moved += (int64_t)body->len;
	r = output_take(body, &transfer->output);
	show_progress(transfer, false);
	return r == 0 ? 0 : OCPPD_ESPACE;
}

/* ---- Both ---------------------------------------------------------------------------------- */

static const char *
url_of(const struct transfer *transfer, const struct http_server *server,
       struct json_object *ticket, struct ocppd_error *err)
{
	const char *url = member_text(ticket, "url");
	const char *local = member_text(ticket, "localUrl");

	if (server->socket != NULL && local != NULL)
		return local; /* it is this machine */
	if (url != NULL && strncmp(url, "http://", 7) == 0)
		return url;
	(void)ocppd_error_set(err, OCPPD_EINVAL, "ocppctl speaks no TLS here; use: curl %s '%s'",
			      transfer->way == '<' ? "-T FILE" : "-O", url == NULL ? "URL" : url);
	return NULL;
}

static int
move_file(struct transfer *transfer, const struct http_server *there, struct reply *ret_reply,
	  struct ocppd_error *err)
{
	const struct http_source source = { read_more, transfer, transfer->size };
	struct http_request request = { .method = "GET", .path = "", .is_patient = true };
	int r;

	if (transfer->way == '<') {
		request.method = "PUT";
		request.source = &source;
	} else {
		request.on_event = take_more;
		request.arg = transfer;
	}
	r = http_call(there, &request, ret_reply, err);
	if (r == OCPPD_ESPACE)
		(void)ocppd_error_set(err, r, "cannot write %s: %s", transfer->name,
				      errno_text(errno));
	show_progress(transfer, true);
	return r;
}

int
transfer_run(struct transfer *transfer, const struct http_server *server,
	     struct json_object *ticket, struct reply *ret_reply, struct ocppd_error *err)
{
	struct http_server there = { .timeout_ms = server->timeout_ms };
	const char *url = url_of(transfer, server, ticket, err);
	int r = url == NULL ? OCPPD_EINVAL : http_server_parse(url, &there, err);

	if (r == 0 && transfer->way == '>') {
		transfer->size = json_object_get_int64(member(ticket, "size"));
		r = open_target(transfer, member_text(ticket, "name"), err);
	}
	if (r < 0)
		goto out;
	r = move_file(transfer, &there, ret_reply, err);
	/* No part of a file is left behind. */
	if (transfer->way == '>' && (r < 0 || ret_reply->status != 200))
		output_drop(&transfer->output);
	else if (transfer->way == '>')
		r = output_finish(&transfer->output, transfer->size, err);
out:
	http_server_fini(&there);
	return r;
}
