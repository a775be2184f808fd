/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * http_api: the check `clock`, with a wall clock that is moved against the monotonic one.
 */
#include "runtime_fixture.h"

#include "../../plugins/http_api/health.h"
#include "../../plugins/http_api/http_api.h"

#define TICK_US INT64_C(5000000)
#define TOLD_US INT64_C(600000000)
#define YEAR_2025_US INT64_C(1735689600000000)

struct bed {
	struct fixture fixture;
	struct ocppd_host host;
	struct api api;
	struct health *health;
	uint32_t level; /* of the check, as last looked at */
	char text[128];
	uint32_t told; /* log lines of a jump */
};

static const struct ocppd_plugin plugin = { .name = "http_api" };

static int
on_check(const char *owner, const char *check, uint32_t level, const char *text, void *arg)
{
	struct bed *bed = arg;

	assert_string_equal(owner, "http_api");
	assert_string_equal(check, "clock");
	bed->level = level;
	(void)snprintf(bed->text, sizeof(bed->text), "%s", text != NULL ? text : "");
	return 0;
}

static void
look(struct bed *bed)
{
	bed->level = UINT32_MAX;
	assert_int_equal(ocppd_health_each(&bed->host, on_check, bed), 0);
	assert_int_not_equal(bed->level, UINT32_MAX); /* the check is there */
}

/* What an operator, or NTP, does to the host's clock. */
static void
move_clock(struct bed *bed, int64_t by_us)
{
	atomic_fetch_add(&bed->fixture.core.clock.manual_now_us, by_us);
}

static void
expect(struct bed *bed, uint32_t level, const char *text)
{
	look(bed);
	assert_int_equal(bed->level, level);
	assert_string_equal(bed->text, text);
}

static void
on_line(const char *line, void *arg)
{
	struct bed *bed = arg;

	bed->told += strstr(line, " ev=clock.moved ") != NULL;
}

static void
bed_init(struct bed *bed, int64_t moved_us)
{
	*bed = (struct bed){ .level = 0 };
	fixture_init(&bed->fixture, true);
	log_set_sink(bed->fixture.log, on_line, bed);
	fixture_host(&bed->fixture, &bed->host, "http_api", &plugin);
	bed->api.host = &bed->host;
	move_clock(bed, moved_us);
	bed->health = health_new(&bed->api);
	assert_non_null(bed->health);
	assert_int_equal(health_start(bed->health), 0);
}

static void
bed_fini(struct bed *bed)
{
	health_stop(bed->health);
	health_free(bed->health);
	fixture_host_stop(&bed->host);
	fixture_fini(&bed->fixture);
}

static void
clock_that_runs_is_well(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 0);
	expect(&bed, OCPPD_HEALTH_OK, "");
	core_advance(&bed.fixture.core, 100 * TICK_US);
	expect(&bed, OCPPD_HEALTH_OK, "");
	bed_fini(&bed);
}

static void
clock_that_is_slewed_is_well(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 0);
	/* 2 s in 5 s at most: an hour and more in all, never a jump. */
	for (int i = 0; i < 1000; i++) {
		move_clock(&bed, i % 3 == 0 ? -2000000 : 2000000);
		core_advance(&bed.fixture.core, TICK_US);
		expect(&bed, OCPPD_HEALTH_OK, "");
	}
	assert_int_equal(bed.told, 0);
	bed_fini(&bed);
}

static void
clock_that_jumps_is_told_for_a_while(void **state)
{
	static const struct {
		int64_t by_us;
		const char *text;
	} rows[] = {
		{ 2000001, "the clock was moved by 2 s" },
		{ -2000001, "the clock was moved by -2 s" },
		{ INT64_C(3600000000), "the clock was moved by 3600 s" },
		{ INT64_C(-86400000000), "the clock was moved by -86400 s" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bed bed;

		bed_init(&bed, 0);
		core_advance(&bed.fixture.core, TICK_US);
		move_clock(&bed, rows[i].by_us);
		expect(&bed, OCPPD_HEALTH_OK, ""); /* not seen yet */
		core_advance(&bed.fixture.core, TICK_US);
		expect(&bed, OCPPD_HEALTH_DEGRADED, rows[i].text);
		core_advance(&bed.fixture.core, TOLD_US);
		expect(&bed, OCPPD_HEALTH_DEGRADED, rows[i].text);
		core_advance(&bed.fixture.core, TICK_US);
		expect(&bed, OCPPD_HEALTH_OK, "");
		assert_int_equal(bed.told, 1);
		bed_fini(&bed);
	}
}

static void
clock_that_jumps_again_is_told_anew(void **state)
{
	struct bed bed;

	(void)state;
	bed_init(&bed, 0);
	move_clock(&bed, 10000000);
	core_advance(&bed.fixture.core, TOLD_US);
	expect(&bed, OCPPD_HEALTH_DEGRADED, "the clock was moved by 10 s");
	/* Back again: the records of the time between stay wrong. */
	move_clock(&bed, -10000000);
	core_advance(&bed.fixture.core, TICK_US);
	expect(&bed, OCPPD_HEALTH_DEGRADED, "the clock was moved by -10 s");
	core_advance(&bed.fixture.core, TOLD_US);
	expect(&bed, OCPPD_HEALTH_DEGRADED, "the clock was moved by -10 s");
	core_advance(&bed.fixture.core, TICK_US);
	expect(&bed, OCPPD_HEALTH_OK, "");
	bed_fini(&bed);
}

static void
clock_that_was_never_set_is_told_from_the_start(void **state)
{
	static const char never[] = "the clock stands before 2025: it was never set";
	struct bed bed;

	(void)state;
	bed_init(&bed, YEAR_2025_US - FIXTURE_NOW_US - 1);
	expect(&bed, OCPPD_HEALTH_DEGRADED, never);
	core_advance(&bed.fixture.core, TICK_US);
	expect(&bed, OCPPD_HEALTH_OK, ""); /* it came to 2025 by itself */
	bed_fini(&bed);

	bed_init(&bed, -FIXTURE_NOW_US);
	expect(&bed, OCPPD_HEALTH_DEGRADED, never);
	core_advance(&bed.fixture.core, TICK_US);
	expect(&bed, OCPPD_HEALTH_DEGRADED, never);
	/* Set at last: that is a jump, and what was recorded before it is wrong. */
	move_clock(&bed, FIXTURE_NOW_US);
	core_advance(&bed.fixture.core, TICK_US);
	look(&bed);
	assert_int_equal(bed.level, OCPPD_HEALTH_DEGRADED);
	assert_non_null(strstr(bed.text, "was moved by"));
	core_advance(&bed.fixture.core, TOLD_US + TICK_US);
	expect(&bed, OCPPD_HEALTH_OK, "");
	bed_fini(&bed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_that_runs_is_well),
		cmocka_unit_test(clock_that_is_slewed_is_well),
		cmocka_unit_test(clock_that_jumps_is_told_for_a_while),
		cmocka_unit_test(clock_that_jumps_again_is_told_anew),
		cmocka_unit_test(clock_that_was_never_set_is_told_from_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
