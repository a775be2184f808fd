/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_FUZZ_H
#define OCPPD_TESTS_FUZZ_H

/* What every fuzz target shares: its entry, and inputs as texts. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

#define FUZZ_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Returns 0; an input that breaks an invariant aborts. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as a text of its own block, so that a sanitizer sees each byte that is read too far. */
static inline char *
fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	OCPPD_ASSERT(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Ends the text at its first line feed; returns what stands behind it, "" if there is none. */
static inline char *
fuzz_cut(char *text)
{
	char *at = strchr(text, '\n');

	if (at == NULL)
		return text + strlen(text);
	*at = '\0';
	return at + 1;
}

#endif
