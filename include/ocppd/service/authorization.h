/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_AUTHORIZATION_H
#define OCPPD_SERVICE_AUTHORIZATION_H

/*
 * The service `ocppd.authorization` 1.0: may this token charge? Offered by `id_tags`, which knows
 * its own tags first and then asks the chain of `ocppd.authorizer` (authorizer.h).
 *
 * A decision is about the token alone. Whether it is in use elsewhere (max_active) is judged where
 * the running transactions are known: `ocppd.transactions`.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;

#define OCPPD_TOKEN_MAX 255 /* bytes of a token or parent, OCPP 2.0.1's limit */

/* An identifier of a user, as presented. Compared without regard to ASCII case. */
struct ocppd_token {
	const char *text; /* 1 to OCPPD_TOKEN_MAX bytes; NULL: none */
	const char *type; /* OCPP 2.0.1's word ("ISO14443"); NULL: not stated, as in OCPP 1.6 */
};

/* The verdict on a token. */
#define OCPPD_AUTH_ACCEPTED 1
#define OCPPD_AUTH_BLOCKED 2
#define OCPPD_AUTH_EXPIRED 3
#define OCPPD_AUTH_INVALID 4    /* unknown, or withdrawn */
#define OCPPD_AUTH_CONCURRENT 5 /* in use already; said by `ocppd.transactions` only */

/* What the token is presented for. */
#define OCPPD_AUTH_FOR_QUESTION 1 /* Authorize: nothing follows from it */
#define OCPPD_AUTH_FOR_START 2
#define OCPPD_AUTH_FOR_STOP 3
#define OCPPD_AUTH_FOR_REMOTE_START 4

struct ocppd_auth_query {
	uint32_t struct_size;
	uint32_t purpose;              /* OCPPD_AUTH_FOR_* */
	struct ocppd_station *station; /* where it is presented; NULL: nowhere */
	struct ocppd_token token;
};

/* The members after struct_size are the decider's; texts are borrowed, see the functions. */
struct ocppd_authorization {
	uint32_t struct_size;
	uint32_t status;     /* OCPPD_AUTH_* */
	uint32_t has_expiry; /* 1: expiry_us is meant */
	uint32_t max_active; /* transactions of this token at a time; 0: no limit */
	int64_t expiry_us;
	const char *parent; /* the group the token belongs to, or NULL */
	const char *source; /* who decided: "id_tags", an authorizer's module name */
	const char *token;  /* the tag on record that was judged, in lower case: one tag may be
			     * presented in several forms (quirk G12); NULL: as presented */
};

/*
 * The end of a question that was not decided at once.
 *
 * result  0: decision holds; negative: it could not be found out (storage failed, out of memory,
 *         shutdown), decision is NULL. decision is borrowed until the callback returns.
 */
typedef void ocppd_auth_fn(struct ocppd_host *host, int result,
			   const struct ocppd_authorization *decision, void *arg);

/* What is on record about a token; texts are borrowed until the callback returns. */
struct ocppd_tag_info {
	uint32_t struct_size;
	uint32_t status;     /* OCPPD_AUTH_ACCEPTED, _BLOCKED or _INVALID: expiry is not judged */
	uint32_t has_expiry; /* 1: expiry_us is meant */
	uint32_t max_active; /* as above */
	int64_t expiry_us;
	const char *token;     /* in lower case */
	const char *presented; /* as the operator wrote it */
	const char *parent;    /* or NULL */
	const char *type;      /* or NULL */
};

/*
 * A page of the tags on record. tags: in order of their `token`; next: `after` of the page that
 * follows, NULL with the last one. With a negative result: NULL, 0, NULL.
 */
typedef void ocppd_tags_fn(struct ocppd_host *host, int result, const struct ocppd_tag_info *tags,
			   uint32_t count, const char *next, void *arg);
#define OCPPD_TAGS_PAGE_MAX 1000

struct ocppd_authorization_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/*
	 * Asks for a decision. query is borrowed until the return.
	 *
	 * Returns 0: *ret_decision is filled (the texts stay until the current callback ends), fn
	 * will not run; OCPPD_PENDING: fn runs exactly once, under `host`, after this returned;
	 * negative: OCPPD_EINVAL no or an overlong token, OCPPD_EBUSY too many questions wait,
	 * OCPPD_ENOMEM; fn will not run.
	 *
	 * ret_decision->struct_size is set by the caller.
	 */
	int (*authorize)(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
			 struct ocppd_authorization *ret_decision, ocppd_auth_fn *fn, void *arg);

	/*
	 * Walks the tags on record (those that authorizers know are not among them): at most
	 * `limit` (1 to OCPPD_TAGS_PAGE_MAX) beyond `after`, "" to begin. Changes are told by the
	 * event `id_tag.changed`.
	 *
	 * Returns OCPPD_PENDING: fn runs exactly once, under `host`, after this returned; or
	 * negative: OCPPD_EINVAL, OCPPD_EBUSY, OCPPD_ENOMEM; fn will not run.
	 */
	int (*tags)(void *self, struct ocppd_host *host, const char *after, uint32_t limit,
		    ocppd_tags_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
