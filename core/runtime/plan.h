/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_PLAN_H
#define OCPPD_RUNTIME_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/arena.h"
#include "runtime/conf.h"
#include "runtime/loader.h"
#include "runtime/options.h"

/*
 * The inside of a plan, shared by the files that make one: plan.c reads the configuration,
 * object.c finds and opens shared objects, order.c binds needs to providers and sorts.
 */
#define PLAN_ENTRIES_MAX 256

/* One instance of a module, as the configuration wants it. */
struct entry {
	char *name;        /* key under `plugins:` */
	char *module;      /* the module's name, also the file's */
	char *reason;      /* why it is here: "plugins: in ocppd.yaml:12", "needed by north" */
	char *path;        /* of the shared object, NULL until found */
	char *option_path; /* "plugins.<name>" */
	dev_t device;      /* of the file that was opened: another one later is stale */
	ino_t inode;
	bool is_optional;
	bool is_default;  /* not listed, but another one's need names it */
	bool is_left_out; /* optional and broken, or a dependent of such a one */
	char *failure;    /* why it was left out */
	struct conf *conf;
	const struct ocppd_node *place; /* its key, or the key of whoever needs it */
	struct ocppd_node key;          /* storage for `place` */
	struct options_source source;
	const struct ocppd_plugin *plugin; /* imported; NULL until loaded */
	void *values;                      /* the filled options */
	struct arena arena;                /* all of the above */
	struct entry **needs;              /* by need: the provider chosen, NULL: none or many */
	uint32_t mark;                     /* order.c's */
};

struct modules_plan {
	struct conf *conf;
	const struct ocppd_node *services;
	struct ocppd_core *core; /* for warnings; may be NULL */
	const struct ocppd_strings *dirs;
	struct problems *problems;
	struct entry *entries[PLAN_ENTRIES_MAX]; /* as listed, defaults behind */
	uint32_t count;
	struct entry *order[PLAN_ENTRIES_MAX]; /* of start, without those left out */
	uint32_t order_count;
};

/* A new entry at the end; NULL: too many, or no memory, which is told. place is copied. */
struct entry *plan_add(struct modules_plan *plan, const char *name, const char *module,
		       const struct ocppd_node *place);
struct entry *plan_find(const struct modules_plan *plan, const char *name);
void entry_free(struct entry *entry);

/* A complaint about an entry, `plugins.<name>: ` in front: a problem, or, where the entry is
 * optional, the reason to leave it out. */
void entry_complain(struct modules_plan *plan, struct entry *entry, const struct ocppd_node *node,
		    int code, const char *format, ...) OCPPD_PRINTF(5, 6);
void entry_leave_out(struct modules_plan *plan, struct entry *entry, const char *why);

/* object.c: finds, checks and opens the file, imports the descriptor. Complaints are told. */
void entry_open(struct modules_plan *plan, struct entry *entry);
/* True if the file at entry->path is no longer the one that was opened. */
bool entry_is_stale(const struct entry *entry);

/* order.c: leaves out what lacks an optional module, binds needs, sorts. */
void plan_bind(struct modules_plan *plan);
/* The row with which an entry provides a service of that major version; NULL: it does not. */
const struct ocppd_provide *entry_provides(const struct entry *entry, const char *service,
					   uint16_t major);
/* Entry i of `services: {<service>: …}`. */
const char *plan_choice(const struct modules_plan *plan, const char *service, uint32_t i);

#endif
