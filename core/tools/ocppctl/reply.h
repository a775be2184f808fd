/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_REPLY_H
#define OCPPCTL_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define REPLY_BODY_MAX ((size_t)256 * 1024 * 1024)

/* An HTTP/1.1 answer as it arrives in pieces. {0} is a fresh one. */
enum reply_state {
	REPLY_STATUS,
	REPLY_FIELDS,
	REPLY_FIXED,      /* `left` bytes of body */
	REPLY_UNTIL_END,  /* body up to the end of the connection */
	REPLY_CHUNK_SIZE, /* chunked: */
	REPLY_CHUNK_DATA,
	REPLY_CHUNK_END,
	REPLY_TRAILER,
	REPLY_DONE,
};

struct reply {
	enum reply_state state;
	uint32_t status;
	uint64_t left;
	bool is_chunked;
	bool has_length;
	bool has_no_body; /* set by the caller for HEAD */
	char content_type[128];
	struct buf line;
	struct buf body;
};

void reply_fini(struct reply *reply);
/* Takes in the next bytes. 0; OCPPD_EINVAL: this is not HTTP; OCPPD_ESPACE; OCPPD_ENOMEM. */
int reply_feed(struct reply *reply, const char *data, size_t len);
/* The connection ended. 0 if the answer is complete, else OCPPD_EGONE. */
int reply_end(struct reply *reply);

#endif
