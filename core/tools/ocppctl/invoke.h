/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_INVOKE_H
#define OCPPCTL_INVOKE_H

#include <ocppd/error.h>

#include "spec.h"

/* A command line made into a request. */
struct invocation {
	char method[16];
	char *path;         /* with its query */
	char *body;         /* JSON text, NULL: none */
	char file_way;      /* '<': a file goes along, '>': one comes back, as the answer says */
	const char *file;   /* what is sent, borrowed from the arguments; NULL: not given */
	bool is_list_whole; /* a list, and no page of it was asked for */
};

/* args: what follows the command's words. input: reads standard input (`-`) or a file, result
 * owned by the caller. 0; OCPPD_EINVAL usage; OCPPD_ERANGE an unfit value; OCPPD_ENOMEM. */
int invocation_init(struct invocation *invocation, const struct spec *spec,
		    const struct command *command, char *const *args, size_t count,
		    char *(*input)(const char *name), struct ocppd_error *err);
void invocation_fini(struct invocation *invocation);

#endif
