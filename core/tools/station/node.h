/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_NODE_H
#define OCPPD_STATION_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/error.h>

struct json_object;

/* A YAML document as a tree that remembers where everything stood. */
enum node_kind {
	NODE_SCALAR,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	bool is_quoted; /* a scalar that is text whatever it looks like */
	uint32_t line;  /* of the value, from 1 */
	uint32_t column;
	uint32_t key_line; /* of the key, in a map */
	uint32_t key_column;
	char *key;          /* in a map */
	char *text;         /* of a scalar, NUL-terminated UTF-8 */
	struct node *first; /* children, in order */
	struct node *last;
	struct node *next;
	struct node *parent;
};

#define NODE_MAX_DEPTH 24
#define NODE_MAX_COUNT 50000
#define NODE_MAX_BYTES (1024 * 1024)

/* name: what errors call the text. */
int node_parse(const char *name, const char *text, size_t len, struct node **ret_root,
	       struct ocppd_error *err);
int node_load(const char *path, struct node **ret_root, struct ocppd_error *err);
void node_free(struct node *node);

const struct node *node_find(const struct node *map, const char *key); /* NULL is fine */
/* "a map", "a list", "text". */
const char *node_kind_name(const struct node *node);

/* Fills err with the node's place. */
int node_error(const struct node *node, struct ocppd_error *err, const char *format, ...)
	OCPPD_PRINTF(3, 4);

/* Gives a variable's value, owned by the caller of it, or NULL when there is none. */
typedef struct json_object *node_var_fn(void *arg, const char *name);

/*
 * The node as JSON. A plain scalar becomes what YAML 1.2 says (null, boolean, number, else text);
 * ${name} alone becomes the variable's value with its type, inside a text its text.
 * var may be NULL: no variables. OCPPD_EINVAL: an unknown variable, named in err; OCPPD_ENOMEM.
 */
int node_json(const struct node *node, node_var_fn *var, void *arg, struct json_object **ret_value,
	      struct ocppd_error *err);

#endif
