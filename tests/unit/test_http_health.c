/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The health check `clock` on a host whose two clocks are turned by hand. The host's few functions
 * that the check needs are here.
 */
#include "../../plugins/http_api/health.h"

#include "../../plugins/http_api/http_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECOND_US INT64_C(1000000)
#define YEAR_2026_US INT64_C(1767225600000000)

struct ocppd_timer {
	ocppd_timer_fn *fn;
	void *arg;
	int64_t delay_ms; /* -1: does not run */
};

struct ocppd_host {
	struct ocppd_timer timer;
	int64_t wall_us;
	int64_t mono_us;
	uint32_t level;
	char text[128];
};

int64_t
ocppd_now_us(struct ocppd_host *host)
{
	return host->wall_us;
}

int64_t
ocppd_mono_us(struct ocppd_host *host)
{
	return host->mono_us;
}

void
ocppd_health_set(struct ocppd_host *host, const char *check, uint32_t level, const char *text)
{
	assert_string_equal(check, "clock");
	host->level = level;
	(void)snprintf(host->text, sizeof(host->text), "%s", text == NULL ? "" : text);
}

struct ocppd_timer *
ocppd_timer_new(struct ocppd_host *host, ocppd_timer_fn *fn, void *arg)
{
	host->timer = (struct ocppd_timer){ fn, arg, -1 };
	return &host->timer;
}

void
ocppd_timer_set(struct ocppd_timer *timer, int64_t delay_ms)
{
	timer->delay_ms = delay_ms;
}

void
ocppd_timer_free(struct ocppd_timer *timer)
{
	timer->delay_ms = -1;
}

int
ocppd_log_enabled(struct ocppd_host *host, uint32_t level)
{
	(void)host;
	(void)level;
	return 0;
}

void
ocppd_log(struct ocppd_host *host, uint32_t level, const char *event, const struct ocppd_kv *kv,
	  uint32_t count)
{
	(void)host;
	(void)level;
	(void)event;
	(void)kv;
	(void)count;
}

/* Lets time pass by both clocks, and the wall clock be moved besides. */
static void
pass(struct ocppd_host *host, int64_t moved_us)
{
	assert_true(host->timer.delay_ms > 0);
	host->mono_us += host->timer.delay_ms * 1000;
	host->wall_us += host->timer.delay_ms * 1000 + moved_us;
	host->timer.delay_ms = -1;
	host->timer.fn(host, host->timer.arg);
}

static void
clock_moved_is_told_for_a_while(void **state)
{
	static const int64_t moves_us[] = { 3600 * SECOND_US, -3600 * SECOND_US, 3 * SECOND_US };
	struct ocppd_host host = { .wall_us = YEAR_2026_US, .mono_us = 5 * SECOND_US };
	struct api api = { .host = &host };
	struct health *health = health_new(&api);

	(void)state;
	assert_non_null(health);
	assert_int_equal(health_start(health), 0);
	assert_int_equal(host.level, OCPPD_HEALTH_OK);
	for (size_t i = 0; i < sizeof(moves_us) / sizeof(moves_us[0]); i++) {
		int64_t until_us;

		pass(&host, 0);
		pass(&host, SECOND_US); /* as time services do it */
		assert_int_equal(host.level, OCPPD_HEALTH_OK);
		pass(&host, moves_us[i]);
		assert_int_equal(host.level, OCPPD_HEALTH_DEGRADED);
		assert_non_null(strstr(host.text, "was moved by"));
		until_us = host.mono_us + 600 * SECOND_US;
		while (host.mono_us < until_us) {
			pass(&host, 0);
			if (host.mono_us <= until_us)
				assert_int_equal(host.level, OCPPD_HEALTH_DEGRADED);
		}
		pass(&host, 0);
		assert_int_equal(host.level, OCPPD_HEALTH_OK);
	}
	health_stop(health);
	health_free(health);
}

static void
clock_never_set_is_told_until_it_is(void **state)
{
	struct ocppd_host host = { .wall_us = 1000 * SECOND_US, .mono_us = 5 * SECOND_US };
	struct api api = { .host = &host };
	struct health *health = health_new(&api);

	(void)state;
	assert_non_null(health);
	assert_int_equal(health_start(health), 0);
	assert_int_equal(host.level, OCPPD_HEALTH_DEGRADED);
	assert_non_null(strstr(host.text, "never set"));
	pass(&host, 0);
	assert_int_equal(host.level, OCPPD_HEALTH_DEGRADED);
	pass(&host, YEAR_2026_US);
	/* Set now; what was dated before stays, and is told of. */
	assert_int_equal(host.level, OCPPD_HEALTH_DEGRADED);
	assert_non_null(strstr(host.text, "was moved by"));
	health_stop(health);
	health_free(health);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_moved_is_told_for_a_while),
		cmocka_unit_test(clock_never_set_is_told_until_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
