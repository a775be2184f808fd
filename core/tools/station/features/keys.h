/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_KEYS_H
#define OCPPD_STATION_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Configuration keys. One set holds what every station begins with; a station has a set of its own
 * of what became different.
 */
#define KEY_READONLY 0x1u
#define KEY_NUMBER 0x2u
#define KEY_BOOLEAN 0x4u
#define KEY_REBOOT 0x8u
#define KEY_MEASURANDS 0x10u

#define KEYS_MAX 200
#define KEY_NAME_MAX 50
#define KEY_VALUE_MAX 500

struct key {
	char name[KEY_NAME_MAX + 1];
	uint32_t flags;
	char *value; /* NULL: none */
};

struct key_set {
	struct key *items;
	uint32_t count;
};

/* What a station is made with. */
int keys_init_defaults(struct key_set *set);
void keys_fini(struct key_set *set);
/*
 * Sets a key, or adds it; value NULL: it has none. OCPPD_ENOMEM; OCPPD_ESPACE: too many keys, or
 * a name or value that is too long.
 */
int keys_set(struct key_set *set, const char *name, const char *value, uint32_t flags);
const struct key *keys_find(const struct key_set *set, const char *name); /* NULL: none */

#endif
