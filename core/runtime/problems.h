/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_PROBLEMS_H
#define OCPPD_RUNTIME_PROBLEMS_H

#include <stdint.h>

#include <ocppd/error.h>

/*
 * What is wrong with a configuration or with modules, one line each, in the order of finding. All
 * of it is collected, so that an operator mends a file in one go. {0} is an empty list.
 */
struct buf;
struct ocppd_node;

#define PROBLEMS_MAX 50

struct problems {
	struct ocppd_error *items;
	struct ocppd_error *warnings; /* what is no problem, and should be seen to */
	uint32_t count;
	uint32_t left_out;      /* beyond PROBLEMS_MAX, or for want of memory */
	uint32_t warning_count; /* at most PROBLEMS_MAX */
	uint32_t reserved;
};

/* Adds a copy; returns err->code. NULL problems: nothing is kept. */
int problems_add(struct problems *problems, const struct ocppd_error *err);
/* Adds a sentence without position, or with the node's (NULL: none). Returns code. */
int problems_addf(struct problems *problems, const struct ocppd_node *node, int code,
		  const char *format, ...) OCPPD_PRINTF(4, 5);
/* Adds a warning with the node's position (NULL: none). */
void problems_warnf(struct problems *problems, const struct ocppd_node *node, const char *format,
		    ...) OCPPD_PRINTF(3, 4);
/* Moves the warnings behind those of another list. */
void problems_move_warnings(struct problems *from, struct problems *to);
/* Any entry, or any left out; warnings do not count. */
int problems_any(const struct problems *problems);
void problems_fini(struct problems *problems);

/* "file:line:column: text", leaving out what is unset. No newline. */
void error_format(const struct ocppd_error *err, struct buf *ret_text);
/* All but the warnings, one line each, "\n" between; a last line tells how many were left out. */
void problems_format(const struct problems *problems, struct buf *ret_text);

#endif
