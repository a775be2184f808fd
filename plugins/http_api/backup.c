/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * POST /v1/backup and /v1/backups: consistent copies of the database. To a path on the daemon's
 * host, or into a folder of ours, where one waits to be fetched (download.c): then it is removed,
 * after a while in any case, and what an earlier run left at the next start.
 */
#include "backup.h"

#include <ocppd/json.h>
#include <ocppd/plugin.h>
#include <ocppd/service/storage.h>

#include "http_api.h"
#include "items.h"
#include "store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#define KEPT_MAX 4 /* those that run or failed included */
#define NAME_BEGIN "ocppd-backup-"
#define NAME_END ".db"
#define SECOND_US 1000000

static const char *const state_words[BACKUP_STATES] = { "running", "ready", "failed" };

static void
backup_free(struct backup *backup)
{
	free(backup->path);
	free(backup->requester);
	free(backup);
}

/* Takes it off the list, its file with it. event: what the log calls that; NULL: nothing. */
static void
backup_remove(struct backup *backup, const char *event)
{
	struct backups *backups = backup->backups;

	TAILQ_REMOVE(&backups->all, backup, link);
	backups->count--;
	if (backup->id[0] != '\0' && backup->state == BACKUP_READY)
		(void)unlink(backup->path);
	if (event != NULL)
		OCPPD_INFO(backups->api->host, event, OCPPD_STR("path", backup->path));
	backup_free(backup);
}

/* ---- Expiry -------------------------------------------------------------------------------- */

static void
plan_expiry(struct backups *backups)
{
	int64_t now_us = ocppd_mono_us(backups->api->host);
	int64_t next_us = INT64_MAX;
	const struct backup *backup;

	TAILQ_FOREACH (backup, &backups->all, link) {
		if (backup->state != BACKUP_RUNNING && backup->readers == 0 &&
		    backup->expires_mono_us < next_us)
			next_us = backup->expires_mono_us;
	}
	if (next_us == INT64_MAX)
		ocppd_timer_cancel(backups->timer);
	else
		ocppd_timer_set(backups->timer,
				next_us <= now_us ? 0 : (next_us - now_us) / 1000 + 1);
}

static void
on_timer(struct ocppd_host *host, void *arg)
{
	struct backups *backups = arg;
	struct backup *backup = TAILQ_FIRST(&backups->all);
	int64_t now_us = ocppd_mono_us(host);

	while (backup != NULL) {
		struct backup *next = TAILQ_NEXT(backup, link);

		if (backup->state != BACKUP_RUNNING && backup->readers == 0 &&
		    backup->expires_mono_us <= now_us) {
			backup_remove(backup, "backup.expired");
		}
		backup = next;
	}
	plan_expiry(backups);
}

void
backup_left(struct backup *backup, bool is_whole)
{
	struct backups *backups = backup->backups;

	backup->readers--;
	backup->is_fetched |= is_whole;
	if (backup->is_fetched && backup->readers == 0)
		backup_remove(backup, "backup.fetched");
	if (!backups->is_stopped)
		plan_expiry(backups);
}

/* ---- As the API shows it ------------------------------------------------------------------- */

static struct json_object *
backup_json(const struct backup *backup)
{
	const struct api *api = backup->backups->api;
	struct json_object *item = json_object_new_object();
	int64_t done = backup->size;
	int64_t total = backup->size;
	int r = item == NULL ? OCPPD_ENOMEM : 0;

	if (backup->state == BACKUP_RUNNING)
		(void)api->storage->backup_progress(api->storage_self, api->host, &done, &total);
	if (r == 0) {
		r |= ocppd_json_add_str(item, "backupId", backup->id);
		r |= ocppd_json_add_str(item, "state", state_words[backup->state]);
		r |= ocppd_json_add_int(item, "done", done);
		r |= ocppd_json_add_int(item, "total", total);
		r |= ocppd_json_add_time(item, "createdAt", backup->created_us);
		if (backup->state != BACKUP_RUNNING)
			r |= ocppd_json_add_time(item, "expiresAt", backup->expires_us);
		r |= ocppd_json_add_str(item, "requester", backup->requester);
		if (backup->state == BACKUP_FAILED)
			r |= ocppd_json_add_str(item, "detail", backup->problem);
	}
	if (r == 0)
		return item;
	(void)json_object_put(item);
	return NULL;
}

static void
reply_backup(const struct backup *backup, struct ocppd_request *request, uint32_t status)
{
	struct ocppd_host *host = backup->backups->api->host;
	struct json_object *body = backup_json(backup);

	if (body == NULL)
		ocppd_request_fail(host, request, OCPPD_ENOMEM, NULL);
	else
		ocppd_request_reply(host, request, status, body);
}

/* ---- Making one ---------------------------------------------------------------------------- */

static void
settle(struct backup *backup, int result, const struct ocppd_error *err)
{
	const struct api *api = backup->backups->api;
	int64_t keep_us = api->conf->backup_keep_s * SECOND_US;
	struct stat st;

	backup->state = BACKUP_READY;
	if (result >= 0 && stat(backup->path, &st) == 0)
		backup->size = st.st_size;
	else {
		backup->state = BACKUP_FAILED;
		(void)snprintf(backup->problem, sizeof(backup->problem), "%.250s",
			       err != NULL && err->text[0] != '\0' ? err->text
								   : ocppd_strerror(result));
	}
	backup->expires_us = ocppd_now_us(api->host) + keep_us;
	backup->expires_mono_us = ocppd_mono_us(api->host) + keep_us;
	plan_expiry(backup->backups);
}

static void
answer_path(struct backup *backup, int result, const struct ocppd_error *err)
{
	struct ocppd_host *host = backup->backups->api->host;
	struct json_object *body;

	if (result < 0) {
		ocppd_request_fail(host, backup->request, result, err);
		return;
	}
	body = json_object_new_object();
	if (body == NULL || ocppd_json_add_str(body, "result", "written") < 0) {
		(void)json_object_put(body);
		ocppd_request_fail(host, backup->request, OCPPD_ENOMEM, NULL);
		return;
	}
	ocppd_request_reply(host, backup->request, 200, body);
}

static void
on_backup(struct ocppd_host *host, int result, const struct ocppd_error *err, void *arg)
{
	struct backup *backup = arg;
	struct api *api = backup->backups->api;

	(void)host;
	if (backup->id[0] == '\0') {
		answer_path(backup, result, err);
		backup_remove(backup, NULL);
	} else if (backup->backups->is_stopped) {
		backup->state = result < 0 ? BACKUP_FAILED : BACKUP_READY;
		backup_remove(backup, NULL);
	} else {
		settle(backup, result, err);
	}
	store_done(api);
}

static bool
is_possible(struct api *api, struct ocppd_request *request)
{
	if (api->storage != NULL && api->storage->backup != NULL &&
	    api->storage->backup_progress != NULL && api->storage->backup_cancel != NULL)
		return true;
	ocppd_request_problem(api->host, request, 501, "unsupported",
			      "no loaded storage module offers backups");
	return false;
}

/* A new one, under way. NULL: the request is answered. */
static struct backup *
backup_begin(struct api *api, struct ocppd_request *request, const char *id, char *path)
{
	struct backups *backups = api->backups;
	struct backup *backup = calloc(1, sizeof(*backup));
	int r = OCPPD_ENOMEM;

	if (backup != NULL && path != NULL) {
		backup->backups = backups;
		backup->created_us = ocppd_now_us(api->host);
		backup->requester = strdup(ocppd_request_user(request));
		(void)snprintf(backup->id, sizeof(backup->id), "%s", id);
		if (backup->requester != NULL)
			r = api->storage->backup(api->storage_self, api->host, path, on_backup,
						 backup);
	}
	if (r < 0) {
		if (r == OCPPD_EBUSY)
			ocppd_request_problem(api->host, request, 409, "backup-under-way",
					      "a backup is under way already");
		else
			ocppd_request_fail(api->host, request, r, NULL);
		free(path);
		if (backup != NULL)
			backup_free(backup);
		return NULL;
	}
	backup->path = path;
	api->stores++;
	TAILQ_INSERT_TAIL(&backups->all, backup, link);
	backups->count++;
	return backup;
}

/* On the daemon's host, for whoever has an account there. */
static void
begin_path(struct api *api, struct ocppd_request *request, const char *path)
{
	struct backup *backup = backup_begin(api, request, "", strdup(path));
	if (backup != NULL)
		backup->request = request;
}

/* The folder as configured, that of the service manager, or that of our socket. The caller frees
 * it; NULL: there is none. */
static char *
folder_of(const struct api *api)
{
	const char *state = getenv("STATE_DIRECTORY");
	const char *socket = api->conf->socket;
	const char *slash = socket == NULL ? NULL : strrchr(socket, '/');

	if (api->conf->backup_directory != NULL)
		return strdup(api->conf->backup_directory);
	if (state != NULL && state[0] == '/')
		return strndup(state, strcspn(state, ":"));
	return slash == NULL || slash == socket ? NULL : strndup(socket, (size_t)(slash - socket));
}

static char *
path_of(const struct api *api, const char *id)
{
	char *folder = folder_of(api);
	char *path = NULL;

	if (folder != NULL && asprintf(&path, "%s/" NAME_BEGIN "%s" NAME_END, folder, id) < 0)
		path = NULL;
	free(folder);
	return path;
}

/* Room for one more: the oldest that nobody fetches goes, if there are too many. */
static bool
make_room(struct backups *backups)
{
	struct backup *backup = TAILQ_FIRST(&backups->all);

	while (backups->count >= KEPT_MAX && backup != NULL) {
		struct backup *next = TAILQ_NEXT(backup, link);

		if (backup->state != BACKUP_RUNNING && backup->readers == 0)
			backup_remove(backup, NULL);
		backup = next;
	}
	return backups->count < KEPT_MAX;
}

void
backup_post(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	const char *path = ocppd_json_get_str(ocppd_request_body(request), "path");
	char id[BACKUP_ID_DIGITS + 1];
	struct backup *backup;
	char *path_kept;

	if (path != NULL && path[0] != '/') {
		ocppd_request_problem(host, request, 400, "invalid-body",
				      "path is not an absolute path");
		return;
	}
	if (!is_possible(api, request))
		return;
	if (path != NULL) {
		begin_path(api, request, path);
		return;
	}
	if (!make_room(api->backups)) {
		ocppd_request_problem(host, request, 503, "too-many-backups",
				      "%d backups are being fetched already", KEPT_MAX);
		return;
	}
	if (store_id(id, BACKUP_ID_DIGITS) < 0) {
		ocppd_request_fail(host, request, OCPPD_EIO, NULL);
		return;
	}
	path_kept = path_of(api, id);
	if (path_kept == NULL) {
		ocppd_request_problem(host, request, 501, "unsupported",
				      "there is no folder for it: name backup_directory");
		return;
	}
	backup = backup_begin(api, request, id, path_kept);
	if (backup != NULL)
		reply_backup(backup, request, 202);
}

/* ---- Those that are kept ------------------------------------------------------------------- */

static struct backup *
find(struct ocppd_request *request, struct api *api)
{
	const char *id = ocppd_request_param(request, "backupId");
	struct backup *backup;

	TAILQ_FOREACH (backup, &api->backups->all, link) {
		if (backup->id[0] != '\0' && strcmp(backup->id, id) == 0)
			return backup;
	}
	ocppd_request_problem(api->host, request, 404, "unknown-backup",
			      "there is no such backup; one that was fetched is removed");
	return NULL;
}

void
backup_list(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct api *api = ctx;
	const struct backup *backup;
	struct items items;

	items_init(&items);
	TAILQ_FOREACH (backup, &api->backups->all, link) {
		if (backup->id[0] != '\0' && !items_add(&items, backup_json(backup)))
			break;
	}
	items_reply(&items, host, request, NULL);
}

void
backup_get(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	const struct backup *backup = find(request, ctx);

	(void)host;
	if (backup != NULL)
		reply_backup(backup, request, 200);
}

void
backup_data(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct backup *backup = find(request, ctx);

	if (backup == NULL)
		return;
	if (backup->state == BACKUP_READY)
		download_begin(backup, request);
	else
		ocppd_request_problem(host, request, 409, "not-ready", "the backup is %s",
				      state_words[backup->state]);
}

void
backup_delete(struct ocppd_host *host, struct ocppd_request *request, void *ctx)
{
	struct api *api = ctx;
	struct backup *backup = find(request, ctx);

	if (backup == NULL)
		return;
	if (backup->readers > 0) {
		ocppd_request_problem(host, request, 409, "being-fetched",
				      "the backup is being fetched");
		return;
	}
	if (backup->state == BACKUP_RUNNING)
		api->storage->backup_cancel(api->storage_self, host); /* it will be failed */
	else
		backup_remove(backup, NULL);
	ocppd_request_reply(host, request, 200, NULL);
}

/* ---- Life ---------------------------------------------------------------------------------- */

static bool
is_leftover(const char *name)
{
	size_t begin = strlen(NAME_BEGIN);
	size_t digits = BACKUP_ID_DIGITS;

	return strncmp(name, NAME_BEGIN, begin) == 0 &&
	       strspn(name + begin, "0123456789abcdef") == digits &&
	       (strcmp(name + begin + digits, NAME_END) == 0 ||
		strcmp(name + begin + digits, NAME_END ".part") == 0);
}

/* What a run that did not end well left behind. */
static void
sweep(const struct api *api)
{
	char *folder = folder_of(api);
	DIR *dir = folder == NULL ? NULL : opendir(folder);
	const struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (is_leftover(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) == 0)
			OCPPD_INFO(api->host, "backup.swept", OCPPD_STR("path", entry->d_name));
	}
	if (dir != NULL)
		(void)closedir(dir);
	free(folder);
}

struct backups *
backups_new(struct api *api)
{
	struct backups *backups = calloc(1, sizeof(*backups));

	if (backups == NULL)
		return NULL;
	backups->api = api;
	TAILQ_INIT(&backups->all);
	LIST_INIT(&backups->downloads);
	return backups;
}

int
backups_start(struct backups *backups)
{
	backups->is_stopped = false;
	backups->timer = ocppd_timer_new(backups->api->host, on_timer, backups);
	if (backups->timer == NULL)
		return OCPPD_ENOMEM;
	sweep(backups->api);
	return 0;
}

/* One that is being made is given up: its end is waited for (api->stores). */
void
backups_stop(struct backups *backups)
{
	const struct api *api = backups->api;
	struct backup *backup;

	backups->is_stopped = true;
	ocppd_timer_free(backups->timer);
	backups->timer = NULL;
	TAILQ_FOREACH (backup, &backups->all, link) {
		if (backup->state == BACKUP_RUNNING)
			api->storage->backup_cancel(api->storage_self, api->host);
	}
	downloads_stop(backups);
}

void
backups_free(struct backups *backups)
{
	if (backups == NULL)
		return;
	downloads_free(backups);
	while (!TAILQ_EMPTY(&backups->all))
		backup_remove(TAILQ_FIRST(&backups->all), NULL);
	free(backups);
}
