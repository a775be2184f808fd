/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The life of credentials: read, put in force, renewed, and complained about in time. Certificates
 * that end unseen are what takes whole fleets offline (A14), so logs say it 90, 30 and 7 days
 * ahead, and the health check `tls` from 30 days on. Core thread.
 */
#include "transport/renewal.h"

#include <ocppd/log.h>
#include <ocppd/metric.h>

#include "base/clock.h"
#include "base/text.h"
#include "runtime/loop.h"
#include "transport/credentials.h"
#include "transport/tls.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#define HEALTH_CHECK "tls"
#define HEALTH_DAYS 30
#define WATCH_INTERVAL_S 3600
#define TICKETS_LIFE_US (INT64_C(86400) * 1000000)
#define DAY_S 86400

static int64_t
now_s(const struct transport *transport)
{
	return clock_now_us(&transport->core->clock) / 1000000;
}

bool
renewal_has_tls(const struct transport *transport, uint32_t listener)
{
	return listener < transport->credential_count && transport->credentials &&
	       transport->credentials[listener];
}

/* ---- Reading ----------------------------------------------------------------------------- */

static int
read_one(const struct tls_conf *conf, uint32_t i, int64_t at_s,
	 struct credentials **ret_credentials, struct ocppd_error *err)
{
	int r = tls_check_ciphers(conf, i, err);

	if (r < 0)
		return r;
	return credentials_read(conf, i, at_s, ret_credentials, err);
}

int
renewal_check(const struct transport_conf *conf, struct ocppd_error *err)
{
	const struct listener_conf *listeners = conf->listeners.items;

	for (uint32_t i = 0; i < conf->listeners.count; i++) {
		struct credentials *credentials = NULL;

		if (listeners[i].tls.certificates.count == 0)
			continue;
		int r = read_one(&listeners[i].tls, i, time(NULL), &credentials, err);
		credentials_unref(credentials);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- Handing over ------------------------------------------------------------------------ */

static int
push_to(struct io *io, uint32_t listener, struct credentials *credentials)
{
	struct tls_swap *swap = malloc(sizeof(*swap));

	if (!swap)
		return OCPPD_ENOMEM;
	swap->listener = listener;
	swap->credentials = credentials_ref(credentials);
	if (chain_push(&io->tls_swaps, &swap->link) == 1)
		io_wake(io);
	return 0;
}

/* Takes the credentials. A thread that misses them goes on with the old ones. */
static void
put_in_force_take(struct transport *transport, uint32_t listener, struct credentials *credentials)
{
	for (uint32_t i = 0; i < transport->io_count; i++) {
		if (push_to(&transport->ios[i], listener, credentials) < 0)
			OCPPD_ERROR(transport->core->self, "tls.failed",
				    OCPPD_INT("listener", listener),
				    OCPPD_STR("err", "out of memory: reload once more"));
	}
	credentials_unref(transport->credentials[listener]);
	transport->credentials[listener] = credentials;
}

static void
log_loaded(const struct transport *transport, uint32_t listener)
{
	const struct credentials *credentials = transport->credentials[listener];
	int64_t left_s = credentials->ends_s - now_s(transport);

	OCPPD_INFO(transport->core->self, "certificate.loaded", OCPPD_INT("listener", listener),
		   OCPPD_STR("file", credentials->ends_file), OCPPD_INT("days", left_s / DAY_S));
}

/* ---- Watching ---------------------------------------------------------------------------- */

static void
date_text(int64_t at_s, char *ret_text, size_t size)
{
	time_t at = (time_t)at_s;
	struct tm tm;

	ret_text[0] = '\0';
	if (gmtime_r(&at, &tm))
		(void)strftime(ret_text, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

/* One line at each step of the way to the end. */
static void
log_ending(struct transport *transport, uint32_t listener, int64_t days)
{
	static const int64_t steps[] = { 90, 30, 7, 0 };
	const struct credentials *credentials = transport->credentials[listener];
	uint32_t step = 0;
	char date[32];

	while (step < sizeof(steps) / sizeof(steps[0]) && days < steps[step])
		step++;
	if (step <= transport->warned_steps[listener])
		return;
	transport->warned_steps[listener] = (uint8_t)step;
	date_text(credentials->ends_s, date, sizeof(date));
	OCPPD_LOG(transport->core->self, days < 0 ? OCPPD_LOG_ERROR : OCPPD_LOG_WARN,
		  days < 0 ? "certificate.ended" : "certificate.ending",
		  OCPPD_INT("listener", listener), OCPPD_STR("file", credentials->ends_file),
		  OCPPD_STR("ends", date), OCPPD_INT("days", days),
		  OCPPD_STR("err", "renew it and reload: stations refuse it after its end"));
}

static void
watch(struct transport *transport)
{
	const struct credentials *first = NULL;
	char date[32];
	char text[256];

	for (uint32_t i = 0; i < transport->credential_count; i++) {
		const struct credentials *credentials = transport->credentials[i];

		if (!credentials)
			continue;
		int64_t left_s = credentials->ends_s - now_s(transport);
		log_ending(transport, i, left_s < 0 ? -1 : left_s / DAY_S);
		if (!first || credentials->ends_s < first->ends_s)
			first = credentials;
	}
	if (!first)
		return;

	int64_t left_s = first->ends_s - now_s(transport);
	date_text(first->ends_s, date, sizeof(date));
	(void)snprintf(text, sizeof(text), "%s %s at %s", first->ends_file,
		       left_s < 0 ? "ended" : "ends", date);
	ocppd_health_set(transport->core->self, HEALTH_CHECK,
			 left_s < 0                     ? OCPPD_HEALTH_FAILED
			 : left_s < HEALTH_DAYS * DAY_S ? OCPPD_HEALTH_DEGRADED
							: OCPPD_HEALTH_OK,
			 text);
}

/* What was recorded of a resumed session can be read by whoever gets the tickets' keys: they do not
 * live long. */
static void
renew_tickets(struct transport *transport)
{
	int64_t now_us = clock_mono_us(&transport->core->clock);

	if (now_us - transport->tickets_mono_us < TICKETS_LIFE_US)
		return;
	transport->tickets_mono_us = now_us;
	for (uint32_t i = 0; i < transport->credential_count; i++) {
		struct credentials *fresh = NULL;

		if (transport->credentials[i] &&
		    credentials_renew_tickets(transport->credentials[i], &fresh) == 0)
			put_in_force_take(transport, i, fresh);
	}
}

static void
on_watch(evutil_socket_t fd, short what, void *arg)
{
	struct transport *transport = arg;
	struct timeval delay = { .tv_sec = WATCH_INTERVAL_S };

	(void)fd;
	(void)what;
	renew_tickets(transport);
	watch(transport);
	(void)event_add(transport->watch_timer, &delay);
}

/* ---- Life -------------------------------------------------------------------------------- */

static bool
has_any(const struct transport_conf *conf)
{
	const struct listener_conf *listeners = conf->listeners.items;

	for (uint32_t i = 0; i < conf->listeners.count; i++) {
		if (listeners[i].tls.certificates.count > 0)
			return true;
	}
	return false;
}

int
renewal_init(struct transport *transport, const struct transport_conf *conf,
	     struct ocppd_error *err)
{
	const struct listener_conf *listeners = conf->listeners.items;
	uint32_t count = conf->listeners.count;

	if (!has_any(conf))
		return 0;
	transport->credentials = calloc(count, sizeof(struct credentials *));
	transport->warned_steps = calloc(count, sizeof(*transport->warned_steps));
	transport->watch_timer = evtimer_new(loop_base(transport->core), on_watch, transport);
	if (!transport->credentials || !transport->warned_steps || !transport->watch_timer)
		return OCPPD_ENOMEM;

	transport->credential_count = count;
	for (uint32_t i = 0; i < count; i++) {
		if (listeners[i].tls.certificates.count == 0)
			continue;
		int r = read_one(&listeners[i].tls, i, now_s(transport), &transport->credentials[i],
				 err);
		if (r < 0)
			return r;
		log_loaded(transport, i);
	}
	transport->tickets_mono_us = clock_mono_us(&transport->core->clock);
	on_watch(-1, 0, transport);
	return 0;
}

static int
reload_one(struct transport *transport, const struct tls_conf *conf, uint32_t i,
	   struct ocppd_error *err)
{
	const struct credentials *old = transport->credentials[i];
	struct credentials *fresh = NULL;

	int r = read_one(conf, i, now_s(transport), &fresh, err);
	if (r < 0)
		return r;
	if (!credentials_alike(old, fresh)) {
		credentials_unref(fresh);
		return ocppd_error_set(err, OCPPD_ESTATE,
				       "listeners[%u].tls: another kind of key than before needs "
				       "a restart",
				       i);
	}
	/* Where stations show certificates, an old ticket must not outlive what it was given for.
	 */
	if (!fresh->authorities)
		memcpy(fresh->ticket_keys, old->ticket_keys, TICKET_KEYS_SIZE);
	transport->warned_steps[i] = 0;
	put_in_force_take(transport, i, fresh);
	log_loaded(transport, i);
	return 0;
}

void
renewal_reload(struct transport *transport, const struct transport_conf *conf)
{
	const struct listener_conf *listeners = conf->listeners.items;

	for (uint32_t i = 0; i < transport->credential_count && i < conf->listeners.count; i++) {
		struct ocppd_error err = { 0 };

		if (!transport->credentials[i] || listeners[i].tls.certificates.count == 0)
			continue;
		int r = reload_one(transport, &listeners[i].tls, i, &err);
		if (r < 0)
			OCPPD_ERROR(transport->core->self, "certificate.refused",
				    OCPPD_INT("listener", i), OCPPD_STR("option", err.option),
				    OCPPD_STR("err", err.text[0] ? err.text : ocppd_strerror(r)));
	}
	watch(transport);
}

void
renewal_fini(struct transport *transport)
{
	if (transport->watch_timer)
		event_free(transport->watch_timer);
	transport->watch_timer = NULL;
	for (uint32_t i = 0; i < transport->credential_count; i++)
		credentials_unref(transport->credentials[i]);
	free(transport->credentials);
	free(transport->warned_steps);
	transport->credentials = NULL;
	transport->warned_steps = NULL;
	transport->credential_count = 0;
}
