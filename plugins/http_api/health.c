/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The check `clock`: a wall clock that stands before this was written, or that jumps against the
 * monotonic one, dates transactions wrongly. A jump is told for a while, since the records of that
 * time stay.
 */
#include "health.h"

#include <ocppd/plugin.h>

#include "http_api.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS 5000
#define JUMP_US INT64_C(2000000)
#define TOLD_US INT64_C(600000000)
#define LEAST_US INT64_C(1735689600000000) /* 2025-01-01: no clock is right before */
#define SECOND_US INT64_C(1000000)

struct health {
	struct api *api;
	struct ocppd_timer *timer;
	int64_t ahead_us;     /* the wall clock's lead over the monotonic one, as last seen */
	int64_t jump_mono_us; /* when the last jump was seen */
	int64_t jump_us;      /* 0: none */
};

static void
report(struct health *health)
{
	struct ocppd_host *host = health->api->host;
	char text[128];

	if (ocppd_now_us(host) < LEAST_US) {
		ocppd_health_set(host, "clock", OCPPD_HEALTH_DEGRADED,
				 "the clock stands before 2025: it was never set");
		return;
	}
	if (health->jump_us == 0) {
		ocppd_health_set(host, "clock", OCPPD_HEALTH_OK, NULL);
		return;
	}
	(void)snprintf(text, sizeof(text), "the clock was moved by %lld s",
		       (long long)(health->jump_us / SECOND_US));
	ocppd_health_set(host, "clock", OCPPD_HEALTH_DEGRADED, text);
}

static void
on_tick(struct ocppd_host *host, void *arg)
{
	struct health *health = arg;
	int64_t mono_us = ocppd_mono_us(host);
	int64_t ahead_us = ocppd_now_us(host) - mono_us;
	int64_t moved_us = ahead_us - health->ahead_us;

	health->ahead_us = ahead_us;
	if (moved_us > JUMP_US || moved_us < -JUMP_US) {
		OCPPD_WARN(host, "clock.moved", OCPPD_INT("dur_ms", moved_us / 1000));
		health->jump_us = moved_us;
		health->jump_mono_us = mono_us;
	} else if (health->jump_us != 0 && mono_us - health->jump_mono_us > TOLD_US) {
		health->jump_us = 0;
	}
	report(health);
	ocppd_timer_set(health->timer, EVERY_MS);
}

struct health *
health_new(struct api *api)
{
	struct health *health = calloc(1, sizeof(*health));

	if (health != NULL)
		health->api = api;
	return health;
}

void
health_free(struct health *health)
{
	free(health);
}

int
health_start(struct health *health)
{
	struct ocppd_host *host = health->api->host;

	health->timer = ocppd_timer_new(host, on_tick, health);
	if (health->timer == NULL)
		return OCPPD_ENOMEM;
	health->ahead_us = ocppd_now_us(host) - ocppd_mono_us(host);
	report(health);
	ocppd_timer_set(health->timer, EVERY_MS);
	return 0;
}

void
health_stop(struct health *health)
{
	ocppd_timer_free(health->timer);
	health->timer = NULL;
}
