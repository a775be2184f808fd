/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ReserveNow and CancelReservation, whoever asks for them: before they go out the id and the
 * checks, after the answer the record. What an operator wants sent is sent; findings are warnings.
 */
#include "reservation.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* ---- ReserveNow, before ------------------------------------------------------------------------
 */

/* A ReserveNow from prepare to completed. */
struct sending {
	LIST_ENTRY(sending) all;
	struct reservations *ctx;
	struct ocppd_outcall *call;
	struct json_object *req; /* the call's */
	bool is_ready;           /* it goes, or went, out */
	bool is_without_id;      /* it waits for a block of ids */
};

static void
op_ready(struct sending *op)
{
	struct reservations *ctx = op->ctx;

	op->is_ready = true;
	ocppd_outcall_ready(ctx->host, op->call, 0, NULL); /* which may end it */
	reservation_done(ctx);
}

static void
on_zero_key(struct ocppd_host *host, int result, const struct ocppd_station_key *key, void *arg)
{
	struct sending *op = arg;

	if (result >= 0 && key != NULL &&
	    (key->is_unknown != 0 || key->value == NULL ||
	     (strcmp(key->value, "true") != 0 && strcmp(key->value, "TRUE") != 0 &&
	      strcmp(key->value, "True") != 0)))
		ocppd_outcall_warn(host, op->call,
				   "connectorId: the station's ReserveConnectorZeroSupported is "
				   "not true");
	op_ready(op);
}

/* Returns 0: nothing to ask; OCPPD_PENDING. */
static int
ask_zero_key(struct sending *op)
{
	struct reservations *ctx = op->ctx;

	if (ocppd_json_get_int(op->req, "connectorId", -1) != 0 || ctx->stations == NULL ||
	    ctx->stations->key_find == NULL)
		return 0;
	return ctx->stations->key_find(ctx->stations_self, ctx->host,
				       ocppd_outcall_station(op->call),
				       "ReserveConnectorZeroSupported", on_zero_key, op);
}

static void
warn_tag(struct sending *op, const struct ocppd_authorization *decision)
{
	const char *parent = ocppd_json_get_str(op->req, "parentIdTag");
	char wanted[TAG_SIZE];
	char known[TAG_SIZE];

	if (decision->status != OCPPD_AUTH_ACCEPTED)
		ocppd_outcall_warn(op->ctx->host, op->call, "idTag: would be answered %s",
				   decision->status == OCPPD_AUTH_BLOCKED   ? "Blocked"
				   : decision->status == OCPPD_AUTH_EXPIRED ? "Expired"
									    : "Invalid");
	if (parent == NULL || parent[0] == '\0' || decision->status != OCPPD_AUTH_ACCEPTED)
		return;
	tag_fold(parent, wanted);
	tag_fold(decision->parent == NULL ? "" : decision->parent, known);
	if (strcmp(wanted, known) != 0)
		ocppd_outcall_warn(op->ctx->host, op->call,
				   "parentIdTag: the tag is not of that group");
}

static void
on_authorized(struct ocppd_host *host, int result, const struct ocppd_authorization *decision,
	      void *arg)
{
	struct sending *op = arg;

	(void)host;
	if (result >= 0)
		warn_tag(op, decision);
	if (ask_zero_key(op) != OCPPD_PENDING)
		op_ready(op);
}

/* Returns 0 or OCPPD_PENDING. What cannot be found out is no reason not to send it. */
static int
ask_tag(struct sending *op)
{
	struct reservations *ctx = op->ctx;
	struct ocppd_authorization decision = { .struct_size = sizeof(decision) };
	const struct ocppd_auth_query query = {
		sizeof(query),
		OCPPD_AUTH_FOR_QUESTION,
		ocppd_outcall_station(op->call),
		{ ocppd_json_get_str(op->req, "idTag"), NULL },
	};
	int r = ctx->authorization->authorize(ctx->authorization_self, ctx->host, &query, &decision,
					      on_authorized, op);

	if (r == OCPPD_PENDING)
		return r;
	if (r == 0)
		warn_tag(op, &decision);
	return ask_zero_key(op);
}

struct connector_look {
	int64_t wanted;
	bool is_any;
	bool is_found;
};

static int
on_known_connector(const struct ocppd_connector_info *info, void *arg)
{
	struct connector_look *look = arg;

	look->is_any |= info->place.evse > 0;
	look->is_found |= info->place.evse == look->wanted;
	return look->is_found ? 1 : 0;
}

static void
warn_connector(struct reservations *ctx, struct ocppd_outcall *call, int64_t connector)
{
	struct connector_look look = { .wanted = connector };

	if (connector <= 0 || ctx->stations == NULL)
		return;
	(void)ctx->stations->connector_each(ctx->stations_self, ctx->host,
					    ocppd_outcall_station(call), on_known_connector, &look);
	if (look.is_any && !look.is_found)
		ocppd_outcall_warn(ctx->host, call,
				   "connectorId: the station never reported that connector");
}

static void
warn_id(struct reservations *ctx, struct ocppd_outcall *call, int64_t id)
{
	const struct live *live = live_find(ctx, ocppd_outcall_station(call), id);
	bool is_ambiguous;

	if (id <= 0 || id > RESERVATION_ID_MAX)
		ocppd_outcall_warn(ctx->host, call, "reservationId: must be 1 to 2147483647");
	else if (live != NULL && !live->is_changing)
		ocppd_outcall_warn(ctx->host, call,
				   "reservationId: in use; that reservation would be replaced");
	else if (live == NULL && live_find_any(ctx, NULL, id, &is_ambiguous) != NULL)
		ocppd_outcall_warn(ctx->host, call, "reservationId: in use at another station");
}

/* Returns 0; OCPPD_PENDING until a block of ids is there; or an error. */
static int
choose_id(struct sending *op, struct ocppd_error *err)
{
	struct reservations *ctx = op->ctx;
	int64_t id;
	int r = ids_choose(ctx, &id);

	if (r >= 0)
		return ocppd_json_add_int(op->req, "reservationId", id);
	op->is_without_id = ctx->is_reserving;
	if (op->is_without_id)
		return OCPPD_PENDING;
	return ocppd_error_set(err, r,
			       "no reservationId can be chosen at present: storage takes "
			       "no writes, or ids are used up");
}

static int
settle_id(struct sending *op, struct ocppd_error *err)
{
	int64_t id;

	if (ocppd_json_get(op->req, "reservationId") == NULL)
		return choose_id(op, err);
	id = ocppd_json_get_int(op->req, "reservationId", 0);
	ids_take(op->ctx, id);
	warn_id(op->ctx, op->call, id);
	return 0;
}

static void
sending_end(struct sending *op)
{
	LIST_REMOVE(op, all);
	free(op);
}

static void
go_on(struct sending *op)
{
	struct reservations *ctx = op->ctx;
	struct ocppd_outcall *call = op->call;
	struct ocppd_error err = { 0 };
	int r;

	op->is_without_id = false;
	r = choose_id(op, &err);
	if (r == 0)
		r = ask_tag(op);
	if (r == OCPPD_PENDING)
		return;
	if (r == 0) {
		op_ready(op);
		return;
	}
	sending_end(op); /* of what its prepare refused the core tells us nothing more */
	ocppd_outcall_ready(ctx->host, call, r, err.text);
	reservation_done(ctx);
}

void
sending_go_on(struct reservations *ctx)
{
	struct sending *op = LIST_FIRST(&ctx->sending);

	while (op != NULL) {
		struct sending *next = LIST_NEXT(op, all);

		if (op->is_without_id)
			go_on(op);
		op = next;
	}
}

int
prepare_reserve(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
		void *arg, struct ocppd_error *err)
{
	struct reservations *ctx = arg;
	struct sending *op = calloc(1, sizeof(*op));
	int64_t expiry_us;
	int r;

	if (op == NULL)
		return OCPPD_ENOMEM;
	op->ctx = ctx;
	op->call = call;
	op->req = req;
	LIST_INSERT_HEAD(&ctx->sending, op, all);
	r = settle_id(op, err);
	if (r < 0) {
		sending_end(op);
		return r;
	}
	if (ocppd_json_get_time(req, "expiryDate", &expiry_us) == 0 &&
	    expiry_us <= ocppd_now_us(host))
		ocppd_outcall_warn(host, call, "expiryDate: is past");
	warn_connector(ctx, call, ocppd_json_get_int(req, "connectorId", -1));
	ocppd_outcall_set_data(call, op);
	if (r == 0)
		r = ask_tag(op);
	if (r == OCPPD_PENDING)
		ctx->outstanding++;
	else
		op->is_ready = true;
	return r;
}

/* ---- After the answer --------------------------------------------------------------------------
 */

static void
copy_member(struct json_object *object, const char *key, char ret_text[TAG_SIZE])
{
	const char *text = ocppd_json_get_str(object, key);
	size_t len = text == NULL ? 0 : strnlen(text, TAG_SIZE - 1);

	if (len > 0)
		memcpy(ret_text, text, len);
	ret_text[len] = '\0';
}

static void
terms_read(struct reservations *ctx, struct json_object *req, struct terms *ret)
{
	ret->id = ocppd_json_get_int(req, "reservationId", 0);
	ret->connector = (int32_t)ocppd_json_get_int(req, "connectorId", 0);
	if (ocppd_json_get_time(req, "expiryDate", &ret->expiry_us) < 0)
		ret->expiry_us = ocppd_now_us(ctx->host);
	copy_member(req, "idTag", ret->token);
	copy_member(req, "parentIdTag", ret->parent);
}

/* Why there is no answer, in a few words. */
static const char *
unanswered(uint32_t result)
{
	switch (result) {
	case OCPPD_RES_TIMEOUT:
		return "no answer in time";
	case OCPPD_RES_GONE:
		return "the connection ended before the answer";
	default:
		return "the daemon or the module stopped before the answer";
	}
}

/* The status in our own words: a confirmation that is odd comes through, too. */
static const char *
known_answer(const char *status)
{
	static const char *const answers[] = {
		STATUS_ACCEPTED, "Faulted", "Occupied", "Rejected", "Unavailable",
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if (strcmp(status, answers[i]) == 0)
			return answers[i];
	}
	return STATUS_FAILED;
}

/* What the station's answer, or the lack of one, says: a status, and why. */
static const char *
verdict(const struct ocppd_outcall *call, uint32_t result, struct json_object *conf,
	char *ret_reason, size_t size)
{
	struct json_object *details;
	const char *status = ocppd_json_get_str(conf, "status");
	const char *code = "";
	const char *text;

	if (result == OCPPD_RES_REPLY && status != NULL) {
		snprintf(ret_reason, size, "the station answered %.40s", status);
		return known_answer(status);
	}
	if (result == OCPPD_RES_REPLY || result == OCPPD_RES_ERROR) {
		(void)ocppd_outcall_error(call, &code, &text, &details);
		snprintf(ret_reason, size, "the station answered with the error %.60s", code);
		return STATUS_FAILED;
	}
	snprintf(ret_reason, size, "%s", unanswered(result));
	return STATUS_UNCONFIRMED;
}

/* A replacement that did not come about: what was there stays, as far as is known. */
static void
record_kept(struct reservations *ctx, const struct note *note)
{
	char reason[160];
	struct note kept = *note;

	snprintf(reason, sizeof(reason), "replacement: %s", note->reason);
	kept.status = NULL;
	kept.reason = reason;
	store_change(ctx, &kept);
}

static void
record(struct reservations *ctx, const struct ocppd_outcall *call, uint32_t result,
       struct json_object *req, struct json_object *conf)
{
	struct ocppd_station *station = ocppd_outcall_station(call);
	char reason[128];
	struct terms terms = { 0 };
	struct note note = { .station_id = ocppd_station_id(station),
			     .requester = ocppd_outcall_requester(call),
			     .reason = reason };
	const struct live *before;

	terms_read(ctx, req, &terms);
	note.id = terms.id;
	note.status = verdict(call, result, conf, reason, sizeof(reason));
	before = live_find(ctx, station, terms.id);
	if (before != NULL && strcmp(note.status, STATUS_ACCEPTED) != 0) {
		record_kept(ctx, &note);
		return;
	}
	if (before != NULL)
		snprintf(reason, sizeof(reason), "replaced what it was");
	store_put(ctx, &note, &terms);
	if (!status_is_live(note.status))
		return;
	if (live_put(ctx, station, &terms, ocppd_now_us(ctx->host),
		     strcmp(note.status, STATUS_ACCEPTED) == 0) == NULL)
		OCPPD_ERROR(ctx->host, "reservation.unfollowed",
			    OCPPD_STR("station", note.station_id),
			    OCPPD_INT("reservation", note.id));
	live_arm(ctx);
}

void
completed_reserve(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		  struct json_object *req, struct json_object *conf, void *arg)
{
	struct reservations *ctx = arg;
	struct sending *op = ocppd_outcall_data(call);

	(void)host;
	if (op != NULL)
		sending_end(op);
	/* A stop has recorded those that it cuts off. */
	if (result != OCPPD_RES_REFUSED && !(result == OCPPD_RES_CANCELLED && ctx->is_stopping))
		record(ctx, call, result, req, conf);
}

void
sending_stop(struct reservations *ctx)
{
	const struct sending *op;

	LIST_FOREACH (op, &ctx->sending, all) {
		if (op->is_ready)
			record(ctx, op->call, OCPPD_RES_CANCELLED, op->req, NULL);
	}
}

void
sending_free(struct reservations *ctx)
{
	struct sending *op;

	while ((op = LIST_FIRST(&ctx->sending)) != NULL)
		sending_end(op);
}

/* ---- CancelReservation -------------------------------------------------------------------------
 */

int
prepare_cancel(struct ocppd_host *host, struct ocppd_outcall *call, struct json_object *req,
	       void *arg, struct ocppd_error *err)
{
	struct reservations *ctx = arg;
	int64_t id = ocppd_json_get_int(req, "reservationId", 0);

	(void)err;
	if (live_find(ctx, ocppd_outcall_station(call), id) == NULL)
		ocppd_outcall_warn(host, call,
				   "reservationId: no such reservation holds at the station");
	return 0;
}

/* Accepted or Rejected: either way it is gone. */
void
completed_cancel(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		 struct json_object *req, struct json_object *conf, void *arg)
{
	struct reservations *ctx = arg;
	struct ocppd_station *station = ocppd_outcall_station(call);
	int64_t id = ocppd_json_get_int(req, "reservationId", 0);
	struct live *live = live_find(ctx, station, id);
	char answer[128];
	char reason[160];
	struct note note = { .station_id = ocppd_station_id(station),
			     .id = id,
			     .requester = ocppd_outcall_requester(call),
			     .reason = reason };

	bool is_gone;

	(void)host;
	if (live == NULL || result == OCPPD_RES_REFUSED ||
	    (result == OCPPD_RES_CANCELLED && ctx->is_stopping))
		return;
	is_gone = strcmp(verdict(call, result, conf, answer, sizeof(answer)), STATUS_FAILED) != 0 &&
		  result == OCPPD_RES_REPLY;
	snprintf(reason, sizeof(reason), "cancellation: %s", answer);
	if (is_gone)
		note.status = STATUS_CANCELLED;
	store_change(ctx, &note);
	if (is_gone)
		live_remove(ctx, live);
}
