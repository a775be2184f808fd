/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_OPTION_VALUE_H
#define OCPPD_RUNTIME_OPTION_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/conf.h>

#include "runtime/arena.h"

/* Single values: one text of the file becomes one member of a struct. options.c walks the tables.
 */
struct buf;

/* Types whose value is one text (a SECRET also a map with `file`). */
bool option_is_scalar(uint32_t type);
/* "a duration such as 10s, 5min or 2h": what a value of the type looks like. */
const char *option_type_text(uint32_t type);
/* The word that stands for a value of the type in references: "DURATION". */
const char *option_type_word(uint32_t type);

/*
 * Checks type and range and writes the member at ret_member. err gets the sentence, without path
 * and position. Returns 0, OCPPD_EINVAL, OCPPD_EIO (the file of a secret), OCPPD_ENOMEM.
 */
int option_value_set(const struct ocppd_option *option, const struct ocppd_node *node,
		     struct arena *arena, void *ret_member, struct ocppd_error *err);

/* A text as a path: a relative one starts at the folder of its file. NULL: out of memory. */
char *option_path(const struct ocppd_node *node, struct arena *arena);

/* A number in the option's unit, as it would stand in the file: "300" seconds become "5min". */
void option_number_format(const struct ocppd_option *option, int64_t value, struct buf *ret_text);

/* The file that holds the secret of such a value; NULL: there is none, or no memory. */
const char *option_secret_file(const struct ocppd_option *option, const struct ocppd_node *node,
			       struct arena *arena);

#endif
