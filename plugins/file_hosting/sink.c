/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Files on disk. What arrives is written to `incoming` under a name of chance, hashed on the way
 * and synchronised; only what is on record moves to `store`. So nothing half received is ever
 * there, and what a crash leaves in `incoming` is known to be waste.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define LOOK_EVERY ((int64_t)4 << 20) /* bytes between two looks at the disk */

static bool
disk_has_room(struct sink *sink, int64_t wanted, int64_t min_free)
{
	struct statvfs disk;
	uint64_t free_bytes;

	sink->looked_at = sink->file.size;
	if (fstatvfs(sink->desk->incoming_fd, &disk) != 0)
		return true; /* writing will tell */
	free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	return free_bytes >= (uint64_t)min_free + (uint64_t)wanted;
}

uint32_t
sink_open(struct sink *sink, struct desk *desk, const char *name, int64_t limit, int64_t announced)
{
	bool has_room;
	int64_t min_free;

	*sink = (struct sink){ .desk = desk, .fd = -1, .limit = limit };
	if (announced > limit)
		return 413;
	desk_lock(desk);
	min_free = desk->limits.min_free;
	has_room = announced <= desk->limits.quota - desk->used_bytes - desk->incoming_bytes;
	desk_unlock(desk);
	if (!has_room || !disk_has_room(sink, announced, min_free))
		return 507;
	(void)snprintf(sink->file.name, sizeof(sink->file.name), "%s", name);
	sink->md = EVP_MD_CTX_new();
	if (sink->md == NULL || EVP_DigestInit_ex(sink->md, EVP_sha256(), NULL) != 1 ||
	    token_make(sink->file.blob) < 0) {
		EVP_MD_CTX_free(sink->md);
		sink->md = NULL;
		return 500;
	}
	sink->fd = openat(desk->incoming_fd, sink->file.blob,
			  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (sink->fd >= 0)
		return 0;
	EVP_MD_CTX_free(sink->md);
	sink->md = NULL;
	return errno == ENOSPC || errno == EDQUOT ? 507 : 500;
}

/* Counts bytes towards the quota before they are written. */
static uint32_t
reserve(struct sink *sink, size_t len)
{
	struct desk *desk = sink->desk;
	uint32_t status = 0;
	int64_t min_free;

	if ((int64_t)len > sink->limit - sink->file.size)
		return 413;
	desk_lock(desk);
	min_free = desk->limits.min_free;
	if ((int64_t)len > desk->limits.quota - desk->used_bytes - desk->incoming_bytes)
		status = 507;
	else
		desk->incoming_bytes += (int64_t)len;
	desk_unlock(desk);
	if (status != 0)
		return status;
	sink->file.size += (int64_t)len;
	if (sink->file.size - sink->looked_at >= LOOK_EVERY && !disk_has_room(sink, 0, min_free))
		return 507;
	return 0;
}

uint32_t
sink_write(struct sink *sink, const void *data, size_t len)
{
	const char *at = data;
	uint32_t status = reserve(sink, len);

	if (status != 0)
		return status;
	if (EVP_DigestUpdate(sink->md, data, len) != 1)
		return 500;
	while (len > 0) {
		ssize_t n = write(sink->fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? 507 : 500;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static bool
digest(struct sink *sink)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	if (EVP_DigestFinal_ex(sink->md, bytes, &len) != 1 || len != 32)
		return false;
	for (unsigned int i = 0; i < len; i++)
		(void)snprintf(sink->file.sha256 + 2 * (size_t)i, 3, "%02x", bytes[i]);
	return true;
}

uint32_t
sink_finish(struct sink *sink, struct received *ret_file)
{
	uint32_t status = 0;

	if (!digest(sink))
		status = 500;
	else if (fsync(sink->fd) != 0)
		status = errno == ENOSPC || errno == EDQUOT ? 507 : 500;
	if (status != 0) {
		sink_abort(sink);
		return status;
	}
	(void)close(sink->fd);
	sink->fd = -1;
	EVP_MD_CTX_free(sink->md);
	sink->md = NULL;
	*ret_file = sink->file;
	/* The name itself has to survive, too, before the record that tells of it. */
	if (fsync(sink->desk->incoming_fd) == 0)
		return 0;
	received_discard(sink->desk, ret_file);
	return 500;
}

void
sink_abort(struct sink *sink)
{
	EVP_MD_CTX_free(sink->md);
	sink->md = NULL;
	if (sink->fd < 0)
		return;
	(void)close(sink->fd);
	sink->fd = -1;
	received_discard(sink->desk, &sink->file);
}

void
received_discard(struct desk *desk, const struct received *file)
{
	(void)unlinkat(desk->incoming_fd, file->blob, 0);
	desk_lock(desk);
	desk->incoming_bytes -= file->size;
	desk_unlock(desk);
}

int
received_settle(struct desk *desk, const struct received *file)
{
	if (renameat(desk->incoming_fd, file->blob, desk->store_fd, file->blob) != 0)
		return errno;
	return fsync(desk->store_fd) != 0 ? errno : 0;
}

int
blob_open(struct desk *desk, const char *blob)
{
	int fd = openat(desk->store_fd, blob, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		fd = openat(desk->incoming_fd, blob, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) /* moved in between */
		fd = openat(desk->store_fd, blob, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

void
blob_remove(struct desk *desk, const char *blob)
{
	(void)unlinkat(desk->store_fd, blob, 0);
	(void)unlinkat(desk->incoming_fd, blob, 0);
}
