/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_SINK_H
#define FILE_HOSTING_SINK_H

#include <openssl/evp.h>

#include "desk.h"

/*
 * A file being received, below `incoming`. Functions return 0 or the HTTP status that says what is
 * wrong: 413 larger than its limit, 507 no room, 500 the system refused. Any thread but the core's.
 */
struct sink {
	struct desk *desk;
	int fd; /* -1: not open */
	EVP_MD_CTX *md;
	int64_t limit;
	int64_t looked_at; /* bytes at which the disk's free space was looked at last */
	struct received file;
};

/* announced: bytes that are to come, as far as is known, else 0. */
uint32_t sink_open(struct sink *sink, struct desk *desk, const char *name, int64_t limit,
		   int64_t announced);
uint32_t sink_write(struct sink *sink, const void *data, size_t len);
/* On disk, complete; the sink is closed, also on error. */
uint32_t sink_finish(struct sink *sink, struct received *ret_file);
/* Closes it and removes what there is. One that is not open is fine. */
void sink_abort(struct sink *sink);

/* Removes a file that did not come onto record. */
void received_discard(struct desk *desk, const struct received *file);
/* Moves one that is on record to where it stays. 0 or an errno. */
int received_settle(struct desk *desk, const struct received *file);
/* A stored file, for reading; -1 and errno. */
int blob_open(struct desk *desk, const char *blob);
void blob_remove(struct desk *desk, const char *blob);

#endif
