/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The change of a station's password. What is offered to it stands behind the present key, both are
 * good, until the station's answer or a connection made with one of them settles it. Keeps
 * verifiers only.
 */
#include "stations.h"

#include <stdlib.h>
#include <string.h>

#define OFFERS_MAX 4 /* unsettled at a time; the oldest offer goes first */
#define STEP_USED 4  /* a connection showed which one the station has */

struct step_op {
	struct stations *ctx;
	struct ocppd_host *asker;
	struct ocppd_station *station;
	ocppd_recorded_fn *fn; /* NULL: nobody asked */
	void *arg;
	struct record *before;
	struct record *after;
	char *password;
	uint32_t step;
	uint32_t verifier; /* STEP_USED: which one, from 0 */
};

static void
op_end(struct step_op *op, int result)
{
	struct stations *ctx = op->ctx;

	stations_slot(ctx, op->station)->is_changing = false;
	profiles_remember(ctx, op->station);
	if (op->fn != NULL)
		op->fn(op->asker, result, op->arg);
	record_free(op->before);
	record_free(op->after);
	if (op->password != NULL)
		explicit_bzero(op->password, strlen(op->password));
	free(op->password);
	free(op);
	stations_done(ctx);
}

/* ---- Groups of verifiers -----------------------------------------------------------------------
 */

uint32_t
record_offers(const struct record *record)
{
	return verifiers_offers(record->verifiers);
}

/* Keeps one group only. */
static int
keep_group(struct record *record, uint32_t group)
{
	char *kept = verifiers_group_dup(record->verifiers, group);

	if (kept == NULL)
		return OCPPD_ENOENT;
	free(record->verifiers);
	record->verifiers = kept;
	return 0;
}

/* Puts the offered key's verifiers behind what is there. */
static int
append_offer(struct record *record, const char *password)
{
	char *old = record->verifiers;
	char *both;
	int r;

	if (record_offers(record) >= OFFERS_MAX)
		return OCPPD_EBUSY;
	record->verifiers = NULL;
	r = record_set_key(record, password);
	if (r < 0) {
		free(record->verifiers);
		record->verifiers = old;
		return r;
	}
	both = verifiers_with(old, record->verifiers);
	free(record->verifiers);
	record->verifiers = both != NULL ? both : old;
	if (both == NULL)
		return OCPPD_ENOMEM;
	free(old);
	return 0;
}

/* ---- Steps -------------------------------------------------------------------------------------
 */

static int
merge_step(const struct step_op *op, struct record *record)
{
	uint32_t offers = record_offers(record);

	if (op->step == OCPPD_PASSWORD_OFFER)
		return append_offer(record, op->password);
	if (offers == 0)
		return OCPPD_ENOENT;
	if (op->step == OCPPD_PASSWORD_ACCEPTED)
		return keep_group(record, offers);
	if (op->step == STEP_USED) {
		int group = verifiers_group_of(record->verifiers, op->verifier,
					       stations_slot(op->ctx, op->station)->takes_hex);

		return group < 0 ? group : keep_group(record, (uint32_t)group);
	}
	record->verifiers[verifiers_len_before_last(record->verifiers)] = '\0';
	return 0;
}

static void
on_step_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	static const char *const words[] = { "", "offered", "accepted", "refused", "used" };
	struct step_op *op = arg;
	struct ocppd_error own = { 0 };

	(void)rows;
	(void)count;
	if (result < 0) {
		(void)record_apply(op->ctx, op->before, &own);
		OCPPD_ERROR(host, "password.unstored",
			    OCPPD_STR("station", ocppd_station_id(op->station)),
			    OCPPD_STR("err", ocppd_error_name(result)),
			    OCPPD_STR("text", err == NULL ? NULL : err->text));
	} else {
		OCPPD_INFO(host, "password.changed",
			   OCPPD_STR("station", ocppd_station_id(op->station)),
			   OCPPD_STR("step", words[op->step]));
	}
	op_end(op, result);
}

static void
on_step_read(struct ocppd_host *host, int result, const struct ocppd_rows *rows,
	     const struct ocppd_error *err, void *arg)
{
	struct step_op *op = arg;
	struct ocppd_error own = { 0 };
	int r = result;

	(void)host;
	(void)err;
	if (r >= 0 && rows->count == 0)
		r = OCPPD_ENOENT;
	if (r >= 0) {
		op->before = record_from_row(rows->values);
		op->after = op->before == NULL ? NULL : record_dup(op->before);
		r = op->after == NULL ? OCPPD_ENOMEM : merge_step(op, op->after);
	}
	if (r >= 0)
		r = record_apply(op->ctx, op->after, &own);
	if (r >= 0) {
		r = record_commit(op->ctx, op->after, on_step_stored, op);
		if (r >= 0)
			return;
		(void)record_apply(op->ctx, op->before, &own);
	}
	op_end(op, r);
}

static int
step_begin(struct stations *ctx, struct step_op *op)
{
	struct station_slot *slot = stations_slot(ctx, op->station);
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(op->station));
	int r = 0;

	if (!slot->is_known)
		r = OCPPD_ENOENT;
	else if (slot->is_fixed || slot->is_changing)
		r = OCPPD_ECONFLICT;
	if (r >= 0)
		r = ctx->storage->query(ctx->storage_self, ctx->host, STATEMENT_FIND, &id, 1, 1,
					on_step_read, op);
	if (r < 0)
		return r;
	slot->is_changing = true;
	ctx->changes++;
	ctx->outstanding++;
	return OCPPD_PENDING;
}

static void
op_free(struct step_op *op)
{
	if (op->password != NULL)
		explicit_bzero(op->password, strlen(op->password));
	free(op->password);
	free(op);
}

int
ops_password(void *self, struct ocppd_host *host, struct ocppd_station *station,
	     const char *password, uint32_t step, ocppd_recorded_fn *fn, void *arg)
{
	struct stations *ctx = self;
	struct step_op *op;
	int r;

	if (step < OCPPD_PASSWORD_OFFER || step > OCPPD_PASSWORD_REFUSED ||
	    (step == OCPPD_PASSWORD_OFFER && (password == NULL || !key_is_valid(password))))
		return OCPPD_EINVAL;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return OCPPD_ENOMEM;
	op->ctx = ctx;
	op->asker = host;
	op->station = station;
	op->fn = fn;
	op->arg = arg;
	op->step = step;
	op->password = step == OCPPD_PASSWORD_OFFER ? strdup(password) : NULL;
	r = step == OCPPD_PASSWORD_OFFER && op->password == NULL ? OCPPD_ENOMEM
								 : step_begin(ctx, op);
	if (r < 0)
		op_free(op);
	return r;
}

void
password_used(struct stations *ctx, struct ocppd_station *station)
{
	struct ocppd_connection_info info = { .struct_size = sizeof(info) };
	struct step_op *op;

	if (stations_slot(ctx, station)->offers == 0 ||
	    ocppd_station_connection(station, &info) < 0 || info.verifier == 0)
		return;
	op = calloc(1, sizeof(*op));
	if (op == NULL)
		return;
	op->ctx = ctx;
	op->station = station;
	op->step = STEP_USED;
	op->verifier = info.verifier - 1;
	if (step_begin(ctx, op) < 0)
		op_free(op);
}
