/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_DESK_H
#define FILE_HOSTING_DESK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/address.h>
#include <ocppd/plugin.h>
#include <ocppd/service/files.h>

#include "names.h"
#include "range.h"

/*
 * What the core thread and the threads that serve HTTP share, all of it under one lock that nobody
 * holds over input or output: who may do what (grants), who is connected (guests), and the two
 * lists towards the core (notices, uploads). The core is woken by a descriptor of the module's own,
 * since posts end when its stop begins.
 */
#define STATION_SIZE (OCPPD_STATION_ID_MAX * 4 + 1)
#define REMOTE_SIZE OCPPD_ADDRESS_SIZE
#define BLOB_SIZE TOKEN_SIZE /* files on disk are called by chance */
#define SHA256_SIZE 65
#define KIND_SIZE 33
#define OWNER_SIZE 33
#define REASON_SIZE 128
#define GRANT_BUCKETS 4096
#define UPLOAD_FILES_MAX 8
#define TRANSFERS_PER_GRANT 4 /* requests at a time on one URL */

struct hosting;
struct job;
struct MHD_Connection;

/* What is said of an image when it is uploaded; texts are owned, NULL: absent. */
struct image_notes {
	char *vendor;
	char *model;
	char *version;
	char *note;
	char *signature;
	char *certificate;
	char *requester;
	char sha256[SHA256_SIZE]; /* expected; "": any */
};

#define NOTICE_BEGUN 0x1u
#define NOTICE_BROKEN 0x2u
#define NOTICE_COVERED 0x4u /* the whole file was sent */
#define NOTICE_PART 0x8u    /* a part was, in a request that ended well */

/* A permission for one URL. Of a transfer (id > 0, on record), or of an operator (id 0, in memory
 * only). Freed with its last reference; `next` and `all` are the desk's. */
struct grant {
	struct grant *next;    /* of the same bucket, by token */
	struct grant *next_id; /* likewise by id */
	TAILQ_ENTRY(grant) all;
	TAILQ_ENTRY(grant) noticed;
	uint32_t refs;
	uint32_t active; /* requests under way */
	int64_t id;
	uint32_t direction; /* OCPPD_TRANSFER_* */
	uint32_t state;     /* OCPPD_TRANSFER_* */
	bool is_closed;     /* no new request is served */
	bool is_told;       /* core: the watcher knows that it began */
	char token[TOKEN_SIZE];
	char owner[OWNER_SIZE];
	char station_id[STATION_SIZE];
	char reference[OCPPD_FILE_REFERENCE_MAX + 1];
	char kind[KIND_SIZE];
	int64_t created_us;
	int64_t expires_us;
	int64_t grace_us; /* when a completed one ends for good; 0: it is not completed */
	int64_t begun_us;
	int64_t ended_us;
	/* FETCH */
	int64_t file_id; /* SEND: the first that came */
	char blob[BLOB_SIZE];
	char sha256[SHA256_SIZE];
	char name[NAME_SIZE];
	struct spans *sent; /* owned; NULL: nothing */
	/* SEND */
	int64_t max_bytes;
	struct image_notes *notes; /* an operator's upload */
	/* progress */
	int64_t size;
	int64_t bytes;
	int64_t told_bytes;  /* core: as the watcher knows it */
	int64_t saved_bytes; /* core: as the table knows it */
	uint32_t attempts;
	char remote[REMOTE_SIZE];
	uint32_t notices;   /* NOTICE_* */
	const char *reason; /* of NOTICE_BROKEN; static */
	uint32_t retry;     /* core: an event (OCPPD_FILES_*) that could not be stored yet */
	uint32_t saves;     /* core: units under way */
};
TAILQ_HEAD(grant_list, grant);

/* A connection. */
struct guest {
	TAILQ_ENTRY(guest) all;
	int fd;
	char remote[REMOTE_SIZE];
	struct grant *grant;  /* of the request under way, NULL: none */
	int64_t mark_mono_us; /* since when it moved less than it has to */
	int64_t mark_bytes;
	int64_t bytes;     /* taken from it, or handed to it */
	bool is_suspended; /* waits for us */
	bool is_busy;      /* a request is under way */
	bool is_answered;  /* what it sent is on record, or not: it will hear so */
	bool is_cut;
	const char *cut_reason; /* static */
};
TAILQ_HEAD(guest_list, guest);

struct received {
	char blob[BLOB_SIZE];
	char name[NAME_SIZE];
	char sha256[SHA256_SIZE];
	int64_t size;
	int64_t id; /* once it is on record */
};

/* Files that lie in `incoming`, complete, on their way onto record. */
struct upload {
	TAILQ_ENTRY(upload) all;
	struct hosting *hosting;
	struct grant *grant; /* a reference */
	struct guest *guest;
	struct MHD_Connection *connection; /* suspended; NULL: an import */
	struct received files[UPLOAD_FILES_MAX];
	uint32_t count;
	/* Answered with, once it is settled: */
	uint32_t status;
	char text[REASON_SIZE];
	char *json;                    /* owned; NULL: the text */
	struct ocppd_request *request; /* an import's */
	char source[NAME_SIZE];        /* an import's, "" otherwise */
	int64_t stored_us;
	struct job *job; /* for the worker, made beforehand: what is begun must end */
};
TAILQ_HEAD(upload_list, upload);

enum refusal {
	REFUSED_UNKNOWN,
	REFUSED_BUSY,
	REFUSED_LARGE,
	REFUSED_SPACE,
	REFUSED_BAD,
	REFUSED_SLOW,
	REFUSED_CUT,
	REFUSED_IO,
	REFUSED_COUNT,
};

/* Of the configuration, what other threads need; exchanged as a whole by reload. */
struct limits {
	int64_t max_upload;
	int64_t max_image;
	int64_t quota;
	int64_t min_free;
	int64_t min_rate;
	int64_t timeout_ms;
	int64_t max_connections;
	char prefix[BASE_MAX + 1];
};

struct desk {
	struct ocppd_host *host;
	pthread_mutex_t lock;
	int event; /* wakes the core */
	int incoming_fd;
	int store_fd;
	struct limits limits;
	struct grant *buckets[GRANT_BUCKETS];
	struct grant *ids[GRANT_BUCKETS];
	struct grant_list grants;
	uint32_t grant_count;
	struct grant_list noticed;
	struct upload_list uploads; /* complete; for the core */
	struct guest_list guests;
	uint32_t guest_count;
	int64_t used_bytes;     /* on record */
	int64_t incoming_bytes; /* on their way */
	uint64_t served_bytes;
	uint64_t received_bytes;
	uint64_t refused[REFUSED_COUNT];
	bool is_awake;   /* the event is set */
	bool is_closing; /* only what is under way goes on */
};

int desk_init(struct desk *desk, struct ocppd_host *host);
void desk_fini(struct desk *desk);
void desk_lock(struct desk *desk);
void desk_unlock(struct desk *desk);
/* Any thread, with the lock or without. */
void desk_wake(struct desk *desk);
void desk_wake_locked(struct desk *desk);

/* With the lock held. */
void grant_insert(struct desk *desk, struct grant *grant); /* takes the caller's reference */
void grant_remove(struct desk *desk, struct grant *grant); /* from the desk, and gives it up */
struct grant *grant_find(struct desk *desk, const char *token);
struct grant *grant_by_id(struct desk *desk, int64_t id);
void grant_unref(struct grant *grant); /* NULL is fine */
/* reason: static, or NULL. */
void grant_notice(struct desk *desk, struct grant *grant, uint32_t notice, const char *reason);
/* Shuts the connections of its requests; NULL: all connections. reason: static. */
void grant_cut(struct desk *desk, const struct grant *grant, const char *reason);
/* Looks after the deadlines of all connections. */
void guests_tick(struct desk *desk, int64_t now_mono_us);
void guest_cut(struct guest *guest, const char *reason);

void notes_free(struct image_notes *notes);

#endif
