/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_OPTIONS_H
#define OCPPD_RUNTIME_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/conf.h>

#include "runtime/arena.h"
#include "runtime/problems.h"

/*
 * Tables of options (ocppd/conf.h) at work: a map of the configuration becomes a struct, or a list
 * of complaints. The core's own options and the modules' take the same way.
 *
 *     static const struct ocppd_option rows[] = { … };
 *     static const struct options table = { OCPPD_TABLE(rows) };
 */
struct buf;
struct options {
	OCPPD_ROWS(ocppd_option) rows; /* of this build's stride */
};

struct options_source {
	const struct ocppd_node *map;   /* NULL or empty: all defaults */
	const struct ocppd_node *place; /* position for complaints while map is NULL; may be NULL */
	const char *path;               /* "plugins.heartbeat", "" at the top */
};

/*
 * Fills a zeroed struct of `size` bytes in the arena; texts are copied, NODE members borrow from
 * the tree. Adds every finding to problems; 0, or OCPPD_EINVAL if there was any, OCPPD_ENOMEM.
 */
int options_fill(const struct options *table, uint32_t size, const struct options_source *source,
		 struct arena *arena, void **ret_data, struct problems *problems);

/* Where an option of a `check` finding ("tls.key", "listeners[1].port") stands: fills file, line
 * and column of err from the nearest node that exists, and puts "<path>.<option>: " before the
 * text. */
void options_locate(const struct options_source *source, struct ocppd_error *err);

/* Called for every option whose value differs; path is "tls.key" below the table's own. */
typedef void options_diff_fn(const char *path, const struct ocppd_option *option,
			     bool is_reloadable, void *arg);
/* Compares two filled structs. Returns the number of differences; fn may be NULL. A SECTION's flag
 * OCPPD_RELOADABLE holds for all below it. */
uint32_t options_diff(const struct options *table, const void *a, const void *b,
		      options_diff_fn *fn, void *arg);
/* Copies what is not reloadable from one filled struct to another: their values cannot change while
 * the module runs. The source must outlive the target. */
void options_keep(const struct options *table, const void *from, void *to);

/* The table as commented YAML: every key with its default, range, text, and "Applies on reload." or
 * "Needs a restart.". indent: columns before each line. */
void options_print(const struct options *table, uint32_t indent, struct buf *ret_text);

/* Bytes of the member that an option fills, 0 for an unknown type; *ret_align may be NULL. */
uint32_t option_member_size(const struct ocppd_option *option, uint32_t *ret_align);
/* The default as the loader checks it: 0, or OCPPD_EINVAL with err. */
int option_default_check(const struct ocppd_option *option, struct ocppd_error *err);

#endif
