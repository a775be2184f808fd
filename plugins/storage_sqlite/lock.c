/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The database as a file: made with the rights of one user, and held by one daemon at a time.
 * SQLite itself lets several processes write; two daemons on one file would each believe that what
 * the stations' memory says is theirs, so a lock file beside it names the one that has it.
 */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int
file_prepare(const char *path, struct ocppd_error *err)
{
	struct stat st;
	int fd;
	int error;

	if (stat(path, &st) == 0) {
		if (S_ISREG(st.st_mode))
			return 0;
		return ocppd_error_set(err, OCPPD_EINVAL, "the database %s is not a file", path);
	}
	/* Journal and shared memory get the rights of this file. */
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		(void)close(fd);
		return 0;
	}
	error = errno;
	if (error == ENOENT)
		return ocppd_error_set(err, OCPPD_EIO,
				       "the folder of the database %s does not exist: create it, "
				       "owned by the user that runs ocppd",
				       path);
	return ocppd_error_set(err, OCPPD_EIO, "cannot create the database %s: %s", path,
			       strerrordesc_np(error));
}

static int
in_use(const struct storage *storage, int fd, struct ocppd_error *err)
{
	char text[24];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len <= 0)
		return ocppd_error_set(err, OCPPD_EBUSY,
				       "the database %s is in use by another ocppd", storage->path);
	text[len] = '\0';
	text[strspn(text, "0123456789")] = '\0';
	return ocppd_error_set(err, OCPPD_EBUSY,
			       "the database %s is in use by another ocppd, process %s",
			       storage->path, text);
}

int
lock_take(struct storage *storage, struct ocppd_error *err)
{
	char text[24];
	char *path = NULL;
	int len;
	int fd;
	int r = 0;

	if (asprintf(&path, "%s-lock", storage->path) < 0)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		r = ocppd_error_set(err, OCPPD_EIO, "cannot create the lock file %s: %s", path,
				    strerrordesc_np(errno));
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = in_use(storage, fd, err);
		(void)close(fd);
		goto out;
	}
	len = snprintf(text, sizeof(text), "%jd\n", (intmax_t)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) < 0)
		OCPPD_WARN(storage->host, "lock.unnamed", OCPPD_STR("path", path),
			   OCPPD_STR("err", strerrordesc_np(errno)));
	storage->lock_fd = fd;
out:
	free(path);
	return r;
}

void
lock_drop(struct storage *storage)
{
	if (storage->lock_fd < 0)
		return;
	/* The file stays: removing it would let two others each lock a different one. */
	(void)close(storage->lock_fd);
	storage->lock_fd = -1;
}
