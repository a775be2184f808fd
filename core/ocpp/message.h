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
struct findings;     /* ocpp/schema.h */
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

#define INBOUND_NO_PONG 0x1u /* a ping had no answer (B01) */
#define INBOUND_SILENT 0x2u  /* nothing came for as long as idle_floor (B02) */

struct inbound {
	struct link link;
	struct conn *conn;
	enum inbound_kind kind;
	bool is_numeric_id; /* C02: echo as a number */
	bool has_refusal;   /* the schema or envelope check refuses with `code`, `text` */
	bool is_malformed;  /* the refusal is the envelope's, it comes before all other checks */
	bool is_bad;        /* IGNORED: counts towards the close after repeated offences */
	uint32_t code;      /* OCPPD_CALLERROR_* of a refusal; CLOSED: WebSocket close code */
	uint8_t met;        /* INBOUND_*: what the transport met since the message before */
	int64_t received_us;
	size_t len;                      /* of the frame, bytes */
	const struct action_row *action; /* CALL: NULL if unknown to the table */
	struct action_table *table;      /* the table it was read with; see action_table_release */
	char *action_name;               /* CALL: as on the wire; inside this block */
	char *id;                        /* inside this block; NULL with IGNORED, OPENED, CLOSED */
	char *text; /* refusal's description, IGNORED's and CLOSED's reason; owned */
	char *raw;  /* the frame; past frames_in only with findings or a refusal; owned */
	uint64_t payload_hash;       /* of the payload's text, for OCPPD_ACTION_ONCE */
	struct json_object *payload; /* CALL, RESULT, ERROR's details; owned */
	char *error_code;            /* ERROR: as received; owned */
	const char *refusal_quirk; /* the code that would admit what was refused, or NULL; static */
	struct findings *findings; /* NULL: none; owned */
};

#define MESSAGE_DEPTH_MAX 32 /* nesting of JSON */

/* The tokener a thread reads with: depth-limited, strict. NULL: out of memory. The thread frees it
 * with json_tokener_free. */
struct json_tokener *message_tokener_new(void);

/* What inbound_new needs of its thread. */
struct reader {
	struct json_tokener *tokener; /* the thread's own */
	struct action_table *table;   /* the current one */
	const char *protocol;
	const struct quirks *quirks;
	int64_t now_us;
	bool is_binary; /* it came in a binary frame (B07) */
};

/*
 * Reads one text message. text is not changed and need not end in NUL. Returns NULL only when out
 * of memory. The result's conn is left NULL for the caller. Transport thread.
 */
struct inbound *inbound_new(const struct reader *reader, const char *text, size_t len);
/* Validates a CALL's payload again, with an action of a newer table. Core thread. 0 or ENOMEM. */
int inbound_check(struct inbound *message, const struct action_row *row,
		  const struct quirks *quirks, bool is_strict);
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
	char *data; /* headroom, then text; NULL until outbound_text ran for trees */
	size_t len; /* of the text, without headroom */
	char *head; /* `[3,"id",` of a message that carries a tree; owned */
	struct json_object *payload;
};

/* Makes the frame's text if it is not there yet; the payload is freed. Returns the text, of
 * *ret_len bytes, inside message->data; NULL out of memory. The thread that owns the message. */
char *outbound_text(struct outbound *message, size_t *ret_len);
void outbound_free(struct outbound *message);

/*
 * Frames. id is quoted unless is_numeric. payload: taken, also on error. NULL: out of memory.
 */
struct outbound *outbound_result(const char *id, bool is_numeric, struct json_object *payload);
struct outbound *outbound_result_text(const char *id, bool is_numeric, const char *text,
				      size_t len);
/* details may be NULL: {}. description is cut to 255 characters. */
struct outbound *outbound_error(const char *id, bool is_numeric, const char *code,
				const char *description, struct json_object *details);
/* payload is borrowed: the text is written at once. */
struct outbound *outbound_call(const char *id, const char *action, struct json_object *payload);
/* A frame whose text (without headroom) is given. */
struct outbound *outbound_copy(const char *text, size_t len);

/* Appends a tree as compact ASCII JSON. OCPPD_EINVAL: nested too deep. */
struct buf;
int json_write(struct buf *buf, struct json_object *value);

#endif
