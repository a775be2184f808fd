/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The Core profile's actions but for configuration: availability, the cache, transactions from
 * afar, resets, the lock.
 */
#include "features/feature.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>

struct json_object *
on_change_availability(struct request *request)
{
	const struct station *station = request->station;
	const char *type = ocppd_json_get_str(request->payload, "type");
	int64_t number = feature_connector(request, 0);
	bool is_scheduled = str_eq(request->word, "Scheduled");

	if (!type || !ocppd_json_get(request->payload, "connectorId"))
		return feature_incomplete(request);
	if (number < 0)
		return feature_status("Rejected");
	request->number = (uint32_t)number;
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if ((number == 0 || number == i) && station->connectors[i].has_transaction)
			is_scheduled = true;
	}
	request->value = is_scheduled && str_eq(type, "Inoperative");
	return feature_status(request->value ? "Scheduled" : "Accepted");
}

void
after_change_availability(struct request *request)
{
	struct station *station = request->station;
	bool is_off = str_eq(ocppd_json_get_str(request->payload, "type"), "Inoperative");
	bool is_told = str_eq(request->word, "Scheduled");

	for (uint32_t i = 0; i <= station->connector_count; i++) {
		struct connector *connector = &station->connectors[i];

		if (request->number != 0 && request->number != i)
			continue;
		/* What is told to be scheduled waits for a transaction even where none runs. */
		connector->is_scheduled = is_off && (connector->has_transaction || is_told);
		if (connector->is_scheduled)
			continue;
		connector->is_inoperative = is_off;
		if (is_off)
			reservation_lose(station, i);
		if (!connector->has_transaction)
			station_report(station, i, session_idle_status(station, i));
	}
}

struct json_object *
on_clear_cache(struct request *request)
{
	bool is_enabled = feature_key_bool(request->station, "AuthorizationCacheEnabled");

	return feature_status(is_enabled ? "Accepted" : "Rejected");
}

void
after_clear_cache(struct request *request)
{
	auth_list_clear(&request->station->cache);
}

struct json_object *
on_data_transfer(struct request *request)
{
	const char *vendor = ocppd_json_get_str(request->payload, "vendorId");
	const char *message = ocppd_json_get_str(request->payload, "messageId");
	const char *data = ocppd_json_get_str(request->payload, "data");
	struct json_object *reply;

	if (!vendor)
		return feature_incomplete(request);
	if (!str_eq(vendor, request->station->fleet->options->vendor))
		return feature_status("UnknownVendorId");
	if (message && !str_eq(message, "Echo"))
		return feature_status("UnknownMessageId");
	reply = feature_status("Accepted");
	if (data)
		(void)ocppd_json_add_str(reply, "data", data);
	return reply;
}

/* A connector for the tag: one that is reserved for it, else any that is free. */
static int64_t
choose(const struct station *station, const char *tag)
{
	int64_t found = -1;

	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if (!session_is_free(station, i) || !reservation_permits(station, i, tag))
			continue;
		if (station->connectors[i].reservation.is_set)
			return i;
		found = found < 0 ? i : found;
	}
	return found;
}

struct json_object *
on_remote_start(struct request *request)
{
	struct station *station = request->station;
	const char *tag = ocppd_json_get_str(request->payload, "idTag");
	struct json_object *json = ocppd_json_get(request->payload, "chargingProfile");
	bool is_named = ocppd_json_get(request->payload, "connectorId") != NULL;
	struct profile *profile = NULL;
	int64_t number;

	if (!tag)
		return feature_incomplete(request);
	number = is_named ? feature_connector(request, 1) : choose(station, tag);
	if (!station->is_accepted || strlen(tag) > 20 || number < 0 ||
	    !session_is_free(station, (uint32_t)number) ||
	    !reservation_permits(station, (uint32_t)number, tag))
		return feature_status("Rejected");
	if (json && !smart_read_tx(station, (uint32_t)number, json, &profile))
		return feature_status("Rejected");
	free(profile);
	request->number = (uint32_t)number;
	return feature_status("Accepted");
}

void
after_remote_start(struct request *request)
{
	struct station *station = request->station;
	struct connector *connector = &station->connectors[request->number];
	struct json_object *json = ocppd_json_get(request->payload, "chargingProfile");
	bool is_asked = feature_key_bool(station, "AuthorizeRemoteTxRequests");

	(void)str_copy(connector->tag, sizeof(connector->tag),
		       ocppd_json_get_str(request->payload, "idTag"));
	connector->stop_reason = NULL;
	free(connector->profile);
	connector->profile = NULL;
	if (json)
		(void)smart_read_tx(station, request->number, json, &connector->profile);
	/* Its first step is the question whether the tag is good. */
	actor_start(&connector->actor, station->fleet->remote, is_asked ? 0 : 1);
}

struct json_object *
on_remote_stop(struct request *request)
{
	request->number = session_find(request->station,
				       ocppd_json_get_int(request->payload, "transactionId", 0));
	return feature_status(request->number > 0 ? "Accepted" : "Rejected");
}

void
after_remote_stop(struct request *request)
{
	session_stop(request->station, request->number, "Remote");
}

struct json_object *
on_reset(struct request *request)
{
	const char *type = ocppd_json_get_str(request->payload, "type");

	if (!type)
		return feature_incomplete(request);
	if (!str_eq(type, "Soft") && !str_eq(type, "Hard")) {
		request->error = "PropertyConstraintViolation";
		return NULL;
	}
	return feature_status("Accepted");
}

void
after_reset(struct request *request)
{
	struct station *station = request->station;
	const char *type = ocppd_json_get_str(request->payload, "type");

	station->reset_reason = str_eq(type, "Soft") ? "SoftReset" : "HardReset";
	for (uint32_t i = 1; i <= station->connector_count; i++) {
		actor_stop(&station->connectors[i].actor);
		if (station->connectors[i].has_transaction)
			session_stop(station, i, station->reset_reason);
	}
	station_settle(station);
}

struct json_object *
on_unlock(struct request *request)
{
	int64_t number = feature_connector(request, 1);

	if (number < 0)
		return feature_status("NotSupported");
	request->number = (uint32_t)number;
	return feature_status("Unlocked");
}

void
after_unlock(struct request *request)
{
	session_stop(request->station, request->number, "UnlockCommand");
}
