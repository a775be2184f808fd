/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_MESSAGE_H
#define OCPPD_OCPP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ocppd/action.h>

#include "base/chain.h"

/*
 * OCPP-J messages between threads. inbound_new runs on a transport thread and does all that costs:
 * JSON, envelope, schema, policy. outbound_text does so for what goes out. Nothing here touches
 * state of the core but the immutable action table.
 */
struct conn;
struct quirks;
struct action_table; /* ocpp/actions.h: immutable, published */
struct action_row;   /* one action of one protocol, compiled */
struct json_tokener;
struct json_object;

enum inbound_kind {
	INBOUND_OPENED, /* carries nothing but conn */
	INBOUND_CALL,
	INBOUND_RESULT,
	INBOUND_ERROR,
	INBOUND_IGNORED, /* no JSON, no array, unknown type, no usable id: counted and logged */
	INBOUND_CLOSED,  /* `code`, `text`: why */
};

#define MESSAGE_ID_MAX 64 /* characters (quirk C01) */

struct inbound {
	struct link link;
	struct conn *conn;
	enum inbound_kind kind;
	bool is_numeric_id; /* C02: echo as a number */
	bool has_refusal;   /* the schema or envelope check refuses with `code`, `text` */
	uint32_t code;      /* OCPPD_CALLERROR_* of a refusal; CLOSED: WebSocket close code */
	int64_t received_us;
	size_t len;                      /* of the frame, bytes */
	const struct action_row *action; /* CALL: NULL if unknown to the table */
	struct action_table *table;      /* the table it was read with; see action_table_release */
	char *action_name;               /* CALL: as on the wire, owned */
	char *id;                        /* owned; NULL with IGNORED, OPENED, CLOSED */
	char *text;            /* refusal's description, IGNORED's and CLOSED's reason; owned */
	char *raw;             /* the frame, only when there are findings or a refusal; owned */
	uint64_t payload_hash; /* of the payload's text, for OCPPD_ACTION_ONCE */
	struct json_object *payload;    /* CALL, RESULT, ERROR's details; owned */
	char *error_code;               /* ERROR: as received; owned */
	struct ocppd_finding *findings; /* owned with their texts */
	uint32_t finding_count;
};

/* What inbound_new needs of its thread. */
struct reader {
	struct json_tokener *tokener; /* the thread's own */
	struct action_table *table;   /* the current one */
	const char *protocol;
	const struct quirks *quirks;
	int64_t now_us;
};

/*
 * Reads one text message. text is not changed and need not end in NUL. Returns NULL only when out
 * of memory. The result's conn is left NULL for the caller. Transport thread.
 */
struct inbound *inbound_new(const struct reader *reader, const char *text, size_t len);
/* An OPENED or CLOSED notice. reason may be NULL, is copied. */
struct inbound *inbound_notice(enum inbound_kind kind, uint32_t code, const char *reason);
void inbound_free(struct inbound *message); /* the thread that owns it */

/*
 * A message to a station: a tree that the transport's thread serialises, or text written already.
 * `data + headroom` is where the frame's text begins, with `OUTBOUND_HEADROOM` writable bytes
 * before it for the WebSocket header.
 */
#define OUTBOUND_HEADROOM 32

struct outbound {
	struct link link;
	struct conn *conn;
	bool is_call;
	char *data; /* headroom, then text; NULL until outbound_text ran for trees */
	size_t len; /* of the text, without headroom */
	char *head; /* `[3,"id",` of a message that carries a tree; owned */
	struct json_object *payload;
};

/* Makes the frame's text if it is not there yet; the payload is freed. Returns the text, of
 * *ret_len bytes, inside message->data; NULL out of memory. The thread that owns the message. */
char *outbound_text(struct outbound *message, size_t *ret_len);
void outbound_free(struct outbound *message);

#endif
