/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What stations make of limits: what they draw while a transaction runs (quirk H06), and what they
 * offer to the vehicle (quirk H05), against what the installed profiles amount to at that moment.
 * Listens only while there are any.
 */
#include "smart.h"

#include <ocppd/event/meter.h>

#include <json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRIKES 3        /* readings in a row */
#define RECENT_S 120     /* older readings, from a queue, say nothing about the present limit */
#define MARGIN_A 5       /* tenths */
#define MARGIN_W 1150    /* tenths */
#define FOLLOWED_MAX 64  /* connectors of a station */
#define MEASURED_MAX 1e9 /* tenths */
#define STEP_A 30        /* tenths: the widest of the usual steps, 13 to 16 A */
#define ROUNDING_W 10    /* tenths */

/* What a reading is about. */
enum subject {
	SUBJECT_DRAWN,
	SUBJECT_OFFERED,
};
static const char *const measurands[][2] = {
	[SUBJECT_DRAWN] = { [RATE_A] = "Current.Import", [RATE_W] = "Power.Active.Import" },
	[SUBJECT_OFFERED] = { [RATE_A] = "Current.Offered", [RATE_W] = "Power.Offered" },
};

struct follow {
	struct follow *next;
	int64_t connector;
	int64_t limit; /* that the strikes are about */
	uint32_t strikes;
	int64_t asked[2]; /* by unit: a limit and the lower offer that were told last; 0: none */
	int64_t offered[2];
};

void
follow_fini(struct smart_slot *slot)
{
	while (slot->follow != NULL) {
		struct follow *follow = slot->follow;

		slot->follow = follow->next;
		free(follow);
	}
}

/* ---- Readings ---------------------------------------------------------------------------------
 */

/* What one moment's samples say of a measurand in tenths: the sum of W, the highest A of a phase.
 */
struct measured {
	bool has_total;
	bool has_phases;
	double total;
	double phases;
};

static bool
number_of(struct json_object *sample, double *ret)
{
	const char *text = ocppd_json_get_str(sample, "value");
	const char *unit = ocppd_json_get_str(sample, "unit");
	char *end = NULL;
	double number;

	if (text == NULL)
		return false;
	number = strtod(text, &end);
	if (end == text || *end != '\0' || !isfinite(number))
		return false;
	if (unit != NULL && strcmp(unit, "kW") == 0)
		number *= 1000;
	*ret = round(number * 10);
	return *ret >= 0 && *ret <= MEASURED_MAX;
}

static bool
is_measurand(struct json_object *sample, const char *wanted)
{
	const char *measurand = ocppd_json_get_str(sample, "measurand");

	return measurand != NULL && strcmp(measurand, wanted) == 0;
}

static void
measure(struct json_object *samples, enum subject subject, enum rate_unit unit,
	struct measured *ret)
{
	const char *wanted = measurands[subject][unit];
	size_t count = json_object_array_length(samples);

	*ret = (struct measured){ .has_total = false };
	for (size_t i = 0; i < count; i++) {
		struct json_object *sample = json_object_array_get_idx(samples, i);
		const char *phase = ocppd_json_get_str(sample, "phase");
		double number;

		if (!is_measurand(sample, wanted) || !number_of(sample, &number))
			continue;
		if (phase == NULL) {
			ret->has_total = true;
			ret->total = number;
		} else if (phase[0] == 'L') {
			ret->has_phases = true;
			if (unit == RATE_W)
				ret->phases += number;
			else if (number > ret->phases)
				ret->phases = number;
		}
	}
}

/* The newest samples that are of now; NULL: there are none. */
static struct json_object *
recent_samples(struct smart *ctx, struct json_object *body)
{
	struct json_object *list = ocppd_json_get(body, "meterValue");
	struct json_object *found = NULL;
	int64_t newest_us = ocppd_now_us(ctx->host) - RECENT_S * INT64_C(1000000);
	size_t count = list != NULL && json_object_is_type(list, json_type_array)
			       ? json_object_array_length(list)
			       : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);
		struct json_object *samples = ocppd_json_get(item, "sampledValue");
		int64_t time_us;

		if (samples == NULL || !json_object_is_type(samples, json_type_array) ||
		    ocppd_json_get_time(item, "timestamp", &time_us) < 0 || time_us < newest_us)
			continue;
		newest_us = time_us;
		found = samples;
	}
	return found;
}

/* ---- Judging ----------------------------------------------------------------------------------
 */

struct reading {
	struct ocppd_station *station;
	int64_t connector;
	int64_t transaction_id;
	enum rate_unit unit;
	int64_t limit;
	int64_t measured;
};

static bool
is_exceeded(const struct reading *reading)
{
	int64_t margin = reading->unit == RATE_A ? MARGIN_A : MARGIN_W;

	return reading->measured > reading->limit + reading->limit / 10 + margin;
}

static struct follow *
follow_find(struct smart_slot *slot, int64_t connector)
{
	struct follow *follow = slot->follow;

	while (follow != NULL && follow->connector != connector)
		follow = follow->next;
	return follow;
}

static struct follow *
follow_get(struct smart_slot *slot, int64_t connector)
{
	struct follow *follow = follow_find(slot, connector);

	if (follow != NULL || connector > FOLLOWED_MAX)
		return follow;
	follow = calloc(1, sizeof(*follow));
	if (follow == NULL)
		return NULL;
	follow->connector = connector;
	follow->next = slot->follow;
	slot->follow = follow;
	return follow;
}

static void
tell(struct smart *ctx, const struct reading *reading)
{
	const char *id = ocppd_station_id(reading->station);
	struct json_object *body;
	char raw[80];

	(void)snprintf(raw, sizeof(raw), "%lld tenths of %s where the limit is %lld",
		       (long long)reading->measured, rate_unit_word(reading->unit),
		       (long long)reading->limit);
	ocppd_quirk_hit(ctx->host, reading->station, "H06", raw);
	if (!ocppd_event_wanted(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_NOT_FOLLOWED))
		return;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", id);
	ocppd_json_add_int(body, "connectorId", reading->connector);
	ocppd_json_add_int(body, "transactionId", reading->transaction_id);
	ocppd_json_add_str(body, "chargingRateUnit", rate_unit_word(reading->unit));
	ocppd_json_add(body, "limit", tenths_json(reading->limit));
	ocppd_json_add(body, "measured", tenths_json(reading->measured));
	(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_CHARGING_PROFILE_NOT_FOLLOWED, id, body);
}

static void
judge(struct smart *ctx, const struct reading *reading)
{
	struct smart_slot *slot = smart_slot(ctx, reading->station);
	struct follow *follow;

	if (!is_exceeded(reading)) {
		follow = follow_find(slot, reading->connector);
		if (follow != NULL)
			follow->strikes = 0;
		return;
	}
	follow = follow_get(slot, reading->connector);
	if (follow == NULL)
		return;
	/* A new limit has its time to take effect. */
	if (follow->limit != reading->limit)
		follow->strikes = 0;
	follow->limit = reading->limit;
	if (follow->strikes < STRIKES && ++follow->strikes == STRIKES)
		tell(ctx, reading);
}

/* Quirk H05: a station offers the next step below what it was asked for. Where it offers much less,
 * it has a limit of its own. */
static void
look_at_offer(struct smart *ctx, const struct reading *reading)
{
	bool is_amperes = reading->unit == RATE_A;
	int64_t step = is_amperes ? STEP_A : STEP_A * ctx->conf->voltage_v * PHASES_DEFAULT;
	int64_t less = reading->limit - reading->measured;
	struct follow *follow;
	char raw[80];

	if (less <= (is_amperes ? 0 : ROUNDING_W) || less > step)
		return;
	follow = follow_get(smart_slot(ctx, reading->station), reading->connector);
	if (follow == NULL || (follow->asked[reading->unit] == reading->limit &&
			       follow->offered[reading->unit] == reading->measured))
		return;
	follow->asked[reading->unit] = reading->limit;
	follow->offered[reading->unit] = reading->measured;
	(void)snprintf(raw, sizeof(raw), "asked %lld, offered %lld tenths of %s",
		       (long long)reading->limit, (long long)reading->measured,
		       rate_unit_word(reading->unit));
	ocppd_quirk_hit(ctx->host, reading->station, "H05", raw);
}

/* The limit, and what was measured, in a unit; false: one of the two is not known. */
static bool
read_unit(struct smart *ctx, struct json_object *samples, enum subject subject,
	  struct reading *reading)
{
	const struct smart_query query = { reading->station, reading->connector,
					   ocppd_now_us(ctx->host) / 1000000, 1, reading->unit };
	struct composite_period period;
	struct measured measured;
	bool is_total;

	measure(samples, subject, reading->unit, &measured);
	if ((!measured.has_total && !measured.has_phases) ||
	    smart_composite(ctx, &query, &period, 1) != 1 || !period.at.is_limited)
		return false;
	/* Amperes are limited by phase; a total of watts needs no adding up. */
	is_total = measured.has_total && (reading->unit == RATE_W || !measured.has_phases);
	reading->measured = (int64_t)(is_total ? measured.total : measured.phases);
	reading->limit = period.at.limit;
	return true;
}

static bool
read_samples(struct smart *ctx, struct json_object *samples, enum subject subject,
	     struct reading *reading)
{
	reading->unit = RATE_A;
	if (read_unit(ctx, samples, subject, reading))
		return true;
	reading->unit = RATE_W;
	return read_unit(ctx, samples, subject, reading);
}

static void
on_meter_values(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct smart *ctx = arg;
	const char *id = ocppd_json_get_str(event->body, "stationId");
	struct reading reading = {
		.station = id == NULL ? NULL : ocppd_station_find(host, id),
		.connector = ocppd_json_get_int(event->body, "connectorId", 0),
		.transaction_id = ocppd_json_get_int(event->body, "transactionId", 0),
	};
	struct reading offer;
	struct json_object *samples;
	bool is_offered;

	if (reading.station == NULL || reading.connector <= 0 || reading.transaction_id <= 0 ||
	    smart_slot(ctx, reading.station)->first == NULL)
		return;
	samples = recent_samples(ctx, event->body);
	if (samples == NULL)
		return;
	offer = reading;
	is_offered = read_samples(ctx, samples, SUBJECT_OFFERED, &offer);
	if (is_offered)
		look_at_offer(ctx, &offer);
	/* What is drawn says more: an offer may have been lowered a moment ago. */
	if (read_samples(ctx, samples, SUBJECT_DRAWN, &reading))
		judge(ctx, &reading);
	else if (is_offered)
		judge(ctx, &offer);
}

void
follow_update(struct smart *ctx)
{
	bool is_wanted =
		ctx->conf->is_watching != 0 && !ctx->is_stopping && !ctx->is_starting &&
		ctx->counts[PURPOSE_MAX] + ctx->counts[PURPOSE_DEFAULT] + ctx->counts[PURPOSE_TX] >
			0;

	if (is_wanted && ctx->readings == NULL)
		ctx->readings = ocppd_event_subscribe(ctx->host, OCPPD_EVENT_METER_VALUES,
						      on_meter_values, ctx);
	if (!is_wanted && ctx->readings != NULL) {
		ocppd_event_unsubscribe(ctx->readings);
		ctx->readings = NULL;
	}
}
