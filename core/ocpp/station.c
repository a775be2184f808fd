/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The registry of stations: records, the binding of connections to them, takeovers (A08), what
 * modules ask about a station, counted deviations. Must not know what a station does.
 */
#include "ocpp/station.h"

#include <json-c/json.h>

#include <ocppd/event/station.h>
#include <ocppd/json.h>

#include "base/assert.h"
#include "base/text.h"
#include "ocpp/floor.h"
#include "ocpp/hits.h"
#include "ocpp/slots.h"

#define CLOSE_NORMAL 1000
#define CLOSE_TRY_LATER 1013
#define CLOSE_ABNORMAL 1006
#define CLOSE_BINARY 1003
#define CLOSE_TEXT 1007
#define TAKEOVERS_MAX 5 /* within the window; beyond: somebody should look (A08) */
#define TAKEOVER_WINDOW_US (INT64_C(600) * 1000000)
#define IDLE_FACTOR 3 /* B02 */
#define EXPECTED_MAX 100
#define EXPECTED_MAX_MS 600000

/* A message that we asked for. */
struct expectation {
	struct expectation *next; /* in order of asking */
	int64_t until_mono_us;
	char action[];
};

/* ---- Records ------------------------------------------------------------------------------ */

static bool
id_valid(const char *id)
{
	size_t len = id != NULL ? strnlen(id, OCPPD_STATION_ID_MAX * 4 + 1) : 0;

	if (len == 0 || len > OCPPD_STATION_ID_MAX * 4 || !utf8_valid(id, len) ||
	    utf8_count(id) > OCPPD_STATION_ID_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f || id[i] == '/')
			return false;
	}
	return true;
}

static struct ocppd_station *
station_new(struct ocpp *ocpp, const char *id)
{
	uint32_t slots_size = ocpp->stations.station_bytes;
	size_t id_size = strlen(id) + 1;
	struct ocppd_station *station = calloc(1, sizeof(*station) + slots_size + id_size);
	char *text;

	if (station == NULL)
		return NULL;
	text = (char *)station->slots + slots_size;
	memcpy(text, id, id_size);
	station->magic = STATION_MAGIC;
	station->id = text;
	station->slots_size = slots_size;
	TAILQ_INIT(&station->replies);
	if (map_put(&ocpp->stations.map, station->id, station) < 0) {
		free(station);
		return NULL;
	}
	return station;
}

static struct ocppd_station *
station_get(struct ocpp *ocpp, const char *id)
{
	struct ocppd_station *station = map_find(&ocpp->stations.map, id);

	if (station != NULL)
		return station;
	if (!id_valid(id) || ocpp->stations.map.count >= (size_t)ocpp->conf.max_stations)
		return NULL;
	return station_new(ocpp, id);
}

/* Forgets what was asked for before a time. */
static void
expected_trim(struct ocppd_station *station, int64_t mono_us)
{
	struct expectation **at = &station->expected;

	while (*at != NULL) {
		struct expectation *expectation = *at;

		if (expectation->until_mono_us > mono_us) {
			at = &expectation->next;
			continue;
		}
		*at = expectation->next;
		free(expectation);
	}
}

static void
station_free(struct ocpp *ocpp, struct ocppd_station *station)
{
	if (station->conn != NULL)
		slots_conn_end(ocpp, station, station->conn);
	expected_trim(station, INT64_MAX);
	slots_station_end(ocpp, station);
	station_calls_free(station);
	hits_free(station->hits);
	quirks_unref(station->quirks);
	station->magic = 0;
	free(station);
}

void
stations_fini(struct ocpp *ocpp)
{
	struct ocppd_station *station;
	size_t at = 0;

	while ((station = map_next(&ocpp->stations.map, &at)) != NULL)
		station_free(ocpp, station);
	map_fini(&ocpp->stations.map);
}

/* ---- Connections -------------------------------------------------------------------------- */

struct conn *
station_conn(const struct ocppd_station *station)
{
	return station->conn != NULL && !station->conn->is_closing ? station->conn : NULL;
}

void
station_close(struct conn *conn, uint32_t code, const char *close_class, const char *reason)
{
	if (conn->is_closing)
		return;
	conn->is_closing = true;
	conn->close_class = close_class;
	conn->ops->close(conn, code, reason);
}

static void
publish_connected(struct ocpp *ocpp, const struct conn *conn, bool is_takeover)
{
	struct json_object *body;

	if (!ocppd_event_wanted(ocpp->self, OCPPD_EVENT_STATION_CONNECTED))
		return;
	body = json_object_new_object();
	if (body == NULL)
		return;
	(void)ocppd_json_add_str(body, "stationId", conn->station->id);
	(void)ocppd_json_add_int(body, "connectionId", (int64_t)conn->id);
	(void)ocppd_json_add_str(body, "protocol", conn->protocol);
	(void)ocppd_json_add_str(body, "remote", conn->remote);
	(void)ocppd_json_add_int(body, "securityProfile", conn->security_profile);
	(void)ocppd_json_add_bool(body, "isTakeover", is_takeover);
	ocpp_publish(ocpp, OCPPD_EVENT_STATION_CONNECTED, conn->station->id, body);
}

static void
publish_disconnected(struct ocpp *ocpp, const struct conn *conn, uint32_t code, const char *reason,
		     int64_t duration_s)
{
	struct json_object *body;

	if (!ocppd_event_wanted(ocpp->self, OCPPD_EVENT_STATION_DISCONNECTED))
		return;
	body = json_object_new_object();
	if (body == NULL)
		return;
	(void)ocppd_json_add_str(body, "stationId", conn->station->id);
	(void)ocppd_json_add_int(body, "connectionId", (int64_t)conn->id);
	(void)ocppd_json_add_str(body, "reason", reason);
	(void)ocppd_json_add_int(body, "code", code);
	(void)ocppd_json_add_int(body, "durationSeconds", duration_s);
	ocpp_publish(ocpp, OCPPD_EVENT_STATION_DISCONNECTED, conn->station->id, body);
}

/* Takes the connection from its station: calls end, slots go, it is told. */
static void
unbind(struct ocpp *ocpp, struct conn *conn, uint32_t code, const char *reason)
{
	struct ocppd_station *station = conn->station;
	int64_t duration_s = (clock_mono_us(&ocpp->core->clock) - conn->opened_mono_us) / 1000000;

	calls_gone(ocpp, station);
	router_gone(ocpp, station);
	OCPPD_INFO(ocpp->self, "station.disconnected", OCPPD_STR("station", station->id),
		   OCPPD_INT("conn", conn->id), OCPPD_STR("reason", reason),
		   OCPPD_INT("code", code), OCPPD_INT("duration_s", duration_s));
	publish_disconnected(ocpp, conn, code, reason, duration_s);
	slots_conn_end(ocpp, station, conn);
	expected_trim(station, INT64_MAX);
	station->conn = NULL;
	conn->station = NULL;
	ocpp->stations.connected--;
	tally_closed(ocpp, conn, reason);
}

/* A08: the new connection passed its checks and wins; refusing it would trap the station. */
static void
take_over(struct ocpp *ocpp, struct ocppd_station *station, const struct conn *conn)
{
	struct conn *old = station->conn;
	int64_t now_us = clock_mono_us(&ocpp->core->clock);

	ocpp_count(ocpp, OCPP_METRIC_TAKEOVERS, NULL);
	OCPPD_INFO(ocpp->self, "station.replaced", OCPPD_STR("station", station->id),
		   OCPPD_INT("conn", conn->id), OCPPD_STR("remote", conn->remote),
		   OCPPD_INT("old_conn", old->id), OCPPD_STR("old_remote", old->remote),
		   OCPPD_INT("old_idle_s",
			     (clock_now_us(&ocpp->core->clock) -
			      atomic_load_explicit(&old->last_receive_us, memory_order_relaxed)) /
				     1000000));
	if (station->takeover_count == 0 ||
	    now_us - station->takeover_since_us > TAKEOVER_WINDOW_US) {
		station->takeover_since_us = now_us;
		station->takeover_count = 0;
	}
	if (++station->takeover_count == TAKEOVERS_MAX + 1)
		OCPPD_WARN(ocpp->self, "station.contested", OCPPD_STR("station", station->id),
			   OCPPD_INT("takeovers", station->takeover_count),
			   OCPPD_STR("remote", conn->remote), OCPPD_STR("old_remote", old->remote));
	unbind(ocpp, old, CLOSE_NORMAL, "replaced");
	station_close(old, CLOSE_NORMAL, "replaced", "replaced");
}

/* What the transport met before the core knew of the connection; it logged that itself. */
static void
count_handshake(struct ocpp *ocpp, struct conn *conn, bool is_takeover)
{
	char code[QUIRK_CODE_SIZE];

	conn->warned[0] |= conn->met;
	for (int i = 0; i < 16; i++) {
		if ((conn->met & 1u << i) == 0)
			continue;
		quirks_code(i, code);
		station_quirk(ocpp, conn->station, code, NULL);
	}
	if (is_takeover)
		station_quirk(ocpp, conn->station, "A08", conn->remote);
}

/* Links that end in another way than by a close. */
static void
count_end(struct ocpp *ocpp, const struct conn *conn, uint32_t code, const char *reason)
{
	if (str_eq(reason, "tcp") || str_eq(reason, "idle"))
		station_quirk(ocpp, conn->station, "B03", reason);
	else if (str_eq(reason, "oversize"))
		station_quirk(ocpp, conn->station, "B04", reason);
	else if (str_eq(reason, "protocol"))
		station_quirk(ocpp, conn->station,
			      code == CLOSE_BINARY ? "B07"
			      : code == CLOSE_TEXT ? "D11"
						   : "B05",
			      reason);
}

static void
apply_idle(const struct ocppd_station *station)
{
	if (station->conn->ops->set_idle != NULL)
		station->conn->ops->set_idle(station->conn, station->heartbeat_s * IDLE_FACTOR);
}

void
station_opened(struct ocpp *ocpp, struct conn *conn)
{
	struct ocppd_station *station = station_get(ocpp, conn->station_id);
	bool is_takeover;

	if (station == NULL) {
		OCPPD_WARN(ocpp->self, "station.refused", OCPPD_STR("station", conn->station_id),
			   OCPPD_STR("remote", conn->remote),
			   OCPPD_INT("max_stations", ocpp->conf.max_stations));
		station_close(conn, CLOSE_TRY_LATER, "limit", "too many stations");
		return;
	}
	conn->opened_mono_us = clock_mono_us(&ocpp->core->clock);
	is_takeover = station->conn != NULL;
	if (is_takeover)
		take_over(ocpp, station, conn);
	station->conn = conn;
	conn->station = station;
	ocpp->stations.connected++;
	tally_opened(ocpp, conn);
	/* What was learnt here outweighs the record, which may be older. */
	if (station->registration == OCPPD_REG_NONE)
		station->registration = conn->registration;
	quirks_unref(station->quirks);
	station->quirks = quirks_ref(conn->quirks);
	if (station->heartbeat_s > 0)
		apply_idle(station);
	OCPPD_INFO(ocpp->self, "station.connected", OCPPD_STR("station", station->id),
		   OCPPD_INT("conn", conn->id), OCPPD_STR("remote", conn->remote),
		   OCPPD_STR("protocol", conn->protocol),
		   OCPPD_INT("profile", conn->security_profile));
	count_handshake(ocpp, conn, is_takeover);
	publish_connected(ocpp, conn, is_takeover);
	if (ocpp->is_draining)
		station_close(conn, 1001, "shutdown", "shutting down");
}

void
station_closed(struct ocpp *ocpp, struct conn *conn, uint32_t code, const char *reason)
{
	if (conn->close_class != NULL)
		reason = conn->close_class;
	if (conn->station != NULL)
		count_end(ocpp, conn, code, reason);
	if (conn->station != NULL)
		unbind(ocpp, conn, code != 0 ? code : CLOSE_ABNORMAL,
		       reason != NULL ? reason : "unknown");
	conn->ops->release(conn);
}

/* ---- Registration, quirks ----------------------------------------------------------------- */

bool
station_is_accepted(const struct ocppd_station *station)
{
	if (station->registration == OCPPD_REG_ACCEPTED)
		return true;
	/* F01: moved fleets do not boot for us; being provisioned as accepted is enough then. */
	return station->registration == OCPPD_REG_NONE && station->conn != NULL &&
	       station->conn->registration == OCPPD_REG_ACCEPTED &&
	       quirks_has(station->quirks, "F01");
}

bool
station_expected(struct ocpp *ocpp, struct ocppd_station *station, const char *action)
{
	struct expectation **at = &station->expected;

	if (*at == NULL)
		return false;
	expected_trim(station, clock_mono_us(&ocpp->core->clock));
	for (; *at != NULL; at = &(*at)->next) {
		struct expectation *expectation = *at;

		if (!str_eq(expectation->action, action))
			continue;
		*at = expectation->next;
		free(expectation);
		return true;
	}
	return false;
}

int
ocppd_station_expect(struct ocppd_host *host, struct ocppd_station *station, const char *action,
		     int64_t within_ms)
{
	int64_t now_us = clock_mono_us(&ocpp_of(host)->core->clock);
	struct expectation **at = &station->expected;
	struct expectation *expectation;
	uint32_t count = 0;
	size_t size;

	if (action == NULL || action[0] == '\0' || within_ms < 1 || within_ms > EXPECTED_MAX_MS)
		return OCPPD_EINVAL;
	if (station_conn(station) == NULL)
		return OCPPD_ENOTCONN;
	expected_trim(station, now_us);
	for (; *at != NULL; at = &(*at)->next)
		count++;
	if (count >= EXPECTED_MAX)
		return OCPPD_EBUSY;
	size = strlen(action) + 1;
	expectation = malloc(sizeof(*expectation) + size);
	if (expectation == NULL)
		return OCPPD_ENOMEM;
	expectation->next = NULL;
	expectation->until_mono_us = now_us + within_ms * 1000;
	memcpy(expectation->action, action, size);
	*at = expectation;
	return 0;
}

void
station_quirk(struct ocpp *ocpp, struct ocppd_station *station, const char *code, const char *raw)
{
	int at = quirks_index(code);
	struct conn *conn = station->conn;
	uint32_t level = OCPPD_LOG_DEBUG;

	ocpp_count(ocpp, OCPP_METRIC_QUIRKS, at >= 0 ? code : "other");
	if (at >= 0)
		hits_add(&station->hits, at);
	if (conn != NULL && at >= 0 && (conn->warned[at / 32] & (1u << (at % 32))) == 0) {
		conn->warned[at / 32] |= 1u << (at % 32);
		level = OCPPD_LOG_WARN;
	}
	OCPPD_LOG(ocpp->self, level, "quirk.seen", OCPPD_STR("station", station->id),
		  OCPPD_INT("conn", conn != NULL ? conn->id : 0), OCPPD_STR("quirk", code),
		  OCPPD_STR("raw", raw));
}

void
ocppd_quirk_hit(struct ocppd_host *host, struct ocppd_station *station, const char *code,
		const char *raw)
{
	station_quirk(ocpp_of(host), station, code, raw);
}

int
ocppd_station_has_quirk(const struct ocppd_station *station, const char *code)
{
	return quirks_has(station->quirks, code);
}

const char *
ocppd_station_option(const struct ocppd_station *station, const char *option)
{
	return quirks_option(station->quirks, option);
}

int
ocppd_station_set_quirks(struct ocppd_host *host, struct ocppd_station *station,
			 const char *const *items, uint32_t count, int is_strict,
			 struct ocppd_error *err)
{
	struct quirks *quirks;
	int r = quirks_new(items, count, is_strict != 0, &quirks, err);

	(void)host;
	if (r < 0)
		return r;
	quirks_unref(station->quirks);
	station->quirks = quirks;
	if (station->conn != NULL && station->conn->ops->set_quirks != NULL)
		station->conn->ops->set_quirks(station->conn, quirks);
	return 0;
}

/* ---- What modules ask --------------------------------------------------------------------- */

struct ocppd_station *
ocppd_station_find(struct ocppd_host *host, const char *station_id)
{
	return station_id != NULL ? map_find(&ocpp_of(host)->stations.map, station_id) : NULL;
}

struct ocppd_station *
ocppd_station_get(struct ocppd_host *host, const char *station_id)
{
	return station_id != NULL ? station_get(ocpp_of(host), station_id) : NULL;
}

const char *
ocppd_station_id(const struct ocppd_station *station)
{
	return station->id;
}

uint32_t
ocppd_station_registration(const struct ocppd_station *station)
{
	return station->registration;
}

void
ocppd_station_set_registration(struct ocppd_host *host, struct ocppd_station *station,
			       uint32_t registration)
{
	(void)host;
	if (registration <= OCPPD_REG_REJECTED)
		station->registration = registration;
}

void
ocppd_station_set_heartbeat(struct ocppd_host *host, struct ocppd_station *station,
			    int64_t interval_s)
{
	(void)host;
	/* A day is the longest that any liveness check could wait for. */
	station->heartbeat_s = interval_s < 0 ? 0 : interval_s > 86400 ? 86400 : interval_s;
	if (station->conn != NULL)
		apply_idle(station);
}

int
ocppd_station_is_connected(const struct ocppd_station *station)
{
	return station_conn(station) != NULL;
}

int
ocppd_station_connection(const struct ocppd_station *station,
			 struct ocppd_connection_info *ret_info)
{
	const struct conn *conn = station_conn(station);
	struct ocppd_connection_info info = { 0 };
	uint32_t size = ret_info->struct_size;

	if (conn == NULL)
		return OCPPD_ENOTCONN;
	info.struct_size = size;
	info.security_profile = conn->security_profile;
	info.verifier = conn->verifier;
	info.connection_id = conn->id;
	info.protocol = conn->protocol;
	info.remote = conn->remote;
	info.connected_us = conn->opened_us;
	info.last_receive_us = atomic_load_explicit(&conn->last_receive_us, memory_order_relaxed);
	memcpy(ret_info, &info, size < sizeof(info) ? size : sizeof(info));
	return 0;
}

void
ocppd_station_disconnect(struct ocppd_host *host, struct ocppd_station *station, uint32_t code,
			 const char *reason)
{
	struct conn *conn = station_conn(station);

	if (conn == NULL)
		return;
	OCPPD_INFO(host, "station.closed", OCPPD_STR("station", station->id),
		   OCPPD_INT("conn", conn->id), OCPPD_INT("code", code),
		   OCPPD_STR("reason", reason));
	station_close(conn, code, "admin", reason);
}

int
ocppd_station_each(struct ocppd_host *host, ocppd_station_fn *fn, void *arg)
{
	struct ocppd_station *station;
	size_t at = 0;

	while ((station = map_next(&ocpp_of(host)->stations.map, &at)) != NULL) {
		int r = fn(host, station, arg);

		if (r != 0)
			return r;
	}
	return 0;
}

uint32_t
ocppd_station_count(struct ocppd_host *host, uint32_t *ret_connected)
{
	const struct stations *stations = &ocpp_of(host)->stations;

	if (ret_connected != NULL)
		*ret_connected = stations->connected;
	return (uint32_t)stations->map.count;
}
