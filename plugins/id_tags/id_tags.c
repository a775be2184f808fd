/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module id_tags: which tokens may charge. Owns the table of tags, its cache and the tags of
 * the configuration; offers `ocppd.authorization`. Knows no transaction: whether a tag is in use
 * is judged by `transactions`.
 */
#include "id_tags.h"

#include <stdlib.h>
#include <string.h>

const char *const tag_status_words[] = { "Accepted", "Blocked", "Invalid", NULL };
static const char *const unknown_words[] = { "invalid", "accept", NULL };
static const char *const variant_words[] = { "listed", "all", NULL };
static const char *const error_words[] = { "next", "invalid", "accept", NULL };

/* Columns: token, presented, status, expiry_us, parent, max_active, type. */
void
tag_from_row(const struct ocppd_value *row, struct tag_texts *texts, struct tag *ret_tag)
{
	memset(ret_tag, 0, sizeof(*ret_tag));
	(void)ocppd_value_copy(&row[0], texts->token, sizeof(texts->token));
	(void)ocppd_value_copy(&row[1], texts->presented, sizeof(texts->presented));
	(void)ocppd_value_copy(&row[4], texts->parent, sizeof(texts->parent));
	(void)ocppd_value_copy(&row[6], texts->type, sizeof(texts->type));

	ret_tag->is_known = true;
	ret_tag->token = texts->token;
	ret_tag->presented = texts->presented;
	ret_tag->parent = texts->parent[0] == '\0' ? NULL : texts->parent;
	ret_tag->type = texts->type[0] == '\0' ? NULL : texts->type;
	/* What somebody else wrote into the table and makes no sense must not open a door. */
	ret_tag->status = row[2].number >= TAG_STATUS_ACCEPTED && row[2].number < TAG_STATUS_INVALID
				  ? (uint8_t)row[2].number
				  : TAG_STATUS_INVALID;
	ret_tag->has_expiry = row[3].type == OCPPD_VALUE_INT;
	ret_tag->expiry_us = ret_tag->has_expiry ? row[3].number : 0;
	if (row[5].number > 0 && row[5].number <= INT32_MAX)
		ret_tag->max_active = (uint32_t)row[5].number;
}

void
id_tags_done(struct id_tags *ctx)
{
	ctx->outstanding--;
	if (ctx->is_stopping && ctx->outstanding == 0)
		ocppd_stopped(ctx->host);
}

static void
on_work_done(void *ctx)
{
	id_tags_done(ctx);
}

void
id_tags_remember(struct id_tags *ctx, const struct tag *tag)
{
	/* Without memory it is read again the next time. */
	(void)cache_put(&ctx->cache, tag,
			ocppd_mono_us(ctx->host) + ctx->conf->cache_time_s * 1000000);
}

/* ---- Life ----------------------------------------------------------------------------------- */

static const struct tag_conf *
conf_tag(const struct id_tags_conf *conf, uint32_t i)
{
	return (const struct tag_conf *)conf->tags.items + i;
}

/* A finding about element i, with its own position. */
static int
say_wrong(struct ocppd_error *err, uint32_t i, const char *member, const char *text)
{
	char option[64];

	snprintf(option, sizeof(option), "tags[%u].%s", i, member);
	return ocppd_error_option(err, OCPPD_EINVAL, option, "%s", text);
}

static int
check_tag(const struct tag_conf *tag, uint32_t i, struct ocppd_error *err)
{
	char folded[OCPPD_TOKEN_MAX + 1];
	int64_t time_us;

	if (token_fold(ocppd_node_text(tag->id_tag), folded) < 0)
		return say_wrong(err, i, "id", "expected a text of 1 to 255 bytes");
	if (tag->expiry_date != NULL && ocppd_time_parse(tag->expiry_date, 0, &time_us, NULL) < 0)
		return say_wrong(err, i, "expiry_date",
				 "expected an RFC 3339 time, such as 2030-01-01T00:00:00Z");
	return 0;
}

static int
say_twins(const struct id_tags_conf *conf, uint32_t first, uint32_t second, struct ocppd_error *err)
{
	struct ocppd_error place = { 0 };
	char option[64];

	(void)ocppd_node_error(conf_tag(conf, first)->id_tag, &place, OCPPD_EEXIST, "first");
	snprintf(option, sizeof(option), "tags[%u].id", second);
	return ocppd_error_option(err, OCPPD_EINVAL, option,
				  "id tag \"%s\" is listed twice, first at %s:%u:%u; remove one",
				  ocppd_node_text(conf_tag(conf, second)->id_tag), place.file,
				  place.line, place.column);
}

static int
check(const void *data, struct ocppd_error *err)
{
	const struct id_tags_conf *conf = data;
	struct cache seen;
	char folded[OCPPD_TOKEN_MAX + 1];
	int r = 0;

	if (conf->strip_suffix != NULL)
		r = suffix_compile(conf->strip_suffix, NULL, err);
	if (r < 0)
		return r;
	r = cache_init(&seen, 0);

	/* The entry's place is kept as its limit: the cache serves as an index here. */
	for (uint32_t i = 0; r >= 0 && i < conf->tags.count; i++) {
		struct tag entry = { .token = folded, .max_active = i };
		const struct tag *twin;

		r = check_tag(conf_tag(conf, i), i, err);
		if (r < 0)
			break;
		(void)token_fold(ocppd_node_text(conf_tag(conf, i)->id_tag), folded);
		twin = cache_find(&seen, folded, 0);
		r = twin != NULL ? say_twins(conf, twin->max_active, i, err)
				 : cache_put(&seen, &entry, 0);
	}
	cache_fini(&seen);
	return r;
}

/* The tags of the configuration, checked before. */
static int
load_fixed(struct id_tags *ctx, const struct id_tags_conf *conf, struct cache *ret_fixed)
{
	int r = cache_init(ret_fixed, 0);

	for (uint32_t i = 0; r >= 0 && i < conf->tags.count; i++) {
		const struct tag_conf *item = conf_tag(conf, i);
		const char *presented = ocppd_node_text(item->id_tag);
		struct tag_texts texts = { 0 };
		struct tag tag = { .is_known = true, .status = (uint8_t)(item->status + 1) };

		(void)token_fold(presented, texts.token);
		snprintf(texts.presented, sizeof(texts.presented), "%s", presented);
		tag.token = texts.token;
		tag.presented = texts.presented;
		tag.max_active = (uint32_t)item->max_active;
		if (item->parent_id_tag != NULL) {
			snprintf(texts.parent, sizeof(texts.parent), "%s", item->parent_id_tag);
			tag.parent = texts.parent;
		}
		tag.has_expiry = item->expiry_date != NULL &&
				 ocppd_time_parse(item->expiry_date, 0, &tag.expiry_us, NULL) >= 0;
		r = cache_put(ret_fixed, &tag, 0);
	}
	(void)ctx;
	if (r < 0)
		cache_fini(ret_fixed);
	return r;
}

/* The pattern of the configuration, checked before. */
static void
load_suffix(struct id_tags *ctx)
{
	if (ctx->has_suffix)
		regfree(&ctx->suffix);
	ctx->has_suffix = ctx->conf->strip_suffix != NULL &&
			  suffix_compile(ctx->conf->strip_suffix, &ctx->suffix, NULL) == 0;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct id_tags *ctx = calloc(1, sizeof(*ctx));
	int r = OCPPD_ENOMEM;

	if (ctx == NULL)
		goto out;
	ctx->host = host;
	ctx->conf = conf;
	r = cache_init(&ctx->cache, (size_t)ctx->conf->cache_size);
	if (r < 0)
		goto out;
	r = load_fixed(ctx, conf, &ctx->fixed);
	if (r < 0)
		goto out;
	load_suffix(ctx);

	*ret_ctx = ctx;
	ctx = NULL;
out:
	if (ctx != NULL) {
		cache_fini(&ctx->cache);
		free(ctx);
	}
	return r < 0 ? ocppd_error_set(err, r, "out of memory") : 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct id_tags *ctx = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "no storage");
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works), 0,  host, ctx->storage, ctx->storage_self, &ctx->outstanding,
		on_work_done,       ctx
	};
	ctx->is_stopping = false;
	return 0;
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct id_tags *ctx = arg;
	struct cache fixed;

	ctx->conf = conf;
	load_suffix(ctx);
	cache_set_max(&ctx->cache, (size_t)ctx->conf->cache_size);
	if (load_fixed(ctx, conf, &fixed) < 0) {
		OCPPD_ERROR(host, "tags.kept", OCPPD_STR("err", "ENOMEM"));
		return;
	}
	cache_fini(&ctx->fixed);
	ctx->fixed = fixed;
	/* The list's head moved: the first entry points back to where it stood. */
	if (!TAILQ_EMPTY(&ctx->fixed.uses))
		TAILQ_FIRST(&ctx->fixed.uses)->use.tqe_prev = &ctx->fixed.uses.tqh_first;
	else
		TAILQ_INIT(&ctx->fixed.uses);
	tell_changed(ctx, NULL);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct id_tags *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	return ctx->outstanding == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct id_tags *ctx = arg;

	(void)host;
	if (ctx->has_suffix)
		regfree(&ctx->suffix);
	cache_fini(&ctx->cache);
	cache_fini(&ctx->fixed);
	free(ctx);
}

/* ---- Tables --------------------------------------------------------------------------------- */

static const struct ocppd_option tag_options[] = {
	{ "id", OCPPD_CONF_NODE, OCPPD_OPTION_REQUIRED, offsetof(struct tag_conf, id_tag),
	  .doc = "The tag as presented, 1 to 255 bytes; compared without regard to case." },
	{ "status", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct tag_conf, status),
	  .def = "Accepted", .one_of = tag_status_words, .doc = "The verdict on the tag." },
	{ "expiry_date", OCPPD_CONF_STRING, OCPPD_RELOADABLE,
	  offsetof(struct tag_conf, expiry_date), .max = 40,
	  .doc = "From this RFC 3339 time on the tag is answered Expired." },
	{ "parent_id_tag", OCPPD_CONF_STRING, OCPPD_RELOADABLE,
	  offsetof(struct tag_conf, parent_id_tag), .min = 1, .max = 20,
	  .doc = "The group the tag belongs to: tags of one group stop each other's transactions." },
	{ "max_active_transactions", OCPPD_CONF_INT, OCPPD_RELOADABLE,
	  offsetof(struct tag_conf, max_active), .max = 1000000, .def = "0",
	  .doc = "Transactions at a time; more are answered ConcurrentTx. 0: no limit." },
};

static const struct ocppd_option options[] = {
	{ "cache_size", OCPPD_CONF_INT, OCPPD_RELOADABLE, offsetof(struct id_tags_conf, cache_size),
	  .min = 16, .max = 10000000, .def = "20000",
	  .doc = "Tags of the database kept in memory; the least recently used one goes first." },
	{ "cache_time", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, cache_time_s), .min = 1, .max = 86400, .def = "10min",
	  .doc = "How long a tag read from the database is believed. Changes through the operator "
		 "API hold at once; this is for what others write into the database." },
	{ "unknown_tags", OCPPD_CONF_ENUM, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, unknown_tags), .def = "invalid", .one_of = unknown_words,
	  .doc = "What becomes of a tag that nobody knows: invalid refuses it, accept lets "
		 "everybody charge." },
	{ "authorizer_timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, authorizer_timeout_ms), .min = 100, .max = 15000,
	  .def = "5s", .doc = "How long each authorizer may take for a tag." },
	{ "authorizer_error", OCPPD_CONF_ENUM, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, authorizer_error), .def = "next", .one_of = error_words,
	  .doc = "What an authorizer's error or missed deadline counts as: next asks the next one, "
		 "invalid and accept decide." },
	{ "variants", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct id_tags_conf, variants),
	  .def = "listed", .one_of = variant_words,
	  .doc = "Whose tags are tried in their plain form, too, where they are not on record as "
		 "presented: listed, those of stations with G12 in their quirks, or all. The "
		 "plain form is made by strip_suffix and drop_characters." },
	{ "strip_suffix", OCPPD_CONF_STRING, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, strip_suffix), .min = 1, .max = 128,
	  .doc = "What stations add behind a tag, as a POSIX extended regular expression, such as "
		 "_[0-9]+ for a serial number." },
	{ "drop_characters", OCPPD_CONF_STRING, OCPPD_RELOADABLE,
	  offsetof(struct id_tags_conf, drop_characters), .min = 1, .max = 16,
	  .doc = "Separators that stations put into a tag, such as \":-\"." },
	{ "tags", OCPPD_CONF_SECTIONS, OCPPD_RELOADABLE, offsetof(struct id_tags_conf, tags),
	  sizeof(struct tag_conf), .max = 100000, .options = OCPPD_TABLE(tag_options),
	  .doc = "Tags of a small installation. They hide those of the same text in the database "
		 "and cannot be changed through the operator API." },
};

static const char *const migration_1[] = {
	"CREATE TABLE id_tags_tag ("
	"token TEXT NOT NULL PRIMARY KEY, presented TEXT NOT NULL, status BIGINT NOT NULL, "
	"expiry_us BIGINT, parent TEXT, max_active BIGINT NOT NULL, type TEXT, "
	"changed_us BIGINT NOT NULL)",
	NULL,
};
static const struct ocppd_migration migrations[] = {
	{ 1, 0, "id tags", migration_1 },
};

#define COLUMNS "token, presented, status, expiry_us, parent, max_active, type"

static const struct ocppd_statement statements[] = {
	[STATEMENT_FIND] = { "find", "SELECT " COLUMNS " FROM id_tags_tag WHERE token = $1",
			     OCPPD_STATEMENT_READ, 0 },
	[STATEMENT_LIST] = { "list",
			     "SELECT " COLUMNS
			     " FROM id_tags_tag WHERE token > $1 ORDER BY token LIMIT $2",
			     OCPPD_STATEMENT_READ, 0 },
	[STATEMENT_PUT] = { "put",
			    "INSERT INTO id_tags_tag (token, presented, status, expiry_us, parent, "
			    "max_active, changed_us) VALUES ($1, $2, $3, $4, $5, $6, $7) "
			    "ON CONFLICT (token) DO UPDATE SET presented = excluded.presented, "
			    "changed_us = excluded.changed_us, "
			    "status = CASE WHEN $8 = 1 THEN excluded.status "
			    "ELSE id_tags_tag.status END, "
			    "expiry_us = CASE WHEN $9 = 1 THEN excluded.expiry_us "
			    "ELSE id_tags_tag.expiry_us END, "
			    "parent = CASE WHEN $10 = 1 THEN excluded.parent "
			    "ELSE id_tags_tag.parent END, "
			    "max_active = CASE WHEN $11 = 1 THEN excluded.max_active "
			    "ELSE id_tags_tag.max_active END "
			    "RETURNING " COLUMNS,
			    0, 0 },
	[STATEMENT_DELETE] = { "delete", "DELETE FROM id_tags_tag WHERE token = $1", 0, 0 },
};

static const struct ocppd_field tag_put_fields[] = {
	{ "status", OCPPD_T_STRING, .one_of = tag_status_words, .doc = "default Accepted" },
	{ "expiryDate", OCPPD_T_TIMESTAMP, OCPPD_NULLABLE },
	{ "parentIdTag", OCPPD_T_STRING, OCPPD_NULLABLE, .max = 20 },
	{ "maxActiveTransactions", OCPPD_T_INTEGER, OCPPD_NULLABLE, .max = 1000000,
	  .doc = "0: no limit" },
};
static const struct ocppd_field tag_fields[] = {
	{ "idTag", OCPPD_T_STRING, OCPPD_REQUIRED, .max = OCPPD_TOKEN_MAX },
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = tag_status_words },
	{ "expiryDate", OCPPD_T_TIMESTAMP },
	{ "parentIdTag", OCPPD_T_STRING },
	{ "maxActiveTransactions", OCPPD_T_INTEGER },
	{ "source", OCPPD_T_STRING, OCPPD_REQUIRED, .doc = "configuration or database" },
};
static const struct ocppd_field list_query[] = {
	{ "limit", OCPPD_T_INTEGER, .min = 1, .max = 1000, .doc = "items in a page, default 100" },
	{ "after", OCPPD_T_STRING, .doc = "`next` of the page before" },
};
static const struct ocppd_field list_fields[] = {
	{ "items", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST, .fields = OCPPD_TABLE(tag_fields) },
	{ "next", OCPPD_T_STRING },
};

#define TAG_TABLE "idTag,status,expiryDate,parentIdTag,maxActiveTransactions"
static const struct ocppd_command list_commands[] = {
	{ "id-tags", "limit after", TAG_TABLE, "List the id tags" },
};
static const struct ocppd_command get_commands[] = {
	{ "id-tags show", "idTag", NULL, "Show an id tag" },
};
static const struct ocppd_command put_commands[] = {
	{ "id-tags set", "idTag *", NULL, "Make or change an id tag" },
};
static const struct ocppd_command delete_commands[] = {
	{ "id-tags delete", "idTag", NULL, "Forget an id tag" },
};

static const struct ocppd_field import_fields[] = {
	{ "csv", OCPPD_T_STRING, OCPPD_REQUIRED,
	  .doc = "columns named in the first line: idTag and any of status, expiryDate, parentIdTag, "
		 "maxActiveTransactions, source" },
};
static const struct ocppd_field imported_fields[] = {
	{ "imported", OCPPD_T_INTEGER, OCPPD_REQUIRED },
	{ "skipped", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "lines of configured tags" },
};
static const struct ocppd_command export_commands[] = {
	{ "id-tags export", "", NULL, "Print all id tags as CSV" },
};
static const struct ocppd_command import_commands[] = {
	{ "id-tags import", "@csv", NULL,
	  "Import id tags from a CSV file; `-` reads standard input" },
};

static const struct ocppd_route routes[] = {
	{ "GET", "/v1/id-tags", OCPPD_ROLE_VIEWER, .query = OCPPD_TABLE(list_query),
	  .res = OCPPD_TABLE(list_fields), .commands = OCPPD_TABLE(list_commands),
	  .summary = "The id tags, in order of their text", .on_request = routes_list },
	{ "GET", "/v1/id-tags.csv", OCPPD_ROLE_VIEWER, .commands = OCPPD_TABLE(export_commands),
	  .summary = "All id tags as CSV (text/csv)", .media = "text/csv",
	  .on_request = routes_export },
	{ "POST", "/v1/id-tags.csv", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(import_fields),
	  .res = OCPPD_TABLE(imported_fields), .commands = OCPPD_TABLE(import_commands),
	  .summary = "Make or change the id tags of a CSV table, all or none if a line is bad",
	  .on_request = routes_import },
	{ "GET", "/v1/id-tags/{idTag}", OCPPD_ROLE_VIEWER, .res = OCPPD_TABLE(tag_fields),
	  .commands = OCPPD_TABLE(get_commands), .summary = "One id tag",
	  .on_request = routes_get },
	{ "PUT", "/v1/id-tags/{idTag}", OCPPD_ROLE_OPERATOR, .req = OCPPD_TABLE(tag_put_fields),
	  .res = OCPPD_TABLE(tag_fields), .commands = OCPPD_TABLE(put_commands),
	  .summary = "Make or change an id tag; members left out stay, null clears",
	  .on_request = routes_put },
	{ "DELETE", "/v1/id-tags/{idTag}", OCPPD_ROLE_OPERATOR,
	  .commands = OCPPD_TABLE(delete_commands), .summary = "Forget an id tag", .status = 204,
	  .on_request = routes_delete },
};

static const struct ocppd_field changed_fields[] = {
	{ "idTag", OCPPD_T_STRING },
};
static const struct ocppd_topic topics[] = {
	{ OCPPD_EVENT_ID_TAG_CHANGED, "What is on record about an id tag, or all, changed.",
	  OCPPD_TABLE(changed_fields) },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
	{ "ocppd.authorizer", .major = 1, .flags = OCPPD_OPTIONAL | OCPPD_MANY },
};

static const struct ocppd_authorization_ops authorization_ops = {
	sizeof(authorization_ops),
	.authorize = chain_authorize,
	.tags = walk_tags,
};
static const struct ocppd_provide provides[] = {
	{ "ocppd.authorization", .major = 1, .ops = &authorization_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"id_tags",
	"0.1.0",
	"Id tags and the chain of authorization",
	.conf_size = sizeof(struct id_tags_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.topics = OCPPD_TABLE(topics),
	.migrations = OCPPD_TABLE(migrations),
	.statements = OCPPD_TABLE(statements),
	.routes = OCPPD_TABLE(routes),
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
