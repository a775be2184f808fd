/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which tags a station should have: all tags on record, kept here as read, and what the
 * configuration's rules and the station's own limits leave of them.
 */
#include "local_list.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_BYTES 160 /* of one entry in a message, at most */
#define FRAME_BYTES 160 /* around them */
#define PER_MESSAGE_MAX 10000
#define LABEL_SIZE 512

/* ---- All tags ---------------------------------------------------------------------------------
 */

static void walk_on(struct lists *ctx, const char *after);

static void
tags_settled(struct lists *ctx, bool is_fresh)
{
	struct job_list waits = TAILQ_HEAD_INITIALIZER(waits);
	struct job *job;

	ctx->is_walking = false;
	ctx->is_fresh = is_fresh;
	TAILQ_CONCAT(&waits, &ctx->tag_waits, wait);
	while ((job = TAILQ_FIRST(&waits)) != NULL) {
		TAILQ_REMOVE(&waits, job, wait);
		job->waits_in = NULL;
		if (!is_fresh) {
			job->is_broken = true;
			snprintf(job->record.text, sizeof(job->record.text),
				 "the id tags could not be read");
		}
		if (ctx->is_stopping)
			job_free(job);
		else
			job->next(job);
	}
}

static void
walk_failed(struct lists *ctx, int result)
{
	OCPPD_WARN(ctx->host, "tags.unread", OCPPD_STR("err", ocppd_error_name(result)));
	list_free(&ctx->walked);
	tags_settled(ctx, false);
}

static void
walk_ended(struct lists *ctx)
{
	list_free(&ctx->tags);
	(void)list_sort(&ctx->walked);
	ctx->tags = ctx->walked;
	memset(&ctx->walked, 0, sizeof(ctx->walked));
	ctx->tags_us = ocppd_now_us(ctx->host);
	if (ctx->too_many > 0)
		OCPPD_WARN(ctx->host, "tags.left_out", OCPPD_INT("count", ctx->too_many));
	tags_settled(ctx, true);
}

static int
take_tag(struct lists *ctx, const struct ocppd_tag_info *tag)
{
	struct entry entry = { .status = (uint8_t)tag->status };

	if (tag_copy(tag->presented, entry.tag) < 0) {
		ctx->too_long++;
		return 0;
	}
	if ((int64_t)ctx->walked.count >= ctx->conf->max_tags) {
		ctx->too_many++;
		return 0;
	}
	/* OCPP 1.6 has no room for a longer one, and a cut one would be another group. */
	if (tag->parent != NULL && tag_copy(tag->parent, entry.parent) < 0)
		entry.parent[0] = '\0';
	entry.has_expiry = tag->has_expiry != 0;
	/* As fine as messages tell it. */
	entry.expiry_us = entry.has_expiry ? tag->expiry_us - tag->expiry_us % 1000 : 0;
	return list_add(&ctx->walked, &entry);
}

static void
on_tags(struct ocppd_host *host, int result, const struct ocppd_tag_info *tags, uint32_t count,
	const char *next, void *arg)
{
	struct lists *ctx = arg;
	int r = result;

	(void)host;
	for (uint32_t i = 0; r >= 0 && i < count; i++)
		r = take_tag(ctx, &tags[i]);
	if (r < 0 || ctx->is_stopping)
		walk_failed(ctx, r < 0 ? r : OCPPD_ESHUTDOWN);
	else if (ctx->is_walk_stale)
		walk_on(ctx, ""); /* what was read may be older than the change */
	else if (next != NULL)
		walk_on(ctx, next);
	else
		walk_ended(ctx);
	lists_done(ctx);
}

static void
walk_on(struct lists *ctx, const char *after)
{
	int r;

	if (after[0] == '\0') {
		list_free(&ctx->walked);
		ctx->too_long = ctx->too_many = 0;
		ctx->is_walk_stale = false;
		ctx->is_walking = true;
	}
	r = ctx->authorization->tags(ctx->authorization_self, ctx->host, after, OCPPD_TAGS_PAGE_MAX,
				     on_tags, ctx);
	if (r < 0)
		walk_failed(ctx, r);
	else
		ctx->outstanding++;
}

void
wanted_tags_changed(struct lists *ctx)
{
	ctx->is_fresh = false;
	ctx->is_walk_stale = ctx->is_walking;
}

void
wanted_need_tags(struct job *job, job_fn *fn)
{
	struct lists *ctx = job->ctx;

	if (ctx->is_fresh) {
		fn(job);
		return;
	}
	job->next = fn;
	job->waits_in = &ctx->tag_waits;
	TAILQ_INSERT_TAIL(&ctx->tag_waits, job, wait);
	if (!ctx->is_walking)
		walk_on(ctx, "");
}

/* ---- Limits of a station ----------------------------------------------------------------------
 */

static int64_t
parse_count(const char *text, int64_t absent)
{
	int64_t number = 0;

	if (text == NULL || text[0] == '\0')
		return absent;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9' || number > INT32_MAX / 10)
			return absent;
		number = number * 10 + (*text - '0');
	}
	return number;
}

static void
limits_read(struct job *job)
{
	const char *bytes = ocppd_station_option(job->station, "max_tx_bytes");
	int64_t room = (parse_count(bytes, 0) - FRAME_BYTES) / ENTRY_BYTES;

	/* Quirk B09: a long message makes it drop the link. */
	if (bytes != NULL && room < (int64_t)job->per_message)
		job->per_message = room < 1 ? 1 : (uint32_t)room;
	job->record.max_entries = job->max_entries;
	wanted_need_tags(job, job->next);
}

static void
on_message_key(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct job *job = arg;
	struct lists *ctx = job->ctx;
	int64_t count = result < 0 || key == NULL ? 0 : parse_count(key->value, 0);

	(void)host;
	if (count > 0)
		job->per_message = (uint32_t)(count < PER_MESSAGE_MAX ? count : PER_MESSAGE_MAX);
	if (ctx->is_stopping)
		job_free(job);
	else
		limits_read(job);
	lists_done(ctx);
}

static void
read_message_key(struct job *job)
{
	struct lists *ctx = job->ctx;

	if (ctx->stations->key_find(ctx->stations_self, ctx->host, job->station,
				    "SendLocalListMaxLength", on_message_key, job) < 0)
		limits_read(job);
	else
		ctx->outstanding++;
}

static void
on_list_key(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct job *job = arg;
	struct lists *ctx = job->ctx;
	int64_t count = result < 0 || key == NULL ? -1 : parse_count(key->value, -1);

	(void)host;
	if (count >= 0)
		job->max_entries = (uint32_t)count;
	if (ctx->is_stopping)
		job_free(job);
	else
		read_message_key(job);
	lists_done(ctx);
}

void
wanted_need(struct job *job, job_fn *fn)
{
	struct lists *ctx = job->ctx;

	job->next = fn;
	job->max_entries = (uint32_t)ctx->conf->list_entries;
	job->per_message = (uint32_t)ctx->conf->message_entries;
	if (ctx->stations->key_find == NULL) {
		limits_read(job);
		return;
	}
	if (ctx->stations->key_find(ctx->stations_self, ctx->host, job->station,
				    "LocalAuthListMaxLength", on_list_key, job) < 0)
		read_message_key(job);
	else
		ctx->outstanding++;
}

/* ---- The wanted list --------------------------------------------------------------------------
 */

static bool
has_label(const struct lists *ctx, struct ocppd_station *station, const char *label)
{
	const char *wanted = strchr(label, '=') + 1; /* `check` saw it */
	char name[LABEL_SIZE];
	char value[LABEL_SIZE];

	snprintf(name, sizeof(name), "%.*s", (int)(wanted - label - 1), label);
	return ctx->stations->label != NULL &&
	       ctx->stations->label(ctx->stations_self, ctx->host, station, name, value,
				    sizeof(value)) >= 0 &&
	       strcmp(value, wanted) == 0;
}

static bool
is_named(const struct rule_conf *rule, struct ocppd_station *station)
{
	for (uint32_t i = 0; i < rule->stations.count; i++) {
		if (fnmatch(rule->stations.items[i], ocppd_station_id(station), 0) == 0)
			return true;
	}
	return rule->stations.count == 0;
}

static const struct rule_conf *
find_rule(const struct lists *ctx, struct ocppd_station *station)
{
	const struct rule_conf *rules = ctx->conf->lists.items;

	for (uint32_t i = 0; i < ctx->conf->lists.count; i++) {
		if (is_named(&rules[i], station) &&
		    (rules[i].label == NULL || has_label(ctx, station, rules[i].label)))
			return &rules[i];
	}
	return NULL;
}

static bool
is_selected(const struct rule_conf *rule, const struct entry *entry)
{
	if (rule == NULL || rule->groups.count == 0)
		return true;
	for (uint32_t i = 0; i < rule->groups.count; i++) {
		if (tag_compare(rule->groups.items[i], entry->parent) == 0)
			return true;
	}
	return false;
}

/* Of tags that do not all fit, those that may charge come first. */
static bool
is_valid(const struct lists *ctx, const struct entry *entry)
{
	return entry->status == OCPPD_AUTH_ACCEPTED &&
	       (!entry->has_expiry || entry->expiry_us > ctx->tags_us);
}

/* ret_list may be NULL. */
static int
choose(const struct lists *ctx, struct ocppd_station *station, uint32_t max_entries,
       struct wanted *ret_sum, struct entry_list *ret_list)
{
	const struct rule_conf *rule = find_rule(ctx, station);
	int r = 0;

	memset(ret_sum, 0, sizeof(*ret_sum));
	if ((rule == NULL ? ctx->conf->list : rule->list) == LIST_NONE)
		return 0;
	for (uint32_t pass = 0; pass < 2; pass++) {
		for (uint32_t i = 0; r >= 0 && i < ctx->tags.count; i++) {
			const struct entry *entry = &ctx->tags.items[i];

			if (is_valid(ctx, entry) != (pass == 0) || !is_selected(rule, entry))
				continue;
			if (ret_sum->entries == max_entries) {
				ret_sum->left_out++;
				continue;
			}
			ret_sum->entries++;
			ret_sum->digest += entry_digest(entry);
			if (ret_list != NULL)
				r = list_add(ret_list, entry);
		}
	}
	return r;
}

void
wanted_sum(const struct lists *ctx, struct ocppd_station *station, uint32_t max_entries,
	   struct wanted *ret_sum)
{
	(void)choose(ctx, station, max_entries, ret_sum, NULL);
}

int
wanted_build(struct job *job)
{
	int r;

	list_free(&job->wanted);
	r = choose(job->ctx, job->station, job->max_entries, &job->summary, &job->wanted);
	(void)list_sort(&job->wanted);
	return r;
}

bool
wanted_is_known(const struct record *record, const struct wanted *wanted)
{
	return record->exists && record->version > 0 && !record->is_full_next &&
	       record->entries == (int64_t)wanted->entries && record->digest == wanted->digest;
}
