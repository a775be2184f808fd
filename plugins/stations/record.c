/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * A record of the station directory: made from a row, from the configuration or from an operator's
 * request, and handed to the core. Passwords never stay: only their verifiers do.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BYTES_MIN 16
#define KEY_BYTES_MAX 20
#define VERIFIER_SIZE 256

void
record_free(struct record *record)
{
	if (record == NULL)
		return;
	free(record->station_id);
	free(record->verifiers);
	free(record->quirks);
	free(record->protocols);
	free(record->labels);
	free(record->auth_user);
	free(record);
}

int
record_set(char **member, const char *text)
{
	char *copy = strdup(text == NULL ? "" : text);

	if (copy == NULL)
		return OCPPD_ENOMEM;
	free(*member);
	*member = copy;
	return 0;
}

struct record *
record_new(const char *station_id)
{
	struct record *record = calloc(1, sizeof(*record));

	if (record == NULL)
		return NULL;
	if (record_set(&record->station_id, station_id) < 0 ||
	    record_set(&record->verifiers, "") < 0 || record_set(&record->quirks, "") < 0 ||
	    record_set(&record->protocols, "") < 0 || record_set(&record->labels, "") < 0 ||
	    record_set(&record->auth_user, "") < 0) {
		record_free(record);
		return NULL;
	}
	record->registration = OCPPD_REG_ACCEPTED;
	return record;
}

struct record *
record_dup(const struct record *from)
{
	struct record *record = record_new(from->station_id);

	if (record == NULL)
		return NULL;
	if (record_set(&record->verifiers, from->verifiers) < 0 ||
	    record_set(&record->quirks, from->quirks) < 0 ||
	    record_set(&record->protocols, from->protocols) < 0 ||
	    record_set(&record->labels, from->labels) < 0 ||
	    record_set(&record->auth_user, from->auth_user) < 0) {
		record_free(record);
		return NULL;
	}
	record->registration = from->registration;
	record->security_profile = from->security_profile;
	record->source = from->source;
	record->is_strict = from->is_strict;
	return record;
}

static char *
value_dup(const struct ocppd_value *value)
{
	size_t len = value->type == OCPPD_VALUE_TEXT ? value->len : 0;
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, value->data, len);
	copy[len] = '\0';
	return copy;
}

/* Columns: station_id, registration, security_profile, verifiers, quirks, is_strict, labels,
 * auth_user, protocols, source; what follows is load_record's. */
struct record *
record_from_row(const struct ocppd_value *row)
{
	struct record *record = calloc(1, sizeof(*record));

	if (record == NULL)
		return NULL;
	record->station_id = value_dup(&row[0]);
	record->verifiers = value_dup(&row[3]);
	record->quirks = value_dup(&row[4]);
	record->labels = value_dup(&row[6]);
	record->auth_user = value_dup(&row[7]);
	record->protocols = value_dup(&row[8]);
	if (record->station_id == NULL || record->verifiers == NULL || record->quirks == NULL ||
	    record->labels == NULL || record->auth_user == NULL || record->protocols == NULL) {
		record_free(record);
		return NULL;
	}
	/* What somebody else wrote and makes no sense must not open a door. */
	record->registration =
		row[1].number >= OCPPD_REG_ACCEPTED && row[1].number <= OCPPD_REG_REJECTED
			? (uint32_t)row[1].number
			: OCPPD_REG_REJECTED;
	record->security_profile =
		row[2].type == OCPPD_VALUE_NULL ? OCPPD_PROFILE_ANY : (uint32_t)row[2].number;
	record->is_strict = row[5].number != 0;
	record->source = (uint32_t)row[9].number;
	return record;
}

/* ---- Lists of lines ----------------------------------------------------------------------------
 */

int
lines_add(char **lines, const char *text)
{
	size_t old = *lines == NULL ? 0 : strlen(*lines);
	size_t len = strlen(text);
	char *grown;

	if (strpbrk(text, "\r\n") != NULL || len == 0)
		return OCPPD_EINVAL;
	grown = realloc(*lines, old + len + 2);
	if (grown == NULL)
		return OCPPD_ENOMEM;
	if (old > 0)
		grown[old++] = '\n';
	memcpy(grown + old, text, len + 1);
	*lines = grown;
	return 0;
}

const char **
lines_split(const char *lines, uint32_t *ret_count)
{
	size_t size = strlen(lines) + 1;
	uint32_t count = size > 1 ? 1 : 0;
	const char **items;
	char *copy;

	for (const char *at = lines; *at != '\0'; at++)
		count += *at == '\n' ? 1 : 0;
	items = malloc((count + 1) * sizeof(*items) + size);
	if (items == NULL)
		return NULL;
	copy = (char *)(items + count + 1);
	memcpy(copy, lines, size);
	for (uint32_t i = 0; i < count; i++) {
		items[i] = copy;
		copy = strchr(copy, '\n');
		if (copy != NULL)
			*copy++ = '\0';
	}
	items[count] = NULL;
	*ret_count = count;
	return items;
}

/* ---- Keys --------------------------------------------------------------------------------------
 */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Returns the number of bytes, or OCPPD_EINVAL. */
static int
parse_hex_key(const char *key, unsigned char ret_bytes[KEY_BYTES_MAX])
{
	size_t len = strlen(key);

	if (len < KEY_BYTES_MIN * 2 || len > KEY_BYTES_MAX * 2 || len % 2 != 0)
		return OCPPD_EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(key[i]);
		int low = hex_digit(key[i + 1]);

		if (high < 0 || low < 0)
			return OCPPD_EINVAL;
		ret_bytes[i / 2] = (unsigned char)(high << 4 | low);
	}
	return (int)(len / 2);
}

bool
key_is_valid(const char *key)
{
	unsigned char bytes[KEY_BYTES_MAX];
	size_t len = strlen(key);

	return parse_hex_key(key, bytes) > 0 || (len >= KEY_BYTES_MIN && len <= KEY_BYTES_MAX);
}

static int
add_verifier(char **lines, const char *scheme, const void *password, size_t len)
{
	char verifier[VERIFIER_SIZE];
	int r = ocppd_verifier_make(scheme, password, len, verifier, sizeof(verifier));

	return r < 0 ? r : lines_add(lines, verifier);
}

/* The hex text in both cases: what a station with quirk `accept_hex_password` sends. The first line
 * is the key itself, the only one that counts without that quirk. */
static int
add_hex_forms(char **lines, const unsigned char *bytes, size_t len)
{
	static const char *const digits[] = { "0123456789abcdef", "0123456789ABCDEF" };
	char text[KEY_BYTES_MAX * 2];
	int r = 0;

	for (size_t form = 0; r >= 0 && form < 2; form++) {
		for (size_t i = 0; i < len; i++) {
			text[i * 2] = digits[form][bytes[i] >> 4];
			text[i * 2 + 1] = digits[form][bytes[i] & 15];
		}
		r = add_verifier(lines, "sha256", text, len * 2);
	}
	explicit_bzero(text, sizeof(text));
	return r;
}

int
record_set_key(struct record *record, const char *key)
{
	unsigned char bytes[KEY_BYTES_MAX];
	char *lines = NULL;
	int r;

	if (!key_is_valid(key))
		return OCPPD_EINVAL;
	r = parse_hex_key(key, bytes);
	if (r > 0) {
		size_t len = (size_t)r;

		r = add_verifier(&lines, "sha256", bytes, len);
		if (r >= 0)
			r = add_hex_forms(&lines, bytes, len);
	} else {
		r = add_verifier(&lines, "pbkdf2-sha256", key, strlen(key));
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (r >= 0) {
		free(record->verifiers);
		record->verifiers = lines;
		lines = NULL;
	}
	free(lines);
	return r;
}

/* ---- From the configuration
 * ---------------------------------------------------------------------- */

static int
labels_from_node(struct record *record, const struct ocppd_node *labels)
{
	struct json_object *object;
	int r;

	if (ocppd_node_count(labels) == 0)
		return 0;
	object = json_object_new_object();
	if (object == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < ocppd_node_count(labels); i++)
		ocppd_json_add_str(object, ocppd_node_key(labels, i),
				   ocppd_node_text(ocppd_node_at(labels, i)));
	r = record_set(&record->labels,
		       json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return r;
}

static int
lines_from_strings(char **lines, const struct ocppd_strings *strings)
{
	int r = 0;

	for (uint32_t i = 0; r >= 0 && i < strings->count; i++)
		r = lines_add(lines, strings->items[i]);
	return r;
}

/* like: a record of the same key, whose verifiers are taken, or NULL. */
struct record *
record_from_conf(const struct station_conf *conf, const struct record *like)
{
	struct record *record = record_new(ocppd_node_text(conf->id));
	int r = 0;

	if (record == NULL)
		return NULL;
	record->registration = conf->registration + 1;
	record->security_profile = (uint32_t)conf->security_profile;
	record->source = SOURCE_CONFIGURATION;
	record->is_strict = conf->is_strict != 0;
	if (like != NULL)
		r = record_set(&record->verifiers, like->verifiers);
	else if (conf->authorization_key != NULL)
		r = record_set_key(record, conf->authorization_key);
	if (r >= 0 && conf->auth_user != NULL)
		r = record_set(&record->auth_user, conf->auth_user);
	if (r >= 0)
		r = lines_from_strings(&record->quirks, &conf->quirks);
	if (r >= 0)
		r = lines_from_strings(&record->protocols, &conf->protocols);
	if (r >= 0)
		r = labels_from_node(record, conf->labels);
	if (r < 0) {
		record_free(record);
		return NULL;
	}
	return record;
}

/* ---- Into the core -----------------------------------------------------------------------------
 */

uint32_t
registration_now(const struct station_slot *slot)
{
	if (!slot->is_known)
		return slot->state;
	if (slot->wanted == OCPPD_REG_ACCEPTED)
		return slot->is_trusted ? OCPPD_REG_ACCEPTED : slot->state;
	/* No longer wanted as Accepted: that holds without another boot. */
	return slot->state == OCPPD_REG_NONE ? OCPPD_REG_NONE : slot->wanted;
}

bool
record_has_key(const struct record *record)
{
	return record->verifiers[0] != '\0' &&
	       strncmp(record->verifiers, VERIFIER_GROUP, sizeof(VERIFIER_GROUP) - 1) != 0;
}

/* Leaves those that count: the first of each group and, where that is asked for (quirk A09), the
 * hex text of the key in both cases. */
static uint32_t
pick_verifiers(const char **lines, uint32_t count, bool takes_hex)
{
	uint32_t picked = 0;
	bool is_first = true;

	for (uint32_t i = 0; i < count; i++) {
		if (strcmp(lines[i], VERIFIER_GROUP) == 0) {
			is_first = true;
			continue;
		}
		if (is_first || takes_hex)
			lines[picked++] = lines[i];
		is_first = false;
	}
	return picked;
}

bool
identity_is_valid(const char *text)
{
	uint32_t characters = 0;

	for (const char *at = text; *at != '\0'; at++) {
		unsigned char c = (unsigned char)*at;

		if (c < 0x20 || c == 0x7f || c == '/')
			return false;
		/* C1 controls, U+0080 to U+009F, take two bytes. */
		if (c == 0xc2 && (unsigned char)at[1] < 0xa0)
			return false;
		characters += (c & 0xc0) != 0x80 ? 1 : 0;
	}
	return characters >= 1 && characters <= OCPPD_STATION_ID_MAX;
}

static void
tell_slot(struct stations *ctx, const struct record *record, bool is_trusted)
{
	struct ocppd_station *station = ocppd_station_get(ctx->host, record->station_id);
	struct station_slot *slot;

	if (station == NULL) {
		OCPPD_ERROR(ctx->host, "station.unloaded",
			    OCPPD_STR("station", record->station_id));
		return;
	}
	slot = stations_slot(ctx, station);
	slot->wanted = (uint8_t)record->registration;
	slot->is_known = true;
	slot->is_fixed = record->source == SOURCE_CONFIGURATION;
	slot->is_trusted = is_trusted;
	slot->offers = (uint8_t)record_offers(record);
	slot->is_strict = record->is_strict;
	free(slot->quirks);
	slot->quirks = record->quirks[0] == '\0' ? NULL : strdup(record->quirks);
	free(slot->labels);
	slot->labels = record->labels[0] == '\0' ? NULL : strdup(record->labels);
	if (!ocppd_station_is_connected(station))
		ocppd_station_set_registration(ctx->host, station, registration_now(slot));
}

int
record_apply(struct stations *ctx, const struct record *record, struct ocppd_error *err)
{
	struct ocppd_admission admission = { .struct_size = sizeof(admission) };
	const char **verifiers = lines_split(record->verifiers, &admission.verifier_count);
	const char **protocols = lines_split(record->protocols, &admission.protocol_count);
	struct ocppd_station *station = ocppd_station_find(ctx->host, record->station_id);
	const struct boot_words boot =
		boot_words_of(station == NULL ? NULL : stations_slot(ctx, station));
	const struct own_quirks own = { record->quirks, record->is_strict };
	struct quirk_set set = { 0 };
	bool is_trusted;
	bool takes_hex;
	int r = quirk_set_make(ctx, record->station_id, &boot, &own, &set);

	if (verifiers == NULL || protocols == NULL || r < 0) {
		r = ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		goto out;
	}
	is_trusted = quirk_set_has(&set, "F01") && record->registration == OCPPD_REG_ACCEPTED;
	admission.flags = set.is_strict ? OCPPD_ADMIT_STRICT : 0;
	admission.station_id = record->station_id;
	admission.auth_user = record->auth_user[0] == '\0' ? NULL : record->auth_user;
	admission.security_profile = record->security_profile;
	admission.registration = is_trusted ? OCPPD_REG_ACCEPTED : OCPPD_REG_NONE;
	admission.verifiers = verifiers;
	takes_hex = quirk_set_flag(&set, "accept_hex_password");
	admission.verifier_count = pick_verifiers(verifiers, admission.verifier_count, takes_hex);
	admission.quirks = set.items;
	admission.quirk_count = set.count;
	admission.protocols = protocols;
	r = ocppd_directory_put(ctx->host, &admission, err);
	if (r >= 0)
		tell_slot(ctx, record, is_trusted);
	station = ocppd_station_find(ctx->host, record->station_id);
	if (r >= 0 && station != NULL)
		stations_slot(ctx, station)->takes_hex = takes_hex;
out:
	free(verifiers);
	free(protocols);
	quirk_set_free(&set);
	return r;
}

void
record_withdraw(struct stations *ctx, const char *station_id)
{
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);
	struct station_slot *slot;

	(void)ocppd_directory_remove(ctx->host, station_id);
	if (station == NULL)
		return;
	slot = stations_slot(ctx, station);
	slot->is_known = slot->is_fixed = slot->is_trusted = false;
	slot->is_strict = false;
	free(slot->quirks);
	free(slot->labels);
	slot->quirks = slot->labels = NULL;
	slot->wanted = slot->state = OCPPD_REG_NONE;
	ocppd_station_set_registration(ctx->host, station, OCPPD_REG_NONE);
}

static int
compare_records(const void *key, const void *item)
{
	const struct record *const *record = item;

	return strcmp(key, (*record)->station_id);
}

const struct record *
fixed_find(const struct stations *ctx, const char *station_id)
{
	struct record **found = ctx->fixed_count == 0
					? NULL
					: bsearch(station_id, ctx->fixed, ctx->fixed_count,
						  sizeof(*ctx->fixed), compare_records);

	return found == NULL ? NULL : *found;
}

/* ---- For the operator --------------------------------------------------------------------------
 */

static struct json_object *
lines_json(const char *lines)
{
	struct json_object *list = json_object_new_array();
	uint32_t count = 0;
	const char **items = lines_split(lines, &count);

	for (uint32_t i = 0; items != NULL && i < count; i++)
		json_object_array_add(list, json_object_new_string(items[i]));
	free(items);
	return list;
}

struct json_object *
record_json(const struct record *record)
{
	static const char *const sources[] = { "database", "policy", "configuration" };
	struct json_object *object = json_object_new_object();
	struct json_object *labels;

	if (object == NULL)
		return NULL;
	ocppd_json_add_str(object, "stationId", record->station_id);
	ocppd_json_add_str(object, "registrationStatus",
			   registration_words[record->registration - 1]);
	if (record->security_profile != OCPPD_PROFILE_ANY)
		ocppd_json_add_int(object, "securityProfile", record->security_profile);
	ocppd_json_add_bool(object, "hasAuthorizationKey", record_has_key(record));
	if (record->auth_user[0] != '\0')
		ocppd_json_add_str(object, "authUser", record->auth_user);
	ocppd_json_add(object, "quirks", lines_json(record->quirks));
	ocppd_json_add_bool(object, "strict", record->is_strict);
	if (record->protocols[0] != '\0')
		ocppd_json_add(object, "allowedProtocols", lines_json(record->protocols));
	labels = record->labels[0] == '\0' ? NULL : json_tokener_parse(record->labels);
	ocppd_json_add(object, "labels", labels == NULL ? json_object_new_object() : labels);
	if (record->source <= SOURCE_CONFIGURATION)
		ocppd_json_add_str(object, "source", sources[record->source]);
	return object;
}
