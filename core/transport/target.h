/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_TARGET_H
#define OCPPD_TRANSPORT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/station.h>

/* What a handshake's texts say: pure functions, no state. */

#define TARGET_ID_SIZE (OCPPD_STATION_ID_MAX * 4 + 1)

/* An identity that may connect: 1 to OCPPD_STATION_ID_MAX characters of UTF-8 without control
 * characters and `/` (A04). */
bool identity_valid(const char *id);
/* Copies with `+` turned into a blank: the two arrive alike. dst holds strlen(id) + 1 bytes. */
void identity_normalise(const char *id, char *dst);
bool identity_has_plus(const char *id);

/* `path` as a listener's: begins with `/`, no blank, `?` or `#`. */
bool target_path_valid(const char *path);
/*
 * The identity in a decoded request target: its last segment that is not empty, below `path`
 * (A04, A05). Returns 0; OCPPD_ENOENT the target is not below the path; OCPPD_EINVAL what stands
 * there cannot be an identity.
 */
int target_identity(const char *uri, const char *path, char *ret_id, size_t size);

/*
 * Picks a subprotocol: the first of the station's comma-separated list that is served, and pinned
 * where anything is pinned (A02, A03). Returns the element of `served`, or NULL.
 */
const char *target_negotiate(const char *offered, const char *const *served,
			     const char *const *pinned, uint32_t pinned_count);

#define BASIC_SIZE 512
struct basic {
	char data[BASIC_SIZE]; /* user, NUL, password; the password may hold any byte */
	const char *user;
	const uint8_t *password;
	size_t password_len;
};

/* Reads an Authorization header of the Basic scheme. 0, or OCPPD_EINVAL. */
int basic_parse(const char *header, struct basic *ret_basic);

/* Whether a path, not decoded, has an encoded slash: it would look like two segments (A04). */
bool target_hides_slash(const char *path, size_t len);

/* One token of a comma-separated header list, ASCII case ignored. */
bool header_list_has(const char *list, const char *token);

#endif
