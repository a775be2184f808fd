/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The reply memory (quirk C03): answers to actions flagged OCPPD_ACTION_ONCE, across connections.
 * One store for all stations, bounded in bytes, a number for each, and an age; the oldest go first.
 */
#include "base/text.h"
#include "ocpp/floor.h"

static size_t
reply_size(const struct reply *reply)
{
	return sizeof(*reply) + reply->len + strlen(reply->id) + 1;
}

static uint64_t
id_bucket(const struct ocppd_station *station, const char *id)
{
	return hash_bytes(id, strlen(id), (uint64_t)(uintptr_t)station) % REPLY_BUCKETS;
}

static void
reply_drop(struct ocpp *ocpp, struct reply *reply)
{
	TAILQ_REMOVE(&ocpp->router.replies, reply, by_age);
	TAILQ_REMOVE(&reply->station->replies, reply, by_station);
	LIST_REMOVE(reply, by_hash);
	LIST_REMOVE(reply, by_id);
	reply->station->reply_count--;
	ocpp->router.reply_bytes -= reply_size(reply);
	free(reply);
}

/* Drops what is too old, and the oldest until `more` bytes fit. */
static void
make_room(struct ocpp *ocpp, size_t more)
{
	int64_t oldest_us = clock_mono_us(&ocpp->core->clock) - REPLY_AGE_MAX_US;
	struct reply *reply;

	while ((reply = TAILQ_FIRST(&ocpp->router.replies)) != NULL) {
		if (reply->time_mono_us >= oldest_us &&
		    ocpp->router.reply_bytes + more <= (size_t)ocpp->conf.reply_memory)
			return;
		reply_drop(ocpp, reply);
	}
}

void
reply_keep(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message,
	   struct outbound *answer)
{
	size_t id_size = strlen(message->id) + 1;
	struct reply *reply;
	size_t len;
	const char *text = outbound_text(answer, &len);
	size_t size = sizeof(*reply) + len + id_size;

	if (text == NULL || size > (size_t)ocpp->conf.reply_memory)
		return;
	if (station->reply_count >= REPLIES_PER_STATION)
		reply_drop(ocpp, TAILQ_FIRST(&station->replies));
	make_room(ocpp, size);
	reply = malloc(size);
	if (reply == NULL)
		return;
	reply->station = station;
	reply->hash = message->payload_hash;
	reply->time_mono_us = clock_mono_us(&ocpp->core->clock);
	reply->len = len;
	reply->id = reply->text + len;
	memcpy(reply->text, text, len);
	memcpy(reply->id, message->id, id_size);
	TAILQ_INSERT_TAIL(&ocpp->router.replies, reply, by_age);
	TAILQ_INSERT_TAIL(&station->replies, reply, by_station);
	LIST_INSERT_HEAD(&ocpp->router.reply_buckets[reply->hash % REPLY_BUCKETS], reply, by_hash);
	LIST_INSERT_HEAD(&ocpp->router.reply_id_buckets[id_bucket(station, reply->id)], reply,
			 by_id);
	station->reply_count++;
	ocpp->router.reply_bytes += size;
}

/* C04: an id of a message that was answered lately, with another payload. */
static bool
is_id_known(const struct ocpp *ocpp, const struct ocppd_station *station, const char *id)
{
	const struct reply *reply;

	LIST_FOREACH (reply, &ocpp->router.reply_id_buckets[id_bucket(station, id)], by_id) {
		if (reply->station == station && str_eq(reply->id, id))
			return true;
	}
	return false;
}

struct outbound *
reply_find(struct ocpp *ocpp, struct ocppd_station *station, const struct inbound *message,
	   int64_t *ret_age_us)
{
	int64_t now_us = clock_mono_us(&ocpp->core->clock);
	struct reply *reply;

	LIST_FOREACH (reply, &ocpp->router.reply_buckets[message->payload_hash % REPLY_BUCKETS],
		      by_hash) {
		if (reply->hash != message->payload_hash || reply->station != station ||
		    !str_eq(reply->id, message->id) ||
		    now_us - reply->time_mono_us > REPLY_AGE_MAX_US)
			continue;
		*ret_age_us = now_us - reply->time_mono_us;
		return outbound_copy(reply->text, reply->len);
	}
	if (is_id_known(ocpp, station, message->id))
		station_quirk(ocpp, station, "C04", message->id);
	return NULL;
}

void
replies_fini(struct ocpp *ocpp)
{
	struct reply *reply;

	while ((reply = TAILQ_FIRST(&ocpp->router.replies)) != NULL)
		reply_drop(ocpp, reply);
}
