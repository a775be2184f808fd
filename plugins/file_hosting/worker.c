/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A thread for what may wait for the disk and belongs to no connection: cleaning up, removing,
 * moving what came onto record, taking in files that lie on this machine, and at last closing the
 * listeners. One job after the other; what is done goes back to the core thread.
 */
#include "hosting.h"
#include "http.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_SIZE 65536

struct job *
job_new(enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job != NULL)
		job->kind = kind;
	return job;
}

/* ---- Jobs -------------------------------------------------------------------------------------
 */

static int
compare_blobs(const void *a, const void *b)
{
	return strcmp(a, b);
}

static bool
is_kept(const struct job *job, const char *name)
{
	return job->keep_count > 0 && strlen(name) == BLOB_SIZE - 1 &&
	       bsearch(name, job->keep, job->keep_count, BLOB_SIZE, compare_blobs) != NULL;
}

static void
clean_entry(struct hosting *ctx, struct job *job, const char *name)
{
	struct desk *desk = &ctx->desk;
	char blob[BLOB_SIZE];
	struct received file;

	if (strlen(name) != BLOB_SIZE - 1) {
		OCPPD_WARN(ctx->host, "file.strange", OCPPD_STR("name", name));
		return;
	}
	memcpy(blob, name, sizeof(blob));
	if (is_kept(job, blob)) {
		memset(&file, 0, sizeof(file));
		memcpy(file.blob, blob, sizeof(file.blob));
		if (received_settle(desk, &file) != 0)
			OCPPD_ERROR(ctx->host, "file.unsettled", OCPPD_STR("blob", blob));
		return;
	}
	if (unlinkat(desk->incoming_fd, blob, 0) == 0)
		OCPPD_INFO(ctx->host, "file.unfinished", OCPPD_STR("blob", blob),
			   OCPPD_STR("text", "removed: it was being received when the daemon "
					     "ended"));
}

typedef void entry_fn(struct hosting *ctx, struct job *job, const char *name);

static void
walk(struct hosting *ctx, struct job *job, int folder, entry_fn *fn)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (dir == NULL) {
		OCPPD_ERROR(ctx->host, "files.uncleaned", OCPPD_INT("errno", errno));
		if (fd >= 0)
			(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fn(ctx, job, entry->d_name);
	}
	(void)closedir(dir);
}

static void
count_entry(struct hosting *ctx, struct job *job, const char *name)
{
	(void)ctx;
	if (is_kept(job, name))
		job->found++;
	else
		job->strange++;
}

/* Before anything new can arrive. What is in the store is never removed here: the database may be
 * an older copy. */
static void
clean(struct hosting *ctx, struct job *job)
{
	if (job->keep_count > 0)
		qsort(job->keep, job->keep_count, BLOB_SIZE, compare_blobs);
	walk(ctx, job, ctx->desk.incoming_fd, clean_entry);
	walk(ctx, job, ctx->desk.store_fd, count_entry);
	if (job->strange > 0)
		OCPPD_WARN(ctx->host, "files.unknown", OCPPD_INT("count", job->strange),
			   OCPPD_STR("text", "files in store that are not on record"));
	if (job->found < job->keep_count)
		OCPPD_ERROR(ctx->host, "files.missing",
			    OCPPD_INT("count", job->keep_count - job->found),
			    OCPPD_STR("text", "files on record that are not in store"));
}

/* The connection's thread goes on with the answer. */
static void
resume(struct upload *upload)
{
	struct desk *desk = &upload->hosting->desk;
	struct MHD_Connection *connection = upload->connection;

	if (connection == NULL)
		return;
	desk_lock(desk);
	upload->guest->is_suspended = false;
	upload->guest->is_answered = true;
	upload->guest->mark_mono_us = ocppd_mono_us(desk->host);
	desk_unlock(desk);
	MHD_resume_connection(connection);
}

static void
settle(struct hosting *ctx, struct upload *upload)
{
	for (uint32_t i = 0; i < upload->count; i++) {
		int code = received_settle(&ctx->desk, &upload->files[i]);

		/* It is on record and found in `incoming`, too; the next start moves it. */
		if (code != 0)
			OCPPD_ERROR(ctx->host, "file.unsettled",
				    OCPPD_STR("blob", upload->files[i].blob),
				    OCPPD_INT("errno", code));
	}
	if (upload->source[0] != '\0')
		(void)unlinkat(ctx->import_fd, upload->source, 0);
	resume(upload);
}

static void
drop(struct hosting *ctx, struct upload *upload)
{
	for (uint32_t i = 0; i < upload->count; i++)
		received_discard(&ctx->desk, &upload->files[i]);
	upload->count = 0;
	resume(upload);
}

static uint32_t
copy_file(struct sink *sink, int fd)
{
	char data[COPY_SIZE];
	uint32_t status = 0;

	while (status == 0) {
		ssize_t n = read(fd, data, sizeof(data));

		if (n == 0)
			return sink->file.size == 0 ? 400 : 0;
		if (n > 0)
			status = sink_write(sink, data, (size_t)n);
		else if (errno != EINTR)
			status = 500;
	}
	return status;
}

/* Copied, so that nobody can write to it any more. */
static void
take_in(struct hosting *ctx, struct job *job)
{
	struct upload *upload = job->upload;
	struct stat info;
	struct sink sink;
	uint32_t status;
	int fd = openat(ctx->import_fd, upload->source,
			O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		if (fd >= 0)
			(void)close(fd);
		upload->status = 404;
		return;
	}
	status = sink_open(&sink, &ctx->desk, upload->grant->name, job->limit, info.st_size);
	if (status == 0)
		status = copy_file(&sink, fd);
	if (status == 0) {
		status = sink_finish(&sink, &upload->files[0]);
		upload->count = status == 0 ? 1 : 0;
	}
	sink_abort(&sink);
	(void)close(fd);
	upload->status = status;
}

static void
run_job(struct hosting *ctx, struct job *job)
{
	bool is_import = job->upload != NULL && job->upload->connection == NULL;

	switch (job->kind) {
	case JOB_CLEAN:
		clean(ctx, job);
		break;
	case JOB_REMOVE:
		blob_remove(&ctx->desk, job->blob);
		break;
	case JOB_SETTLE:
		settle(ctx, job->upload);
		break;
	case JOB_DROP:
		drop(ctx, job->upload);
		break;
	case JOB_IMPORT:
		take_in(ctx, job);
		break;
	case JOB_CLOSE:
		doors_close(ctx);
		break;
	}
	/* Resumed, it is the connection's, and may be gone already. */
	if (!is_import)
		job->upload = NULL;
}

/* ---- The thread -------------------------------------------------------------------------------
 */

static void *
worker_main(void *arg)
{
	struct hosting *ctx = arg;
	struct worker *worker = &ctx->worker;

	(void)pthread_mutex_lock(&worker->lock);
	for (;;) {
		struct job *job = STAILQ_FIRST(&worker->jobs);

		if (job == NULL && worker->is_ending)
			break;
		if (job == NULL) {
			(void)pthread_cond_wait(&worker->wake, &worker->lock);
			continue;
		}
		STAILQ_REMOVE_HEAD(&worker->jobs, all);
		(void)pthread_mutex_unlock(&worker->lock);
		run_job(ctx, job);
		(void)pthread_mutex_lock(&worker->lock);
		STAILQ_INSERT_TAIL(&worker->done, job, all);
		desk_wake(&ctx->desk);
	}
	(void)pthread_mutex_unlock(&worker->lock);
	return NULL;
}

int
worker_start(struct hosting *ctx)
{
	struct worker *worker = &ctx->worker;
	sigset_t all;
	sigset_t old;
	int r;

	STAILQ_INIT(&worker->jobs);
	STAILQ_INIT(&worker->done);
	worker->is_ending = false;
	(void)pthread_mutex_init(&worker->lock, NULL);
	(void)pthread_cond_init(&worker->wake, NULL);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&worker->thread, NULL, worker_main, ctx);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	worker->is_running = r == 0;
	if (r == 0)
		(void)pthread_setname_np(worker->thread, "ocppd-files");
	return r == 0 ? 0 : OCPPD_EIO;
}

void
worker_stop(struct hosting *ctx)
{
	struct worker *worker = &ctx->worker;
	struct job *job;

	if (!worker->is_running)
		return;
	(void)pthread_mutex_lock(&worker->lock);
	worker->is_ending = true;
	(void)pthread_cond_signal(&worker->wake);
	(void)pthread_mutex_unlock(&worker->lock);
	(void)pthread_join(worker->thread, NULL);
	worker->is_running = false;
	while ((job = STAILQ_FIRST(&worker->done)) != NULL) {
		STAILQ_REMOVE_HEAD(&worker->done, all);
		free(job->keep);
		free(job);
	}
	(void)pthread_cond_destroy(&worker->wake);
	(void)pthread_mutex_destroy(&worker->lock);
}

void
worker_give(struct hosting *ctx, struct job *job)
{
	struct worker *worker = &ctx->worker;

	ctx->jobs++;
	(void)pthread_mutex_lock(&worker->lock);
	STAILQ_INSERT_TAIL(&worker->jobs, job, all);
	(void)pthread_cond_signal(&worker->wake);
	(void)pthread_mutex_unlock(&worker->lock);
}

static void
collect(struct hosting *ctx, struct job *job)
{
	enum job_kind kind = job->kind;

	ctx->jobs--;
	switch (job->kind) {
	case JOB_SETTLE:
	case JOB_DROP:
		if (job->upload != NULL)
			upload_settled(ctx, job->upload);
		break;
	case JOB_IMPORT:
		upload_store(ctx, job->upload);
		break;
	case JOB_CLOSE:
		ctx->is_closed = true;
		break;
	case JOB_CLEAN:
	case JOB_REMOVE:
		break;
	}
	free(job->keep);
	free(job);
	if (kind == JOB_CLEAN)
		hosting_cleaned(ctx);
}

void
worker_collect(struct hosting *ctx)
{
	struct worker *worker = &ctx->worker;
	struct job_list done = STAILQ_HEAD_INITIALIZER(done);
	struct job *job;

	(void)pthread_mutex_lock(&worker->lock);
	STAILQ_CONCAT(&done, &worker->done);
	(void)pthread_mutex_unlock(&worker->lock);
	while ((job = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, all);
		collect(ctx, job);
	}
}
