/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Reservations: one a connector, and one of the whole station at connector 0, which keeps the last
 * free connector for its tag. They end by use, by time, by order, or with the connector.
 */
#include "features/feature.h"

#include "base/text.h"

#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

static int64_t
find_reservation(const struct station *station, int64_t id)
{
	for (uint32_t i = 0; i <= station->connector_count; i++) {
		if (station->connectors[i].reservation.is_set &&
		    station->connectors[i].reservation.id == id)
			return i;
	}
	return -1;
}

static void on_expiry(uv_timer_t *timer);

static void
set_timer(struct station *station)
{
	int64_t soonest_us = INT64_MAX;
	int64_t left_us;

	for (uint32_t i = 0; i <= station->connector_count; i++) {
		const struct reservation *here = &station->connectors[i].reservation;

		if (here->is_set && here->expiry_us < soonest_us)
			soonest_us = here->expiry_us;
	}
	uv_timer_stop(&station->reservation_timer);
	if (soonest_us == INT64_MAX)
		return;
	left_us = soonest_us - payload_now_us();
	uv_timer_start(&station->reservation_timer, on_expiry,
		       left_us > 0 ? (uint64_t)(left_us / 1000 + 1) : 0, 0);
}

/* It is over; the connector says so where it is not in use. */
static void
end(struct station *station, uint32_t number, const char *why)
{
	struct connector *connector = &station->connectors[number];

	station_note(station, OUTPUT_STEP, "reservation.ended", NULL, "reservation %lld %s",
		     (long long)connector->reservation.id, why);
	connector->reservation.is_set = false;
	if (number > 0 && str_eq(connector->status, "Reserved"))
		station_report(station, number, session_idle_status(station, number));
	set_timer(station);
}

static void
on_expiry(uv_timer_t *timer)
{
	struct station *station = timer->data;
	int64_t now_us = payload_now_us();

	for (uint32_t i = 0; i <= station->connector_count; i++) {
		const struct reservation *here = &station->connectors[i].reservation;

		if (here->is_set && here->expiry_us <= now_us)
			end(station, i, "has expired");
	}
	set_timer(station);
}

void
reservation_init(struct station *station)
{
	uv_timer_init(&station->fleet->loop, &station->reservation_timer);
	station->reservation_timer.data = station;
}

/* Why a connector cannot be reserved; NULL: it can. */
static const char *
obstacle(const struct station *station, uint32_t number, int64_t id)
{
	const struct connector *connector = &station->connectors[number];
	const char *status = connector->status;

	if (connector->is_inoperative || str_eq(status, "Unavailable"))
		return "Unavailable";
	if (str_eq(status, "Faulted"))
		return "Faulted";
	if (connector->reservation.is_set && connector->reservation.id != id)
		return "Occupied";
	if (connector->has_transaction || connector->actor.scenario)
		return "Occupied";
	if (status[0] && !str_eq(status, "Available") && !str_eq(status, "Reserved"))
		return "Occupied";
	return NULL;
}

struct json_object *
on_reserve(struct request *request)
{
	const struct station *station = request->station;
	int64_t id = ocppd_json_get_int(request->payload, "reservationId", INT64_MIN);
	int64_t number = feature_connector(request, 0);
	const char *tag = ocppd_json_get_str(request->payload, "idTag");
	const char *why = NULL;
	int64_t expiry_us;

	if (id == INT64_MIN || !tag || !ocppd_json_get(request->payload, "connectorId") ||
	    ocppd_json_get_time(request->payload, "expiryDate", &expiry_us) < 0)
		return feature_incomplete(request);
	if (number < 0 || expiry_us <= payload_now_us() || strlen(tag) > 20)
		return feature_status("Rejected");
	if (number == 0 && !feature_key_bool(station, "ReserveConnectorZeroSupported"))
		return feature_status("Rejected");
	request->number = (uint32_t)number;
	why = obstacle(station, (uint32_t)number, id);
	/* The station can be reserved as long as one connector can. */
	for (uint32_t i = 1; number == 0 && !why && i <= station->connector_count; i++) {
		why = obstacle(station, i, id);
		if (!why)
			break;
		why = i < station->connector_count ? NULL : why;
	}
	return feature_status(why ? why : "Accepted");
}

void
after_reserve(struct request *request)
{
	struct station *station = request->station;
	struct reservation *here = &station->connectors[request->number].reservation;
	const char *parent = ocppd_json_get_str(request->payload, "parentIdTag");
	int64_t id = ocppd_json_get_int(request->payload, "reservationId", 0);
	int64_t before = find_reservation(station, id);

	if (before >= 0 && before != request->number)
		end(station, (uint32_t)before, "moves to another connector");
	*here = (struct reservation){ .is_set = true, .id = id };
	(void)ocppd_json_get_time(request->payload, "expiryDate", &here->expiry_us);
	(void)str_copy(here->tag, sizeof(here->tag), ocppd_json_get_str(request->payload, "idTag"));
	(void)str_copy(here->parent, sizeof(here->parent), parent ? parent : "");
	if (request->number > 0)
		station_report(station, request->number, "Reserved");
	set_timer(station);
}

struct json_object *
on_cancel_reservation(struct request *request)
{
	request->value = find_reservation(
		request->station, ocppd_json_get_int(request->payload, "reservationId", INT64_MIN));
	return feature_status(request->value >= 0 ? "Accepted" : "Rejected");
}

void
after_cancel_reservation(struct request *request)
{
	end(request->station, (uint32_t)request->value, "is cancelled");
}

static bool
fits(const struct station *station, const struct reservation *reservation, const char *tag)
{
	const char *parent = local_list_parent(station, tag);

	return str_ci_eq(reservation->tag, tag) ||
	       (reservation->parent[0] != '\0' && str_ci_eq(reservation->parent, parent));
}

bool
reservation_permits(const struct station *station, uint32_t number, const char *tag)
{
	const struct reservation *here = &station->connectors[number].reservation;
	const struct reservation *whole = &station->connectors[0].reservation;
	uint32_t others = 0;

	if (here->is_set)
		return fits(station, here, tag);
	if (!whole->is_set || fits(station, whole, tag))
		return true;
	for (uint32_t i = 1; i <= station->connector_count; i++)
		others += i != number && session_is_free(station, i) &&
			  !station->connectors[i].reservation.is_set;
	return others > 0;
}

int64_t
reservation_use(struct station *station, uint32_t number, const char *tag)
{
	const uint32_t places[] = { number, 0 };

	for (size_t i = 0; i < 2; i++) {
		struct reservation *here = &station->connectors[places[i]].reservation;

		if (!here->is_set || !fits(station, here, tag))
			continue;
		here->is_set = false;
		set_timer(station);
		return here->id;
	}
	return -1;
}

void
reservation_lose(struct station *station, uint32_t number)
{
	struct reservation *here = &station->connectors[number].reservation;

	if (!here->is_set)
		return;
	here->is_set = false;
	station_note(station, OUTPUT_STEP, "reservation.ended", NULL,
		     "reservation %lld is lost with its connector", (long long)here->id);
	set_timer(station);
}
