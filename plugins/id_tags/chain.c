/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The way of a question: tags of the configuration, cache, table, then the authorizers one after
 * the other, each with a deadline. Owns the questions under way. Answers at once where nothing
 * must be waited for, and exactly once in any case.
 */
#include "id_tags.h"

#include <stdlib.h>
#include <string.h>

/* One question that could not be answered at once. */
struct question {
	struct id_tags *ctx;
	struct ocppd_host *asker;
	ocppd_auth_fn *fn;
	void *arg;
	struct ocppd_station *station;
	LIST_ENTRY(question) asked; /* while there is a ticket */
	uintptr_t ticket;           /* of the authorizer that is being asked; 0: none is */
	struct ocppd_timer *deadline;
	uint64_t generation; /* of the table, when the read began */
	uint32_t purpose;
	uint32_t link;                     /* the next authorizer, by its place in the chain */
	bool is_variant;                   /* the plain form is being looked up */
	char token[OCPPD_TOKEN_MAX + 1];   /* as presented */
	char variant[OCPPD_TOKEN_MAX + 1]; /* its plain form (quirk G12), or "" */
	char type[64];
};

static int question_walk(struct question *question, struct ocppd_authorization *ret_decision);

static void
decide(struct ocppd_authorization *ret, uint32_t status, const char *source)
{
	uint32_t size = ret->struct_size;

	memset(ret, 0, sizeof(*ret));
	ret->struct_size = size;
	ret->status = status;
	ret->source = source;
}

static void
decide_by_tag(struct ocppd_authorization *ret, const struct tag *tag, const char *type,
	      int64_t now_us)
{
	decide(ret, tag_verdict(tag, type, now_us), "id_tags");
	ret->has_expiry = tag->has_expiry ? 1 : 0;
	ret->expiry_us = tag->expiry_us;
	ret->max_active = tag->max_active;
	ret->parent = tag->parent;
	ret->token = tag->token;
}

static void
question_free(struct question *question)
{
	if (question == NULL)
		return;
	ocppd_timer_free(question->deadline);
	question->ctx->question_count--;
	free(question);
}

static void
question_answer(struct question *question, int result, const struct ocppd_authorization *decision)
{
	struct id_tags *ctx = question->ctx;

	question->fn(question->asker, result, result < 0 ? NULL : decision, question->arg);
	question_free(question);
	id_tags_done(ctx);
}

/* Goes on with the chain and answers, unless a link takes its time. */
static void
question_continue(struct question *question)
{
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	int r = question_walk(question, &decision);

	if (r != OCPPD_PENDING)
		question_answer(question, r, &decision);
}

/* What a failed link counts as. Returns true if that is a decision. */
static bool
error_decides(const struct id_tags *ctx, struct ocppd_authorization *ret_decision)
{
	if (ctx->conf->authorizer_error == AUTHORIZER_ERROR_NEXT)
		return false;
	decide(ret_decision,
	       ctx->conf->authorizer_error == AUTHORIZER_ERROR_ACCEPT ? OCPPD_AUTH_ACCEPTED
								      : OCPPD_AUTH_INVALID,
	       "id_tags");
	return true;
}

/* result 0: it decided, but on no verdict there is. */
static void
warn_failed(const struct id_tags *ctx, const char *provider, int result)
{
	if (result == 0)
		result = OCPPD_EINVAL;
	OCPPD_WARN(ctx->host, "authorizer.failed", OCPPD_STR("authorizer", provider),
		   OCPPD_STR("err", ocppd_error_name(result)));
}

static bool
is_verdict(const struct ocppd_authorization *decision)
{
	return decision != NULL && decision->status >= OCPPD_AUTH_ACCEPTED &&
	       decision->status <= OCPPD_AUTH_INVALID;
}

/* ---- Tickets -------------------------------------------------------------------------------- */

/*
 * What an authorizer gets as `arg` is a ticket and no address: it may answer after the deadline, as
 * late as in its own stop, and a faulty one twice. A ticket is looked up and never followed, and it
 * is not given out again. Its lower digits are the authorizer's place in `links`, so that what
 * nobody asked for has a name.
 */
static struct question_list *
bucket_of(struct id_tags *ctx, uintptr_t ticket)
{
	return &ctx->asked[ticket / LINKS_MAX & (ASKED_BUCKETS - 1)];
}

static struct link *
link_of(struct id_tags *ctx, uintptr_t ticket)
{
	uint32_t place = (uint32_t)(ticket % LINKS_MAX);

	return place < ctx->link_count ? &ctx->links[place] : NULL;
}

/* 0, or OCPPD_ESPACE: there are too many authorizers. */
static int
ticket_new(struct id_tags *ctx, const char *provider, uintptr_t *ret_ticket)
{
	uint32_t place = 0;

	while (place < ctx->link_count && strcmp(ctx->links[place].name, provider) != 0)
		place++;
	if (place == LINKS_MAX)
		return OCPPD_ESPACE;
	if (place == ctx->link_count)
		(void)snprintf(ctx->links[ctx->link_count++].name, sizeof(ctx->links[0].name), "%s",
			       provider);
	/* Where addresses have 32 bits they come again after 134 million questions. */
	if (++ctx->serial > UINTPTR_MAX / LINKS_MAX)
		ctx->serial = 1;
	*ret_ticket = ctx->serial * LINKS_MAX + place;
	return 0;
}

static void
ticket_give(struct question *question, uintptr_t ticket)
{
	question->ticket = ticket;
	LIST_INSERT_HEAD(bucket_of(question->ctx, ticket), question, asked);
}

/* From here on an answer with that ticket is nobody's. Returns whose it was. */
static struct link *
ticket_end(struct question *question)
{
	struct link *link = link_of(question->ctx, question->ticket);

	LIST_REMOVE(question, asked);
	question->ticket = 0;
	return link;
}

static struct question *
find_asked(struct id_tags *ctx, uintptr_t ticket)
{
	struct question *question;

	LIST_FOREACH (question, bucket_of(ctx, ticket), asked) {
		if (question->ticket == ticket)
			return question;
	}
	return NULL;
}

/* Nobody waits for this answer: one is due for each deadline that passed, others are misuse. */
static void
note_unasked(struct id_tags *ctx, uintptr_t ticket)
{
	struct link *link = link_of(ctx, ticket);

	if (link != NULL && link->owed > 0) {
		link->owed--;
		return;
	}
	if (link == NULL || link->is_told)
		return;
	link->is_told = true;
	OCPPD_WARN(ctx->host, "authorizer.misused", OCPPD_STR("authorizer", link->name),
		   OCPPD_STR("err", "it answered a question twice, or before or although its "
				    "decide returned something else than OCPPD_PENDING; such "
				    "answers are ignored and not logged again"));
}

struct self {
	struct ocppd_host *host;
	struct id_tags *ctx;
};

static int
match_self(const char *provider, const void *ops, void *ctx, void *arg)
{
	const struct ocppd_authorization_ops *service = ops; /* the core's copy of the table */
	struct self *self = arg;
	struct id_tags *one = ctx;

	(void)provider;
	if (service->authorize != chain_authorize || one->host != self->host)
		return 0;
	self->ctx = one;
	return 1;
}

/* ---- Answers -------------------------------------------------------------------------------- */

static void
on_decided(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
	   void *arg)
{
	uintptr_t ticket = (uintptr_t)arg;
	struct self self = { host, NULL };
	struct ocppd_authorization own = { .struct_size = sizeof(own) };
	struct question *question;
	const struct link *link;

	/* Not there any more: after this module's own stop, there is no context to look in. */
	(void)ocppd_service_each(host, "ocppd.authorization", 1, match_self, &self);
	if (self.ctx == NULL)
		return;
	question = find_asked(self.ctx, ticket);
	if (question == NULL) {
		note_unasked(self.ctx, ticket);
		return;
	}
	link = ticket_end(question);
	ocppd_timer_cancel(question->deadline);
	if (result == 0 && is_verdict(decision)) {
		own = *decision;
		own.source = link->name;
		question_answer(question, 0, &own);
	} else if (result == OCPPD_ENOENT) {
		question_continue(question);
	} else {
		warn_failed(question->ctx, link->name, result);
		if (error_decides(question->ctx, &own))
			question_answer(question, 0, &own);
		else
			question_continue(question);
	}
}

static void
on_deadline(struct ocppd_host *host, void *arg)
{
	struct question *question = arg;
	struct ocppd_authorization own = { .struct_size = sizeof(own) };
	struct link *link;

	(void)host;
	if (question->ticket == 0)
		return;
	link = ticket_end(question);
	link->owed++;
	warn_failed(question->ctx, link->name, OCPPD_ETIMEDOUT);
	if (error_decides(question->ctx, &own))
		question_answer(question, 0, &own);
	else
		question_continue(question);
}

struct walk {
	struct question *question;
	struct ocppd_authorization *decision;
	uint32_t at;
	int result; /* OCPPD_ENOENT: passed on so far */
};

/* Asks one link. Returns 1 to end the walk. */
static int
ask_link(const char *provider, const void *ops, void *self, void *arg)
{
	const struct ocppd_authorizer_ops *link = ops;
	struct walk *walk = arg;
	struct question *question = walk->question;
	struct id_tags *ctx = question->ctx;
	int64_t timeout_ms = ctx->conf->authorizer_timeout_ms;
	struct ocppd_auth_query query = { sizeof(query),
					  question->purpose,
					  question->station,
					  { question->token,
					    question->type[0] == '\0' ? NULL : question->type } };
	uintptr_t ticket = 0;
	int r;

	if (walk->at++ < question->link || link->decide == NULL)
		return 0;
	question->link = walk->at;

	decide(walk->decision, 0, NULL);
	r = ticket_new(ctx, provider, &ticket);
	if (r == 0)
		r = link->decide(self, ctx->host, &query,
				 ocppd_mono_us(ctx->host) + timeout_ms * 1000, walk->decision,
				 on_decided, (void *)ticket);
	if (r == OCPPD_PENDING) {
		ticket_give(question, ticket);
		ocppd_timer_set(question->deadline, timeout_ms);
		walk->result = OCPPD_PENDING;
		return 1;
	}
	if (r == 0 && is_verdict(walk->decision)) {
		walk->decision->source = provider;
		walk->result = 0;
		return 1;
	}
	if (r == OCPPD_ENOENT)
		return 0;
	warn_failed(ctx, provider, r);
	if (error_decides(ctx, walk->decision)) {
		walk->result = 0;
		return 1;
	}
	return 0;
}

/* Walks the links that were not asked yet. 0 with a decision, OCPPD_PENDING, or negative. */
static int
question_walk(struct question *question, struct ocppd_authorization *ret_decision)
{
	struct walk walk = { question, ret_decision, 0, OCPPD_ENOENT };
	struct id_tags *ctx = question->ctx;

	if (!ctx->is_stopping)
		(void)ocppd_service_each(ctx->host, "ocppd.authorizer", 1, ask_link, &walk);
	if (walk.result != OCPPD_ENOENT)
		return walk.result;

	decide(ret_decision,
	       ctx->conf->unknown_tags == 1 ? OCPPD_AUTH_ACCEPTED : OCPPD_AUTH_INVALID, "id_tags");
	return 0;
}

static const struct tag *
find_tag(struct id_tags *ctx, const char *token)
{
	const struct tag *tag = cache_find(&ctx->fixed, token, 0);

	return tag != NULL ? tag : cache_find(&ctx->cache, token, ocppd_mono_us(ctx->host));
}

static int look_up(struct question *question, const char *token);

/* The second try: the plain form of what is not on record. */
static void
try_variant(struct question *question)
{
	struct id_tags *ctx = question->ctx;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	const struct tag *tag = find_tag(ctx, question->variant);
	int r;

	question->is_variant = true;
	if (tag == NULL) {
		r = look_up(question, question->variant);
		if (r < 0)
			question_answer(question, r, NULL);
	} else if (!tag->is_known) {
		question_continue(question);
	} else {
		if (question->station != NULL)
			ocppd_quirk_hit(ctx->host, question->station, "G12", question->token);
		decide_by_tag(&decision, tag, question->type[0] == '\0' ? NULL : question->type,
			      ocppd_now_us(ctx->host));
		question_answer(question, 0, &decision);
	}
}

static void
on_tag_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	    const struct ocppd_error *err, void *arg)
{
	struct question *question = arg;
	struct id_tags *ctx = question->ctx;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	struct tag_texts texts;
	struct tag tag = { 0 };

	if (result < 0) {
		OCPPD_WARN(host, "tag.unread", OCPPD_STR("err", ocppd_error_name(result)),
			   OCPPD_STR("text", err == NULL ? NULL : err->text));
		question_answer(question, result, NULL);
		return;
	}
	if (rows->count > 0) {
		tag_from_row(rows->values, &texts, &tag);
	} else {
		(void)token_fold(question->is_variant ? question->variant : question->token,
				 texts.token);
		tag.token = texts.token;
	}
	/* A write in between may have made this reading an old one. */
	if (question->generation == ctx->generation)
		id_tags_remember(ctx, &tag);

	if (!tag.is_known && !question->is_variant && question->variant[0] != '\0') {
		try_variant(question);
		return;
	}
	if (!tag.is_known) {
		question_continue(question);
		return;
	}
	if (question->is_variant && question->station != NULL)
		ocppd_quirk_hit(ctx->host, question->station, "G12", question->token);
	decide_by_tag(&decision, &tag, question->type[0] == '\0' ? NULL : question->type,
		      ocppd_now_us(ctx->host));
	question_answer(question, 0, &decision);
}

static struct question *
question_new(struct id_tags *ctx, const struct ocppd_auth_query *query)
{
	struct question *question = calloc(1, sizeof(*question));

	if (question == NULL)
		return NULL;
	question->ctx = ctx;
	ctx->question_count++;
	question->deadline = ocppd_timer_new(ctx->host, on_deadline, question);
	if (question->deadline == NULL) {
		question_free(question);
		return NULL;
	}
	question->station = query->station;
	question->purpose = query->purpose;
	question->generation = ctx->generation;
	snprintf(question->token, sizeof(question->token), "%s", query->token.text);
	snprintf(question->type, sizeof(question->type), "%s",
		 query->token.type == NULL ? "" : query->token.type);
	return question;
}

static int
any_link(const char *provider, const void *ops, void *self, void *arg)
{
	(void)provider;
	(void)ops;
	(void)self;
	(void)arg;
	return 1;
}

static int
look_up(struct question *question, const char *token)
{
	struct id_tags *ctx = question->ctx;
	const struct ocppd_value value = ocppd_value_str(token);

	return ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &value, 1, 1,
				   on_tag_read, question);
}

/* Starts what takes time: the read of the table, or the chain. */
static int
question_start(struct question *question, const char *token, bool is_unknown,
	       struct ocppd_authorization *ret_decision)
{
	int r;

	if (is_unknown && question->variant[0] == '\0')
		return question_walk(question, ret_decision);
	question->is_variant = is_unknown;
	r = look_up(question, is_unknown ? question->variant : token);
	return r < 0 ? r : OCPPD_PENDING;
}

/* The tag that memory knows; NULL: the table must be asked. variant: see variant_of. */
static const struct tag *
find_either(struct id_tags *ctx, const struct ocppd_auth_query *query, const char *token,
	    char variant[OCPPD_TOKEN_MAX + 1])
{
	const struct tag *tag = find_tag(ctx, token);
	const struct tag *plain;

	variant[0] = '\0';
	if (tag != NULL && tag->is_known)
		return tag;
	if (!variant_of(ctx, query->station, token, variant)) {
		variant[0] = '\0';
		return tag;
	}
	plain = tag == NULL ? NULL : find_tag(ctx, variant);
	if (plain == NULL)
		return tag;
	if (plain->is_known && query->station != NULL)
		ocppd_quirk_hit(ctx->host, query->station, "G12", query->token.text);
	variant[0] = '\0';
	return plain;
}

int
chain_authorize(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
		struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn, void *arg)
{
	struct id_tags *ctx = self;
	char token[OCPPD_TOKEN_MAX + 1];
	char variant[OCPPD_TOKEN_MAX + 1];
	struct question *question;
	const struct tag *tag;
	int r;

	r = token_fold(query->token.text, token);
	if (r < 0)
		return r;
	tag = find_either(ctx, query, token, variant);
	if (tag != NULL && tag->is_known) {
		decide_by_tag(ret_decision, tag, query->token.type, ocppd_now_us(ctx->host));
		return 0;
	}
	if (tag != NULL && variant[0] == '\0' &&
	    ocppd_service_each(ctx->host, "ocppd.authorizer", 1, any_link, NULL) == 0) {
		decide(ret_decision,
		       ctx->conf->unknown_tags == 1 ? OCPPD_AUTH_ACCEPTED : OCPPD_AUTH_INVALID,
		       "id_tags");
		return 0;
	}
	if (ctx->is_stopping || ctx->question_count >= QUESTIONS_MAX)
		return OCPPD_EBUSY;

	question = question_new(ctx, query);
	if (question == NULL)
		return OCPPD_ENOMEM;
	snprintf(question->variant, sizeof(question->variant), "%s", variant);
	question->asker = host;
	question->fn = fn;
	question->arg = arg;
	r = question_start(question, token, tag != NULL, ret_decision);
	if (r != OCPPD_PENDING) {
		question_free(question);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}
