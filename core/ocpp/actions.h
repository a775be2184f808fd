/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_ACTIONS_H
#define OCPPD_OCPP_ACTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <ocppd/action.h>

#include "base/map.h"

/*
 * What is handled and offered. A row is compiled once, when its module attaches; a table is a set
 * of rows, immutable once published, and lives until the last thread and the last call gave it
 * back. Transport threads read protocol, name, direction, flags and schemas; the rest of a row is
 * the core thread's.
 */
struct json_object;
struct ocpp;
struct schema;
struct tally;

struct action_row {
	uint32_t refs; /* the registry's, and each table's */
	uint32_t direction;
	uint32_t flags;
	char *protocol;
	char *name;
	struct schema *req;
	struct schema *conf;
	bool has_secrets; /* its frames are masked before they are kept */
	void (*mask)(struct json_object *payload, uint32_t is_conf); /* or NULL */
	/* Core thread. */
	struct ocppd_host *host;           /* NULL once its module detached */
	const struct ocppd_action *action; /* the module's; with host */
	uint64_t *text_count;              /* answers given as text: which are checked */
	struct tally *from_tally;          /* counts of each direction it has */
	struct tally *to_tally;
};

struct action_word {
	char *name;
	uint32_t direction;
	uint32_t flags; /* OCPPD_WORD_* */
};

struct action_protocol {
	const char *name; /* the registry's, lives as long as the daemon */
	struct map from;  /* name -> struct action_row, from stations */
	struct map to;
	struct map words; /* name -> struct action_word, of the table */
};

struct action_table {
	uint32_t refs; /* core thread */
	uint32_t row_count;
	uint32_t protocol_count;
	bool is_strict;    /* top-level `strict` */
	bool keeps_frames; /* messages bring their text along */
	struct action_row **rows;
	struct action_protocol *protocols;
};

/* Any thread that holds the table. NULL: unknown. */
const struct action_row *action_find(const struct action_table *table, const char *protocol,
				     const char *name, uint32_t direction);
const struct action_word *action_word_find(const struct action_table *table, const char *protocol,
					   const char *name);

/* Counts an answer given as text: whether it is one to be checked. Core thread. */
bool action_text_due(const struct action_row *row, uint64_t every);

/* The registry. Core thread. */
struct actions {
	struct action_row **rows;
	uint32_t row_count;
	uint32_t row_size;
	char **protocols; /* NULL-terminated, grows only */
	uint32_t protocol_count;
	struct action_table *table;
	void (*listener)(struct action_table *table, void *arg);
	void *listener_arg;
};

int actions_init(struct ocpp *ocpp);
void actions_fini(struct ocpp *ocpp);
int actions_attach(struct ocpp *ocpp, struct ocppd_host *host, struct ocppd_error *err);
void actions_detach(struct ocpp *ocpp, struct ocppd_host *host);
/* Compiles the present rows into a new table and publishes it. */
int actions_publish(struct ocpp *ocpp);

#endif
