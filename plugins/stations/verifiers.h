/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef STATIONS_VERIFIERS_H
#define STATIONS_VERIFIERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The verifiers of a record: lines in groups, parted by lines of VERIFIER_GROUP. The first group is
 * the settled key's and may be empty; each further one is a key that was offered to the station. A
 * group's first line verifies the key itself, those behind it its hex text (quirk A09).
 */
#define VERIFIER_GROUP "--"

/* How many keys were offered. */
uint32_t verifiers_offers(const char *text);
/* Group number `group` as a copy, "" for an empty one; NULL beyond the last or out of memory. */
char *verifiers_group_dup(const char *text, uint32_t group);
/* Bytes of the text that remain without the last offer; all of them where nothing was offered. */
size_t verifiers_len_before_last(const char *text);
/* The text with one more group. NULL: out of memory. */
char *verifiers_with(const char *text, const char *offer);
/* Which group the so many-th verifier belongs to, of those that the directory was given (all if
 * takes_hex, otherwise the first of each group). OCPPD_ENOENT: there are fewer. */
int verifiers_group_of(const char *text, uint32_t verifier, bool takes_hex);

#endif
