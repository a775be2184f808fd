/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * What stations report of themselves: boots and the state of connectors. The service
 * `ocppd.stations`. What is unchanged is not written again.
 */
#include "stations.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

#define BOOTS_MAX 2 /* within the time below; more are a loop (F03) */
#define BOOT_LOOP_US (INT64_C(300) * 1000000)

struct report {
	struct stations *ctx;
	struct ocppd_host *asker;
	struct ocppd_station *station;
	ocppd_boot_fn *boot_fn;
	ocppd_recorded_fn *fn;
	void *arg;
	struct json_object *event; /* or NULL */
	struct ocppd_place place;
	uint32_t registration;
	bool is_adopted; /* the boot makes a record */
};

static struct report *
report_new(struct stations *ctx, struct ocppd_host *asker, struct ocppd_station *station, void *arg)
{
	struct report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->ctx = ctx;
	report->asker = asker;
	report->station = station;
	report->arg = arg;
	return report;
}

static void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	json_object_put(report->event);
	free(report);
}

static void
report_publish(struct report *report, const char *topic)
{
	if (report->event == NULL)
		return;
	(void)ocppd_event_publish(report->ctx->host, topic, ocppd_station_id(report->station),
				  report->event);
	report->event = NULL;
}

static void
say_unstored(const struct report *report, const char *what, int result,
	     const struct ocppd_error *err)
{
	OCPPD_ERROR(report->ctx->host, what,
		    OCPPD_STR("station", ocppd_station_id(report->station)),
		    OCPPD_STR("err", ocppd_error_name(result)),
		    OCPPD_STR("text", err == NULL ? NULL : err->text));
}

/* ---- Boots -------------------------------------------------------------------------------------
 */

/* Quirk A07: the record of a station that nobody provisioned. */
static struct record *
adopted_record(const struct stations *ctx, const struct ocppd_station *station)
{
	struct record *record = record_new(ocppd_station_id(station));

	if (record == NULL)
		return NULL;
	record->registration =
		ctx->conf->unknown == UNKNOWN_ACCEPT ? OCPPD_REG_ACCEPTED : OCPPD_REG_PENDING;
	record->security_profile = OCPPD_PROFILE_ANY;
	record->source = SOURCE_POLICY;
	return record;
}

static void
adopt(struct stations *ctx, struct ocppd_station *station)
{
	struct record *record = adopted_record(ctx, station);
	struct ocppd_error err = { 0 };

	if (record == NULL)
		return;
	if (record_apply(ctx, record, &err) < 0)
		OCPPD_WARN(ctx->host, "station.unadopted", OCPPD_STR("station", record->station_id),
			   OCPPD_STR("text", err.text));
	record_free(record);
}

static void
on_boot_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
	       const struct ocppd_error *err, void *arg)
{
	struct report *report = arg;
	struct stations *ctx = report->ctx;
	struct station_slot *slot = stations_slot(ctx, report->station);

	(void)host;
	(void)rows;
	(void)count;
	if (result < 0) {
		say_unstored(report, "boot.unstored", result, err);
		report->boot_fn(report->asker, result, 0, report->arg);
	} else {
		if (report->is_adopted && !slot->is_known)
			adopt(ctx, report->station);
		slot->state = (uint8_t)report->registration;
		slot->boot_count++; /* loaded at start, as the table's is */
		ocppd_station_set_registration(ctx->host, report->station, report->registration);
		profiles_remember(ctx, report->station);
		if (report->event != NULL)
			ocppd_json_add_int(report->event, "bootCount", slot->boot_count);
		report_publish(report, OCPPD_EVENT_STATION_BOOTED);
		report->boot_fn(report->asker, 0, report->registration, report->arg);
	}
	report_free(report);
	stations_done(ctx);
}

static struct json_object *
boot_body(const struct report *report, const struct ocppd_boot *boot)
{
	struct json_object *body;

	if (!ocppd_event_wanted(report->ctx->host, OCPPD_EVENT_STATION_BOOTED))
		return NULL;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", ocppd_station_id(report->station));
	ocppd_json_add_str(body, "registrationStatus",
			   registration_words[report->registration - 1]);
	ocppd_json_add_str(body, "chargePointVendor", boot->vendor);
	ocppd_json_add_str(body, "chargePointModel", boot->model);
	ocppd_json_add_str(body, "chargePointSerialNumber", boot->serial);
	ocppd_json_add_str(body, "firmwareVersion", boot->firmware);
	return body;
}

static int
add_boot(struct report *report, struct ocppd_unit *unit, const struct ocppd_boot *boot)
{
	struct stations *ctx = report->ctx;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(report->station));
	const struct ocppd_value values[] = {
		id,
		ocppd_value_int(report->registration),
		ocppd_value_str(boot->protocol),
		ocppd_value_str(boot->vendor),
		ocppd_value_str(boot->model),
		ocppd_value_str(boot->serial),
		ocppd_value_str(boot->box_serial),
		ocppd_value_str(boot->firmware),
		ocppd_value_str(boot->iccid),
		ocppd_value_str(boot->imsi),
		ocppd_value_str(boot->meter_type),
		ocppd_value_str(boot->meter_serial),
		ocppd_value_str(boot->reason),
		ocppd_value_int(boot->received_us),
		ocppd_value_int(boot->has_findings),
		ocppd_value_str(boot->raw_frame),
	};
	const struct ocppd_value adopted[] = {
		id,
		ocppd_value_int(report->registration),
		ocppd_value_int(boot->received_us),
	};
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_BOOT, values,
				       sizeof(values) / sizeof(values[0]), OCPPD_UNIT_EXPECT_ROW);

	if (r >= 0 && report->is_adopted)
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ADOPT, adopted, 3, 0);
	return r;
}

static uint32_t
decide(const struct stations *ctx, const struct station_slot *slot, bool *ret_is_adopted)
{
	*ret_is_adopted =
		!slot->is_known && !slot->is_leaving && ctx->conf->unknown != UNKNOWN_REJECT;
	if (slot->is_known)
		return slot->wanted;
	/* Its record was taken away while it was connected. */
	if (ctx->conf->unknown == UNKNOWN_REJECT || slot->is_leaving)
		return OCPPD_REG_REJECTED;
	return ctx->conf->unknown == UNKNOWN_ACCEPT ? OCPPD_REG_ACCEPTED : OCPPD_REG_PENDING;
}

/* Quirk F03: it boots in a loop, or takes every boot for a fresh one. */
static void
note_boots(struct stations *ctx, struct ocppd_station *station, int64_t received_us)
{
	struct station_slot *slot = stations_slot(ctx, station);
	char raw[64];

	if (slot->boots == 0 || received_us - slot->boots_since_us > BOOT_LOOP_US ||
	    received_us < slot->boots_since_us) {
		slot->boots = 0;
		slot->boots_since_us = received_us;
	}
	if (++slot->boots <= BOOTS_MAX)
		return;
	snprintf(raw, sizeof(raw), "%u boots in %d s", slot->boots,
		 (int)((received_us - slot->boots_since_us) / 1000000));
	ocppd_quirk_hit(ctx->host, station, "F03", raw);
}

static int
ops_boot(void *self, struct ocppd_host *host, struct ocppd_station *station,
	 const struct ocppd_boot *boot, ocppd_boot_fn *fn, void *arg)
{
	struct stations *ctx = self;
	const struct boot_words words = { boot->vendor, boot->model, boot->firmware };
	struct report *report = report_new(ctx, host, station, arg);
	struct ocppd_unit *unit = NULL;
	int r;

	if (report == NULL)
		return OCPPD_ENOMEM;
	profiles_on_boot(ctx, station, &words);
	note_boots(ctx, station, boot->received_us);
	report->boot_fn = fn;
	report->registration = decide(ctx, stations_slot(ctx, station), &report->is_adopted);
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = add_boot(report, unit, boot);
	report->event = r < 0 ? NULL : boot_body(report, boot);
	r = stations_commit(ctx, unit, r, on_boot_stored, report);
	if (r < 0) {
		report_free(report);
		return r;
	}
	return OCPPD_PENDING;
}

/* ---- Connectors --------------------------------------------------------------------------------
 */

static int
compare_places(struct ocppd_place a, struct ocppd_place b)
{
	if (a.evse != b.evse)
		return a.evse < b.evse ? -1 : 1;
	return a.connector == b.connector ? 0 : a.connector < b.connector ? -1 : 1;
}

static struct connector **
find_connector(struct station_slot *slot, struct ocppd_place place)
{
	struct connector **at = &slot->connectors;

	while (*at != NULL && compare_places((*at)->place, place) < 0)
		at = &(*at)->next;
	return at;
}

/* Makes the connector or replaces its texts. NULL: out of memory. */
struct connector *
connector_put(struct station_slot *slot, struct ocppd_place place, const char *status,
	      const char *error_code)
{
	struct connector **at = find_connector(slot, place);
	size_t status_size = strlen(status == NULL ? "" : status) + 1;
	size_t error_size = error_code == NULL ? 0 : strlen(error_code) + 1;
	bool is_there = *at != NULL && compare_places((*at)->place, place) == 0;
	struct connector *connector = calloc(1, sizeof(*connector) + status_size + error_size);

	if (connector == NULL)
		return NULL;
	memcpy(connector->status, status == NULL ? "" : status, status_size);
	if (error_size > 0) {
		memcpy(connector->status + status_size, error_code, error_size);
		connector->error_code = connector->status + status_size;
	}
	connector->place = place;
	connector->next = is_there ? (*at)->next : *at;
	if (is_there)
		free(*at);
	*at = connector;
	return connector;
}

static uint64_t
hash_text(uint64_t hash, const char *text)
{
	for (; text != NULL && *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
	return (hash ^ 0xffu) * 0x100000001b3u;
}

static uint64_t
digest_of(const struct ocppd_connector_status *status)
{
	uint64_t hash = 0xcbf29ce484222325u;

	hash = hash_text(hash, status->status);
	hash = hash_text(hash, status->raw_status);
	hash = hash_text(hash, status->error_code);
	hash = hash_text(hash, status->info);
	hash = hash_text(hash, status->vendor_id);
	hash = hash_text(hash, status->vendor_error_code);
	return hash == 0 ? 1 : hash;
}

static bool
is_error(const struct ocppd_connector_status *status)
{
	return status->error_code != NULL && strcmp(status->error_code, "NoError") != 0;
}

static void
on_status_stored(struct ocppd_host *host, int result, const struct ocppd_rows *rows, uint32_t count,
		 const struct ocppd_error *err, void *arg)
{
	struct report *report = arg;
	struct stations *ctx = report->ctx;
	struct connector **at = find_connector(stations_slot(ctx, report->station), report->place);

	(void)host;
	(void)rows;
	(void)count;
	if (result < 0) {
		say_unstored(report, "status.unstored", result, err);
		if (*at != NULL)
			(*at)->digest = 0;
	} else {
		report_publish(report, OCPPD_EVENT_CONNECTOR_STATUS);
	}
	report->fn(report->asker, result, report->arg);
	report_free(report);
	stations_done(ctx);
}

static int
add_status(struct report *report, struct ocppd_unit *unit,
	   const struct ocppd_connector_status *status)
{
	struct stations *ctx = report->ctx;
	const struct ocppd_value id = ocppd_value_str(ocppd_station_id(report->station));
	const struct ocppd_value values[] = {
		id,
		ocppd_value_int(status->place.evse),
		ocppd_value_int(status->place.connector),
		ocppd_value_str(status->status),
		ocppd_value_str(status->raw_status),
		ocppd_value_str(status->error_code),
		ocppd_value_str(status->raw_error_code),
		ocppd_value_str(status->info),
		ocppd_value_str(status->vendor_id),
		ocppd_value_str(status->vendor_error_code),
		ocppd_value_str(status->raw_time),
		ocppd_value_int(status->time_us),
		ocppd_value_int(status->received_us),
	};
	const struct ocppd_value trim[] = { id, ocppd_value_int(ctx->conf->error_history) };
	uint32_t count = sizeof(values) / sizeof(values[0]);
	int r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_STATUS, values, count, 0);

	if (r >= 0 && is_error(status))
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ERROR, values, count, 0);
	if (r >= 0 && is_error(status))
		r = ctx->storage->unit_add(unit, ctx->host, STATEMENT_ERROR_TRIM, trim, 2, 0);
	return r;
}

static struct json_object *
status_body(const struct report *report, const struct ocppd_connector_status *status)
{
	struct json_object *body;

	if (!ocppd_event_wanted(report->ctx->host, OCPPD_EVENT_CONNECTOR_STATUS))
		return NULL;
	body = json_object_new_object();
	ocppd_json_add_str(body, "stationId", ocppd_station_id(report->station));
	ocppd_json_add_int(body, "connectorId", status->place.evse);
	ocppd_json_add_str(body, "status", status->status);
	ocppd_json_add_str(body, "errorCode", status->error_code);
	ocppd_json_add_str(body, "info", status->info);
	ocppd_json_add_str(body, "vendorId", status->vendor_id);
	ocppd_json_add_str(body, "vendorErrorCode", status->vendor_error_code);
	ocppd_json_add_time(body, "timestamp", status->time_us);
	return body;
}

/* Quirks E03, E04 and E07: a time that reads well says what the station's clock shows. */
static void
ops_clock(void *self, struct ocppd_host *host, struct ocppd_station *station,
	  const struct ocppd_clock_reading *reading)
{
	static const char *const codes[] = {
		[SKEW_DRIFT] = "E07",
		[SKEW_OFFSET] = "E03",
		[SKEW_ABSURD] = "E04",
	};
	struct stations *ctx = self;
	struct skew *skew = &stations_slot(ctx, station)->skew;
	char raw[64];
	enum skew_verdict verdict;

	(void)host;
	if (reading->raw_time == NULL || reading->time_us == reading->received_us)
		return;
	verdict = skew_learn(skew, reading->time_us, reading->received_us);
	if (verdict == SKEW_FINE)
		return;
	if (verdict == SKEW_ABSURD)
		snprintf(raw, sizeof(raw), "%.40s", reading->raw_time);
	else
		snprintf(raw, sizeof(raw), "%.40s is %d s off", reading->raw_time,
			 (int)skew->last_s);
	ocppd_quirk_hit(ctx->host, station, codes[verdict], raw);
}

static int
ops_status(void *self, struct ocppd_host *host, struct ocppd_station *station,
	   const struct ocppd_connector_status *status, ocppd_recorded_fn *fn, void *arg)
{
	struct stations *ctx = self;
	struct station_slot *slot = stations_slot(ctx, station);
	struct ocppd_place place = status->place;
	struct ocppd_unit *unit = NULL;
	struct connector *connector;
	struct report *report;
	const struct ocppd_clock_reading reading = { status->raw_time, status->time_us,
						     status->received_us };
	uint64_t digest = digest_of(status);
	int r;

	ops_clock(ctx, host, station, &reading);
	if (place.evse < 0 || place.evse > PLACE_MAX || place.connector < 0 ||
	    place.connector > PLACE_MAX)
		return 0;
	connector = *find_connector(slot, place);
	if (connector != NULL && compare_places(connector->place, place) == 0 &&
	    connector->digest == digest) {
		connector->received_us = status->received_us;
		ocppd_quirk_hit(ctx->host, station, "F08", NULL);
		return 0;
	}
	report = report_new(ctx, host, station, arg);
	if (report == NULL)
		return OCPPD_ENOMEM;
	report->fn = fn;
	report->place = place;
	r = ctx->storage->unit_new(ctx->storage_self, ctx->host, &unit);
	if (r >= 0)
		r = add_status(report, unit, status);
	if (r >= 0)
		r = wishes_settle(ctx, unit, station, status);
	connector = r < 0 ? NULL : connector_put(slot, place, status->status, status->error_code);
	if (r >= 0 && connector == NULL)
		r = OCPPD_ENOMEM;
	if (connector != NULL) {
		connector->digest = digest;
		connector->time_us = status->time_us;
		connector->received_us = status->received_us;
		report->event = status_body(report, status);
	}
	r = stations_commit(ctx, unit, r, on_status_stored, report);
	if (r < 0) {
		report_free(report);
		return r;
	}
	return OCPPD_PENDING;
}

static int
ops_connector_each(void *self, struct ocppd_host *host, struct ocppd_station *station,
		   ocppd_connector_fn *fn, void *arg)
{
	const struct connector *connector = stations_slot(self, station)->connectors;
	int r = 0;

	(void)host;
	for (; connector != NULL && r == 0; connector = connector->next) {
		const struct ocppd_connector_info info = {
			.struct_size = sizeof(info),
			.place = connector->place,
			.status = connector->status,
			.error_code = connector->error_code,
			.time_us = connector->time_us,
			.received_us = connector->received_us,
		};

		r = fn(&info, arg);
	}
	return r;
}

/* ---- The rest of the service --------------------------------------------------------------------
 */

static int
ops_is_known(void *self, struct ocppd_host *host, const char *station_id)
{
	struct stations *ctx = self;
	struct ocppd_station *station = ocppd_station_find(ctx->host, station_id);

	(void)host;
	return station != NULL && stations_slot(ctx, station)->is_known ? 1 : 0;
}

static int
ops_label(void *self, struct ocppd_host *host, struct ocppd_station *station, const char *name,
	  char *ret_value, uint32_t size)
{
	const struct station_slot *slot = stations_slot(self, station);
	struct json_object *labels = slot->labels == NULL ? NULL : json_tokener_parse(slot->labels);
	const char *value = ocppd_json_get_str(labels, name);
	size_t len = value == NULL ? 0 : strlen(value);
	int r = value == NULL ? OCPPD_ENOENT : len >= size ? OCPPD_ESPACE : (int)len;

	(void)host;
	if (r >= 0)
		memcpy(ret_value, value, len + 1);
	json_object_put(labels);
	return r;
}

const struct ocppd_stations_ops stations_ops = {
	sizeof(stations_ops),
	.boot = ops_boot,
	.status = ops_status,
	.keys_store = ops_keys_store,
	.connector_each = ops_connector_each,
	.is_known = ops_is_known,
	.key_find = ops_key_find,
	.availability = ops_availability,
	.password = ops_password,
	.label = ops_label,
	.configuration_diff = ops_configuration_diff,
	.clock = ops_clock,
	.select = ops_select,
	.select_cancel = ops_select_cancel,
};
