/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Events: publishing numbers and queues, one post delivers what gathered, in order. Each queued
 * event carries its own texts, so a publisher may be gone before it is delivered. Who subscribes
 * hears of what is published afterwards.
 */
#include "runtime/bus.h"

#include "base/map.h"
#include "base/text.h"
#include "runtime/catalogue.h"
#include "runtime/host.h"
#include "runtime/loop.h"

#include <json-c/json.h>

#define BATCH 256      /* events a post, before others get their turn */
#define FIELDS_DEPTH 8 /* of nested tables that are compared */

struct publisher {
	TAILQ_ENTRY(publisher) of_topic;
	struct ocppd_host *host;
	const struct ocppd_topic *row;
};

struct topic {
	TAILQ_ENTRY(topic) all;
	TAILQ_HEAD(, publisher) publishers; /* never empty */
	uint32_t listeners;                 /* subscriptions that match */
	char *name;
};

struct ocppd_subscription {
	TAILQ_ENTRY(ocppd_subscription) all;
	LIST_ENTRY(ocppd_subscription) owned;
	struct ocppd_host *host;
	ocppd_event_fn *fn; /* NULL: unsubscribed, freed when nobody walks */
	void *arg;
	uint64_t after; /* the newest event at its time */
	char pattern[];
};

struct queued {
	STAILQ_ENTRY(queued) next;
	struct ocppd_event event;
	char texts[];
};

struct bus {
	struct map topics;
	TAILQ_HEAD(, topic) all;
	TAILQ_HEAD(, ocppd_subscription) subscriptions;
	STAILQ_HEAD(, queued) queue;
	uint32_t queue_count;
	uint64_t sequence;
	uint64_t dropped;
	bool is_posted;
	bool is_full; /* said so in the log */
	bool is_walking;
	bool has_dead;
};

/* ---- Topics ---------------------------------------------------------------------------------- */

static bool
words_equal(const char *const *a, const char *const *b)
{
	if (!a || !b)
		return a == b;
	for (; *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !*a && !*b;
}

/* Depth is bounded by FIELDS_DEPTH, not by the tables. */
static bool
fields_equal(const struct ocppd_field *a, const struct ocppd_field *b, uint32_t count,
	     uint32_t depth)
{
	for (uint32_t i = 0; i < count; i++) {
		if (!str_eq(a[i].name, b[i].name) || a[i].type != b[i].type ||
		    a[i].flags != b[i].flags || a[i].min != b[i].min || a[i].max != b[i].max ||
		    !words_equal(a[i].one_of, b[i].one_of) ||
		    a[i].fields.count != b[i].fields.count)
			return false;
		if (a[i].fields.items == b[i].fields.items)
			continue;
		if (depth >= FIELDS_DEPTH || !fields_equal(a[i].fields.items, b[i].fields.items,
							   a[i].fields.count, depth + 1))
			return false;
	}
	return true;
}

static bool
topics_agree(const struct ocppd_topic *a, const struct ocppd_topic *b)
{
	return a->body.count == b->body.count &&
	       fields_equal(a->body.items, b->body.items, a->body.count, 0);
}

/* "*", "transaction.*", or the topic itself. */
static bool
pattern_matches(const char *pattern, const char *topic)
{
	size_t len = strlen(pattern);

	if (len && pattern[len - 1] == '*')
		return strncmp(pattern, topic, len - 1) == 0;
	return strcmp(pattern, topic) == 0;
}

static void
topic_free(struct bus *bus, struct topic *topic)
{
	(void)map_remove(&bus->topics, topic->name);
	TAILQ_REMOVE(&bus->all, topic, all);
	free(topic->name);
	free(topic);
}

static struct topic *
topic_new(struct bus *bus, const char *name)
{
	struct topic *topic = calloc(1, sizeof(*topic));
	const struct ocppd_subscription *subscription;

	if (!topic)
		return NULL;
	topic->name = str_dup(name);
	if (!topic->name || map_put(&bus->topics, topic->name, topic) < 0) {
		free(topic->name);
		free(topic);
		return NULL;
	}
	TAILQ_INIT(&topic->publishers);
	TAILQ_INSERT_TAIL(&bus->all, topic, all);
	TAILQ_FOREACH (subscription, &bus->subscriptions, all)
		if (subscription->fn && pattern_matches(subscription->pattern, name))
			topic->listeners++;
	return topic;
}

static const struct publisher *
find_publisher(const struct topic *topic, const struct ocppd_host *host)
{
	const struct publisher *publisher;

	TAILQ_FOREACH (publisher, &topic->publishers, of_topic)
		if (publisher->host == host)
			return publisher;
	return NULL;
}

static int
add_topic(struct bus *bus, struct ocppd_host *host, const struct ocppd_topic *row,
	  struct ocppd_error *err)
{
	struct topic *topic = map_find(&bus->topics, row->name);
	const struct publisher *first = topic ? TAILQ_FIRST(&topic->publishers) : NULL;
	struct publisher *publisher;

	if (topic && find_publisher(topic, host))
		return ocppd_error_set(err, OCPPD_ECONFLICT, "%s declares the topic '%s' twice",
				       host->name, row->name);
	if (first && !topics_agree(first->row, row))
		return ocppd_error_set(
			err, OCPPD_ECONFLICT,
			"%s and %s both publish the topic '%s', but with different bodies",
			first->host->name, host->name, row->name);
	publisher = calloc(1, sizeof(*publisher));
	if (publisher && !topic)
		topic = topic_new(bus, row->name);
	if (!publisher || !topic) {
		free(publisher);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	publisher->host = host;
	publisher->row = row;
	TAILQ_INSERT_TAIL(&topic->publishers, publisher, of_topic);
	return 0;
}

int
bus_add_topics(struct ocppd_core *core, struct ocppd_host *host, const struct ocppd_topic *rows,
	       uint32_t count, struct ocppd_error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		int r = add_topic(core->bus, host, &rows[i], err);

		if (r < 0)
			return r;
	}
	if (count)
		catalogue_changed(core);
	return 0;
}

void
bus_remove_topics(struct ocppd_core *core, struct ocppd_host *host)
{
	struct bus *bus = core->bus;
	struct topic *topic = TAILQ_FIRST(&bus->all);
	bool is_changed = false;

	while (topic) {
		struct topic *next = TAILQ_NEXT(topic, all);
		struct publisher *publisher = TAILQ_FIRST(&topic->publishers);

		while (publisher && publisher->host != host)
			publisher = TAILQ_NEXT(publisher, of_topic);
		if (publisher) {
			TAILQ_REMOVE(&topic->publishers, publisher, of_topic);
			free(publisher);
			is_changed = true;
		}
		if (TAILQ_EMPTY(&topic->publishers))
			topic_free(bus, topic);
		topic = next;
	}
	if (is_changed)
		catalogue_changed(core);
}

/* ---- Delivery -------------------------------------------------------------------------------- */

static void
sweep(struct bus *bus)
{
	struct ocppd_subscription *subscription = TAILQ_FIRST(&bus->subscriptions);

	while (bus->has_dead && subscription) {
		struct ocppd_subscription *next = TAILQ_NEXT(subscription, all);

		if (!subscription->fn) {
			TAILQ_REMOVE(&bus->subscriptions, subscription, all);
			free(subscription);
		}
		subscription = next;
	}
	bus->has_dead = false;
}

static void
deliver_one(struct bus *bus, const struct ocppd_event *event)
{
	struct ocppd_subscription *subscription;

	TAILQ_FOREACH (subscription, &bus->subscriptions, all) {
		struct ocppd_host *host = subscription->host;
		int64_t began;

		if (!subscription->fn || event->sequence <= subscription->after ||
		    !pattern_matches(subscription->pattern, event->topic))
			continue;
		began = host_enter(host);
		subscription->fn(host, event, subscription->arg);
		host_leave(host, began, event->topic);
	}
}

static void
queued_free(struct queued *queued)
{
	(void)json_object_put(queued->event.body);
	free(queued);
}

static void
deliver(struct ocppd_core *core, void *arg)
{
	struct bus *bus = core->bus;

	(void)arg;
	bus->is_posted = false;
	bus->is_walking = true;
	for (uint32_t i = 0; i < BATCH && !STAILQ_EMPTY(&bus->queue); i++) {
		struct queued *queued = STAILQ_FIRST(&bus->queue);

		STAILQ_REMOVE_HEAD(&bus->queue, next);
		bus->queue_count--;
		deliver_one(bus, &queued->event);
		queued_free(queued);
	}
	bus->is_walking = false;
	sweep(bus);
	if (STAILQ_EMPTY(&bus->queue))
		bus->is_full = false;
	else if (!bus->is_posted)
		bus->is_posted = loop_post(core, deliver, NULL) == 0;
}

static void
say_full(struct ocppd_core *core, struct ocppd_host *host, const char *topic)
{
	struct bus *bus = core->bus;

	bus->dropped++;
	if (bus->is_full)
		return;
	bus->is_full = true;
	OCPPD_WARN(host, "event.dropped", OCPPD_STR("topic", topic),
		   OCPPD_INT("limit", core->conf.event_queue));
}

static char *
put_text(char *at, const char *text, const char **ret_text)
{
	size_t size = strlen(text) + 1;

	memcpy(at, text, size);
	*ret_text = at;
	return at + size;
}

static struct queued *
queued_new(const struct ocppd_event *event)
{
	size_t station_size = event->station_id ? strlen(event->station_id) + 1 : 0;
	struct queued *queued = malloc(sizeof(*queued) + strlen(event->topic) + 1 +
				       strlen(event->publisher) + 1 + station_size);
	char *at;

	if (!queued)
		return NULL;
	queued->event = *event;
	at = put_text(queued->texts, event->topic, &queued->event.topic);
	at = put_text(at, event->publisher, &queued->event.publisher);
	if (event->station_id)
		(void)put_text(at, event->station_id, &queued->event.station_id);
	return queued;
}

static int
enqueue(struct ocppd_host *host, const struct ocppd_event *event)
{
	struct ocppd_core *core = host->core;
	struct bus *bus = core->bus;
	struct queued *queued;

	if (core->conf.event_queue > 0 && bus->queue_count >= core->conf.event_queue) {
		say_full(core, host, event->topic);
		return OCPPD_EBUSY;
	}
	if (!bus->is_posted)
		bus->is_posted = loop_post(core, deliver, NULL) == 0;
	queued = bus->is_posted ? queued_new(event) : NULL;
	if (!queued)
		return OCPPD_ENOMEM;
	if (!event->body)
		queued->event.body = json_object_new_object();
	if (!queued->event.body) {
		free(queued);
		return OCPPD_ENOMEM;
	}
	STAILQ_INSERT_TAIL(&bus->queue, queued, next);
	bus->queue_count++;
	return 0;
}

/* ---- Public ---------------------------------------------------------------------------------- */

int
ocppd_event_wanted(struct ocppd_host *host, const char *topic)
{
	const struct topic *found = map_find(&host->core->bus->topics, topic);

	return found && found->listeners > 0;
}

int
ocppd_event_publish(struct ocppd_host *host, const char *topic, const char *station_id,
		    struct json_object *body)
{
	struct ocppd_core *core = host->core;
	const struct topic *found = map_find(&core->bus->topics, topic);
	struct ocppd_event event = {
		.struct_size = sizeof(event),
		.topic = topic,
		.publisher = host->name,
		.station_id = station_id,
		.body = body,
	};
	int r = OCPPD_ENOENT;

	if (found && find_publisher(found, host)) {
		/* A refused event keeps its number: the gap tells whoever counts. */
		event.sequence = ++core->bus->sequence;
		event.time_us = clock_now_us(&core->clock);
		r = 0;
	}
	if (r == 0 && found->listeners) {
		r = enqueue(host, &event);
		if (r == 0)
			return 0;
	}
	(void)json_object_put(body);
	return r;
}

static void
count_listener(struct bus *bus, const char *pattern, bool is_added)
{
	struct topic *topic;

	TAILQ_FOREACH (topic, &bus->all, all) {
		if (!pattern_matches(pattern, topic->name))
			continue;
		if (is_added)
			topic->listeners++;
		else
			topic->listeners--;
	}
}

struct ocppd_subscription *
ocppd_event_subscribe(struct ocppd_host *host, const char *pattern, ocppd_event_fn *fn, void *arg)
{
	struct bus *bus = host->core->bus;
	size_t size = strlen(pattern) + 1;
	struct ocppd_subscription *subscription = calloc(1, sizeof(*subscription) + size);

	if (!subscription)
		return NULL;
	memcpy(subscription->pattern, pattern, size);
	subscription->host = host;
	subscription->fn = fn;
	subscription->arg = arg;
	subscription->after = bus->sequence;
	TAILQ_INSERT_TAIL(&bus->subscriptions, subscription, all);
	LIST_INSERT_HEAD(&host->subscriptions, subscription, owned);
	count_listener(bus, pattern, true);
	return subscription;
}

void
ocppd_event_unsubscribe(struct ocppd_subscription *subscription)
{
	struct bus *bus;

	if (!subscription)
		return;
	bus = subscription->host->core->bus;
	count_listener(bus, subscription->pattern, false);
	LIST_REMOVE(subscription, owned);
	subscription->fn = NULL;
	bus->has_dead = true;
	if (!bus->is_walking)
		sweep(bus);
}

int
ocppd_topic_each(struct ocppd_host *host, ocppd_topic_fn *fn, void *arg)
{
	const struct topic *topic;
	const struct publisher *publisher;

	TAILQ_FOREACH (topic, &host->core->bus->all, all) {
		TAILQ_FOREACH (publisher, &topic->publishers, of_topic) {
			int r = fn(publisher->row, publisher->host->name, arg);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

uint64_t
bus_sequence(const struct ocppd_core *core)
{
	return core->bus->sequence;
}

uint64_t
bus_dropped(const struct ocppd_core *core)
{
	return core->bus->dropped;
}

uint32_t
bus_queued(const struct ocppd_core *core)
{
	return core->bus->queue_count;
}

int
bus_init(struct ocppd_core *core, struct ocppd_error *err)
{
	struct bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	TAILQ_INIT(&bus->all);
	TAILQ_INIT(&bus->subscriptions);
	STAILQ_INIT(&bus->queue);
	core->bus = bus;
	return 0;
}

void
bus_fini(struct ocppd_core *core)
{
	struct bus *bus = core->bus;

	if (!bus)
		return;
	while (!STAILQ_EMPTY(&bus->queue)) {
		struct queued *queued = STAILQ_FIRST(&bus->queue);

		STAILQ_REMOVE_HEAD(&bus->queue, next);
		queued_free(queued);
	}
	map_fini(&bus->topics);
	free(bus);
	core->bus = NULL;
}
