/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Groups of verifiers in a record's text. Knows lines and groups, never what a line verifies.
 */
#include "verifiers.h"

#include <ocppd/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_LEN (sizeof(VERIFIER_GROUP) - 1)

static const char *
line_end(const char *at)
{
	return at + strcspn(at, "\n");
}

static const char *
next_line(const char *at)
{
	const char *end = line_end(at);

	return *end == '\n' ? end + 1 : end;
}

static bool
is_mark(const char *at)
{
	return line_end(at) == at + MARK_LEN && strncmp(at, VERIFIER_GROUP, MARK_LEN) == 0;
}

/* The end of the group that begins at `at`: its separator, or the text's end. */
static const char *
group_end(const char *at)
{
	while (*at != '\0' && !is_mark(at))
		at = next_line(at);
	return at;
}

uint32_t
verifiers_offers(const char *text)
{
	uint32_t count = 0;

	for (const char *at = group_end(text); *at != '\0'; count++)
		at = group_end(next_line(at));
	return count;
}

char *
verifiers_group_dup(const char *text, uint32_t group)
{
	const char *end = group_end(text);

	for (; group > 0; group--) {
		if (*end == '\0')
			return NULL;
		text = next_line(end);
		end = group_end(text);
	}
	if (end > text && end[-1] == '\n')
		end--;
	return strndup(text, (size_t)(end - text));
}

size_t
verifiers_len_before_last(const char *text)
{
	const char *last = NULL;

	for (const char *at = group_end(text); *at != '\0'; at = group_end(next_line(at)))
		last = at;
	if (last == NULL)
		return strlen(text);
	return (size_t)(last - text) - (last > text ? 1 : 0);
}

char *
verifiers_with(const char *text, const char *offer)
{
	char *both = NULL;

	if (asprintf(&both, "%s%s%s\n%s", text, text[0] != '\0' ? "\n" : "", VERIFIER_GROUP,
		     offer) < 0)
		return NULL;
	return both;
}

int
verifiers_group_of(const char *text, uint32_t verifier, bool takes_hex)
{
	uint32_t in_group = 0;
	uint32_t given = 0;
	int group = 0;

	for (const char *at = text; *at != '\0'; at = next_line(at)) {
		if (is_mark(at)) {
			group++;
			in_group = 0;
		} else if ((takes_hex || in_group++ == 0) && given++ == verifier) {
			return group;
		}
	}
	return OCPPD_ENOENT;
}
