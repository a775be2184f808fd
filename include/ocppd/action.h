/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ACTION_H
#define OCPPD_ACTION_H

/*
 * OCPP actions: what a module handles and what it offers to send.
 *
 * An action is registered as (protocol, direction, name); it has one owner. The core parses and
 * validates what a station sends, asks the owner's on_call, and validates and sends the answer. For
 * what goes to a station it asks the owner's prepare, sends, and tells completed.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/schema.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;
struct ocppd_call;    /* a CALL of a station, until answered */
struct ocppd_outcall; /* a CALL to a station, from prepare to completed */

#define OCPPD_FROM_STATION 0x1u
#define OCPPD_TO_STATION 0x2u

/* Kept (quirks, default policy): a refusal would lose a record, so what can be understood comes
 * through, with findings. */
#define OCPPD_ACTION_KEEP 0x01u
/* Comes through whatever the station's registration is (BootNotification). */
#define OCPPD_ACTION_ANYTIME 0x02u
/* A repetition (same id, same payload, quirk C03) gets the same answer again from the core. */
#define OCPPD_ACTION_ONCE 0x04u
/* To stations: never sent while the station is Pending, Rejected or has not booted. */
#define OCPPD_ACTION_ACCEPTED_ONLY 0x08u
/* Before others of the same station when many wait (transactions before boots). */
#define OCPPD_ACTION_PRIORITY 0x10u

/* How a CALL to a station ended. */
#define OCPPD_RES_REPLY 1     /* confirmed; ocppd_outcall_warning tells the answer's flaws */
#define OCPPD_RES_ERROR 2     /* CALLERROR, or a confirmation beyond reading: ocppd_outcall_error */
#define OCPPD_RES_TIMEOUT 3   /* no answer in time; a late one is dropped */
#define OCPPD_RES_GONE 4      /* the connection ended first */
#define OCPPD_RES_CANCELLED 5 /* the asking or the owning module stopped, or the daemon drains */
#define OCPPD_RES_REFUSED 6   /* after prepare: schema, or warnings with strict checks */

/* CALLERROR codes. On ocpp1.6 they go out in its spelling. */
#define OCPPD_CALLERROR_NOT_IMPLEMENTED 1
#define OCPPD_CALLERROR_NOT_SUPPORTED 2
#define OCPPD_CALLERROR_INTERNAL 3
#define OCPPD_CALLERROR_PROTOCOL 4
#define OCPPD_CALLERROR_SECURITY 5
#define OCPPD_CALLERROR_FORMATION 6
#define OCPPD_CALLERROR_PROPERTY 7
#define OCPPD_CALLERROR_OCCURRENCE 8
#define OCPPD_CALLERROR_TYPE 9
#define OCPPD_CALLERROR_GENERIC 10
#define OCPPD_CALLERROR_COUNT 11

#define OCPPD_MASK "***" /* stands for a secret wherever frames are shown */

struct ocppd_action {
	const char *protocol; /* the WebSocket subprotocol, "ocpp1.6" */
	const char *name;     /* "BootNotification", as on the wire */
	uint32_t direction;   /* OCPPD_FROM_STATION, OCPPD_TO_STATION, or both (DataTransfer) */
	uint32_t flags;       /* OCPPD_ACTION_* */
	OCPPD_ROWS(ocppd_field) req;
	OCPPD_ROWS(ocppd_field) conf;

	/*
	 * A station's CALL, validated. req is borrowed until the return. Answer exactly once, now
	 * or later. A negative return, if it was not answered, becomes InternalError.
	 */
	int (*on_call)(struct ocppd_host *host, struct ocppd_call *call, struct json_object *req,
		       void *ctx);
	/*
	 * Before a CALL is queued: fill fields, refuse (negative, with err), warn, or return
	 * OCPPD_PENDING and go on with ocppd_outcall_ready. req may be changed. May be NULL.
	 */
	int (*prepare)(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		       void *ctx, struct ocppd_error *err);
	/*
	 * After each prepare that passed, exactly once, before the asker's own callback. conf only
	 * with OCPPD_RES_REPLY; req and conf are borrowed. May be NULL.
	 */
	void (*completed)(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			  struct json_object *req, struct json_object *conf, void *ctx);
	/*
	 * Hides what OCPPD_SECRET cannot say, before a frame is kept for operators: replaces
	 * secrets in payload, a copy of the request (is_conf 0) or the confirmation (1), by
	 * OCPPD_MASK. The payload is as it was on the wire, checked or not. May be NULL.
	 */
	void (*mask)(struct json_object *payload, uint32_t is_conf);
};

/* One word of a protocol's vocabulary, declared by its base module. */
#define OCPPD_WORD_NOTIFICATION 0x1u /* its confirmation has no content */
struct ocppd_word {
	const char *protocol;
	const char *name;
	uint32_t direction; /* OCPPD_FROM_STATION and/or OCPPD_TO_STATION */
	uint32_t flags;     /* OCPPD_WORD_* */
};

/* Registers an action whose presence depends on configuration. In `init` only. The row and its
 * tables are borrowed until `shutdown`. Returns 0, or negative with err. */
OCPPD_API int ocppd_action_add(struct ocppd_host *host, const struct ocppd_action *action,
			       struct ocppd_error *err);

/* ---- A CALL of a station. Core thread. --------------------------------------------------- */

/*
 * A deviation that was accepted. quirk: the code it is counted under. path:
 * `meterValue[0].timestamp`. raw: the member's text before it was mended, NULL if it was absent;
 * cut to 255 bytes.
 */
#define OCPPD_FINDING_HARD 0x1u /* keep the record, flagged, and the value out of decisions */
struct ocppd_finding {
	const char *quirk;
	const char *path;
	const char *raw;
	uint32_t flags; /* OCPPD_FINDING_* */
	uint32_t code;  /* OCPPD_CALLERROR_* that strict mode would have answered */
};

OCPPD_API struct ocppd_station *ocppd_call_station(const struct ocppd_call *call);
OCPPD_API const char *ocppd_call_protocol(const struct ocppd_call *call);
OCPPD_API const char *ocppd_call_action(const struct ocppd_call *call);
OCPPD_API const char *ocppd_call_message_id(const struct ocppd_call *call);
OCPPD_API int64_t ocppd_call_received_us(const struct ocppd_call *call);
/* Finding i, or NULL beyond the last. Borrowed until answered. */
OCPPD_API const struct ocppd_finding *ocppd_call_finding(const struct ocppd_call *call, uint32_t i);
/* The hard finding at exactly this path, or NULL. */
OCPPD_API const struct ocppd_finding *ocppd_call_hard(const struct ocppd_call *call,
						      const char *path);
/* The frame as it arrived, kept only when there are findings; else NULL. Borrowed until answered.
 */
OCPPD_API const char *ocppd_call_raw(const struct ocppd_call *call);

/*
 * Answers. The handle is gone afterwards, whatever is returned.
 *
 * reply       payload is taken, also on error; it must share no object with req or anything kept.
 * reply_text  text is one JSON object, copied.
 * fail        details: taken, NULL for {}. description: at most 255 characters.
 *
 * Return 0; OCPPD_EGONE the station is no longer there, which is harmless; OCPPD_EINVAL the payload
 * breaks the confirmation's schema: InternalError was sent instead.
 */
OCPPD_API int ocppd_call_reply(struct ocppd_host *host, struct ocppd_call *call,
			       struct json_object *payload);
OCPPD_API int ocppd_call_reply_text(struct ocppd_host *host, struct ocppd_call *call,
				    const char *text, size_t len);
OCPPD_API int ocppd_call_fail(struct ocppd_host *host, struct ocppd_call *call, uint32_t code,
			      const char *description, struct json_object *details);

/* ---- A CALL to a station. Core thread. ---------------------------------------------------- */

#define OCPPD_CALL_STRICT 0x1u    /* warnings refuse the call */
#define OCPPD_CALL_AUTOMATIC 0x2u /* nobody asked: held back for a moment after connect (C09) */

struct ocppd_call_request {
	uint32_t struct_size;
	uint32_t flags; /* OCPPD_CALL_* */
	struct ocppd_station *station;
	const char *action;
	struct json_object *payload; /* taken, also on error; NULL: {} */
	const char *requester;       /* who asks, for logs and history; NULL: the module's name */
	int64_t timeout_ms;          /* from the moment the frame is written; 0: the default */
	int64_t wait_ms;             /* most time before that; 0: the default */
};

/*
 * conf: with OCPPD_RES_REPLY the confirmation, else NULL. Borrowed until the return, as is call.
 */
typedef void ocppd_result_fn(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
			     struct json_object *conf, void *arg);

/*
 * Sends a CALL and hears back exactly once: fn, which may be NULL, runs on the core thread, never
 * before this function returned. On a negative return it never runs.
 *
 * Returns 0; OCPPD_EINVAL the payload breaks the schema, err names the member; OCPPD_ENOTSUP no
 * loaded module offers the action on the station's protocol; OCPPD_ENOTCONN; OCPPD_ESTATE the
 * protocol forbids it in the station's registration; OCPPD_EBUSY its queue is full; OCPPD_EREFUSED
 * the owner's prepare refused at once; OCPPD_ESHUTDOWN draining; OCPPD_ENOMEM.
 */
OCPPD_API int ocppd_call_send(struct ocppd_host *host, const struct ocppd_call_request *request,
			      ocppd_result_fn *fn, void *arg, struct ocppd_error *err);

/* Ends an OCPPD_PENDING prepare: result 0 goes on, negative refuses with text (may be NULL). */
OCPPD_API void ocppd_outcall_ready(struct ocppd_host *host, struct ocppd_outcall *call, int result,
				   const char *text);

OCPPD_API struct ocppd_station *ocppd_outcall_station(const struct ocppd_outcall *call);
OCPPD_API const char *ocppd_outcall_action(const struct ocppd_outcall *call);
OCPPD_API const char *ocppd_outcall_message_id(const struct ocppd_outcall *call);
OCPPD_API const char *ocppd_outcall_requester(const struct ocppd_outcall *call);
/* The request as it will be or was sent. Borrowed. */
OCPPD_API struct json_object *ocppd_outcall_request(const struct ocppd_outcall *call);
/* 1 if it went out: without, a result of GONE or CANCELLED tells that nothing has happened. */
OCPPD_API int ocppd_outcall_was_sent(const struct ocppd_outcall *call);
/* Adds a warning that comes back with the result; with strict checks it refuses. In prepare. */
OCPPD_API void ocppd_outcall_warn(struct ocppd_host *host, struct ocppd_outcall *call,
				  const char *format, ...) OCPPD_PRINTF(3, 4);
/* Warning i (of prepare, or a flaw in the confirmation), NULL beyond the last. Borrowed. */
OCPPD_API const char *ocppd_outcall_warning(const struct ocppd_outcall *call, uint32_t i);
/* All of them as the member `warnings`, a list; none adds nothing. Returns 0 or OCPPD_ENOMEM. */
OCPPD_API int ocppd_outcall_add_warnings(const struct ocppd_outcall *call,
					 struct json_object *object);
/* With OCPPD_RES_ERROR: code, description and details of the CALLERROR as received, or of the
 * finding; with OCPPD_RES_REFUSED: code "" and the reason. 0, or OCPPD_ENOENT. Borrowed. */
OCPPD_API int ocppd_outcall_error(const struct ocppd_outcall *call, const char **ret_code,
				  const char **ret_description, struct json_object **ret_details);
/* One pointer for the action's owner. */
OCPPD_API void ocppd_outcall_set_data(struct ocppd_outcall *call, void *data);
OCPPD_API void *ocppd_outcall_data(const struct ocppd_outcall *call);

/* ---- What is offered. Core thread. -------------------------------------------------------- */

/* Calls fn for each registered action, protocol by protocol; another value than 0 ends the walk. */
typedef int ocppd_action_fn(const struct ocppd_action *action, const char *owner, void *arg);
OCPPD_API int ocppd_action_each(struct ocppd_host *host, ocppd_action_fn *fn, void *arg);

/* The spelling of an OCPPD_CALLERROR_* on a protocol. Static. Any thread. */
OCPPD_API const char *ocppd_callerror_name(const char *protocol, uint32_t code);

/* ---- Filters ------------------------------------------------------------------------------ */

/*
 * Sees CALLs of stations before the action's owner does. Returns 0: pass on; 1: answered (or will
 * be): the handle is the filter's; negative: InternalError.
 */
typedef int ocppd_filter_fn(struct ocppd_host *host, struct ocppd_call *call,
			    struct json_object *req, void *arg);
/* Lower `order` first, then in order of adding. action NULL: all. In `init` or `start`. */
OCPPD_API int ocppd_filter_add(struct ocppd_host *host, int32_t order, const char *protocol,
			       const char *action, ocppd_filter_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
