/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SCHEMA_H
#define OCPPD_SCHEMA_H

/*
 * Payloads as tables of fields: one row a member. From the same table come the validation of what
 * stations send, the checks of what operators send, the OpenAPI description and ocppctl's
 * completion. Objects are closed: a member that is in no row is a finding.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

struct json_object;

OCPPD_BEGIN_DECLS

#define OCPPD_T_STRING 1
#define OCPPD_T_INTEGER 2 /* no fractional part, 64 bits */
#define OCPPD_T_DECIMAL 3 /* number with at most one fractional digit */
#define OCPPD_T_BOOLEAN 4
#define OCPPD_T_TIMESTAMP 5 /* RFC 3339 text; see time.h for what else is read */
#define OCPPD_T_URI 6       /* text; what we send has to be a URI (RFC 3986) */
#define OCPPD_T_OBJECT 7    /* `fields` */
#define OCPPD_T_ANY 8       /* any JSON value, unchecked */
#define OCPPD_T_NUMBER 9    /* any JSON number */

#define OCPPD_REQUIRED 0x01u /* must be present */
#define OCPPD_KEY 0x02u      /* key member: a kept action without it is refused (quirks, policy) */
#define OCPPD_CI 0x04u       /* CiString: compared without regard to ASCII case */
#define OCPPD_FILLED 0x08u   /* required on the wire, but `prepare` chooses it where it is absent */
#define OCPPD_LIST 0x10u     /* a JSON array of what the row describes */
#define OCPPD_NONEMPTY 0x20u /* with OCPPD_LIST: 1..n elements */
#define OCPPD_SECRET 0x40u   /* masked wherever frames or payloads are shown */
#define OCPPD_NULLABLE 0x80u /* null is valid (operator API only; OCPP has none) */

struct ocppd_field {
	const char *name;
	uint32_t type;  /* OCPPD_T_* */
	uint32_t flags; /* OCPPD_REQUIRED … */
	int64_t min;    /* INTEGER: smallest; applies if min or max is not 0 */
	int64_t max;    /* STRING: most characters (code points), 0: no limit; INTEGER: largest, 0
			   with min 0: no range */
	const char *const *one_of;      /* STRING: an enumeration, NULL at the end */
	const char *fallback;           /* what an unknown value of one_of becomes in a kept action,
					   the raw text going into the finding; NULL: it stays */
	OCPPD_ROWS(ocppd_field) fields; /* OBJECT: its members, in schema order */
	uint32_t max_items;             /* LIST: most elements, 0: no limit of its own */
	uint32_t reserved;
	const char *doc; /* for the API's description; NULL: the name says it */
};

/* A table of fields as it is passed to functions. */
struct ocppd_fields {
	OCPPD_ROWS(ocppd_field) rows;
};

/*
 * Checks a value against a table as an operator's input is checked: strictly. Fields flagged
 * OCPPD_FILLED may be absent. err names the first member at fault by its path
 * (`chargingProfile.chargingSchedule.duration`) and what was expected. Never changes the value.
 * Returns 0 or OCPPD_EINVAL. Core thread.
 */
OCPPD_API int ocppd_payload_check(const struct ocppd_fields *fields, struct json_object *value,
				  struct ocppd_error *err);

OCPPD_END_DECLS
#endif
