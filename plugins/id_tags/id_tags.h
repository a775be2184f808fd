/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef ID_TAGS_H
#define ID_TAGS_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <ocppd/event/id_tag.h>
#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/authorizer.h>
#include <ocppd/work.h>

#include "cache.h"

/*
 * The module's state and the seams between its files: id_tags.c (life, reading and writing the
 * table), chain.c (questions to authorizers), walk.c (all tags, in pages), routes.c (operator API),
 * transfer.c (all tags as CSV, by csv.c).
 */
struct tag_conf { /* an element of the option `tags` */
	const struct ocppd_node *id_tag;
	uint32_t status; /* index into tag_status_words */
	uint32_t reserved;
	const char *expiry_date;
	const char *parent_id_tag;
	int64_t max_active;
};

struct id_tags_conf {
	int64_t cache_size;
	int64_t cache_time_s;
	int64_t authorizer_timeout_ms;
	uint32_t unknown_tags;     /* 0: invalid, 1: accept */
	uint32_t authorizer_error; /* 0: next, 1: invalid, 2: accept */
	uint32_t variants;         /* 0: of stations with G12 listed, 1: of all */
	const char *strip_suffix;
	const char *drop_characters;
	struct ocppd_sections tags;
};

#define AUTHORIZER_ERROR_NEXT 0
#define AUTHORIZER_ERROR_INVALID 1
#define AUTHORIZER_ERROR_ACCEPT 2

struct question;
LIST_HEAD(question_list, question);

#define ASKED_BUCKETS 1024u /* a power of two */
#define LINKS_MAX 32u       /* authorizers that are asked */

/* An authorizer, as long as this module lives. */
struct link {
	char name[33];
	bool is_told;  /* its misuse is in the log */
	uint64_t owed; /* answers to questions whose deadline has passed */
};

struct id_tags {
	struct ocppd_host *host;
	const struct id_tags_conf *conf;
	const struct ocppd_storage_ops *storage;
	void *storage_self;
	struct cache fixed;   /* tags of the configuration */
	struct cache cache;   /* what was read from the database */
	uint64_t generation;  /* rises with every write, so that older reads are not cached */
	uint32_t outstanding; /* callbacks that will come: stop waits for them */
	struct ocppd_work_owner works;
	uint32_t question_count;
	struct question_list asked[ASKED_BUCKETS]; /* an authorizer is being asked; by ticket */
	struct link links[LINKS_MAX];
	uint32_t link_count;
	uintptr_t serial; /* of the last ticket */
	bool is_stopping;
	bool has_suffix; /* `suffix` is compiled */
	regex_t suffix;
};

enum {
	STATEMENT_FIND,
	STATEMENT_LIST,
	STATEMENT_PUT,
	STATEMENT_DELETE,
};

#define QUESTIONS_MAX 20000 /* under way at a time */

extern const char *const tag_status_words[]; /* by TAG_STATUS_* - 1 */

/* A row of the table as a tag whose texts are borrowed from the row, copied to `texts` where they
 * need an end. */
struct tag_texts {
	char token[OCPPD_TOKEN_MAX + 1];
	char presented[OCPPD_TOKEN_MAX + 1];
	char parent[OCPPD_TOKEN_MAX + 1];
	char type[64];
};
void tag_from_row(const struct ocppd_value *row, struct tag_texts *texts, struct tag *ret_tag);

/* One callback less to wait for. */
void id_tags_done(struct id_tags *ctx);
/* Remembers what the database says now. */
void id_tags_remember(struct id_tags *ctx, const struct tag *tag);

/* chain.c */
int chain_authorize(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
		    struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn, void *arg);

/* variant.c: tags as stations vary them (quirk G12) */
/* Checks the pattern; ret_suffix, if not NULL, is to be freed by regfree. */
int suffix_compile(const char *pattern, regex_t *ret_suffix, struct ocppd_error *err);
/* What a folded token reads like without what the station adds. False: nothing else than it is. */
bool variant_of(const struct id_tags *ctx, const struct ocppd_station *station, const char *token,
		char ret_variant[OCPPD_TOKEN_MAX + 1]);

/* walk.c */
int walk_tags(void *self, struct ocppd_host *host, const char *after, uint32_t limit,
	      ocppd_tags_fn *fn, void *arg);
/* The configured tags beyond the cursor, in order; free() it. NULL: out of memory. */
const struct tag **fixed_beyond(const struct id_tags *ctx, const char *after, size_t *ret_count);
/* Tells that a tag changed; NULL: any may have. */
void tell_changed(struct id_tags *ctx, const char *presented);

/* routes.c */
void routes_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_put(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

/* transfer.c */
void routes_export(struct ocppd_host *host, struct ocppd_request *request, void *ctx);
void routes_import(struct ocppd_host *host, struct ocppd_request *request, void *ctx);

#endif
