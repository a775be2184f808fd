/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_CONF_H
#define OCPPD_CONF_H

/*
 * A module's options.
 *
 * The descriptor carries a table of options. The core parses the YAML file, refuses keys that are
 * in no table (naming the nearest one that is), checks type and range, and fills a struct of the
 * module's own, `conf_size` bytes long, which `check`, `init` and `reload` get. So a module never
 * sees YAML, and `ocppd --check` and the manual know every option without running module code.
 *
 * The struct and all it points to are owned by the core and constant. They live until `shutdown`
 * returned, or, after a reload, until `reload` returned with the next one.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

/* Types, with the C type of the member at `offset` and the YAML that is accepted. */
#define OCPPD_CONF_BOOL 1 /* uint32_t 0 or 1: true, false, yes, no, on, off */
#define OCPPD_CONF_INT 2  /* int64_t: decimal digits */
#define OCPPD_CONF_SIZE 3 /* int64_t, bytes: 4096, 64KiB, 1MiB, 2GiB, also kB, MB, GB */
#define OCPPD_CONF_DURATION_MS                                                                     \
	4                       /* int64_t, milliseconds: 250ms, 10s, 5min, 2h, 1d; unit required */
#define OCPPD_CONF_DURATION_S 5 /* int64_t, seconds: 10s, 5min, 2h, 1d; unit required */
#define OCPPD_CONF_STRING 6     /* const char *, NULL when absent and without default */
#define OCPPD_CONF_ENUM 7       /* uint32_t, index into one_of */
#define OCPPD_CONF_PATH 8       /* const char *; relative ones start at the file's own folder */
#define OCPPD_CONF_ADDRESS 9    /* const char *: numeric IPv4 or IPv6 address, brackets allowed */
#define OCPPD_CONF_SECRET 10    /* const char *: text, or {file: PATH}; never printed or logged */
#define OCPPD_CONF_STRINGS 11   /* struct ocppd_strings: a list of texts, or one text */
#define OCPPD_CONF_SECTION 12   /* a struct inline, filled by `options`; all defaults when absent */
#define OCPPD_CONF_SECTIONS 13  /* struct ocppd_sections: a list of maps, filled by `options` */
#define OCPPD_CONF_NODE 14      /* const struct ocppd_node *: anything; NULL when absent */
#define OCPPD_CONF_DOUBLE 15    /* double: a decimal number; range in min, max as whole numbers */
#define OCPPD_CONF_PATHS 16     /* struct ocppd_strings: a list of paths, or one, each as PATH */

#define OCPPD_RELOADABLE 0x1u      /* takes effect on reload; otherwise it needs a restart */
#define OCPPD_OPTION_REQUIRED 0x2u /* must be given; excludes `def` */
/* SECTION: may be left out as a whole, and what is required in it with it. */
#define OCPPD_OPTION_OPTIONAL 0x4u
/* PATH, PATHS: the files hold a secret, as those of SECRET do. One that everybody can read is
 * warned about by --check, at start and on reload. */
#define OCPPD_OPTION_SECRET 0x8u

struct ocppd_strings {
	const char *const *items;
	uint32_t count;
	uint32_t reserved;
};

struct ocppd_sections {
	const void *items; /* count elements of item_size bytes, as the option's row says */
	uint32_t count;
	uint32_t stride; /* equals item_size */
};

struct ocppd_option {
	const char *name;          /* [a-z0-9_]+, the YAML key */
	uint32_t type;             /* OCPPD_CONF_* */
	uint32_t flags;            /* OCPPD_RELOADABLE, OCPPD_OPTION_* */
	uint32_t offset;           /* of the member in the struct that is filled */
	uint32_t item_size;        /* SECTIONS: sizeof one element; SECTION: sizeof the struct */
	int64_t min;               /* INT, SIZE, DURATION, DOUBLE: smallest value; */
	int64_t max;               /* … largest; both 0: no range. Lists and STRING: length */
	const char *def;           /* default as it would stand in YAML; NULL: zero, or absent */
	const char *const *one_of; /* ENUM: names, NULL at the end */
	const char *doc;           /* what it does, one or more sentences; required */
	OCPPD_ROWS(ocppd_option) options; /* SECTION, SECTIONS */
};

/*
 * Free-form configuration (OCPPD_CONF_NODE): a read-only tree whose nodes know where they stand.
 * All functions accept NULL for the node and then say "nothing". Core thread, or any thread while
 * the configuration that holds the node lives.
 */
struct ocppd_node;

#define OCPPD_NODE_NONE 0
#define OCPPD_NODE_TEXT 1
#define OCPPD_NODE_LIST 2
#define OCPPD_NODE_MAP 3

OCPPD_API uint32_t ocppd_node_kind(const struct ocppd_node *node);
OCPPD_API const char *ocppd_node_text(const struct ocppd_node *node); /* NULL unless a text */
OCPPD_API uint32_t ocppd_node_count(const struct ocppd_node *node);   /* elements or members */
/* Element i of a list, or value i of a map, in file order; NULL beyond the end. */
OCPPD_API const struct ocppd_node *ocppd_node_at(const struct ocppd_node *node, uint32_t i);
OCPPD_API const char *ocppd_node_key(const struct ocppd_node *map, uint32_t i);
OCPPD_API const struct ocppd_node *ocppd_node_get(const struct ocppd_node *map, const char *key);
/* Like ocppd_error_set, with the node's file, line and column. */
OCPPD_API int ocppd_node_error(const struct ocppd_node *node, struct ocppd_error *err, int code,
			       const char *format, ...) OCPPD_PRINTF(4, 5);

OCPPD_END_DECLS
#endif
