/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Remote starts that are still to show (quirk G08). The message has no correlation id: a start of
 * the same tag at the same connector is taken for it. One that does not come in time is told to the
 * operator. In memory: after a restart nothing is expected any more.
 */
#include "ocpp16_core.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define INTENTS_MAX 16 /* of one station */
#define CONNECTION_TIMEOUT_S 60
#define CONNECTION_TIMEOUT_MAX_S 86400

struct intent {
	struct intent *next; /* of the same station, oldest first */
	struct core16 *ctx;
	struct ocppd_station *station;
	struct ocppd_timer *timer; /* runs once the station agreed */
	int64_t connector_id;      /* 0: any */
	int64_t wait_s;
	char *profile; /* the request's charging profile as JSON, or NULL */
	char message_id[40];
	char requester[64];
	char tag[]; /* as sent */
};

/* The key is being looked up; the intent may be over by then. */
struct lookup {
	struct core16 *ctx;
	struct ocppd_station *station;
	char message_id[40];
};

static void
intent_free(struct intent *intent)
{
	struct intent **at = &core16_slot(intent->ctx, intent->station)->intents;

	while (*at != intent)
		at = &(*at)->next;
	*at = intent->next;
	ocppd_timer_free(intent->timer);
	free(intent->profile);
	free(intent);
}

void
intents_free(struct core16_slot *slot)
{
	while (slot->intents != NULL)
		intent_free(slot->intents);
}

static struct intent *
intent_find(struct core16 *ctx, struct ocppd_station *station, const char *message_id)
{
	struct intent *intent = core16_slot(ctx, station)->intents;

	while (intent != NULL && strcmp(intent->message_id, message_id) != 0)
		intent = intent->next;
	return intent;
}

static struct json_object *
intent_body(const struct intent *intent)
{
	struct json_object *body = json_object_new_object();

	if (body == NULL)
		return NULL;
	ocppd_json_add_str(body, "stationId", ocppd_station_id(intent->station));
	ocppd_json_add_str(body, "messageId", intent->message_id);
	ocppd_json_add_str(body, "requester", intent->requester);
	ocppd_json_add_str(body, "idTag", intent->tag);
	return body;
}

static void
on_expired(struct ocppd_host *host, void *arg)
{
	struct intent *intent = arg;
	struct json_object *body = NULL;

	OCPPD_WARN(host, "remote_start.expired",
		   OCPPD_STR("station", ocppd_station_id(intent->station)),
		   OCPPD_STR("msgid", intent->message_id), OCPPD_TAG("tag", intent->tag),
		   OCPPD_INT("connector", intent->connector_id),
		   OCPPD_INT("waited_s", intent->wait_s), OCPPD_STR("quirk", "G08"));
	ocppd_quirk_hit(host, intent->station, "G08", NULL);
	if (ocppd_event_wanted(host, OCPPD_EVENT_REMOTE_START_EXPIRED))
		body = intent_body(intent);
	if (body != NULL) {
		if (intent->connector_id > 0)
			ocppd_json_add_int(body, "connectorId", intent->connector_id);
		ocppd_json_add_int(body, "waitedSeconds", intent->wait_s);
		(void)ocppd_event_publish(host, OCPPD_EVENT_REMOTE_START_EXPIRED,
					  ocppd_station_id(intent->station), body);
	}
	intent_free(intent);
}

/* ---- The request -------------------------------------------------------------------------------
 */

void
intent_begin(struct core16 *ctx, struct ocppd_outcall *call, struct json_object *req)
{
	struct core16_slot *slot = core16_slot(ctx, ocppd_outcall_station(call));
	const char *tag = ocppd_json_get_str(req, "idTag");
	struct json_object *profile = ocppd_json_get(req, "chargingProfile");
	struct intent **at = &slot->intents;
	struct intent *intent;
	uint32_t count = 0;
	size_t size;

	for (; *at != NULL; at = &(*at)->next)
		count++;
	if (tag == NULL || count >= INTENTS_MAX)
		return;
	size = strlen(tag) + 1;
	intent = calloc(1, sizeof(*intent) + size);
	if (intent == NULL)
		return;
	memcpy(intent->tag, tag, size);
	intent->ctx = ctx;
	intent->station = ocppd_outcall_station(call);
	intent->connector_id = ocppd_json_get_int(req, "connectorId", 0);
	snprintf(intent->message_id, sizeof(intent->message_id), "%s",
		 ocppd_outcall_message_id(call));
	snprintf(intent->requester, sizeof(intent->requester), "%s", ocppd_outcall_requester(call));
	if (profile != NULL)
		intent->profile =
			strdup(json_object_to_json_string_ext(profile, JSON_C_TO_STRING_PLAIN));
	*at = intent;
}

static void
intent_arm(struct core16 *ctx, struct intent *intent, int64_t connection_s)
{
	intent->wait_s = connection_s + ctx->conf->remote_start_margin_s;
	if (intent->timer == NULL)
		intent->timer = ocppd_timer_new(ctx->host, on_expired, intent);
	if (intent->timer == NULL)
		intent_free(intent);
	else
		ocppd_timer_set(intent->timer, intent->wait_s * 1000);
}

static void
on_connection_timeout(struct ocppd_host *host, int result, const struct ocppd_station_key *key,
		      void *arg)
{
	struct lookup *lookup = arg;
	struct core16 *ctx = lookup->ctx;
	struct intent *intent = intent_find(ctx, lookup->station, lookup->message_id);
	int64_t seconds = CONNECTION_TIMEOUT_S;

	(void)host;
	(void)result;
	if (key != NULL && key->value != NULL)
		seconds = number_of(key->value, CONNECTION_TIMEOUT_S, CONNECTION_TIMEOUT_MAX_S);
	if (intent != NULL && !ctx->is_stopping)
		intent_arm(ctx, intent, seconds);
	free(lookup);
	core16_done(ctx);
}

static void
intent_accepted(struct core16 *ctx, struct intent *intent)
{
	struct lookup *lookup = malloc(sizeof(*lookup));
	int r = OCPPD_ENOMEM;

	if (lookup != NULL) {
		lookup->ctx = ctx;
		lookup->station = intent->station;
		memcpy(lookup->message_id, intent->message_id, sizeof(lookup->message_id));
		r = ctx->stations->key_find(ctx->stations_self, ctx->host, intent->station,
					    "ConnectionTimeOut", on_connection_timeout, lookup);
	}
	if (r == OCPPD_PENDING) {
		ctx->outstanding++;
		return;
	}
	free(lookup);
	intent_arm(ctx, intent, CONNECTION_TIMEOUT_S);
}

void
completed_remote_start(struct ocppd_host *host, struct ocppd_outcall *call, uint32_t result,
		       struct json_object *req, struct json_object *conf, void *arg)
{
	struct core16 *ctx = arg;
	struct intent *intent =
		intent_find(ctx, ocppd_outcall_station(call), ocppd_outcall_message_id(call));
	const char *status = ocppd_json_get_str(conf, "status");

	(void)host;
	(void)req;
	/* It may have begun before the station confirmed. */
	if (intent == NULL)
		return;
	if (result == OCPPD_RES_REPLY && status != NULL && strcmp(status, "Accepted") == 0 &&
	    !ctx->is_stopping)
		intent_accepted(ctx, intent);
	else
		intent_free(intent);
}

/* ---- The start ---------------------------------------------------------------------------------
 */

static struct intent *
intent_match(struct core16 *ctx, struct ocppd_station *station, const char *tag,
	     int64_t connector_id)
{
	struct intent *intent = core16_slot(ctx, station)->intents;

	while (intent != NULL && ((intent->connector_id > 0 && connector_id > 0 &&
				   intent->connector_id != connector_id) ||
				  tag == NULL || !text_equal(intent->tag, tag)))
		intent = intent->next;
	return intent;
}

bool
intent_expects(struct core16 *ctx, struct ocppd_station *station, const char *tag,
	       int64_t connector_id)
{
	return intent_match(ctx, station, tag, connector_id) != NULL;
}

void
intent_started(struct core16 *ctx, struct ocppd_station *station, const char *tag,
	       const struct intent_start *start)
{
	struct intent *intent = intent_match(ctx, station, tag, start->connector_id);
	struct json_object *body = NULL;

	if (intent == NULL)
		return;
	OCPPD_INFO(ctx->host, "remote_start.matched",
		   OCPPD_STR("station", ocppd_station_id(station)),
		   OCPPD_STR("msgid", intent->message_id),
		   OCPPD_INT("transaction", start->transaction_id));
	if (ocppd_event_wanted(ctx->host, OCPPD_EVENT_REMOTE_START_MATCHED))
		body = intent_body(intent);
	if (body != NULL) {
		ocppd_json_add_int(body, "connectorId", start->connector_id);
		ocppd_json_add_int(body, "transactionId", start->transaction_id);
		if (intent->profile != NULL)
			ocppd_json_add(body, "chargingProfile",
				       json_tokener_parse(intent->profile));
		(void)ocppd_event_publish(ctx->host, OCPPD_EVENT_REMOTE_START_MATCHED,
					  ocppd_station_id(station), body);
	}
	intent_free(intent);
}
