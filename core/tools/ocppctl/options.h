/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_OPTIONS_H
#define OCPPCTL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/error.h>

struct http_server;

#define OPTIONS_WAIT_S 660 /* longer than the longest time a station can be given */

/* What stands before a command, and some of it behind. Texts are the arguments'. */
struct options {
	const char *url;
	const char *socket;
	const char *token;
	const char *token_file;
	const char *output; /* a file for the answer, or NULL */
	int64_t wait_s;
	bool is_json;
	bool is_help;
	bool is_version;
	bool is_complete; /* for the shell's completion */
};

/* Leaves the other arguments, in order, in args; returns their number, or negative: it was said
 * what is wrong. */
int options_read(struct options *options, char **args, int count);
/* Where the daemon is: options, then the environment. 0 or negative with err. */
int options_server(const struct options *options, struct http_server *ret_server,
		   struct ocppd_error *err);

#endif
