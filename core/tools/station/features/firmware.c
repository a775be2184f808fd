/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * UpdateFirmware: waits for its date, fetches the file, waits for the last transaction, installs,
 * reboots with the new version. Each step may be told to be the last.
 */
#include "features/feature.h"
#include "features/transfer.h"

#include "base/text.h"

#include <string.h>

#include <ocppd/json.h>

#define INSTALL_MS 2000
#define PAUSE_MS 500

static void
install_ended(struct station *station)
{
	struct job *job = &station->firmware;

	if (job_is_told(job, "InstallationFailed")) {
		job_tell(job, "InstallationFailed");
		job_end(job);
		return;
	}
	if (job_is_told(job, "Pretended")) {
		job_tell(job, "Installed");
		job_end(job);
		return;
	}
	station_note(station, OUTPUT_STEP, "firmware.installed", NULL,
		     "reboots from version %s to %s", station->version, job->name);
	(void)str_copy(station->version, sizeof(station->version), job->name);
	station->is_updated = true;
	station->reset_reason = "Reboot";
	station_settle(station);
}

static void
install(struct station *station)
{
	struct job *job = &station->firmware;

	for (uint32_t i = 1; i <= station->connector_count; i++) {
		if (!station->connectors[i].has_transaction)
			continue;
		if (!job->is_waiting)
			station_note(station, OUTPUT_STEP, "firmware.waits", NULL,
				     "installs when the transaction on connector %u is over", i);
		job->is_waiting = true;
		return;
	}
	job->is_waiting = false;
	job_tell(job, "Installing");
	if (!job_is_told(job, "Installing"))
		job_later(job, fleet_scaled(station->fleet, INSTALL_MS), install_ended);
}

void
firmware_session_over(struct station *station)
{
	if (station->firmware.is_waiting)
		job_later(&station->firmware, 0, install);
}

void
firmware_booted(struct station *station)
{
	if (!station->is_updated)
		return;
	station->is_updated = false;
	job_tell(&station->firmware, "Installed");
	job_end(&station->firmware);
}

static void
downloaded(struct station *station)
{
	struct job *job = &station->firmware;

	job_tell(job, "Downloaded");
	if (!job_is_told(job, "Downloaded"))
		job_later(job, fleet_scaled(station->fleet, PAUSE_MS), install);
}

static void
give_up(struct station *station)
{
	job_tell(&station->firmware, "DownloadFailed");
	job_end(&station->firmware);
}

static void fetch(struct station *station);

static void
on_fetched(void *arg, const struct transfer_result *result)
{
	struct station *station = arg;
	struct job *job = &station->firmware;

	job->transfer = NULL;
	if (!result->is_good) {
		if (!job_retries(job, result->text, fetch))
			give_up(station);
		return;
	}
	station_note(station, OUTPUT_STEP, "firmware.fetched", NULL, "%lld bytes from %s",
		     (long long)result->bytes, job->url);
	downloaded(station);
}

static void
fetch(struct station *station)
{
	const struct options *options = station->fleet->options;
	struct job *job = &station->firmware;
	const struct transfer_opts opts = { .url = job->url,
					    .ca = options->ca,
					    .is_insecure = options->is_insecure };
	int r;

	if (!str_eq(job->status, "Downloading"))
		job_tell(job, "Downloading");
	if (job_is_told(job, "Downloading"))
		return;
	if (job_is_told(job, "DownloadFailed")) {
		job_later(job, fleet_scaled(station->fleet, PAUSE_MS), give_up);
		return;
	}
	if (job_is_told(job, "Pretended")) {
		job_later(job, fleet_scaled(station->fleet, PAUSE_MS), downloaded);
		return;
	}
	r = transfer_start(&station->fleet->loop, &opts, on_fetched, station, &job->transfer);
	if (r == 0)
		return;
	station_note(station, OUTPUT_NOTE, "transfer.failed", NULL, "%s: %s", job->url,
		     r == OCPPD_ENOTSUP ? "this program was built without libcurl"
					: ocppd_strerror(r));
	job_later(job, 0, give_up);
}

/* The version number in a file's name (fw-2.1.0.bin: 2.1.0), else the name. */
static void
guess_version(const char *url, char *ret_version, size_t size)
{
	static const char digits[] = "0123456789.";
	char name[256];
	const char *slash;
	const char *found = NULL;
	size_t found_len = 0;

	(void)str_copy(name, sizeof(name), "");
	(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(url, "?#"), url);
	slash = strrchr(name, '/');
	for (const char *p = slash ? slash + 1 : name; *p;) {
		size_t len = *p >= '0' && *p <= '9' ? strspn(p, digits) : 0;

		if (len > 0 && memchr(p, '.', len - 1) && len > found_len) {
			found = p;
			found_len = len;
		}
		p += len > 0 ? len : 1;
	}
	while (found_len > 0 && found[found_len - 1] == '.')
		found_len--;
	if (found_len == 0) {
		found = slash && slash[1] ? slash + 1 : "unknown";
		found_len = strlen(found);
	}
	found_len = found_len < size - 1 ? found_len : size - 1;
	memcpy(ret_version, found, found_len);
	ret_version[found_len] = '\0';
}

struct json_object *
on_update_firmware(struct request *request)
{
	struct station *station = request->station;
	const char *location = ocppd_json_get_str(request->payload, "location");
	int64_t when_us;

	if (!location || ocppd_json_get_time(request->payload, "retrieveDate", &when_us) < 0)
		return feature_incomplete(request);
	if (station->next_version[0])
		(void)str_copy(request->name, sizeof(request->name), station->next_version);
	else
		guess_version(location, request->name, sizeof(station->version) - 2);
	return payload_words(NULL, NULL);
}

void
after_update_firmware(struct request *request)
{
	struct station *station = request->station;
	int64_t when_us = 0;
	int64_t wait_ms;

	if (job_begin(&station->firmware, request) < 0) {
		station_fail(station, "UpdateFirmware", "out of memory");
		return;
	}
	(void)ocppd_json_get_time(request->payload, "retrieveDate", &when_us);
	wait_ms = (when_us - payload_now_us()) / 1000;
	station_note(station, OUTPUT_STEP, "firmware.ordered", NULL,
		     "firmware %s from %s in %.0f s", request->name, station->firmware.url,
		     wait_ms > 0 ? (double)wait_ms / 1000 : 0.0);
	job_later(&station->firmware, wait_ms, fetch);
}
