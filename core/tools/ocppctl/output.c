/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Answers that go to a file: written under another name, flushed, and named when they are whole. A
 * file that is there already is left alone.
 */
#include "output.h"

#include "base/buf.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
fail(struct ocppd_error *err, const char *what, const char *path)
{
	int error = errno;

	return ocppd_error_set(err, error == EEXIST ? OCPPD_EEXIST : OCPPD_EIO, "%s %s: %s", what,
			       path, strerrordesc_np(error));
}

void
output_drop(struct output *output)
{
	if (output->part != NULL) {
		if (output->fd >= 0)
			(void)close(output->fd);
		(void)unlink(output->part);
	}
	free(output->part);
	free(output->path);
	*output = (struct output){ .fd = -1 };
}

int
output_open(struct output *output, const char *path, struct ocppd_error *err)
{
	struct buf part = { 0 };
	int r;

	*output = (struct output){ .fd = STDOUT_FILENO };
	if (strcmp(path, "-") == 0)
		return 0;
	errno = EEXIST;
	if (access(path, F_OK) == 0)
		return fail(err, "cannot write", path);
	buf_printf(&part, "%s.part", path);
	output->path = str_dup(path);
	output->part = buf_steal(&part);
	output->fd = -1;
	if (output->path == NULL || output->part == NULL) {
		free(output->part);
		output->part = NULL;
		output_drop(output);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	output->fd = open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (output->fd >= 0)
		return 0;
	r = fail(err, "cannot create", output->part);
	free(output->part); /* not ours to remove */
	output->part = NULL;
	output_drop(output);
	return r;
}

int
output_take(struct buf *body, void *arg)
{
	struct output *output = arg;
	size_t at = 0;

	while (at < body->len) {
		ssize_t n = write(output->fd, body->data + at, body->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return OCPPD_EIO;
		at += (size_t)n;
	}
	output->bytes += (int64_t)at;
	buf_clear(body);
	return 0;
}

int
output_finish(struct output *output, int64_t size, struct ocppd_error *err)
{
	int r = 0;

	if (size >= 0 && output->bytes != size)
		r = ocppd_error_set(err, OCPPD_EIO, "%lld of %lld bytes came",
				    (long long)output->bytes, (long long)size);
	else if (output->part != NULL && fsync(output->fd) < 0)
		r = fail(err, "cannot write", output->part);
	else if (output->part != NULL &&
		 renameat2(AT_FDCWD, output->part, AT_FDCWD, output->path, RENAME_NOREPLACE) < 0)
		r = fail(err, "cannot name", output->path);
	if (r == 0 && output->part != NULL) {
		(void)close(output->fd);
		free(output->part);
		output->part = NULL;
	}
	output_drop(output);
	return r;
}
