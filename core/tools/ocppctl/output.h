/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_OUTPUT_H
#define OCPPCTL_OUTPUT_H

#include <stdint.h>

#include <ocppd/error.h>

struct buf;

/* The file that an answer goes to (`-o FILE`). It gets its name when it is complete, and is nobody
 * else's to read. */
struct output {
	char *path; /* NULL: standard output */
	char *part; /* what it is called meanwhile */
	int fd;
	int64_t bytes;
};

/* path: "-" is standard output. 0, or OCPPD_EEXIST, OCPPD_EIO, OCPPD_ENOMEM with err. */
int output_open(struct output *output, const char *path, struct ocppd_error *err);
/* Writes and empties the buffer. 0 or OCPPD_EIO. */
int output_take(struct buf *body, void *output);
/* size: what it has to be, -1: not known. On failure nothing is left. 0, or OCPPD_EIO with err. */
int output_finish(struct output *output, int64_t size, struct ocppd_error *err);
void output_drop(struct output *output);

#endif
