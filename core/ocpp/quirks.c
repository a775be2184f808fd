/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What is configured about a station's deviations: codes as bits, options as text. Immutable once
 * made, so that I/O threads and the core read one object without a lock; only its count changes.
 */
#include "ocpp/quirks.h"

#include <stdatomic.h>

#include "base/text.h"

/* The codes that exist, by section from 'A': the last number of each. */
static const uint8_t section_last[] = { 16, 12, 13, 12, 7, 14, 18, 8, 4 };
#define SECTION_COUNT (sizeof(section_last) / sizeof(section_last[0]))
#define OPTIONS_MAX 32
#define OFFSET_MAX_HOURS 14

struct option {
	char *name;
	const char *value; /* behind the name, in its block */
};

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

static void
set_bit(struct quirks *quirks, int at)
{
	quirks->bits[at / 32] |= 1u << (at % 32);
}

static void
set_section(struct quirks *quirks, size_t section)
{
	int at = section_start(section);

	for (int i = 0; i < section_last[section]; i++)
		set_bit(quirks, at + i);
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
	if (str_eq(name, "naive_time_zone") &&
	    parse_offset(option->value, &quirks->naive_offset_s) < 0)
		return ocppd_error_set(
			err, OCPPD_EINVAL,
			"naive_time_zone is \"%s\": expected UTC or +hh:mm or -hh:mm",
			option->value);
	return 0;
}

static int
add_item(struct quirks *quirks, const char *item, struct ocppd_error *err)
{
	int at = quirks_index(item);

	if (at >= 0) {
		set_bit(quirks, at);
		return 0;
	}
	if (str_eq(item, "all")) {
		for (size_t i = 0; i < SECTION_COUNT; i++)
			set_section(quirks, i);
		return 0;
	}
	if (item[0] >= 'A' && (size_t)(item[0] - 'A') < SECTION_COUNT && item[1] == '\0') {
		set_section(quirks, (size_t)(item[0] - 'A'));
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
