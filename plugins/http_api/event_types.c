/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Types of events: those that loaded modules and the core declare are the ones that can be
 * followed. A word that fits none of them is a mistake, or a module that is not loaded; whoever
 * typed it would wait for ever otherwise.
 */
#include "event_types.h"

#include <ocppd/json.h>
#include <ocppd/plugin.h>

#include "items.h"
#include "problem.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

#define WORD_MAX 64
#define NONE "none" /* no event at all, for those who follow frames only */

/* A topic, `transaction.*` or `*`. */
static bool
word_fits(const char *word, size_t len, const char *topic)
{
	if (len > 0 && word[len - 1] == '*')
		return strncmp(word, topic, len - 1) == 0;
	return strlen(topic) == len && strncmp(word, topic, len) == 0;
}

bool
event_types_fit(const char *types, const char *topic)
{
	const char *at = types;

	if (*types == '\0')
		return true;
	while (*at != '\0') {
		size_t len = strcspn(at, ",");

		if (word_fits(at, len, topic))
			return true;
		at += len;
		at += *at == ',';
	}
	return false;
}

/* ---- Checking ------------------------------------------------------------------------------ */

struct look {
	const char *word;
	size_t len;
	size_t best; /* distance of `nearest` */
	bool is_found;
	bool is_kind_known; /* something of the same kind, such as transaction, is declared */
	char nearest[WORD_MAX + 1];
};

static void
consider(struct look *look, const char *candidate)
{
	size_t d = text_distance(look->word, candidate);

	if (d >= look->best || strlen(candidate) > WORD_MAX)
		return;
	look->best = d;
	(void)snprintf(look->nearest, sizeof(look->nearest), "%s", candidate);
}

static int
on_topic(const struct ocppd_topic *topic, const char *publisher, void *arg)
{
	struct look *look = arg;
	size_t kind = strcspn(topic->name, ".");
	char all[WORD_MAX + 1];

	(void)publisher;
	if (word_fits(look->word, look->len, topic->name)) {
		look->is_found = true;
		return 1;
	}
	look->is_kind_known |=
		strcspn(look->word, ".*") == kind && strncmp(look->word, topic->name, kind) == 0;
	consider(look, topic->name);
	if (look->word[look->len - 1] != '*' || kind + 2 > WORD_MAX)
		return 0;
	(void)snprintf(all, sizeof(all), "%.*s.*", (int)kind, topic->name);
	consider(look, all);
	return 0;
}

static uint32_t
word_check(struct ocppd_host *host, const char *word, size_t len, struct problem *problem)
{
	char text[WORD_MAX + 1];
	struct look look = { .word = text, .len = len, .best = len / 3 + 2 };

	if (len == 0)
		return problem_set(problem, 400, "unknown-event-type",
				   "types: an empty one; commas stand between them only");
	if (len > WORD_MAX)
		return problem_set(problem, 400, "unknown-event-type",
				   "types: %.64s… is longer than any there is", word);
	memcpy(text, word, len);
	text[len] = '\0';
	(void)ocppd_topic_each(host, on_topic, &look);
	if (look.is_found)
		return 0;
	if (look.nearest[0] != '\0')
		return problem_set(problem, 400, "unknown-event-type",
				   "types: no loaded module publishes %s; did you mean %s?", text,
				   look.nearest);
	if (look.is_kind_known)
		return problem_set(problem, 400, "unknown-event-type",
				   "types: no loaded module publishes %s; GET /v1/event-types has "
				   "those there are of %.*s",
				   text, (int)strcspn(text, ".*"), text);
	return problem_set(problem, 400, "unknown-event-type",
			   "types: no loaded module publishes events such as %s; is their module "
			   "in the configuration? GET /v1/event-types has those there are",
			   text);
}

uint32_t
event_types_check(struct ocppd_host *host, const char *types, struct problem *problem)
{
	const char *at = types;
	uint32_t status = 0;

	if (*types == '\0' || strcmp(types, NONE) == 0)
		return 0;
	while (status == 0) {
		size_t len = strcspn(at, ",");

		status = word_check(host, at, len, problem);
		at += len;
		if (*at == '\0')
			break;
		at++;
	}
	return status;
}

/* ---- The list ------------------------------------------------------------------------------ */

static int
list_topic(const struct ocppd_topic *topic, const char *publisher, void *arg)
{
	struct json_object *item = json_object_new_object();
	int r = 0;

	if (item != NULL) {
		r |= ocppd_json_add_str(item, "type", topic->name);
		r |= ocppd_json_add_str(item, "publisher", publisher);
		r |= ocppd_json_add_str(item, "summary", topic->doc);
	}
	if (r < 0) {
		(void)json_object_put(item);
		item = NULL;
	}
	return items_add(arg, item) ? 0 : 1;
}

void
event_types_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct items items;

	(void)ctx;
	items_init(&items);
	(void)ocppd_topic_each(host, list_topic, &items);
	items_reply(&items, host, request, NULL);
}
