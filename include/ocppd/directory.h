/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DIRECTORY_H
#define OCPPD_DIRECTORY_H

/*
 * The station directory: who may connect, and how that is checked. The core holds it in memory; the
 * I/O threads read it during the handshake without asking anybody. A module (`stations`) fills it
 * in `start`, before listeners open, and replaces whole records; the next handshake sees them.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

#define OCPPD_ADMIT_REFUSE 0x1u /* known, but answered 403 */
#define OCPPD_ADMIT_STRICT 0x2u /* `strict: true` (quirks, default policy) */

#define OCPPD_PROFILE_ANY 0xffffffffu /* any security profile, no credentials asked */

struct ocppd_admission {
	uint32_t struct_size;
	uint32_t flags;            /* OCPPD_ADMIT_* */
	const char *station_id;    /* 1 to OCPPD_STATION_ID_MAX characters; NULL in set_unknown */
	const char *auth_user;     /* Basic user name if not the identity (A10), else NULL */
	uint32_t security_profile; /* 0 to 3, or OCPPD_PROFILE_ANY */
	uint32_t registration;     /* OCPPD_REG_*: the station's state when it is first seen */
	const char *const *verifiers; /* of the password, any one suffices; see below */
	uint32_t verifier_count;
	uint32_t quirk_count;
	const char *const *quirks;    /* codes and option=value */
	const char *const *protocols; /* pin of subprotocols (A03); none: all that are served */
	uint32_t protocol_count;
	uint32_t reserved;
};

/*
 * Verifiers are text, the scheme in front, binary parts in lower-case hex:
 *   sha256:SALT:DIGEST                   for keys with the full entropy of their length
 *   pbkdf2-sha256:ROUNDS:SALT:DIGEST     for what people choose
 * Both are over the password's bytes as they stand in the Authorization header, decoded.
 */

/* Makes a verifier in the given scheme ("sha256", "pbkdf2-sha256") with a random salt. Returns 0;
 * OCPPD_EINVAL unknown scheme; OCPPD_ESPACE. Any thread. */
OCPPD_API int ocppd_verifier_make(const char *scheme, const void *password, size_t len,
				  char *ret_text, size_t size);

/* Adds or replaces the record of record->station_id. Everything is copied. Returns 0, OCPPD_EINVAL
 * with err (identity, verifier, quirk), OCPPD_EEXIST: another identity differs only in `+` and
 * blank (they arrive alike), OCPPD_ENOMEM. */
OCPPD_API int ocppd_directory_put(struct ocppd_host *host, const struct ocppd_admission *record,
				  struct ocppd_error *err);
/* 0 or OCPPD_ENOENT. An open connection is not touched. */
OCPPD_API int ocppd_directory_remove(struct ocppd_host *host, const char *station_id);
/* For identities without a record. NULL (the state at start): refuse with 404. */
OCPPD_API int ocppd_directory_set_unknown(struct ocppd_host *host,
					  const struct ocppd_admission *record,
					  struct ocppd_error *err);

OCPPD_END_DECLS
#endif
