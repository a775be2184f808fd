/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TRANSPORT_DIRECTORY_H
#define OCPPD_TRANSPORT_DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/directory.h>

#include "ocpp/quirks.h"
#include "runtime/core.h"

/*
 * The station directory: filled on the core thread through ocppd/directory.h, read by I/O threads
 * during handshakes. A record is immutable, counted and one allocation; what a reader holds stays
 * valid though it is replaced meanwhile.
 */
struct directory;

struct admission {
	_Atomic uint32_t refs;
	uint32_t flags;            /* OCPPD_ADMIT_* */
	uint32_t security_profile; /* or OCPPD_PROFILE_ANY */
	uint32_t registration;
	const char *id;        /* as provisioned; NULL: the record of unknown identities */
	const char *auth_user; /* NULL: the identity */
	const char *const *protocols;
	struct quirks *quirks;
	const uint8_t *verifiers; /* packed, one behind the other */
	uint32_t protocol_count;
	uint32_t verifier_count;
	/* Keyed digests of the last password that matched and the last that did not: a storm of
	 * reconnects pays the derivation once. The only members that change. */
	_Atomic uint64_t matched[2];
	_Atomic uint64_t failed[2];
	/* The directory's own, under its lock. */
	const char *key;        /* normalised identity */
	const char *folded;     /* the same in lower case */
	struct admission *next; /* of the same folded identity */
};

int directory_init(struct ocppd_core *core, struct ocppd_error *err);
void directory_fini(struct ocppd_core *core);

/* The record for an identity as it arrived, with a reference: exact, or unique but for case
 * (*ret_is_folded), or the one of unknown identities, or NULL. Any thread. */
struct admission *directory_find(struct directory *directory, const char *id, bool *ret_is_folded);
void admission_unref(struct admission *record); /* any thread; NULL is fine */

enum password_form {
	PASSWORD_WRONG,
	PASSWORD_PLAIN, /* the bytes of the header matched */
	PASSWORD_HEX,   /* they are hex text of what matched (A09) */
};

/* Whether user is the record's (A10): its auth_user, or its identity in any case. */
bool admission_check_user(const struct admission *record, const char *id, const char *user);
/* ret_verifier: which of the record's verifiers it was. */
enum password_form admission_check_password(struct directory *directory, struct admission *record,
					    const uint8_t *password, size_t len,
					    uint32_t *ret_verifier);

#endif
