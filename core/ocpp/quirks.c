/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What is configured about a station's deviations: codes as bits, options as text. Immutable once
 * made, so that I/O threads and the core read one object without a lock; only its count changes.
 */
#include "ocpp/quirks.h"

#include <stdatomic.h>

#include <ocppd/station.h>

#include "base/text.h"

/* The codes that exist, by section from 'A': the last number of each. */
static const uint8_t section_last[] = { 16, 12, 13, 12, 7, 14, 18, 8, 4 };
#define SECTION_COUNT (sizeof(section_last) / sizeof(section_last[0]))
#define OPTIONS_MAX 32
#define OFFSET_MAX_HOURS 14

struct option {
	char *name;
	const char *value; /* behind the name, in its block; NULL: taken back */
};

/* What the options mean that the daemon itself knows; modules may look for others. */
enum option_kind {
	OPTION_TEXT,
	OPTION_FLAG,
	OPTION_NUMBER,
	OPTION_ZONE,
	OPTION_PING,
};

static const struct {
	const char *name;
	enum option_kind kind;
	int64_t max;
} known_options[] = {
	{ "accept_binary", OPTION_FLAG },
	{ "accept_hex_password", OPTION_FLAG },
	{ "certificate_cn", OPTION_TEXT },
	{ "max_tx_bytes", OPTION_NUMBER, .max = 1 << 30 },
	{ "min_gap", OPTION_NUMBER, .max = 60000 },
	{ "naive_time_zone", OPTION_ZONE },
	{ "ping", OPTION_PING },
	{ "whole_seconds", OPTION_FLAG },
};
#define KNOWN_COUNT (sizeof(known_options) / sizeof(known_options[0]))

struct quirks {
	_Atomic uint32_t refs;
	bool is_strict;
	int32_t naive_offset_s;
	uint32_t bits[QUIRKS_COUNT / 32];
	uint32_t option_count;
	struct option options[OPTIONS_MAX];
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
section_start(size_t section)
{
	int at = 0;

	for (size_t i = 0; i < section; i++)
		at += section_last[i];
	return at;
}

int
quirks_index(const char *code)
{
	size_t section;
	int number;

	if (code == NULL || code[0] < 'A' || !is_digit(code[1]) || !is_digit(code[2]) ||
	    code[3] != '\0')
		return OCPPD_ENOENT;
	section = (size_t)(code[0] - 'A');
	number = (code[1] - '0') * 10 + (code[2] - '0');
	if (section >= SECTION_COUNT || number < 1 || number > section_last[section])
		return OCPPD_ENOENT;
	return section_start(section) + number - 1;
}

void
quirks_code(int index, char ret_code[QUIRK_CODE_SIZE])
{
	size_t section = 0;
	int number = index;

	while (section + 1 < SECTION_COUNT && number >= section_last[section])
		number -= section_last[section++];
	ret_code[0] = (char)('A' + section);
	ret_code[1] = (char)('0' + (number + 1) / 10 % 10);
	ret_code[2] = (char)('0' + (number + 1) % 10);
	ret_code[3] = '\0';
}

static void
set_bit(struct quirks *quirks, int at, bool is_listed)
{
	if (is_listed)
		quirks->bits[at / 32] |= 1u << (at % 32);
	else
		quirks->bits[at / 32] &= ~(1u << (at % 32));
}

static void
set_section(struct quirks *quirks, size_t section, bool is_listed)
{
	int at = section_start(section);

	for (int i = 0; i < section_last[section]; i++)
		set_bit(quirks, at + i, is_listed);
}

/* "+02:00", "-0530", "UTC", "Z". Names of zones would need their rules of summer time. */
static int
parse_offset(const char *text, int32_t *ret_offset_s)
{
	const char *at = text + 1;
	int32_t minutes;

	if (str_ci_eq(text, "UTC") || str_ci_eq(text, "Z")) {
		*ret_offset_s = 0;
		return 0;
	}
	if (text[0] != '+' && text[0] != '-')
		return OCPPD_EINVAL;
	if (!is_digit(at[0]) || !is_digit(at[1]))
		return OCPPD_EINVAL;
	minutes = ((at[0] - '0') * 10 + (at[1] - '0')) * 60;
	at += at[2] == ':' ? 3 : 2;
	if (!is_digit(at[0]) || !is_digit(at[1]) || at[2] != '\0' || at[0] > '5')
		return OCPPD_EINVAL;
	minutes += (at[0] - '0') * 10 + (at[1] - '0');
	if (minutes > OFFSET_MAX_HOURS * 60)
		return OCPPD_EINVAL;
	*ret_offset_s = (text[0] == '-' ? -minutes : minutes) * 60;
	return 0;
}

static bool
is_one_of(const char *text, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (str_eq(text, *words))
			return true;
	}
	return false;
}

/* A flag's value as it is told: "" or, taken back, NULL. */
static int
read_flag(struct option *option, struct ocppd_error *err)
{
	static const char *const on[] = { "", "true", "yes", "on", NULL };
	static const char *const off[] = { "false", "no", "off", NULL };

	if (is_one_of(option->value, on))
		option->value = "";
	else if (is_one_of(option->value, off))
		option->value = NULL;
	else
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "%s is \"%s\": expected true or false, or nothing",
				       option->name, option->value);
	return 0;
}

static int
read_number(const struct option *option, int64_t max, struct ocppd_error *err)
{
	int64_t number;

	if (parse_i64(option->value, 0, max, &number) == 0)
		return 0;
	return ocppd_error_set(err, OCPPD_EINVAL, "%s is \"%s\": expected a number from 0 to %lld",
			       option->name, option->value, (long long)max);
}

/* What the daemon does not know is a module's, unless it looks like a slip of the pen. */
static int
read_unknown(const struct option *option, struct ocppd_error *err)
{
	const char *names[KNOWN_COUNT];
	const char *nearest;

	for (size_t i = 0; i < KNOWN_COUNT; i++)
		names[i] = known_options[i].name;
	nearest = str_nearest(option->name, names, KNOWN_COUNT);
	if (nearest == NULL)
		return 0;
	return ocppd_error_set(err, OCPPD_EINVAL,
			       "there is no quirk option \"%s\": did you mean \"%s\"?",
			       option->name, nearest);
}

static int
read_option(struct quirks *quirks, struct option *option, struct ocppd_error *err)
{
	static const char *const ping_words[] = { "on", "off", NULL };
	size_t at = 0;

	while (at < KNOWN_COUNT && !str_eq(option->name, known_options[at].name))
		at++;
	if (at == KNOWN_COUNT)
		return read_unknown(option, err);
	switch (known_options[at].kind) {
	case OPTION_TEXT:
		break;
	case OPTION_FLAG:
		return read_flag(option, err);
	case OPTION_NUMBER:
		return read_number(option, known_options[at].max, err);
	case OPTION_ZONE:
		if (parse_offset(option->value, &quirks->naive_offset_s) < 0)
			return ocppd_error_set(
				err, OCPPD_EINVAL,
				"naive_time_zone is \"%s\": expected UTC or +hh:mm or -hh:mm",
				option->value);
		break;
	case OPTION_PING:
		if (!is_one_of(option->value, ping_words))
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "ping is \"%s\": expected on or off", option->value);
		break;
	}
	return 0;
}

static int
add_option(struct quirks *quirks, const char *item, struct ocppd_error *err)
{
	size_t len = strcspn(item, "=");
	struct option *option;
	char *name;

	if (len == 0 || item[0] < 'a' || item[0] > 'z')
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "\"%s\" is no quirk: expected a code such as D03, a section "
				       "such as D, all, or option=value",
				       item);
	if (quirks->option_count == OPTIONS_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "more than %d options", OPTIONS_MAX);
	name = str_dup(item);
	if (name == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	option = &quirks->options[quirks->option_count++];
	option->name = name;
	option->value = item[len] == '=' ? name + len + 1 : "";
	name[len] = '\0';
	return read_option(quirks, option, err);
}

static int
add_item(struct quirks *quirks, const char *item, struct ocppd_error *err)
{
	bool is_listed = item[0] != '-';
	const char *code = is_listed ? item : item + 1;
	int at = quirks_index(code);

	if (at >= 0) {
		set_bit(quirks, at, is_listed);
		return 0;
	}
	if (str_eq(code, "all")) {
		for (size_t i = 0; i < SECTION_COUNT; i++)
			set_section(quirks, i, is_listed);
		return 0;
	}
	if (code[0] >= 'A' && (size_t)(code[0] - 'A') < SECTION_COUNT && code[1] == '\0') {
		set_section(quirks, (size_t)(code[0] - 'A'), is_listed);
		return 0;
	}
	return add_option(quirks, item, err);
}

int
quirks_new(const char *const *items, uint32_t count, bool is_strict, struct quirks **ret_quirks,
	   struct ocppd_error *err)
{
	struct quirks *quirks = calloc(1, sizeof(*quirks));

	if (quirks == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	atomic_init(&quirks->refs, 1);
	quirks->is_strict = is_strict;
	for (uint32_t i = 0; i < count; i++) {
		int r = add_item(quirks, items[i], err);

		if (r < 0) {
			quirks_unref(quirks);
			return r;
		}
	}
	*ret_quirks = quirks;
	return 0;
}

int
ocppd_quirks_check(const char *const *items, uint32_t count, uint32_t *ret_bad,
		   struct ocppd_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		struct quirks *quirks = NULL;
		int r = quirks_new(&items[i], 1, false, &quirks, err);

		if (r < 0) {
			*ret_bad = i;
			return r;
		}
		quirks_unref(quirks);
	}
	return 0;
}

struct quirks *
quirks_ref(struct quirks *quirks)
{
	if (quirks != NULL)
		(void)atomic_fetch_add_explicit(&quirks->refs, 1, memory_order_relaxed);
	return quirks;
}

void
quirks_unref(struct quirks *quirks)
{
	if (quirks == NULL ||
	    atomic_fetch_sub_explicit(&quirks->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (uint32_t i = 0; i < quirks->option_count; i++)
		free(quirks->options[i].name);
	free(quirks);
}

/* A section or "all" is as good as listed only if all of its codes are. */
static bool
has_section(const struct quirks *quirks, size_t section)
{
	int at = section_start(section);

	for (int i = at; i < at + section_last[section]; i++) {
		if ((quirks->bits[i / 32] & (1u << (i % 32))) == 0)
			return false;
	}
	return true;
}

static bool
has_all(const struct quirks *quirks)
{
	for (size_t i = 0; i < SECTION_COUNT; i++) {
		if (!has_section(quirks, i))
			return false;
	}
	return true;
}

bool
quirks_has(const struct quirks *quirks, const char *code)
{
	int at;

	if (quirks == NULL || code == NULL)
		return false;
	at = quirks_index(code);
	if (at >= 0)
		return (quirks->bits[at / 32] & (1u << (at % 32))) != 0;
	if (str_eq(code, "all"))
		return has_all(quirks);
	if (code[0] >= 'A' && (size_t)(code[0] - 'A') < SECTION_COUNT && code[1] == '\0')
		return has_section(quirks, (size_t)(code[0] - 'A'));
	return false;
}

const char *
quirks_option(const struct quirks *quirks, const char *option)
{
	if (quirks == NULL)
		return NULL;
	/* The last one listed counts: what is nearer to the station comes later. */
	for (uint32_t i = quirks->option_count; i > 0; i--) {
		if (str_eq(quirks->options[i - 1].name, option))
			return quirks->options[i - 1].value;
	}
	return NULL;
}

bool
quirks_is_strict(const struct quirks *quirks)
{
	return quirks != NULL && quirks->is_strict;
}

int32_t
quirks_naive_offset_s(const struct quirks *quirks)
{
	return quirks != NULL ? quirks->naive_offset_s : 0;
}
