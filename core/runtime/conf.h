/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CONF_H
#define OCPPD_RUNTIME_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/conf.h>

#include "runtime/problems.h"

/*
 * Configuration files as a read-only tree. Every node knows its own file, line and column, also
 * after several files were merged. Nesting, sizes and counts are bounded; anchors, aliases, merge
 * keys, tags, repeated keys and second documents are refused, since each of them hides something
 * from the reader of the file.
 */
#define CONF_DEPTH_MAX 32
#define CONF_FILE_MAX (4 * 1024 * 1024) /* bytes a file */
#define CONF_NODES_MAX 200000           /* of all files together */
#define CONF_FILES_MAX 512

struct conf_member {
	const char *key; /* NULL in lists */
	const char *key_file;
	uint32_t key_line; /* where the key stands, for unknown ones */
	uint32_t key_column;
	struct ocppd_node *value;
};

struct ocppd_node {
	uint32_t kind; /* OCPPD_NODE_*; NONE: an empty value, ~ or null */
	uint32_t line;
	uint32_t column;
	uint32_t count;
	const char *file; /* as it was named when opened */
	const char *text; /* TEXT */
	struct conf_member *members;
	bool is_quoted; /* TEXT: in quotes or a block, so it is no number, truth value or null */
};

/* A whole configuration, counted: filled options and plans borrow from its nodes. One thread. */
struct conf;

struct conf_opts {
	const char *path;       /* the main file */
	const char *vendor_dir; /* the packages' conf.d; NULL: none */
};

/*
 * Reads the main file and merges it over its snippets: the packages' folder and `conf.d` beside the
 * file, by order of file name (`*.yaml`, no hidden ones); one in `conf.d` replaces the packages' of
 * the same name, and masks it if it is empty or a link to /dev/null. Maps merge deeply, anything
 * else is replaced; the main file has the last word. `vendor_conf: false` in it leaves the
 * packages' folder out.
 *
 * All that is wrong goes to problems. Returns 0 or negative.
 */
int conf_load(const struct conf_opts *opts, struct conf **ret_conf, struct problems *problems);
/* One text, for tests and tools; name stands for the file. */
int conf_parse(const char *name, const char *text, size_t len, struct conf **ret_conf,
	       struct problems *problems);
/* A map, or an empty one; never NULL. */
const struct ocppd_node *conf_root(const struct conf *conf);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf *conf); /* NULL is fine */

/* Reads a whole file, at most max_bytes. The text is NUL-terminated, the caller's. */
int file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
	      struct ocppd_error *err);

#endif
