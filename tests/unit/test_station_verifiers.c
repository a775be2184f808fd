/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * stations: the settled key's verifiers and those of keys that were offered, as groups of lines.
 */
#include "../../plugins/stations/verifiers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ocppd/error.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define NONE (-1)

static const struct {
	const char *text;
	uint32_t offers;
	const char *groups[4]; /* NULL: there is none */
	const char *without_last;
	int group_of[6];     /* by the first of each group */
	int group_of_hex[6]; /* by all */
} rows[] = {
	{ "", 0, { "" }, "", { NONE }, { NONE } },
	{ "a", 0, { "a" }, "a", { 0, NONE }, { 0, NONE } },
	{ "a\na1\na2", 0, { "a\na1\na2" }, "a\na1\na2", { 0, NONE }, { 0, 0, 0, NONE } },
	/* Nothing settled: a key is offered to a station that had none. */
	{ "--\nb", 1, { "", "b" }, "", { 1, NONE }, { 1, NONE } },
	{ "--\nb\nb1\n--\nc",
	  2,
	  { "", "b\nb1", "c" },
	  "--\nb\nb1",
	  { 1, 2, NONE },
	  { 1, 1, 2, NONE } },
	{ "a\n--\nb", 1, { "a", "b" }, "a", { 0, 1, NONE }, { 0, 1, NONE } },
	{ "a\na1\n--\nb\nb1\n--\nc",
	  2,
	  { "a\na1", "b\nb1", "c" },
	  "a\na1\n--\nb\nb1",
	  { 0, 1, 2, NONE },
	  { 0, 0, 1, 1, 2, NONE } },
	{ "a\n--\nb\n--\nc\n--\nd",
	  3,
	  { "a", "b", "c", "d" },
	  "a\n--\nb\n--\nc",
	  { 0, 1, 2, 3, NONE },
	  { 0, 1, 2, 3, NONE } },
	/* Only a whole line is a mark. */
	{ "a--\n--b\n---\n-",
	  0,
	  { "a--\n--b\n---\n-" },
	  "a--\n--b\n---\n-",
	  { 0, NONE },
	  { 0, 0, 0, 0, NONE } },
	/* Nothing writes this, and nothing breaks over it. */
	{ "a\n--", 1, { "a", "" }, "a", { 0, NONE }, { 0, NONE } },
	{ "--", 1, { "", "" }, "", { NONE }, { NONE } },
	{ "--\n--", 2, { "", "", "" }, "--", { NONE }, { NONE } },
};

static void
expect_groups(size_t i)
{
	for (uint32_t group = 0; group < COUNT(rows[i].groups); group++) {
		char *found = verifiers_group_dup(rows[i].text, group);
		const char *wanted = group <= rows[i].offers ? rows[i].groups[group] : NULL;

		if (wanted == NULL ? found != NULL : found == NULL || strcmp(found, wanted) != 0)
			fail_msg("\"%s\", group %u: %s", rows[i].text, group, found);
		free(found);
	}
}

static void
expect_numbers(size_t i, const int *wanted, bool takes_hex)
{
	for (uint32_t n = 0;; n++) {
		int found = verifiers_group_of(rows[i].text, n, takes_hex);

		if (found != (wanted[n] == NONE ? OCPPD_ENOENT : wanted[n]))
			fail_msg("\"%s\", verifier %u: %d", rows[i].text, n, found);
		if (wanted[n] == NONE)
			return;
	}
}

static void
verifiers_are_told_apart_by_groups(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len = verifiers_len_before_last(rows[i].text);

		if (verifiers_offers(rows[i].text) != rows[i].offers)
			fail_msg("\"%s\": %u offers", rows[i].text, verifiers_offers(rows[i].text));
		expect_groups(i);
		if (len != strlen(rows[i].without_last) ||
		    strncmp(rows[i].text, rows[i].without_last, len) != 0)
			fail_msg("\"%s\": %zu remain", rows[i].text, len);
		expect_numbers(i, rows[i].group_of, false);
		expect_numbers(i, rows[i].group_of_hex, true);
	}
}

/* Whatever is offered can be taken back, or kept alone. */
static void
verifiers_offered_are_taken_back_or_kept(void **state)
{
	static const char *const offers[] = { "b\nb1", "c", "d\nd1\nd2", "e" };
	static const char *const settled[] = { "", "a", "a\na1" };

	(void)state;
	for (size_t k = 0; k < COUNT(settled); k++) {
		char *text = strdup(settled[k]);

		for (uint32_t i = 0; i < COUNT(offers); i++) {
			char *more = verifiers_with(text, offers[i]);
			char *kept = verifiers_group_dup(more, i + 1);
			char *first = verifiers_group_dup(more, 0);

			assert_int_equal(verifiers_offers(more), i + 1);
			assert_string_equal(kept, offers[i]);
			assert_string_equal(first, settled[k]);
			assert_int_equal(verifiers_len_before_last(more), strlen(text));
			assert_memory_equal(more, text, strlen(text));
			free(first);
			free(kept);
			free(text);
			text = more;
		}
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verifiers_are_told_apart_by_groups),
		cmocka_unit_test(verifiers_offered_are_taken_back_or_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
