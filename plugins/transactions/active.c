/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Transactions under way, in memory: by station, and by token for limits. Decides what a message
 * without a usable id can mean (quirks G03, G13). Knows no database.
 */
#include "transactions.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 64

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool
token_equal(const char *a, const char *b)
{
	while (*a != '\0' && fold(*a) == fold(*b)) {
		a++;
		b++;
	}
	return fold(*a) == fold(*b);
}

void
token_fold(const char *text, char *ret_text)
{
	size_t len = text == NULL ? 0 : strnlen(text, OCPPD_TOKEN_MAX);

	for (size_t i = 0; i < len; i++)
		ret_text[i] = fold(text[i]);
	ret_text[len] = '\0';
}

static uint32_t
hash_token(const char *text)
{
	uint32_t hash = 0x811c9dc5u;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)fold(*text)) * 0x01000193u;
	return hash ^ (hash >> 15);
}

int
active_init(struct active_table *table)
{
	memset(table, 0, sizeof(*table));
	table->buckets = calloc(BUCKETS_MIN, sizeof(*table->buckets));
	if (table->buckets == NULL)
		return OCPPD_ENOMEM;
	table->bucket_count = BUCKETS_MIN;
	TAILQ_INIT(&table->recents);
	return 0;
}

/* Frees what is left, whichever station it belongs to. */
void
active_fini(struct active_table *table)
{
	for (size_t i = 0; i < table->bucket_count; i++) {
		struct active *active = table->buckets[i];

		while (active != NULL) {
			struct active *chained = active->chained;

			free(active);
			active = chained;
		}
	}
	/* The stations' slots are gone by now. */
	while (table->bucket_count > 0 && !TAILQ_EMPTY(&table->recents)) {
		struct recent *recent = TAILQ_FIRST(&table->recents);

		TAILQ_REMOVE(&table->recents, recent, all);
		free(recent);
	}
	free(table->buckets);
	memset(table, 0, sizeof(*table));
}

/* Twice as many buckets; without memory the chains just grow longer. */
static void
grow(struct active_table *table)
{
	size_t count = table->bucket_count * 2;
	struct active **buckets;

	if (table->count <= table->bucket_count)
		return;
	buckets = calloc(count, sizeof(*buckets));
	if (buckets == NULL)
		return;
	for (size_t i = 0; i < table->bucket_count; i++) {
		while (table->buckets[i] != NULL) {
			struct active *active = table->buckets[i];
			struct active **to = &buckets[active->hash & (count - 1)];

			table->buckets[i] = active->chained;
			active->chained = *to;
			*to = active;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = count;
}

static size_t
size_of(const char *text)
{
	return text == NULL ? 0 : strlen(text) + 1;
}

/* Copies a text, which may be NULL, to the end of those there are. */
static const char *
append(char **end, const char *text)
{
	size_t size = size_of(text);
	const char *copy = *end;

	if (text == NULL)
		return NULL;
	memcpy(*end, text, size);
	*end += size;
	return copy;
}

struct active *
active_add(struct active_table *table, struct active_slot *slot, const struct active_key *key,
	   uint32_t flags)
{
	const char *token = key->token == NULL ? "" : key->token;
	bool is_own = key->account == NULL || token_equal(key->account, token);
	const char *account = is_own ? NULL : key->account;
	struct active *active = calloc(1, sizeof(*active) + size_of(token) + size_of(key->parent) +
						  size_of(account) + size_of(key->id_text) +
						  size_of(key->token_type));
	struct active **at = &slot->first;
	char *end;

	if (active == NULL)
		return NULL;
	end = active->token;
	(void)append(&end, token);
	active->parent = append(&end, key->parent);
	active->account = is_own ? active->token : append(&end, account);
	active->id_text = append(&end, key->id_text);
	active->token_type = append(&end, key->token_type);
	active->station = key->station;
	active->place = key->place;
	active->start_us = key->start_us;
	active->meter_start_wh = key->meter_start_wh;
	active->flags = flags;
	active->hash = hash_token(active->account);

	while (*at != NULL)
		at = &(*at)->next;
	*at = active;
	at = &table->buckets[active->hash & (table->bucket_count - 1)];
	active->chained = *at;
	*at = active;
	table->count++;
	grow(table);
	return active;
}

void
active_remove(struct active_table *table, struct active_slot *slot, struct active *active)
{
	struct active **at = &slot->first;

	while (*at != active)
		at = &(*at)->next;
	*at = active->next;
	at = &table->buckets[active->hash & (table->bucket_count - 1)];
	while (*at != active)
		at = &(*at)->chained;
	*at = active->chained;
	table->count--;
	free(active);
}

struct active *
active_by_id(const struct active_slot *slot, int64_t id)
{
	for (struct active *active = slot->first; active != NULL; active = active->next) {
		if (active->id == id && !active->is_pending)
			return active;
	}
	return NULL;
}

struct active *
active_by_text(const struct active_slot *slot, const char *id_text)
{
	for (struct active *active = slot->first; active != NULL; active = active->next) {
		if (!active->is_pending && active->id_text != NULL &&
		    strcmp(active->id_text, id_text) == 0)
			return active;
	}
	return NULL;
}

static bool
is_place(const struct active *active, struct ocppd_place place)
{
	return active->place.evse == place.evse && active->place.connector == place.connector;
}

struct active *
active_same(const struct active_slot *slot, const struct active_key *key)
{
	for (struct active *active = slot->first; active != NULL; active = active->next) {
		if (is_place(active, key->place) && active->start_us == key->start_us &&
		    active->meter_start_wh == key->meter_start_wh &&
		    token_equal(active->token, key->token == NULL ? "" : key->token))
			return active;
	}
	return NULL;
}

uint32_t
active_count(const struct active_table *table, const char *account, const struct active *except)
{
	uint32_t hash = hash_token(account);
	const struct active *active = table->buckets[hash & (table->bucket_count - 1)];
	uint32_t count = 0;

	for (; active != NULL; active = active->chained) {
		if (active->hash == hash && active != except &&
		    (active->flags & (OCPPD_TX_UNAUTHORISED | OCPPD_TX_STALE)) == 0 &&
		    token_equal(active->account, account))
			count++;
	}
	return count;
}

static bool
is_plausible(const struct active *active, const struct stop_hint *hint)
{
	if (active->is_pending || hint->stop_us < active->start_us)
		return false;
	if (hint->has_meter && (active->flags & OCPPD_TX_METER) == 0 &&
	    hint->meter_stop_wh < active->meter_start_wh)
		return false;
	if (hint->token == NULL || token_equal(hint->token, active->token))
		return true;
	return hint->parent != NULL && active->parent != NULL &&
	       token_equal(hint->parent, active->parent);
}

struct active *
active_plausible(const struct active_slot *slot, const struct stop_hint *hint)
{
	struct active *found = NULL;

	for (struct active *active = slot->first; active != NULL; active = active->next) {
		if (!is_plausible(active, hint))
			continue;
		if (found != NULL)
			return NULL;
		found = active;
	}
	return found;
}

struct active *
active_at(const struct active_slot *slot, struct ocppd_place place, int64_t time_us)
{
	struct active *found = NULL;

	/* Of several that fit the youngest: the others lack a stop (G17). One that was given up is
	 * not meant by what names none: the meter of an idle connector is read, too. */
	for (struct active *active = slot->first; active != NULL; active = active->next) {
		if (is_place(active, place) && !active->is_pending &&
		    (active->flags & OCPPD_TX_STALE) == 0 &&
		    time_us >= active->start_us - LATE_US &&
		    (found == NULL || active->start_us > found->start_us))
			found = active;
	}
	return found;
}

bool
active_has_younger(const struct active_slot *slot, const struct active *than)
{
	for (const struct active *active = slot->first; active != NULL; active = active->next) {
		if (active != than && is_place(active, than->place) && !active->is_pending &&
		    (active->flags & (OCPPD_TX_STALE | OCPPD_TX_UNAUTHORISED)) == 0 &&
		    active->start_us >= than->start_us)
			return true;
	}
	return false;
}

void
active_learn(struct active *active, const struct ocppd_reading *reading)
{
	/* Repeated and late ones must not count twice: the table knows. */
	if (active->last_reading_us != 0 && reading->time_us <= active->last_reading_us) {
		active->is_partial = true;
		return;
	}
	active->last_reading_us = reading->time_us;
	energy_learn(&active->energy, reading);
}

/* ---- What stopped lately ------------------------------------------------------------------------
 */

void
recent_add(struct active_table *table, struct active_slot *slot, const struct active *active,
	   int64_t stop_us, int64_t until_mono_us)
{
	struct recent *recent = calloc(1, sizeof(*recent));
	uint32_t count = 0;

	if (recent == NULL)
		return; /* late readings without an id are kept by connector and time then */
	recent->slot = slot;
	recent->id = active->id;
	recent->place = active->place;
	recent->start_us = active->start_us;
	recent->stop_us = stop_us;
	recent->until_mono_us = until_mono_us;
	recent->next = slot->recent;
	slot->recent = recent;
	TAILQ_INSERT_TAIL(&table->recents, recent, all);
	for (; recent != NULL; recent = recent->next)
		count++;
	if (count <= RECENT_MAX)
		return;
	for (recent = slot->recent; recent->next != NULL;)
		recent = recent->next;
	recent_remove(table, recent);
}

void
recent_remove(struct active_table *table, struct recent *recent)
{
	struct recent **at = &recent->slot->recent;

	while (*at != recent)
		at = &(*at)->next;
	*at = recent->next;
	TAILQ_REMOVE(&table->recents, recent, all);
	free(recent);
}

const struct recent *
recent_by_id(const struct active_slot *slot, int64_t id)
{
	for (const struct recent *recent = slot->recent; recent != NULL; recent = recent->next) {
		if (recent->id == id)
			return recent;
	}
	return NULL;
}

const struct recent *
recent_at(const struct active_slot *slot, struct ocppd_place place, int64_t time_us, bool is_end)
{
	/* The youngest first. */
	for (const struct recent *recent = slot->recent; recent != NULL; recent = recent->next) {
		if (recent->place.evse == place.evse &&
		    recent->place.connector == place.connector && time_us >= recent->start_us &&
		    time_us <= recent->stop_us + (is_end ? LATE_US : 0))
			return recent;
	}
	return NULL;
}
