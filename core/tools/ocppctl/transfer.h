/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_TRANSFER_H
#define OCPPCTL_TRANSFER_H

#include <stdint.h>

#include "http.h"
#include "output.h"

struct json_object;

/*
 * A file that goes another way than the request that allows it: the daemon's answer to that
 * request, the ticket, has the members `url`, perhaps `localUrl`, and `name`.
 */
struct transfer {
	char way;              /* '<': the file is sent; '>': it is fetched */
	const char *name;      /* "-": standard input or output; '>', NULL: as the ticket says */
	int fd;                /* of what is sent */
	struct output output;  /* of what is fetched */
	int64_t size;          /* -1: not known */
	int64_t moved;         /* bytes so far */
	int64_t shown_mono_us; /* progress on the terminal */
};

/* Opens what is sent, before anything is asked of the daemon. 0, or OCPPD_EINVAL with err. */
int transfer_init(struct transfer *transfer, char way, const char *name, struct ocppd_error *err);
void transfer_fini(struct transfer *transfer);
/* Moves the file. ret_reply is the answer, whose body is empty after a fetch that succeeded.
 * Returns as http_call; OCPPD_EINVAL also where the ticket cannot be used. */
int transfer_run(struct transfer *transfer, const struct http_server *server,
		 struct json_object *ticket, struct reply *ret_reply, struct ocppd_error *err);

#endif
