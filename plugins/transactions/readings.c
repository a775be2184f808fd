/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Meter readings arrive: each moment of a message goes to the transaction it belongs to, or is
 * kept by connector and time. One row a moment, its values packed; a repetition changes nothing.
 */
#include "transactions.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

struct readings_op {
	struct transactions *ctx;
	struct ocppd_host *asker;
	ocppd_tx_fn *fn;
	void *arg;
	struct ocppd_station *station;
	struct json_object *event; /* or NULL */
	int64_t transaction_id;    /* the one under way that all or some belong to; 0: none */
	int64_t wire_id;           /* a positive id that is not under way here, else 0 */
	int64_t settle_id;         /* a stopped one whose energy may be another now, else 0 */
	int64_t stale_id;          /* a stale one that these readings belong to, else 0 */
	uint32_t flags;
	uint32_t if_at; /* the first conditional statement, if wire_id */
};

struct packed {
	uint32_t form;
	int64_t digest;
	struct ocppd_value data;
	struct ocppd_value raw_time;
};

static int
pack(struct transactions *ctx, const struct ocppd_reading *reading, struct packed *ret)
{
	int r;

	ret->form = time_form(reading->time_us, reading->raw_time);
	r = reading_pack(&ctx->packer, reading, ret->form);
	if (r < 0)
		return r;
	ret->digest = reading_digest(reading);
	ret->data = ocppd_value_bytes(ctx->packer.data, ctx->packer.len);
	ret->raw_time = ret->form == TIME_FORM_RAW ? ocppd_value_str(reading->raw_time)
						   : ocppd_value_null();
	return 0;
}

static int
add_to_transaction(struct transactions *ctx, struct ocppd_unit *unit,
		   const struct ocppd_value *transaction_id, const struct ocppd_reading *reading,
		   const struct ocppd_value tail[3])
{
	struct packed packed;
	int r = pack(ctx, reading, &packed);

	if (r < 0)
		return r;
	/* tail: received, frame, the station whose transaction it must be (NULL: it is known). */
	const struct ocppd_value values[] = {
		*transaction_id,
		ocppd_value_int(reading->time_us),
		ocppd_value_int(packed.digest),
		tail[0],
		ocppd_value_int(reading->flags),
		packed.raw_time,
		packed.data,
		tail[1],
		tail[2],
	};
	bool is_known = tail[2].type == OCPPD_VALUE_NULL;

	return ctx->storage->unit_add(unit, ctx->host,
				      is_known ? STATEMENT_READING : STATEMENT_READING_IF, values,
				      is_known ? 8 : 9, 0);
}

int
tx_add_reading(struct transactions *ctx, struct ocppd_unit *unit,
	       const struct ocppd_value *transaction_id, const struct ocppd_reading *reading,
	       int64_t received_us, const char *raw_frame)
{
	const struct ocppd_value tail[3] = {
		ocppd_value_int(received_us),
		ocppd_value_str(raw_frame),
		ocppd_value_null(),
	};

	return add_to_transaction(ctx, unit, transaction_id, reading, tail);
}

uint32_t
tx_kept(struct transactions *ctx, struct ocppd_station *station, uint32_t count)
{
	if (count <= READINGS_MAX)
		return count;
	OCPPD_WARN(ctx->host, "readings.cut", OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_INT("items", count));
	return READINGS_MAX;
}

uint32_t
tx_kept_at(uint32_t i, uint32_t count)
{
	return count <= READINGS_MAX || i < READINGS_MAX / 2 ? i : count - READINGS_MAX + i;
}

static int
add_unmatched(struct readings_op *op, struct ocppd_unit *unit, const struct ocppd_tx_readings *all,
	      const struct ocppd_reading *reading, const char *raw_frame)
{
	struct transactions *ctx = op->ctx;
	struct packed packed;
	int r = pack(ctx, reading, &packed);

	if (r < 0)
		return r;
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(op->station)),
		ocppd_value_int(all->place.evse),
		ocppd_value_int(all->place.connector),
		ocppd_value_int(reading->time_us),
		ocppd_value_int(packed.digest),
		ocppd_value_int(all->transaction_id),
		ocppd_value_int(all->received_us),
		ocppd_value_int(reading->flags),
		packed.raw_time,
		packed.data,
		ocppd_value_str(raw_frame),
	};

	return ctx->storage->unit_add(
		unit, ctx->host, op->wire_id != 0 ? STATEMENT_UNMATCHED_IF : STATEMENT_UNMATCHED,
		values, sizeof(values) / sizeof(values[0]), 0);
}

/* The transaction under way that a moment belongs to; NULL: none, or it must be looked up. */
static struct active *
owner_of(const struct readings_op *op, const struct ocppd_tx_readings *all,
	 const struct ocppd_reading *reading)
{
	const struct active_slot *slot = tx_slot(op->ctx, op->station);

	if (all->transaction_id > 0)
		return active_by_id(slot, all->transaction_id);
	/* Quirk G13: no id, or one that means none. Connector 0 is the whole station's meter. */
	if (all->place.evse <= 0 || (reading->flags & OCPPD_TX_TIME) != 0)
		return NULL;
	return active_at(slot, all->place, reading->time_us);
}

static bool
is_closing(const struct ocppd_reading *reading)
{
	for (uint32_t i = 0; i < reading->count; i++) {
		struct sampled_energy energy;

		if (sampled_energy_of(&reading->values[i], &energy) && energy.is_end)
			return true;
	}
	return false;
}

/* The transaction that stopped lately and that a moment belongs to (quirk G14), or NULL. */
static const struct recent *
former_owner_of(const struct readings_op *op, const struct ocppd_tx_readings *all,
		const struct ocppd_reading *reading)
{
	const struct active_slot *slot = tx_slot(op->ctx, op->station);

	if (slot->recent == NULL)
		return NULL;
	if (all->transaction_id > 0)
		return recent_by_id(slot, all->transaction_id);
	if (all->place.evse <= 0 || (reading->flags & OCPPD_TX_TIME) != 0)
		return NULL;
	return recent_at(slot, all->place, reading->time_us, is_closing(reading));
}

/* A moment of a transaction under way. */
static void
learn(struct readings_op *op, const struct ocppd_tx_readings *all,
      const struct ocppd_reading *reading, struct active *active)
{
	op->transaction_id = active->id;
	if (all->transaction_id <= 0) {
		ocppd_quirk_hit(op->ctx->host, op->station, "G13", NULL);
	} else {
		/* Only what names it is a sign of life: an idle connector's meter is read, too. */
		active->alive_mono_us = ocppd_mono_us(op->ctx->host);
		if ((active->flags & OCPPD_TX_STALE) != 0 &&
		    reading->time_us > active->last_reading_us)
			op->stale_id = active->id;
	}
	active_learn(active, reading);
}

/* Quirk E06. What came before it in the message, or before the message, is newer; or it stands
 * twice in one message. A message that is repeated is no such thing. */
static bool
is_out_of_order(const struct ocppd_tx_readings *all, uint32_t i, const struct active *active)
{
	int64_t time_us = all->readings[i].time_us;

	if ((all->readings[i].flags & OCPPD_TX_TIME) != 0)
		return false;
	if (i > 0 && (all->readings[i - 1].flags & OCPPD_TX_TIME) == 0 &&
	    time_us <= all->readings[i - 1].time_us)
		return true;
	return i == 0 && active != NULL && active->last_reading_us != 0 &&
	       time_us < active->last_reading_us;
}

static int
add_reading(struct readings_op *op, struct ocppd_unit *unit, const struct ocppd_tx_readings *all,
	    uint32_t i)
{
	struct transactions *ctx = op->ctx;
	const struct ocppd_reading *reading = &all->readings[i];
	const char *raw_frame = i == 0 ? all->raw_frame : NULL;
	const struct recent *recent = former_owner_of(op, all, reading);
	struct active *active = owner_of(op, all, reading);
	struct active_slot *slot = tx_slot(ctx, op->station);
	struct ocppd_value id;
	int r;

	if (is_out_of_order(all, i, active))
		ocppd_quirk_hit(ctx->host, op->station, "E06", reading->raw_time);
	if (recent != NULL && (active == NULL || reading->time_us < active->start_us)) {
		id = ocppd_value_int(recent->id);
		op->settle_id = recent->id;
		ocppd_quirk_hit(ctx->host, op->station, "G14", NULL);
		return tx_add_reading(ctx, unit, &id, reading, all->received_us, raw_frame);
	}
	if (active != NULL) {
		id = ocppd_value_int(active->id);
		learn(op, all, reading, active);
		return tx_add_reading(ctx, unit, &id, reading, all->received_us, raw_frame);
	}
	if (op->wire_id != 0) {
		const struct ocppd_value tail[3] = {
			ocppd_value_int(all->received_us),
			ocppd_value_str(raw_frame),
			ocppd_value_str(ocppd_station_id(op->station)),
		};

		id = ocppd_value_int(op->wire_id);
		r = add_to_transaction(ctx, unit, &id, reading, tail);
		if (r < 0)
			return r;
		if (i == 0)
			op->if_at = (uint32_t)r;
	}
	/* Quirk G07: a start may be to come. */
	if (all->place.evse > 0 && reading->time_us > slot->held_us)
		slot->held_us = reading->time_us;
	return add_unmatched(op, unit, all, reading, raw_frame);
}

static struct json_object *
event_body(const struct readings_op *op, const struct ocppd_tx_readings *all)
{
	struct json_object *body;
	struct json_object *list;

	if (!ocppd_event_wanted(op->ctx->host, OCPPD_EVENT_METER_VALUES))
		return NULL;
	body = json_object_new_object();
	list = json_object_new_array();
	if (body == NULL || list == NULL) {
		json_object_put(body);
		json_object_put(list);
		return NULL;
	}
	ocppd_json_add_str(body, "stationId", ocppd_station_id(op->station));
	ocppd_json_add_int(body, "connectorId", all->place.evse);
	if (op->transaction_id != 0)
		ocppd_json_add_int(body, "transactionId", op->transaction_id);
	for (uint32_t i = 0; i < all->reading_count; i++)
		json_object_array_add(list, tx_reading_json(&all->readings[i]));
	ocppd_json_add(body, "meterValue", list);
	return body;
}

/* ---- Whose id was it? -------------------------------------------------------------------------
 */

/* Asked after the answer: only the log and the security event depend on it. */
struct suspicion {
	struct transactions *ctx;
	struct ocppd_station *station;
	int64_t transaction_id;
};

static void
on_owner_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	      const struct ocppd_error *err, void *arg)
{
	struct suspicion *suspicion = arg;
	struct transactions *ctx = suspicion->ctx;

	(void)host;
	(void)err;
	if (result >= 0 && rows->count > 0)
		tx_security(ctx, suspicion->station, "transaction-id-of-another-station",
			    suspicion->transaction_id);
	else if (result >= 0)
		ocppd_quirk_hit(ctx->host, suspicion->station, "G07", NULL);
	free(suspicion);
	tx_done(ctx);
}

static void
suspect(struct transactions *ctx, struct ocppd_station *station, int64_t transaction_id)
{
	struct suspicion *suspicion = calloc(1, sizeof(*suspicion));
	struct ocppd_value id = ocppd_value_int(transaction_id);

	if (suspicion == NULL)
		return;
	suspicion->ctx = ctx;
	suspicion->station = station;
	suspicion->transaction_id = transaction_id;
	if (ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
				on_owner_read, suspicion) < 0) {
		free(suspicion);
		return;
	}
	ctx->outstanding++;
}

/* What the books say about others than transactions under way may be another thing now. */
static void
follow_up(const struct readings_op *op)
{
	struct active *active;

	if (op->settle_id != 0)
		tx_settle(op->ctx, op->settle_id, 0);
	if (op->stale_id == 0)
		return;
	active = active_by_id(tx_slot(op->ctx, op->station), op->stale_id);
	if (active != NULL && (active->flags & OCPPD_TX_STALE) != 0)
		tx_heard_again(op->ctx, active);
}

static void
on_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	  const struct ocppd_error *err, void *arg)
{
	struct readings_op *op = arg;
	struct transactions *ctx = op->ctx;
	struct ocppd_tx_result done = { .struct_size = sizeof(done), .flags = op->flags };

	(void)host;
	if (result < 0) {
		OCPPD_ERROR(ctx->host, "readings.unstored",
			    OCPPD_STR("station", ocppd_station_id(op->station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	} else {
		done.transaction_id = op->transaction_id;
		/* The unmatched row that follows went in: the id is not this station's. */
		if (op->wire_id != 0 && op->if_at + 1 < count && rows[op->if_at + 1].changes > 0)
			suspect(ctx, op->station, op->wire_id);
		else if (op->wire_id != 0 && op->if_at < count && rows[op->if_at].changes > 0)
			op->settle_id = op->wire_id;
		follow_up(op);
		if (op->event != NULL) {
			(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_METER_VALUES,
						  ocppd_station_id(op->station), op->event);
			op->event = NULL;
		}
	}
	json_object_put(op->event);
	op->fn(op->asker, result, result < 0 ? NULL : &done, op->arg);
	free(op);
	tx_done(ctx);
}

static int
store(struct transactions *ctx, struct ocppd_host *host, const struct ocppd_tx_readings *readings,
      ocppd_tx_fn *fn, void *arg)
{
	struct ocppd_unit *unit = NULL;
	struct readings_op *op = NULL;
	uint32_t count = readings->reading_count;
	int r = tx_unit(ctx, readings->unit, &unit);

	if (r < 0)
		goto out;
	r = OCPPD_ENOMEM;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		goto out;
	op->ctx = ctx;
	op->asker = host;
	op->fn = fn;
	op->arg = arg;
	op->station = readings->station;
	op->flags = readings->flags;
	if (readings->transaction_id > 0 &&
	    active_by_id(tx_slot(ctx, op->station), readings->transaction_id) == NULL &&
	    recent_by_id(tx_slot(ctx, op->station), readings->transaction_id) == NULL)
		op->wire_id = readings->transaction_id;

	for (uint32_t i = 0, kept = tx_kept(ctx, op->station, count); i < kept; i++) {
		r = add_reading(op, unit, readings, tx_kept_at(i, count));
		if (r < 0)
			goto out;
	}
	op->event = event_body(op, readings);
	ctx->outstanding++;
	ctx->storage->unit_commit(unit, on_stored, op);
	return OCPPD_PENDING;
out:
	ctx->storage->unit_free(unit);
	free(op);
	return r;
}

/* ---- By the station's own id ------------------------------------------------------------------
 */

/* Readings that wait until it is known whose they are. */
struct text_op {
	struct transactions *ctx;
	struct ocppd_host *asker;
	ocppd_tx_fn *fn;
	void *arg;
	struct ocppd_tx_readings all; /* texts and readings are copies */
	struct ocppd_reading *readings;
	char *raw_frame;
};

static void
text_free(struct text_op *op)
{
	op->ctx->storage->unit_free(op->all.unit);
	readings_free(op->readings, op->all.reading_count);
	free(op->raw_frame);
	free(op);
}

static void
on_text_found(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	      const struct ocppd_error *err, void *arg)
{
	struct text_op *op = arg;
	struct transactions *ctx = op->ctx;
	int r = result;

	(void)host;
	(void)err;
	if (r >= 0) {
		/* Of none yet: kept by place and time for a start to come. */
		op->all.transaction_id =
			rows->count > 0 ? rows->values[TX_ID].number : TX_ID_NOWHERE;
		r = store(ctx, op->asker, &op->all, op->fn, op->arg);
		op->all.unit = NULL;
	}
	if (r < 0)
		op->fn(op->asker, r, NULL, op->arg);
	text_free(op);
	tx_done(ctx);
}

/* Takes the unit, also on error. */
static int
look_up(const struct text_op *like, const struct ocppd_tx_readings *readings)
{
	struct transactions *ctx = like->ctx;
	const struct ocppd_value values[] = {
		ocppd_value_str(ocppd_station_id(readings->station)),
		ocppd_value_str(readings->id_text),
	};
	struct text_op *op = calloc(1, sizeof(*op));
	int r;

	if (op == NULL) {
		ctx->storage->unit_free(readings->unit);
		return OCPPD_ENOMEM;
	}
	*op = *like;
	op->all = *readings;
	op->all.id_text = NULL;
	r = readings_dup(readings->readings, readings->reading_count, &op->readings);
	op->all.readings = op->readings;
	if (r >= 0 && readings->raw_frame != NULL) {
		op->raw_frame = strdup(readings->raw_frame);
		op->all.raw_frame = op->raw_frame;
		r = op->raw_frame == NULL ? OCPPD_ENOMEM : 0;
	}
	if (r >= 0)
		r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND_TEXT, values,
					2, 1, on_text_found, op);
	if (r < 0) {
		text_free(op);
		return r;
	}
	ctx->outstanding++;
	return OCPPD_PENDING;
}

int
tx_readings(void *self, struct ocppd_host *host, const struct ocppd_tx_readings *readings,
	    ocppd_tx_fn *fn, void *arg)
{
	struct transactions *ctx = self;
	const struct text_op like = { .ctx = ctx, .asker = host, .fn = fn, .arg = arg };
	struct ocppd_tx_readings all = *readings;
	const struct active *active;

	if (readings->id_text == NULL)
		return store(ctx, host, readings, fn, arg);
	active = active_by_text(tx_slot(ctx, readings->station), readings->id_text);
	if (active == NULL)
		return look_up(&like, readings);
	all.transaction_id = active->id;
	return store(ctx, host, &all, fn, arg);
}
