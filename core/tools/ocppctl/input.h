/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPCTL_INPUT_H
#define OCPPCTL_INPUT_H

/* A file, or standard input ("-"), as one text, the caller's; NULL: unreadable, too long, or with
 * NUL. */
char *read_input(const char *name);
/* The first line of a file, the caller's; NULL: unreadable. */
char *read_token(const char *path);

#endif
