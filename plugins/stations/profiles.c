/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Quirk profiles: which lists of deviations hold for a station, by what it says of itself when it
 * boots and by its identity. All facts are in the configuration; no vendor is named here.
 */
#include "stations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX 256 /* what a directory record takes */

static char
fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* `*` any text, `?` any one byte, ASCII case ignored. One step back at most for each byte of text,
 * so neither a pattern nor a station can make it slow. */
bool
glob_matches(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *resume = NULL;

	while (*text != '\0') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == '?' || fold(*pattern) == fold(*text)) {
			pattern++;
			text++;
		} else if (star != NULL) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* What is not known matches nothing but a missing glob. */
static bool
part_matches(const char *pattern, const char *text)
{
	return pattern == NULL || (text != NULL && glob_matches(pattern, text));
}

static bool
profile_matches(const struct profile_conf *profile, const char *station_id,
		const struct boot_words *boot)
{
	const struct profile_match *match = &profile->match;

	return part_matches(match->station, station_id) &&
	       part_matches(match->vendor, boot->vendor) &&
	       part_matches(match->model, boot->model) &&
	       part_matches(match->firmware, boot->firmware);
}

/* Appends to `items`; what the record has no room for is left out, the nearest to the station
 * last. */
static void
append(struct quirk_set *set, const char *const *items, uint32_t count)
{
	for (uint32_t i = 0; i < count && set->count < ITEMS_MAX; i++)
		set->items[set->count++] = items[i];
}

int
quirk_set_make(const struct stations *ctx, const char *station_id, const struct boot_words *boot,
	       const struct own_quirks *own, struct quirk_set *ret_set)
{
	const struct ocppd_sections *profiles = &ctx->conf->quirk_profiles;
	uint32_t own_count = 0;
	size_t room = 1;

	for (uint32_t i = 0; i < profiles->count; i++)
		room += ((const struct profile_conf *)profiles->items + i)->quirks.count;
	ret_set->count = 0;
	ret_set->is_strict = false;
	ret_set->own = lines_split(own->lines, &own_count);
	ret_set->items = calloc(room + own_count, sizeof(*ret_set->items));
	if (ret_set->items == NULL || ret_set->own == NULL) {
		quirk_set_free(ret_set);
		return OCPPD_ENOMEM;
	}
	for (uint32_t i = 0; i < profiles->count; i++) {
		const struct profile_conf *profile =
			(const struct profile_conf *)profiles->items + i;

		if (!profile_matches(profile, station_id, boot))
			continue;
		append(ret_set, profile->quirks.items, profile->quirks.count);
		if (profile->strict != STRICT_UNSAID)
			ret_set->is_strict = profile->strict == STRICT_TRUE;
	}
	/* The station's own list is short (100), and it counts. */
	if (ret_set->count + own_count > ITEMS_MAX)
		ret_set->count = ITEMS_MAX - own_count;
	append(ret_set, ret_set->own, own_count);
	if (own->is_strict)
		ret_set->is_strict = true;
	return 0;
}

void
quirk_set_free(struct quirk_set *set)
{
	free(set->items);
	free(set->own);
	set->items = set->own = NULL;
}

/* Whether the last word on it is yes: a code or section, listed or taken back. */
bool
quirk_set_has(const struct quirk_set *set, const char *code)
{
	const char section[] = { code[0], '\0' };

	for (uint32_t i = set->count; i > 0; i--) {
		const char *item = set->items[i - 1];
		bool is_listed = item[0] != '-';
		const char *name = is_listed ? item : item + 1;

		if (strcmp(name, code) == 0 || strcmp(name, section) == 0 ||
		    strcmp(name, "all") == 0)
			return is_listed;
	}
	return false;
}

/* A bare option, or one that is true. */
bool
quirk_set_flag(const struct quirk_set *set, const char *option)
{
	size_t len = strlen(option);

	for (uint32_t i = set->count; i > 0; i--) {
		const char *value = set->items[i - 1] + len;

		if (strncmp(set->items[i - 1], option, len) != 0)
			continue;
		if (*value == '\0')
			return true;
		if (*value == '=')
			return strcmp(value, "=") == 0 || strcmp(value, "=true") == 0 ||
			       strcmp(value, "=yes") == 0 || strcmp(value, "=on") == 0;
	}
	return false;
}

/* ---- What a station says of itself -------------------------------------------------------------
 */

struct boot_words
boot_words_of(const struct station_slot *slot)
{
	struct boot_words words = { NULL, NULL, NULL };

	if (slot == NULL || slot->boot == NULL)
		return words;
	words.vendor = slot->boot;
	words.model = words.vendor + strlen(words.vendor) + 1;
	words.firmware = words.model + strlen(words.model) + 1;
	return words;
}

static bool
same_word(const char *kept, const char *word)
{
	return kept != NULL && strcmp(kept, word == NULL ? "" : word) == 0;
}

/* The three texts in one block. 1: they changed; 0: they are the same; OCPPD_ENOMEM. */
int
boot_words_keep(struct station_slot *slot, const struct boot_words *words)
{
	const struct boot_words kept = boot_words_of(slot);
	const char *texts[] = { words->vendor, words->model, words->firmware };
	size_t size = 0;
	char *at;

	if (same_word(kept.vendor, words->vendor) && same_word(kept.model, words->model) &&
	    same_word(kept.firmware, words->firmware))
		return 0;
	for (size_t i = 0; i < 3; i++)
		size += (texts[i] == NULL ? 0 : strlen(texts[i])) + 1;
	at = calloc(1, size);
	if (at == NULL)
		return OCPPD_ENOMEM;
	free(slot->boot);
	slot->boot = at;
	for (size_t i = 0; i < 3; i++) {
		size_t len = texts[i] == NULL ? 0 : strlen(texts[i]);

		if (len > 0)
			memcpy(at, texts[i], len);
		at += len + 1;
	}
	return 1;
}

/* With the boot in hand: what follows from it holds from its answer on. */
void
profiles_on_boot(struct stations *ctx, struct ocppd_station *station, const struct boot_words *boot)
{
	struct station_slot *slot = stations_slot(ctx, station);
	const struct own_quirks own = { slot->quirks == NULL ? "" : slot->quirks, slot->is_strict };
	struct ocppd_error err = { 0 };
	struct quirk_set set;
	int r = boot_words_keep(slot, boot);

	if (r <= 0 || ctx->conf->quirk_profiles.count == 0)
		return;
	slot->is_rematched = true;
	r = quirk_set_make(ctx, ocppd_station_id(station), boot, &own, &set);
	if (r >= 0) {
		r = ocppd_station_set_quirks(ctx->host, station, set.items, set.count,
					     set.is_strict, &err);
		quirk_set_free(&set);
	}
	if (r < 0)
		OCPPD_WARN(ctx->host, "profile.unmatched",
			   OCPPD_STR("station", ocppd_station_id(station)),
			   OCPPD_STR("text", err.text));
}

static void
on_record_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	       const struct ocppd_error *err, void *arg)
{
	struct rematch *rematch = arg;
	struct stations *ctx = rematch->ctx;
	struct station_slot *slot = stations_slot(ctx, rematch->station);

	(void)err;
	if (result < 0)
		OCPPD_ERROR(host, "station.unloaded", OCPPD_STR("err", ocppd_error_name(result)));
	else if (slot->is_changing)
		slot->is_rematched = true; /* what was read may be old; the change's end asks */
	else if (rows->count > 0 && rematch->changes == ctx->changes)
		(void)load_record(ctx, rows->values);
	/* Otherwise it was changed meanwhile, and applied with the new boot already. */
	free(rematch);
	stations_done(ctx);
}

/* The boot is stored: the directory has the same from the next connection on. */
void
profiles_remember(struct stations *ctx, struct ocppd_station *station)
{
	struct station_slot *slot = stations_slot(ctx, station);
	const char *station_id = ocppd_station_id(station);
	const struct record *fixed = fixed_find(ctx, station_id);
	const struct ocppd_value id = ocppd_value_str(station_id);
	struct ocppd_error err = { 0 };
	struct rematch *rematch;

	if (!slot->is_rematched || !slot->is_known || slot->is_changing)
		return;
	slot->is_rematched = false;
	if (fixed != NULL) {
		if (record_apply(ctx, fixed, &err) < 0)
			OCPPD_ERROR(ctx->host, "station.unloaded", OCPPD_STR("station", station_id),
				    OCPPD_STR("text", err.text));
		return;
	}
	rematch = malloc(sizeof(*rematch));
	if (rematch == NULL)
		return;
	*rematch = (struct rematch){ ctx, station, ctx->changes };
	if (ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
				on_record_read, rematch) < 0)
		free(rematch);
	else
		ctx->outstanding++;
}

/* ---- Checks ------------------------------------------------------------------------------------
 */

static int
say_wrong(struct ocppd_error *err, uint32_t i, const char *member, const char *text)
{
	char option[64];

	snprintf(option, sizeof(option), "quirk_profiles[%u].%s", i, member);
	return ocppd_error_option(err, OCPPD_EINVAL, option, "%s", text);
}

static int
check_glob(const char *glob, uint32_t i, const char *member, struct ocppd_error *err)
{
	for (const char *at = glob; at != NULL && *at != '\0'; at++) {
		if ((unsigned char)*at < 0x20)
			return say_wrong(err, i, member, "a control character cannot match");
		if (at[0] == '*' && at[1] == '*')
			return say_wrong(err, i, member, "`**` says no more than `*`");
	}
	return 0;
}

int
quirks_items_check(const struct ocppd_strings *items, const char *option, struct ocppd_error *err)
{
	struct ocppd_error own = { 0 };
	char place[96];
	uint32_t bad = 0;
	int r = ocppd_quirks_check(items->items, items->count, &bad, &own);

	if (r >= 0)
		return 0;
	snprintf(place, sizeof(place), "%s[%u]", option, bad);
	return ocppd_error_option(err, r, place, "%s", own.text);
}

static int
check_name(const struct ocppd_sections *profiles, uint32_t i, struct ocppd_error *err)
{
	const struct profile_conf *items = profiles->items;

	for (uint32_t k = 0; k < i; k++) {
		if (strcmp(items[k].name, items[i].name) == 0)
			return say_wrong(err, i, "name", "another profile has this name");
	}
	return 0;
}

int
profiles_check(const struct ocppd_sections *profiles, struct ocppd_error *err)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < profiles->count; i++) {
		const struct profile_conf *profile =
			(const struct profile_conf *)profiles->items + i;
		char option[64];

		snprintf(option, sizeof(option), "quirk_profiles[%u].quirks", i);
		r = check_name(profiles, i, err);
		if (r >= 0)
			r = check_glob(profile->match.vendor, i, "match.vendor", err);
		if (r >= 0)
			r = check_glob(profile->match.model, i, "match.model", err);
		if (r >= 0)
			r = check_glob(profile->match.firmware, i, "match.firmware", err);
		if (r >= 0)
			r = check_glob(profile->match.station, i, "match.station", err);
		if (r >= 0)
			r = quirks_items_check(&profile->quirks, option, err);
	}
	return r;
}

/* ---- Options -----------------------------------------------------------------------------------
 */

static const char *const strict_words[] = { "unsaid", "true", "false", NULL };

static const struct ocppd_option match_options[] = {
	{ "vendor", OCPPD_CONF_STRING, OCPPD_RELOADABLE, offsetof(struct profile_match, vendor),
	  .min = 1, .max = 255, .doc = "chargePointVendor of its boot; `*` and `?` match any." },
	{ "model", OCPPD_CONF_STRING, OCPPD_RELOADABLE, offsetof(struct profile_match, model),
	  .min = 1, .max = 255, .doc = "chargePointModel of its boot." },
	{ "firmware", OCPPD_CONF_STRING, OCPPD_RELOADABLE, offsetof(struct profile_match, firmware),
	  .min = 1, .max = 255, .doc = "firmwareVersion of its boot." },
	{ "station", OCPPD_CONF_STRING, OCPPD_RELOADABLE, offsetof(struct profile_match, station),
	  .min = 1, .max = 255, .doc = "Its identity." },
};

const struct ocppd_option profile_options[PROFILE_OPTIONS] = {
	{ "name", OCPPD_CONF_STRING, OCPPD_OPTION_REQUIRED | OCPPD_RELOADABLE,
	  offsetof(struct profile_conf, name), .min = 1, .max = 255, .doc = "For people." },
	{ "match", OCPPD_CONF_SECTION, OCPPD_RELOADABLE, offsetof(struct profile_conf, match),
	  sizeof(struct profile_match), .options = OCPPD_TABLE(match_options),
	  .doc = "Which stations it is for: all of what is said here must match, ASCII case aside; "
		 "nothing said matches every station." },
	{ "quirks", OCPPD_CONF_STRINGS, OCPPD_RELOADABLE, offsetof(struct profile_conf, quirks),
	  .doc = "Deviations of these stations: codes, sections or `all`, `-CODE` to take back what "
		 "an earlier profile lists, and option=value." },
	{ "strict", OCPPD_CONF_ENUM, OCPPD_RELOADABLE, offsetof(struct profile_conf, strict),
	  .def = "unsaid", .one_of = strict_words,
	  .doc = "true refuses what breaks the schema and can cost records; false takes that back; "
		 "unsaid leaves it to other profiles and to the station." },
};
