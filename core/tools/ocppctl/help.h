/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_HELP_H
#define OCPPCTL_HELP_H

#include "base/buf.h"
#include "spec.h"

/* What ocppctl is, without a daemon. */
void help_usage(struct buf *out);
/* The daemon's commands, a line each. */
void help_commands(struct buf *out, const struct spec *spec);
/* One command; choice: the value of the path parameter that its body depends on, or NULL. */
void help_command(struct buf *out, const struct spec *spec, const struct command *command,
		  const char *choice);

#endif
