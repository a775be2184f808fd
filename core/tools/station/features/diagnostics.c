/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * GetDiagnostics: a file about the state of the station, sent to where the CSMS wants it.
 */
#include "features/feature.h"
#include "features/transfer.h"

#include "base/buf.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <ocppd/json.h>
#include <ocppd/time.h>

#define PAUSE_MS 500

static void
give_up(struct station *station)
{
	job_tell(&station->diagnostics, "UploadFailed");
	job_end(&station->diagnostics);
}

static void
uploaded(struct station *station)
{
	job_tell(&station->diagnostics, "Uploaded");
	job_end(&station->diagnostics);
}

static void
describe_connectors(const struct station *station, struct buf *file)
{
	for (uint32_t i = 0; i <= station->connector_count; i++) {
		const struct connector *connector = &station->connectors[i];

		buf_printf(file, "connector %u: %s, %.0f Wh", i,
			   connector->status[0] ? connector->status : "never reported",
			   connector->energy_wh);
		if (connector->has_transaction)
			buf_printf(file, ", transaction %d", connector->transaction);
		if (connector->reservation.is_set)
			buf_printf(file, ", reservation %lld",
				   (long long)connector->reservation.id);
		buf_add_char(file, '\n');
	}
}

static void
describe(const struct station *station, struct buf *file)
{
	char now[OCPPD_TIME_SIZE];

	(void)ocppd_time_format(payload_now_us(), now);
	buf_printf(file, "station %s, %s %s, firmware %s, at %s\n", station->id,
		   station->fleet->options->vendor, station->fleet->options->model,
		   station->version, now);
	describe_connectors(station, file);
	buf_printf(file, "local list: version %d, %u tags; cache: %u tags\n", station->list.version,
		   station->list.count, station->cache.count);
	buf_printf(file, "charging profiles: %u\n", station->profile_count);
	for (uint32_t i = 0; i < station->fleet->keys.count; i++) {
		const struct key *key = feature_key(station, station->fleet->keys.items[i].name);

		buf_printf(file, "key %s = %s\n", key->name, key->value ? key->value : "");
	}
}

static void send_file(struct station *station);

static void
on_sent(void *arg, const struct transfer_result *result)
{
	struct station *station = arg;
	struct job *job = &station->diagnostics;

	job->transfer = NULL;
	if (!result->is_good) {
		if (!job_retries(job, result->text, send_file))
			give_up(station);
		return;
	}
	station_note(station, OUTPUT_STEP, "diagnostics.sent", NULL, "%lld bytes as %s to %s",
		     (long long)result->bytes, job->name, job->url);
	uploaded(station);
}

static void
send_file(struct station *station)
{
	const struct options *options = station->fleet->options;
	struct job *job = &station->diagnostics;
	bool is_folder = job->url[0] && job->url[strlen(job->url) - 1] == '/';
	struct transfer_opts opts = { .name = job->name,
				      .method = options->upload,
				      .ca = options->ca,
				      .is_insecure = options->is_insecure };
	struct buf url = { 0 };
	struct buf file = { 0 };
	int r = OCPPD_ENOMEM;

	if (!str_eq(job->status, "Uploading"))
		job_tell(job, "Uploading");
	if (job_is_told(job, "Uploading"))
		return;
	if (job_is_told(job, "UploadFailed")) {
		job_later(job, fleet_scaled(station->fleet, PAUSE_MS), give_up);
		return;
	}
	if (job_is_told(job, "Pretended")) {
		job_later(job, fleet_scaled(station->fleet, PAUSE_MS), uploaded);
		return;
	}
	buf_printf(&url, "%s%s", job->url, is_folder ? job->name : "");
	describe(station, &file);
	opts.url = url.data;
	opts.data = file.data;
	opts.len = file.len;
	if (url.error == 0 && file.error == 0)
		r = transfer_start(&station->fleet->loop, &opts, on_sent, station, &job->transfer);
	if (r < 0) {
		station_note(station, OUTPUT_NOTE, "transfer.failed", NULL, "%s: %s", job->url,
			     r == OCPPD_ENOTSUP ? "this program was built without libcurl"
						: ocppd_strerror(r));
		job_later(job, 0, give_up);
	}
	buf_fini(&url);
	buf_fini(&file);
}

struct json_object *
on_get_diagnostics(struct request *request)
{
	struct station *station = request->station;
	char now[OCPPD_TIME_SIZE];
	char id[64];

	if (!ocppd_json_get_str(request->payload, "location"))
		return feature_incomplete(request);
	if (str_eq(request->word, "NoFile"))
		return payload_words(NULL, NULL);
	(void)str_copy(id, sizeof(id), station->id);
	for (char *p = id; *p; p++) {
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '_';
	}
	(void)ocppd_time_format(payload_now_us(), now);
	(void)snprintf(request->name, sizeof(request->name),
		       "diagnostics-%s-%.4s%.2s%.2s%.2s%.2s%.2s.log", id, now, now + 5, now + 8,
		       now + 11, now + 14, now + 17);
	return payload_words("fileName", request->name);
}

void
after_get_diagnostics(struct request *request)
{
	struct station *station = request->station;

	if (str_eq(request->word, "NoFile"))
		return;
	if (job_begin(&station->diagnostics, request) < 0) {
		station_fail(station, "GetDiagnostics", "out of memory");
		return;
	}
	job_later(&station->diagnostics, 0, send_file);
}
