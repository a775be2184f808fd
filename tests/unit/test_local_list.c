/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocpp16_local_auth_list: order, difference and parts of lists, against a plain model.
 */
#include "../../plugins/ocpp16_local_auth_list/list.h"

#include <ocppd/service/authorization.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct entry
entry_of(const char *tag, uint8_t status)
{
	struct entry entry = { .status = status };

	assert_int_equal(tag_copy(tag, entry.tag), 0);
	return entry;
}

static void
add(struct entry_list *list, const char *tag, uint8_t status)
{
	struct entry entry = entry_of(tag, status);

	assert_int_equal(list_add(list, &entry), 0);
}

/* "a b C:2": tags in order of adding, with a status where it is not Accepted. */
static struct entry_list
list_of(const char *text)
{
	struct entry_list list = { 0 };
	char tag[TAG_SIZE];

	while (*text != '\0') {
		size_t len = strcspn(text, " :");
		uint8_t status = OCPPD_AUTH_ACCEPTED;

		memcpy(tag, text, len);
		tag[len] = '\0';
		text += len;
		if (*text == ':') {
			status = (uint8_t)(text[1] - '0');
			text += 2;
		}
		text += *text == ' ' ? 1 : 0;
		add(&list, tag, status);
	}
	(void)list_sort(&list);
	return list;
}

static void
print_items(const struct entry *items, uint32_t count, char *ret_text, size_t size)
{
	size_t len = 0;

	ret_text[0] = '\0';
	for (uint32_t i = 0; i < count; i++)
		len += (size_t)snprintf(ret_text + len, size - len, "%s%s%s:%u", i == 0 ? "" : " ",
					items[i].is_removal ? "-" : "+", items[i].tag,
					items[i].status);
}

static void
tag_of_twenty_characters_is_the_longest(void **state)
{
	char tag[TAG_SIZE];

	(void)state;
	assert_int_equal(tag_copy("12345678901234567890", tag), 0);
	assert_int_equal(tag_copy("123456789012345678901", tag), OCPPD_EINVAL);
	assert_int_equal(tag_copy("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
				  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
				  tag),
			 0);
	assert_int_equal(tag_copy("", tag), OCPPD_EINVAL);
	assert_int_equal(tag_copy(NULL, tag), OCPPD_EINVAL);
}

static void
list_sort_keeps_the_latest_of_equal_tags(void **state)
{
	struct entry_list list = { 0 };

	(void)state;
	add(&list, "b", OCPPD_AUTH_ACCEPTED);
	add(&list, "A", OCPPD_AUTH_ACCEPTED);
	add(&list, "a", OCPPD_AUTH_BLOCKED);
	add(&list, "B", OCPPD_AUTH_INVALID);
	assert_int_equal(list_sort(&list), 2);
	assert_int_equal(list.count, 2);
	assert_int_equal(list_find(&list, "A")->status, OCPPD_AUTH_BLOCKED);
	assert_int_equal(list_find(&list, "b")->status, OCPPD_AUTH_INVALID);
	assert_null(list_find(&list, "c"));
	list_free(&list);
}

static void
digest_tells_contents_apart_not_spelling(void **state)
{
	struct entry one = entry_of("TAG", OCPPD_AUTH_ACCEPTED);
	struct entry other = entry_of("tag", OCPPD_AUTH_ACCEPTED);

	(void)state;
	assert_true(entry_digest(&one) == entry_digest(&other));
	other.status = OCPPD_AUTH_BLOCKED;
	assert_true(entry_digest(&one) != entry_digest(&other));
	other = one;
	other.has_expiry = true;
	assert_true(entry_digest(&one) != entry_digest(&other));
	other = one;
	memcpy(other.parent, "G", 2);
	assert_true(entry_digest(&one) != entry_digest(&other));
}

static const struct {
	const char *label;
	const char *have; /* NULL: not known */
	const char *want;
	uint32_t per_message;
	const char *parts[4];
	bool is_full;
} plans[] = {
	{ "nothing to do", "a b", "B A", 2, { NULL }, false },
	{ "one more", "a b", "a b c", 2, { "+c:1" }, false },
	{ "one changed", "a b", "a:2 b", 2, { "+a:2" }, false },
	{ "one less", "a b c", "a c", 2, { "-b:0" }, false },
	{ "removals first", "b c d e", "a b c d", 1, { "-e:0", "+a:1" }, false },
	{ "difference in parts", "a b c d", "a:2 b:2 c:2 d", 2, { "+a:2 +b:2", "+c:2" }, false },
	{ "unknown list", NULL, "a b c", 2, { "+a:1 +b:1", "+c:1" }, true },
	{ "exact parts", NULL, "a b c d", 2, { "+a:1 +b:1", "+c:1 +d:1" }, true },
	{ "empty list", NULL, "", 2, { "" }, true },
	{ "emptied", "a b", "", 2, { "" }, true },
	{ "empty stays", "", "", 2, { NULL }, false },
	{ "from empty", "", "a", 2, { "+a:1" }, false },
	{ "full is shorter", "a b c", "d", 2, { "+d:1" }, true },
	{ "one message", NULL, "a b c", 10, { "+a:1 +b:1 +c:1" }, true },
};

static void
plan_parts_are_as_expected(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		struct entry_list have = list_of(plans[i].have == NULL ? "" : plans[i].have);
		struct entry_list want = list_of(plans[i].want);
		struct plan plan;
		uint32_t count = 0;

		print_message("%s\n", plans[i].label);
		assert_int_equal(plan_make(plans[i].have == NULL ? NULL : &have, &want,
					   plans[i].per_message, &plan),
				 0);
		for (; count < 4 && plans[i].parts[count] != NULL; count++) {
			struct plan_part part = plan_part(&plan, count);
			char text[256];

			print_items(part.items, part.count, text, sizeof(text));
			assert_string_equal(text, plans[i].parts[count]);
			assert_int_equal(part.is_full, plans[i].is_full && count == 0);
		}
		assert_int_equal(plan.messages, count);
		plan_free(&plan);
		list_free(&have);
		list_free(&want);
	}
}

static uint32_t
next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

static struct entry_list
random_list(uint64_t *seed)
{
	struct entry_list list = { 0 };
	uint32_t count = next_random(seed) % 40;

	for (uint32_t i = 0; i < count; i++) {
		char tag[16];

		snprintf(tag, sizeof(tag), "%c%u", next_random(seed) % 2 == 0 ? 't' : 'T',
			 next_random(seed) % 50);
		add(&list, tag, (uint8_t)(1 + next_random(seed) % 4));
	}
	(void)list_sort(&list);
	return list;
}

/* Whatever a station has, the parts in their order lead to the wanted list, each within the limit,
 * and on the way its list is never longer than the longer of the two. */
static void
plan_of_random_lists_leads_to_the_wanted_one(void **state)
{
	uint64_t seed = 20260301;

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		struct entry_list have = random_list(&seed);
		struct entry_list want = random_list(&seed);
		uint32_t longest = have.count > want.count ? have.count : want.count;
		uint32_t per_message = 1 + next_random(&seed) % 12;
		struct plan plan;

		assert_int_equal(plan_make(next_random(&seed) % 3 == 0 ? NULL : &have, &want,
					   per_message, &plan),
				 0);
		for (uint32_t i = 0; i < plan.messages; i++) {
			struct plan_part part = plan_part(&plan, i);
			struct entry_list changes = { 0 };

			assert_true(part.count <= per_message);
			assert_true(part.is_full || part.count > 0);
			for (uint32_t k = 0; k < part.count; k++)
				assert_int_equal(list_add(&changes, &part.items[k]), 0);
			assert_int_equal(list_sort(&changes), 0);
			if (part.is_full)
				list_free(&have);
			assert_int_equal(list_apply(&have, &changes), 0);
			assert_true(have.count <= longest);
			list_free(&changes);
		}
		assert_int_equal(have.count, want.count);
		assert_true(list_digest(&have) == list_digest(&want));
		plan_free(&plan);
		list_free(&have);
		list_free(&want);
	}
}

static void
plan_of_ten_thousand_tags_keeps_the_limit(void **state)
{
	struct entry_list want = { 0 };
	struct plan plan;
	uint32_t sum = 0;

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		char tag[16];

		snprintf(tag, sizeof(tag), "%08X", i * 2654435761u);
		add(&want, tag, OCPPD_AUTH_ACCEPTED);
	}
	assert_int_equal(list_sort(&want), 0);
	assert_int_equal(plan_make(NULL, &want, 333, &plan), 0);
	assert_int_equal(plan.messages, 31);
	for (uint32_t i = 0; i < plan.messages; i++)
		sum += plan_part(&plan, i).count;
	assert_int_equal(sum, 10000);
	plan_free(&plan);
	list_free(&want);
}

static const struct {
	int64_t used;
	int64_t reported;
	uint32_t messages;
	int64_t version;
	bool is_again;
} versions[] = {
	{ 0, 0, 1, 1, false },
	{ 0, -1, 1, 1, false },
	{ 0, INT64_MIN, 3, 1, false },
	{ 7, 3, 1, 8, false },
	{ 3, 7, 2, 8, false },
	{ INT32_MAX - 2, 0, 2, INT32_MAX - 1, false },
	{ INT32_MAX - 2, 0, 3, 1, true },
	{ INT32_MAX, 0, 1, 1, true },
	{ 5, INT64_C(1) << 40, 1, 1, true },
};

static void
version_rises_and_is_never_zero_or_less(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		bool is_again = false;

		assert_int_equal(version_next(versions[i].used, versions[i].reported,
					      versions[i].messages, &is_again),
				 versions[i].version);
		assert_int_equal(is_again, versions[i].is_again);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tag_of_twenty_characters_is_the_longest),
		cmocka_unit_test(list_sort_keeps_the_latest_of_equal_tags),
		cmocka_unit_test(digest_tells_contents_apart_not_spelling),
		cmocka_unit_test(plan_parts_are_as_expected),
		cmocka_unit_test(plan_of_random_lists_leads_to_the_wanted_one),
		cmocka_unit_test(plan_of_ten_thousand_tags_keeps_the_limit),
		cmocka_unit_test(version_rises_and_is_never_zero_or_less),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
