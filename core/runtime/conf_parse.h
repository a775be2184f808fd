/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CONF_PARSE_H
#define OCPPD_RUNTIME_CONF_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/arena.h"
#include "runtime/conf.h"

/* YAML to nodes; conf.c puts files together. The node and all its texts lie in the arena, the name
 * of the file included; *node_count goes on counting from file to file. */
struct yaml_source {
	const char *file;
	const char *text;
	size_t len;
};

/* Negative with one entry in err. An empty text is a node of kind NONE. */
int yaml_read(const struct yaml_source *source, struct arena *arena, uint32_t *node_count,
	      struct ocppd_node **ret_node, struct ocppd_error *err);

#endif
