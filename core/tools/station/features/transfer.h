/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_TRANSFER_H
#define OCPPD_STATION_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transfer;
struct uv_loop_s;

/* Files over HTTP, HTTPS, FTP and FTPS, one thread of libuv's pool each. */
enum transfer_method {
	TRANSFER_PUT,
	TRANSFER_POST,
	TRANSFER_MULTIPART,
};

struct transfer_opts {
	const char *url;
	const char *name; /* of the file that is sent; NULL: a file is fetched */
	const char *data; /* that is sent: copied */
	size_t len;
	enum transfer_method method;
	const char *ca; /* NULL: the system's */
	bool is_insecure;
};

struct transfer_result {
	bool is_good;
	int64_t bytes;  /* of the file that came or went */
	char text[200]; /* what went wrong */
};

typedef void transfer_fn(void *arg, const struct transfer_result *result);

int transfer_setup(void); /* once, before any other thread */
void transfer_teardown(void);
/* fn runs on the loop, never before this returns. OCPPD_ENOMEM; OCPPD_ENOTSUP: not built in. */
int transfer_start(struct uv_loop_s *loop, const struct transfer_opts *opts, transfer_fn *fn,
		   void *arg, struct transfer **ret_transfer);
/* fn will not be called any more. NULL is fine. */
void transfer_cancel(struct transfer *transfer);

#endif
