/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The module file_hosting: hosts firmware images and receives diagnostics, over HTTP listeners of
 * its own. This file is its life and its descriptor.
 */
#include "hosting.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICK_MAX_MS 1000
#define LOW_PERCENT 90

/* ---- Numbers ----------------------------------------------------------------------------------
 */

static void
count_health(struct hosting *ctx, int64_t used)
{
	bool is_low = used / LOW_PERCENT * 100 >= ctx->conf->quota;
	char text[128];

	if (!is_low && !ctx->is_low)
		return;
	ctx->is_low = is_low;
	(void)snprintf(text, sizeof(text), "%lld of %lld bytes of the quota are used",
		       (long long)used, (long long)ctx->conf->quota);
	ocppd_health_set(ctx->host, "space", is_low ? OCPPD_HEALTH_DEGRADED : OCPPD_HEALTH_OK,
			 text);
}

void
hosting_count(struct hosting *ctx)
{
	struct desk *desk = &ctx->desk;
	uint64_t served;
	uint64_t received;
	uint64_t refused[REFUSED_COUNT];
	uint32_t guests;
	uint32_t grants;
	int64_t used;

	desk_lock(desk);
	served = desk->served_bytes;
	received = desk->received_bytes;
	memcpy(refused, desk->refused, sizeof(refused));
	guests = desk->guest_count;
	grants = desk->grant_count;
	used = desk->used_bytes + desk->incoming_bytes;
	desk_unlock(desk);
	(void)ocppd_metric_add(ctx->host, METRIC_SERVED, NULL,
			       (double)(served - ctx->counted_served));
	(void)ocppd_metric_add(ctx->host, METRIC_RECEIVED, NULL,
			       (double)(received - ctx->counted_received));
	for (size_t i = 0; i < REFUSED_COUNT; i++) {
		const char *const labels[] = { refusal_names[i], NULL };

		if (refused[i] != ctx->counted_refused[i])
			(void)ocppd_metric_add(ctx->host, METRIC_REFUSED, labels,
					       (double)(refused[i] - ctx->counted_refused[i]));
	}
	memcpy(ctx->counted_refused, refused, sizeof(refused));
	ctx->counted_served = served;
	ctx->counted_received = received;
	(void)ocppd_metric_set(ctx->host, METRIC_USED, NULL, (double)used);
	(void)ocppd_metric_set(ctx->host, METRIC_QUOTA, NULL, (double)ctx->conf->quota);
	(void)ocppd_metric_set(ctx->host, METRIC_CONNECTIONS, NULL, guests);
	(void)ocppd_metric_set(ctx->host, METRIC_OPEN, NULL, grants);
	count_health(ctx, used);
}

/* ---- The other threads ------------------------------------------------------------------------
 */

static bool
has_guests(struct hosting *ctx)
{
	bool is_true;

	desk_lock(&ctx->desk);
	is_true = ctx->desk.guest_count > 0;
	desk_unlock(&ctx->desk);
	return is_true;
}

static void
arm_tick(struct hosting *ctx)
{
	int64_t ms = ctx->conf->timeout_ms / 4;

	ocppd_timer_set(ctx->tick, ms < TICK_MAX_MS ? ms : TICK_MAX_MS);
}

static void
on_tick(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;

	ctx->ticks++;
	desk_lock(&ctx->desk);
	guests_tick(&ctx->desk, ocppd_mono_us(host));
	desk_unlock(&ctx->desk);
	if (!ctx->is_stopping)
		records_progress(ctx, false);
	hosting_count(ctx);
	if (has_guests(ctx))
		arm_tick(ctx);
	else
		ctx->is_ticking = false;
}

/* Those that have nothing under way, and at last all of them but for who waits for an answer. */
static void
close_guests(struct hosting *ctx)
{
	struct guest *guest;

	desk_lock(&ctx->desk);
	TAILQ_FOREACH (guest, &ctx->desk.guests, all) {
		if (!guest->is_busy ||
		    (ctx->is_drained && !guest->is_suspended && !guest->is_answered))
			guest_cut(guest, "the daemon stops");
	}
	desk_unlock(&ctx->desk);
}

static void
finish(struct hosting *ctx)
{
	worker_stop(ctx);
	ocppd_io_free(ctx->io);
	ctx->io = NULL;
	ocppd_timer_free(ctx->tick);
	ocppd_timer_free(ctx->drain);
	ctx->tick = NULL;
	ctx->drain = NULL;
	hosting_count(ctx);
	ocppd_stopped(ctx->host);
}

void
hosting_check_stopped(struct hosting *ctx)
{
	struct job *job;

	if (!ctx->is_stopping || ctx->io == NULL)
		return;
	close_guests(ctx);
	if (ctx->outstanding > 0 || ctx->jobs > 0 || (has_guests(ctx) && !ctx->is_closed))
		return;
	if (ctx->is_closed) {
		finish(ctx);
		return;
	}
	/* What is known of downloads is kept for their resumption. */
	records_progress(ctx, true);
	if (ctx->outstanding > 0)
		return;
	job = ctx->close_job;
	ctx->close_job = NULL;
	worker_give(ctx, job);
}

void
hosting_done(struct hosting *ctx)
{
	ctx->outstanding--;
	hosting_check_stopped(ctx);
}

static void
on_work_done(void *ctx)
{
	hosting_done(ctx);
}

static void
on_event(struct ocppd_host *host, int fd, uint32_t ready, void *arg)
{
	struct hosting *ctx = arg;
	uint64_t count;

	(void)host;
	(void)ready;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
		OCPPD_ERROR(ctx->host, "files.unheard", OCPPD_INT("errno", errno));
	desk_lock(&ctx->desk);
	ctx->desk.is_awake = false;
	desk_unlock(&ctx->desk);
	worker_collect(ctx);
	records_notices(ctx);
	uploads_take(ctx);
	if (!ctx->is_ticking && ctx->tick != NULL && has_guests(ctx)) {
		ctx->is_ticking = true;
		arm_tick(ctx);
	}
	hosting_count(ctx);
	hosting_check_stopped(ctx);
}

/* ---- Folders ----------------------------------------------------------------------------------
 */

static int
open_folder(int at, const char *name, int *ret_fd, struct ocppd_error *err)
{
	int code = 0;

	if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
		code = errno;
	if (code == 0) {
		*ret_fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		code = *ret_fd < 0 ? errno : 0;
	}
	if (code == 0)
		return 0;
	return ocppd_error_set(err, OCPPD_EIO, "cannot make or open the folder %s: %s", name,
			       strerrordesc_np(code));
}

static void
close_folders(struct hosting *ctx)
{
	int *fds[] = { &ctx->desk.incoming_fd, &ctx->desk.store_fd, &ctx->import_fd,
		       &ctx->lock_fd };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			(void)close(*fds[i]);
		*fds[i] = -1;
	}
}

static int
open_folders(struct hosting *ctx, struct ocppd_error *err)
{
	const struct hosting_conf *conf = ctx->conf;
	const char *state = getenv("STATE_DIRECTORY");
	char path[4096];
	int r;

	if (conf->path != NULL)
		(void)snprintf(path, sizeof(path), "%s", conf->path);
	else if (state != NULL && state[0] != '\0')
		(void)snprintf(path, sizeof(path), "%.*s/files", (int)strcspn(state, ":"), state);
	else
		(void)snprintf(path, sizeof(path), "%s/files", conf->directory);
	r = open_folder(AT_FDCWD, path, &ctx->lock_fd, err);
	if (r == 0 && flock(ctx->lock_fd, LOCK_EX | LOCK_NB) != 0)
		r = ocppd_error_set(err, OCPPD_EBUSY, "the folder %s is in use by another daemon",
				    path);
	if (r == 0)
		r = open_folder(ctx->lock_fd, "incoming", &ctx->desk.incoming_fd, err);
	if (r == 0)
		r = open_folder(ctx->lock_fd, "store", &ctx->desk.store_fd, err);
	if (r == 0)
		r = open_folder(ctx->lock_fd, "import", &ctx->import_fd, err);
	if (r < 0)
		close_folders(ctx);
	return r;
}

/* ---- Starting ---------------------------------------------------------------------------------
 */

static void
undo_start(struct hosting *ctx)
{
	doors_close(ctx);
	worker_stop(ctx);
	ocppd_io_free(ctx->io);
	ctx->io = NULL;
	ocppd_timer_free(ctx->timer);
	ocppd_timer_free(ctx->tick);
	ocppd_timer_free(ctx->sweep);
	ocppd_timer_free(ctx->drain);
	ctx->timer = ctx->tick = ctx->sweep = ctx->drain = NULL;
	free(ctx->keep);
	ctx->keep = NULL;
	free(ctx->close_job);
	ctx->close_job = NULL;
	catalogue_clear(ctx);
	close_folders(ctx);
}

void
hosting_started(struct hosting *ctx, int result, const struct ocppd_error *why)
{
	struct ocppd_error err = { 0 };

	if (result < 0 && why != NULL && why->code != 0)
		err = *why;
	else if (result < 0)
		(void)ocppd_error_set(&err, result, "the files on record cannot be read");
	if (result >= 0)
		result = doors_open(ctx, &err);
	if (result < 0) {
		undo_start(ctx);
		ocppd_started(ctx->host, &err);
		return;
	}
	base_choose(ctx);
	OCPPD_INFO(ctx->host, "files.loaded", OCPPD_INT("images", ctx->image_count),
		   OCPPD_INT("open", ctx->desk.grant_count),
		   OCPPD_INT("bytes", ctx->desk.used_bytes), OCPPD_STR("url", ctx->base));
	hosting_count(ctx);
	records_arm(ctx, 0);
	ocppd_timer_set(ctx->sweep, 0);
	ocppd_started(ctx->host, NULL);
}

/* Only now may files arrive. */
void
hosting_cleaned(struct hosting *ctx)
{
	hosting_started(ctx, 0, NULL);
}

static void
take_limits(struct hosting *ctx)
{
	const struct hosting_conf *conf = ctx->conf;
	struct limits *limits = &ctx->desk.limits;

	desk_lock(&ctx->desk);
	limits->max_upload = conf->max_upload;
	limits->max_image = conf->max_image;
	limits->quota = conf->quota;
	limits->min_free = conf->min_free;
	limits->min_rate = conf->min_rate;
	limits->timeout_ms = conf->timeout_ms;
	limits->max_connections = conf->max_connections;
	desk_unlock(&ctx->desk);
}

/* ---- Life -------------------------------------------------------------------------------------
 */

static int
check(const void *arg, struct ocppd_error *err)
{
	const struct hosting_conf *conf = arg;

	if (conf->addresses.count > DOORS_MAX)
		return ocppd_error_option(err, OCPPD_EINVAL, "address",
					  "there can be at most %d addresses", DOORS_MAX);
	for (uint32_t i = 0; i < conf->addresses.count; i++) {
		const char *address = conf->addresses.items[i];
		struct sockaddr_storage parsed;

		if (ocppd_address_parse(address, 0, &parsed) < 0)
			return ocppd_error_option(err, OCPPD_EINVAL, "address",
						  "%s is no IP address", address);
		if (conf->public_url == NULL && address_is_any(address))
			return ocppd_error_option(err, OCPPD_EINVAL, "address",
						  "%s is every address: set public_url to what "
						  "stations reach this one at",
						  address);
	}
	if (conf->public_url != NULL && !base_is_valid(conf->public_url))
		return ocppd_error_option(err, OCPPD_EINVAL, "public_url",
					  "must be http://HOST[:PORT][/PATH] or https://…, "
					  "at most %d bytes, without a query",
					  BASE_MAX);
	if ((conf->tls.certificate == NULL) != (conf->tls.key == NULL))
		return ocppd_error_option(err, OCPPD_EINVAL,
					  conf->tls.key == NULL ? "tls.certificate" : "tls.key",
					  "certificate and key go together");
	return 0;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct hosting *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	if (desk_init(&ctx->desk, host) < 0) {
		desk_fini(&ctx->desk);
		free(ctx);
		return ocppd_error_set(err, OCPPD_EIO, "no descriptor left");
	}
	ctx->host = host;
	ctx->conf = conf;
	ctx->import_fd = -1;
	ctx->lock_fd = -1;
	TAILQ_INIT(&ctx->watches);
	*ret_ctx = ctx;
	return 0;
}

static int
start(struct ocppd_host *host, void *arg, struct ocppd_error *err)
{
	struct hosting *ctx = arg;
	const void *ops;
	int r = ocppd_service_get(host, "ocppd.storage", 1, 0, &ops, &ctx->storage_self);

	if (r < 0)
		return ocppd_error_set(err, r, "storage is missing");
	ctx->storage = ops;
	ctx->works = (struct ocppd_work_owner){
		sizeof(ctx->works), 0,  host, ctx->storage, ctx->storage_self, &ctx->outstanding,
		on_work_done,       ctx
	};
	take_limits(ctx);
	r = open_folders(ctx, err);
	if (r < 0)
		return r;
	ctx->is_stopping = ctx->is_closed = ctx->is_drained = ctx->is_ticking = false;
	ctx->armed_us = INT64_MAX;
	ctx->desk.is_closing = false;
	ctx->timer = ocppd_timer_new(host, records_timer, ctx);
	ctx->tick = ocppd_timer_new(host, on_tick, ctx);
	ctx->sweep = ocppd_timer_new(host, sweep_timer, ctx);
	ctx->io = ocppd_io_add(host, ctx->desk.event, OCPPD_IO_READ, on_event, ctx);
	ctx->close_job = job_new(JOB_CLOSE);
	r = ctx->timer == NULL || ctx->tick == NULL || ctx->sweep == NULL || ctx->io == NULL ||
			    ctx->close_job == NULL
		    ? OCPPD_ENOMEM
		    : worker_start(ctx);
	if (r >= 0)
		r = load_begin(ctx);
	if (r >= 0)
		return OCPPD_PENDING;
	undo_start(ctx);
	return ocppd_error_set(err, r, "the files on record cannot be read");
}

static void
reload(struct ocppd_host *host, void *arg, const void *conf)
{
	struct hosting *ctx = arg;

	(void)host;
	ctx->conf = conf;
	take_limits(ctx);
	base_choose(ctx);
	hosting_count(ctx);
	if (ctx->sweep != NULL)
		ocppd_timer_set(ctx->sweep, 0);
}

static void
on_drain(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;

	(void)host;
	ctx->is_drained = true;
	hosting_check_stopped(ctx);
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;

	ctx->is_stopping = true;
	ocppd_timer_free(ctx->timer);
	ocppd_timer_free(ctx->sweep);
	ctx->timer = ctx->sweep = NULL;
	desk_lock(&ctx->desk);
	ctx->desk.is_closing = true;
	desk_unlock(&ctx->desk);
	doors_quiet(ctx);
	ctx->drain = ocppd_timer_new(host, on_drain, ctx);
	if (ctx->drain == NULL)
		ctx->is_drained = true;
	else
		ocppd_timer_set(ctx->drain, ctx->conf->drain_ms);
	desk_wake(&ctx->desk);
	return OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *arg)
{
	struct hosting *ctx = arg;

	(void)host;
	watches_free(ctx);
	undo_start(ctx);
	desk_fini(&ctx->desk);
	free(ctx);
}

/* ---- Descriptor -------------------------------------------------------------------------------
 */

#define AT(member) .offset = offsetof(struct hosting_conf, member)

static const struct ocppd_option tls_options[] = {
	{ "certificate", OCPPD_CONF_PATH, .offset = offsetof(struct tls_conf, certificate),
	  .doc = "PEM file of the certificate and its chain." },
	{ "key", OCPPD_CONF_PATH, OCPPD_OPTION_SECRET, .offset = offsetof(struct tls_conf, key),
	  .doc = "PEM file of the private key." },
};

static const struct ocppd_option options[] = {
	{ "address", OCPPD_CONF_STRINGS, AT(addresses), .def = "127.0.0.1",
	  .doc = "IP addresses to listen on for stations' files. `[::]` is every IPv6 address, "
		 "`0.0.0.0` every IPv4 address; then `public_url` is needed." },
	{ "port", OCPPD_CONF_INT, AT(port), .max = 65535, .def = "8182",
	  .doc = "TCP port to listen on; 0: one that the system chooses, which the log tells." },
	{ "tls", OCPPD_CONF_SECTION, AT(tls), .item_size = sizeof(struct tls_conf),
	  .options = OCPPD_TABLE(tls_options),
	  .doc = "Serves HTTPS, with TLS 1.2 and 1.3, instead." },
	{ "public_url", OCPPD_CONF_STRING, OCPPD_RELOADABLE, AT(public_url), .min = 8,
	  .max = BASE_MAX,
	  .doc = "What the URLs begin with that stations and operators are given: "
		 "`https://files.example.com/ocpp`. A path is that of a proxy in front, which may "
		 "take it away or leave it. Absent: the first address." },
	{ "path", OCPPD_CONF_PATH, AT(path),
	  .doc = "The folder of the files, made if need be. Absent: `files` in the folder that the "
		 "service manager names in STATE_DIRECTORY, else in `directory`." },
	{ "directory", OCPPD_CONF_PATH, AT(directory), .def = ".",
	  .doc = "Where `files` is made when neither `path` nor STATE_DIRECTORY is given." },
	{ "max_image", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(max_image), .min = 1,
	  .max = INT64_C(1) << 40, .def = "1GiB", .doc = "Size of a firmware image at most." },
	{ "max_upload", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(max_upload), .min = 1,
	  .max = INT64_C(1) << 40, .def = "100MiB",
	  .doc = "Size of a file that a station sends at most." },
	{ "quota", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(quota), .min = 1, .max = INT64_C(1) << 50,
	  .def = "10GiB",
	  .doc = "Bytes that all files together may have; beyond, what comes is answered with "
		 "507." },
	{ "min_free", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(min_free), .min = 0,
	  .max = INT64_C(1) << 50, .def = "64MiB",
	  .doc = "Room that is left on the disk, for the database among others." },
	{ "keep_received", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(keep_received_s), .min = 0,
	  .max = 86400 * 36500LL, .def = "90d",
	  .doc = "How long received files are kept; 0s: for ever." },
	{ "keep_per_station", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(keep_per_station), .min = 0,
	  .max = 1000000, .def = "50",
	  .doc = "How many received files of a station are kept, the newest; 0: all." },
	{ "keep_transfers", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(keep_transfers_s),
	  .min = 3600, .max = 86400 * 36500LL, .def = "400d",
	  .doc = "How long the records of ended transfers are kept." },
	{ "max_transfers", OCPPD_CONF_INT, OCPPD_RELOADABLE, AT(max_transfers), .min = 1,
	  .max = 1000000, .def = "100000", .doc = "Transfers that may be open at a time." },
	{ "max_connections", OCPPD_CONF_INT, AT(max_connections), .min = 1, .max = 10000,
	  .def = "256",
	  .doc = "Connections at a time; what is asked for beyond is answered with 503, to be "
		 "tried again." },
	{ "threads", OCPPD_CONF_INT, AT(threads), .min = 1, .max = 64, .def = "2",
	  .doc = "Threads that serve each address." },
	{ "timeout", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(timeout_ms), .min = 100,
	  .max = 3600000, .def = "2min",
	  .doc = "A connection without a request, or whose request moved less than `min_rate` "
		 "demands within this time, is closed." },
	{ "min_rate", OCPPD_CONF_SIZE, OCPPD_RELOADABLE, AT(min_rate), .min = 1, .max = 1 << 30,
	  .def = "64",
	  .doc = "Bytes a second that a request has to move, on the average of `timeout`." },
	{ "grace", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(grace_s), .min = 0, .max = 86400,
	  .def = "10min",
	  .doc = "How long a file that was sent completely may be fetched again at its URL: the "
		 "last bytes may have been lost on their way. 0s: not at all." },
	{ "operator_time", OCPPD_CONF_DURATION_S, OCPPD_RELOADABLE, AT(operator_time_s), .min = 10,
	  .max = 86400, .def = "1h",
	  .doc = "How long a URL for an operator's upload or download may be used." },
	{ "drain", OCPPD_CONF_DURATION_MS, OCPPD_RELOADABLE, AT(drain_ms), .min = 0, .max = 600000,
	  .def = "5s",
	  .doc = "How long requests that are under way may take to end when the module stops; "
		 "stations resume downloads after a restart. Keep it below `module_stop_timeout`." },
};

static const struct ocppd_need needs[] = {
	{ "ocppd.storage", .major = 1 },
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.files", 1, 0, .ops = &hosting_ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"file_hosting",
	"0.1.0",
	"Firmware images and diagnostics over HTTP",
	.conf_size = sizeof(struct hosting_conf),
	.needs = OCPPD_TABLE(needs),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.topics = { hosting_topics, HOSTING_TOPICS, sizeof(hosting_topics[0]) },
	.migrations = { hosting_migrations, HOSTING_MIGRATIONS, sizeof(hosting_migrations[0]) },
	.statements = { hosting_statements, STATEMENT_COUNT, sizeof(hosting_statements[0]) },
	.routes = { hosting_routes, HOSTING_ROUTES, sizeof(hosting_routes[0]) },
	.metrics = { hosting_metrics, METRIC_COUNT, sizeof(hosting_metrics[0]) },
	.check = check,
	.init = init,
	.start = start,
	.reload = reload,
	.stop = stop,
	.shutdown = shutdown_module,
};
