/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Events: who may publish, who hears what in which order, bounds, and changes while delivering. */
#include "runtime_fixture.h"

#include <json-c/json.h>
#include <ocppd/json.h>

static const struct ocppd_field body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 48 },
	{ "transactionId", OCPPD_T_INTEGER },
};
static const struct ocppd_field same_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 48 },
	{ "transactionId", OCPPD_T_INTEGER },
};
static const struct ocppd_field other_body[] = {
	{ "stationId", OCPPD_T_STRING, OCPPD_REQUIRED, .max = 48 },
	{ "transactionId", OCPPD_T_STRING },
};
static const struct ocppd_topic topics[] = {
	{ "transaction.started", "A transaction began.", OCPPD_TABLE(body) },
	{ "transaction.stopped", "A transaction ended.", OCPPD_TABLE(body) },
	{ "meter.values", "Readings.", OCPPD_TABLE(body) },
};
static const struct ocppd_topic same_topics[] = {
	{ "transaction.started", "The same.", OCPPD_TABLE(same_body) },
};
static const struct ocppd_topic other_topics[] = {
	{ "transaction.started", "Another.", OCPPD_TABLE(other_body) },
};
static const struct ocppd_plugin publisher_plugin = {
	.guard = OCPPD_GUARD, .name = "pub", .version = "1", .topics = OCPPD_TABLE(topics)
};
static const struct ocppd_plugin same_plugin = {
	.guard = OCPPD_GUARD, .name = "same", .version = "1", .topics = OCPPD_TABLE(same_topics)
};
static const struct ocppd_plugin other_plugin = {
	.guard = OCPPD_GUARD, .name = "other", .version = "1", .topics = OCPPD_TABLE(other_topics)
};
static const struct ocppd_plugin listener_plugin = { .guard = OCPPD_GUARD,
						     .name = "ear",
						     .version = "1" };

struct ears {
	struct fixture fixture;
	struct ocppd_host pub;
	struct ocppd_host ear;
	char heard[4096];
	uint64_t last_sequence;
	struct ocppd_subscription *first;
	struct ocppd_subscription *second;
};

static void
ears_init(struct ears *ears)
{
	*ears = (struct ears){ 0 };
	fixture_init(&ears->fixture, true);
	fixture_host(&ears->fixture, &ears->pub, "pub", &publisher_plugin);
	fixture_host(&ears->fixture, &ears->ear, "ear", &listener_plugin);
	assert_int_equal(host_register(&ears->pub, NULL), 0);
	assert_int_equal(host_register(&ears->ear, NULL), 0);
}

static void
ears_fini(struct ears *ears)
{
	fixture_host_stop(&ears->ear);
	fixture_host_stop(&ears->pub);
	fixture_fini(&ears->fixture);
}

static void
hear(struct ears *ears, const char *who, const struct ocppd_event *event)
{
	size_t len = strlen(ears->heard);

	(void)snprintf(ears->heard + len, sizeof(ears->heard) - len, "%s:%s:%s:%d ", who,
		       event->topic, event->station_id ? event->station_id : "-",
		       (int)ocppd_json_get_int(event->body, "n", 0));
	ears->last_sequence = event->sequence;
}

static void
on_first(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct ears *ears = arg;

	assert_ptr_equal(host, &ears->ear);
	assert_int_equal(event->time_us, FIXTURE_NOW_US);
	hear(ears, "1", event);
}

static void
on_second(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	(void)host;
	hear(arg, "2", event);
}

static struct json_object *
number(int64_t n)
{
	struct json_object *object = json_object_new_object();

	assert_int_equal(ocppd_json_add_int(object, "n", n), 0);
	return object;
}

static void
event_reaches_matching_listeners_in_order(void **state)
{
	struct ears ears;

	(void)state;
	ears_init(&ears);
	assert_false(ocppd_event_wanted(&ears.pub, "transaction.started"));
	ears.first = ocppd_event_subscribe(&ears.ear, "transaction.*", on_first, &ears);
	ears.second = ocppd_event_subscribe(&ears.ear, "*", on_second, &ears);
	assert_true(ocppd_event_wanted(&ears.pub, "transaction.started"));
	assert_false(ocppd_event_wanted(&ears.pub, "unknown"));
	assert_int_equal(ocppd_event_publish(&ears.pub, "transaction.started", "CP1", number(1)),
			 0);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, NULL), 0);
	assert_int_equal(ocppd_event_publish(&ears.pub, "transaction.stopped", "CP1", number(2)),
			 0);
	assert_string_equal(ears.heard, "");
	(void)core_turn(&ears.fixture.core);
	assert_string_equal(ears.heard, "1:transaction.started:CP1:1 2:transaction.started:CP1:1 "
					"2:meter.values:-:0 "
					"1:transaction.stopped:CP1:2 2:transaction.stopped:CP1:2 ");
	assert_int_equal(ears.last_sequence, 3);
	assert_int_equal(bus_sequence(&ears.fixture.core), 3);
	ears_fini(&ears);
}

static void
event_of_an_undeclared_topic_is_refused(void **state)
{
	struct ears ears;

	(void)state;
	ears_init(&ears);
	assert_int_equal(ocppd_event_publish(&ears.pub, "station.connected", NULL, number(1)),
			 OCPPD_ENOENT);
	assert_int_equal(ocppd_event_publish(&ears.ear, "meter.values", NULL, number(1)),
			 OCPPD_ENOENT);
	assert_int_equal(bus_sequence(&ears.fixture.core), 0);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, number(1)), 0);
	assert_int_equal(bus_sequence(&ears.fixture.core), 1);
	ears_fini(&ears);
}

static void
event_beyond_the_bound_is_counted(void **state)
{
	struct ears ears;

	(void)state;
	ears_init(&ears);
	ears.first = ocppd_event_subscribe(&ears.ear, "meter.values", on_first, &ears);
	for (int i = 0; i < 300; i++)
		assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, NULL), 0);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, number(1)),
			 OCPPD_EBUSY);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, NULL), OCPPD_EBUSY);
	assert_int_equal(bus_dropped(&ears.fixture.core), 2);
	assert_int_equal(ears.fixture.lines, 1);
	(void)core_turn(&ears.fixture.core);
	assert_int_equal(ears.last_sequence, 300);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", NULL, NULL), 0);
	(void)core_turn(&ears.fixture.core);
	assert_int_equal(ears.last_sequence, 303);
	ears_fini(&ears);
}

static void
on_delete_both(struct ocppd_host *host, const struct ocppd_event *event, void *arg)
{
	struct ears *ears = arg;

	(void)host;
	hear(ears, "x", event);
	ocppd_event_unsubscribe(ears->first);
	ocppd_event_unsubscribe(ears->second);
	(void)ocppd_event_subscribe(host, "*", on_first, ears);
}

static void
subscription_deleted_while_delivering_hears_no_more(void **state)
{
	struct ears ears;

	(void)state;
	ears_init(&ears);
	ears.first = ocppd_event_subscribe(&ears.ear, "*", on_delete_both, &ears);
	ears.second = ocppd_event_subscribe(&ears.ear, "*", on_second, &ears);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", "A", NULL), 0);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", "B", NULL), 0);
	(void)core_turn(&ears.fixture.core);
	/* The new one hears of what is published from now on only. */
	assert_string_equal(ears.heard, "x:meter.values:A:0 ");
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", "C", NULL), 0);
	(void)core_turn(&ears.fixture.core);
	assert_string_equal(ears.heard, "x:meter.values:A:0 1:meter.values:C:0 ");
	ocppd_event_unsubscribe(NULL);
	ears_fini(&ears);
}

static void
event_outlives_its_publisher(void **state)
{
	struct ears ears;
	struct ocppd_host *same = calloc(1, sizeof(*same));

	(void)state;
	ears_init(&ears);
	fixture_host(&ears.fixture, same, "same", &same_plugin);
	assert_int_equal(host_register(same, NULL), 0);
	ears.first = ocppd_event_subscribe(&ears.ear, "*", on_first, &ears);
	assert_int_equal(ocppd_event_publish(same, "transaction.started", "A", NULL), 0);
	fixture_host_stop(same);
	free(same);
	(void)core_turn(&ears.fixture.core);
	assert_string_equal(ears.heard, "1:transaction.started:A:0 ");
	assert_int_equal(ocppd_event_publish(&ears.pub, "transaction.started", "B", NULL), 0);
	ears_fini(&ears);
}

static int
count_topic(const struct ocppd_topic *topic, const char *publisher, void *arg)
{
	assert_non_null(topic->name);
	assert_non_null(publisher);
	++*(int *)arg;
	return *(int *)arg == 99;
}

static void
topic_tables_must_agree(void **state)
{
	struct ears ears;
	struct ocppd_host same;
	struct ocppd_host other;
	struct ocppd_error err = { 0 };
	uint64_t generation;
	int count = 0;

	(void)state;
	ears_init(&ears);
	fixture_host(&ears.fixture, &same, "same", &same_plugin);
	fixture_host(&ears.fixture, &other, "other", &other_plugin);
	generation = ocppd_catalogue_generation(&ears.pub);
	assert_int_equal(host_register(&same, &err), 0);
	assert_true(ocppd_catalogue_generation(&ears.pub) > generation);
	assert_int_equal(ocppd_topic_each(&ears.pub, count_topic, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(host_register(&other, &err), OCPPD_ECONFLICT);
	assert_string_equal(err.text, "pub and other both publish the topic 'transaction.started', "
				      "but with different bodies");
	assert_int_equal(ocppd_event_publish(&other, "transaction.started", NULL, NULL),
			 OCPPD_ENOENT);
	fixture_host_stop(&same);
	fixture_host_stop(&other);
	ears_fini(&ears);
}

static void
event_undelivered_at_the_end_is_freed(void **state)
{
	struct ears ears;

	(void)state;
	ears_init(&ears);
	ears.first = ocppd_event_subscribe(&ears.ear, "*", on_first, &ears);
	assert_int_equal(ocppd_event_publish(&ears.pub, "meter.values", "A", number(1)), 0);
	ears_fini(&ears);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_reaches_matching_listeners_in_order),
		cmocka_unit_test(event_of_an_undeclared_topic_is_refused),
		cmocka_unit_test(event_beyond_the_bound_is_counted),
		cmocka_unit_test(subscription_deleted_while_delivering_hears_no_more),
		cmocka_unit_test(event_outlives_its_publisher),
		cmocka_unit_test(topic_tables_must_agree),
		cmocka_unit_test(event_undelivered_at_the_end_is_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
