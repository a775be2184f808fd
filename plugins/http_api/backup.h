/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_BACKUP_H
#define HTTP_API_BACKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Copies of the database: to a path on the daemon's host, or kept for a while to be fetched. */

struct api;
struct backups;
struct ocppd_host;
struct ocppd_request;

struct backups *backups_new(struct api *api);
void backups_free(struct backups *backups);
/* 0 or OCPPD_ENOMEM. */
int backups_start(struct backups *backups);
void backups_stop(struct backups *backups);

/* ---- between backup.c (the copies) and download.c (their way out) ------------------------- */

#define BACKUP_ID_DIGITS 16

enum backup_state {
	BACKUP_RUNNING,
	BACKUP_READY,
	BACKUP_FAILED,
	BACKUP_STATES,
};

struct backup {
	TAILQ_ENTRY(backup) link;
	struct backups *backups;
	struct ocppd_request *request; /* to a path: who waits for it; NULL: kept, or gone */
	enum backup_state state;
	char id[BACKUP_ID_DIGITS + 1]; /* "": to a path */
	char *path;
	char *requester;
	int64_t size; /* READY */
	int64_t created_us;
	int64_t expires_mono_us; /* READY, FAILED */
	int64_t expires_us;
	uint32_t readers;  /* downloads under way */
	bool is_fetched;   /* as a whole: it goes with its last reader */
	char problem[256]; /* FAILED */
};

/* One answer that streams a copy. */
struct download;
LIST_HEAD(downloads, download);

struct backups {
	struct api *api;
	TAILQ_HEAD(backup_list, backup) all; /* the oldest first */
	uint32_t count;
	struct ocppd_timer *timer; /* the next expiry */
	struct downloads downloads;
	uint32_t download_count;
	bool is_stopped;
};

/* A reader is done; whole: it has got all of it. May free the backup. */
void backup_left(struct backup *backup, bool is_whole);

/* Answers the request in pieces. */
void download_begin(struct backup *backup, struct ocppd_request *request);
/* No thread is left after it; memory stays for downloads_free. */
void downloads_stop(struct backups *backups);
void downloads_free(struct backups *backups);

#endif
