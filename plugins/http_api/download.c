/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A file on its way to an asker: a thread of its own reads a block when it is asked for one, so
 * that the core thread never waits for a disk; one block is in memory, and the next is read when
 * the asker has taken it.
 */
#include "backup.h"

#include <ocppd/plugin.h>

#include "http_api.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK_BYTES 65536
#define DOWNLOADS_MAX 4

struct download {
	LIST_ENTRY(download) link;
	struct backup *backup;
	struct backups *backups;
	struct ocppd_request *request; /* NULL: the asker is gone */
	int64_t sent;
	int fd;
	bool is_reading; /* a block was asked for and did not come back yet */
	bool is_joined;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool wants; /* under the lock: */
	bool is_ending;
	ssize_t len; /* of data, once it came; negative: the file cannot be read */
	char data[BLOCK_BYTES];
};

/* ---- The reading thread -------------------------------------------------------------------- */

static void on_block(struct ocppd_host *host, void *arg);

static ssize_t
read_block(struct download *download)
{
	ssize_t len = 0;

	while (len < BLOCK_BYTES) {
		ssize_t n = read(download->fd, download->data + len, (size_t)(BLOCK_BYTES - len));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += n;
	}
	return len;
}

static void *
download_main(void *arg)
{
	struct download *download = arg;
	struct ocppd_host *host = download->backups->api->host;

	(void)pthread_mutex_lock(&download->lock);
	while (!download->is_ending) {
		if (!download->wants) {
			(void)pthread_cond_wait(&download->wake, &download->lock);
			continue;
		}
		(void)pthread_mutex_unlock(&download->lock);
		download->len = read_block(download);
		(void)pthread_mutex_lock(&download->lock);
		download->wants = false;
		(void)ocppd_post(host, on_block, download); /* refused: the stop joins us */
	}
	(void)pthread_mutex_unlock(&download->lock);
	return NULL;
}

/* At most one block's reading is waited for. */
static void
join(struct download *download)
{
	if (download->is_joined)
		return;
	(void)pthread_mutex_lock(&download->lock);
	download->is_ending = true;
	(void)pthread_cond_signal(&download->wake);
	(void)pthread_mutex_unlock(&download->lock);
	(void)pthread_join(download->thread, NULL);
	download->is_joined = true;
}

static void
download_free(struct download *download)
{
	LIST_REMOVE(download, link);
	download->backups->download_count--;
	join(download);
	(void)pthread_cond_destroy(&download->wake);
	(void)pthread_mutex_destroy(&download->lock);
	(void)close(download->fd);
	free(download);
}

/* ---- The core thread ----------------------------------------------------------------------- */

static void
download_end(struct download *download, bool is_whole)
{
	struct backup *backup = download->backup;

	download_free(download);
	backup_left(backup, is_whole);
}

static void
ask_block(struct download *download)
{
	download->is_reading = true;
	(void)pthread_mutex_lock(&download->lock);
	download->wants = true;
	(void)pthread_cond_signal(&download->wake);
	(void)pthread_mutex_unlock(&download->lock);
}

static void
write_block(struct download *download)
{
	struct ocppd_host *host = download->backups->api->host;
	int r = ocppd_request_write(host, download->request, download->data, (size_t)download->len);

	if (r == OCPPD_EBUSY)
		return; /* on_ready */
	if (r < 0) {
		if (r != OCPPD_EGONE)
			ocppd_request_cut(host, download->request);
		download_end(download, false);
		return;
	}
	download->sent += download->len;
	ask_block(download);
}

static void
on_block(struct ocppd_host *host, void *arg)
{
	struct download *download = arg;

	download->is_reading = false;
	if (download->request == NULL) {
		download_end(download, false);
	} else if (download->len > 0) {
		write_block(download);
	} else {
		bool is_whole = download->len == 0 && download->sent == download->backup->size;

		/* The head is out: a cut answer is all that can be said of a broken file. */
		if (is_whole) {
			ocppd_request_end(host, download->request);
		} else {
			OCPPD_ERROR(host, "backup.cut", OCPPD_STR("path", download->backup->path),
				    OCPPD_INT("bytes", download->sent));
			ocppd_request_cut(host, download->request);
		}
		download_end(download, is_whole);
	}
}

static void
on_ready(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct download *download = arg;

	(void)host;
	(void)request;
	if (!download->is_reading && !download->is_joined)
		write_block(download);
}

static void
on_gone(struct ocppd_host *host, struct ocppd_request *request, void *arg)
{
	struct download *download = arg;

	(void)host;
	(void)request;
	download->request = NULL;
	if (!download->is_reading && !download->is_joined)
		download_end(download, false);
}

/* Signals belong to the daemon's own threads. */
static int
start_thread(struct download *download)
{
	sigset_t all;
	sigset_t old;
	int r;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&download->thread, NULL, download_main, download);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r != 0)
		return OCPPD_ENOMEM;
	(void)pthread_setname_np(download->thread, "ocppd-download");
	return 0;
}

static int
open_file(struct download *download)
{
	int r;

	download->fd = open(download->backup->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (download->fd < 0)
		return OCPPD_EIO;
	(void)pthread_mutex_init(&download->lock, NULL);
	(void)pthread_cond_init(&download->wake, NULL);
	r = start_thread(download);
	if (r == 0)
		return 0;
	(void)pthread_cond_destroy(&download->wake);
	(void)pthread_mutex_destroy(&download->lock);
	(void)close(download->fd);
	return r;
}

void
download_begin(struct backup *backup, struct ocppd_request *request)
{
	struct backups *backups = backup->backups;
	struct ocppd_host *host = backups->api->host;
	struct download *download;
	int r = OCPPD_ENOMEM;

	if (backups->download_count == DOWNLOADS_MAX) {
		ocppd_request_problem(host, request, 503, "too-many-downloads",
				      "%d downloads are under way already", DOWNLOADS_MAX);
		return;
	}
	download = calloc(1, sizeof(*download));
	if (download != NULL) {
		download->backup = backup;
		download->backups = backups;
		download->request = request;
		r = open_file(download);
	}
	if (r < 0) {
		ocppd_request_fail(host, request, r, NULL);
		free(download);
		return;
	}
	LIST_INSERT_HEAD(&backups->downloads, download, link);
	backups->download_count++;
	backup->readers++;
	if (ocppd_request_begin(host, request, 200, "application/vnd.sqlite3", on_ready, on_gone,
				download) < 0)
		download_end(download, false);
	else
		ask_block(download);
}

void
downloads_stop(struct backups *backups)
{
	struct download *download;

	LIST_FOREACH (download, &backups->downloads, link)
		join(download);
}

void
downloads_free(struct backups *backups)
{
	while (!LIST_EMPTY(&backups->downloads))
		download_free(LIST_FIRST(&backups->downloads));
}
