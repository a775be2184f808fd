/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The life of a transaction at a connector: its beginning, also without a connection, the id that
 * comes later, and its end by whoever wants it.
 */
#include "features/feature.h"

#include "base/text.h"

#include <json-c/json.h>
#include <ocppd/json.h>

const char *
session_idle_status(const struct station *station, uint32_t number)
{
	const struct connector *connector = &station->connectors[number];

	if (connector->is_inoperative)
		return "Unavailable";
	return connector->reservation.is_set && number > 0 ? "Reserved" : "Available";
}

bool
session_is_free(const struct station *station, uint32_t number)
{
	const struct connector *connector = &station->connectors[number];

	return !connector->has_transaction && !connector->actor.scenario &&
	       !connector->is_inoperative && !str_eq(connector->status, "Faulted") &&
	       !str_eq(connector->status, "Unavailable");
}

uint32_t
session_find(const struct station *station, int64_t transaction)
{
	for (uint32_t i = 1; i <= station->connector_count && transaction > 0; i++) {
		if (station->connectors[i].has_transaction &&
		    station->connectors[i].transaction == transaction)
			return i;
	}
	return 0;
}

void
session_begin(struct station *station, uint32_t number, const char *tag)
{
	struct connector *connector = &station->connectors[number];

	(void)str_copy(connector->tag, sizeof(connector->tag), tag);
	connector->session = ++station->session;
	connector->transaction = 0;
	connector->start_wh = connector->energy_wh;
	connector->start_us = payload_now_us();
	connector->stop_reason = NULL;
	connector->wanted_w = station->fleet->options->power_w;
}

void
session_ended(struct station *station, uint32_t number)
{
	struct connector *connector = &station->connectors[number];

	connector->has_transaction = false;
	smart_end(station, number);
	if (connector->is_scheduled) {
		connector->is_scheduled = false;
		connector->is_inoperative = true;
	}
	firmware_session_over(station);
}

void
session_give_up(struct station *station, uint32_t number)
{
	smart_end(station, number); /* the profile that a remote start brought */
	station_report(station, number, session_idle_status(station, number));
}

static bool
is_metering(const struct actor *actor, uint32_t number)
{
	const struct step *step = actor_step(actor);
	const struct node *node = step ? step->params[PARAM_CONNECTOR] : NULL;
	int64_t named = actor->connector;

	if (!step || step->kind != STEP_METER)
		return false;
	if (node)
		(void)parse_i64(node->text, 0, INT32_MAX, &named);
	return named == number;
}

struct actor *
session_walker(struct station *station, uint32_t number)
{
	struct actor *walkers[] = { &station->connectors[number].actor, &station->main,
				    &station->console };

	for (size_t i = 0; i < sizeof(walkers) / sizeof(walkers[0]); i++) {
		if (is_metering(walkers[i], number))
			return walkers[i];
	}
	return NULL;
}

void
session_stop(struct station *station, uint32_t number, const char *reason)
{
	struct connector *connector = &station->connectors[number];
	struct actor *walker = session_walker(station, number);

	connector->stop_reason = reason;
	if (walker) {
		/* An outstanding sample's answer wakes it as well. */
		if (walker->phase == 1)
			actor_kick(walker);
		return;
	}
	if (!connector->has_transaction)
		return;
	station_call_session(station, NULL, connector, "StopTransaction",
			     payload_stop(station, connector, NULL, reason, true));
	session_ended(station, number);
	station_report(station, number, "Finishing");
	station_report(station, number, session_idle_status(station, number));
}

/* Messages that were made before the id was known. */
static void
fill_in(struct station *station, uint32_t session, int32_t transaction)
{
	for (struct call *call = station->queue; call; call = call->next) {
		if (call->session != session ||
		    ocppd_json_get_int(call->payload, "transactionId", -1) != 0)
			continue;
		json_object_object_add(call->payload, "transactionId",
				       json_object_new_int(transaction));
	}
}

void
session_known(struct station *station, const struct call *call, struct json_object *payload)
{
	int32_t transaction = (int32_t)ocppd_json_get_int(payload, "transactionId", 0);
	const char *status = ocppd_json_get_str(ocppd_json_get(payload, "idTagInfo"), "status");
	struct connector *connector = NULL;
	uint32_t number = 0;

	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if (station->connectors[i].session == call->session)
			number = i;
	}
	fill_in(station, call->session, transaction);
	if (number == 0)
		return;
	connector = &station->connectors[number];
	connector->transaction = transaction;
	if (!call->is_offline)
		connector->has_transaction = true;
	if (!connector->has_transaction)
		return; /* it ended offline */
	smart_begin(station, number);
	if (str_eq(status, "Accepted") || (call->step && call->step->params[PARAM_EXPECT]))
		return;
	if (!call->is_offline || feature_key_bool(station, "StopTransactionOnInvalidId"))
		session_stop(station, number, "DeAuthorized");
}
