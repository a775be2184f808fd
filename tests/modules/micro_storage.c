/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* A storage that stores nothing: it answers migrations, a moment later, as its option says. */
#include <stdlib.h>

#include <ocppd/plugin.h>

struct storage_conf {
	uint32_t answer;
	uint32_t reserved;
};

enum answer {
	ANSWER_DONE,
	ANSWER_REFUSED,
	ANSWER_NEVER,
};

struct storage {
	struct ocppd_timer *timer;
	uint32_t answer;
	struct ocppd_host *owner;
	ocppd_storage_fn *fn;
	void *arg;
};

static const char *const answers[] = { "done", "refused", "never", NULL };

static const struct ocppd_option options[] = {
	{ "answer", OCPPD_CONF_ENUM, 0, offsetof(struct storage_conf, answer), .one_of = answers,
	  .def = "done", .doc = "What becomes of a migration." },
};

static void
on_timer(struct ocppd_host *host, void *arg)
{
	struct storage *storage = arg;
	struct ocppd_error err = { 0 };

	(void)host;
	if (storage->answer == ANSWER_DONE) {
		storage->fn(storage->owner, 0, NULL, storage->arg);
		return;
	}
	(void)ocppd_error_set(&err, OCPPD_EVERSION, "the database is newer");
	storage->fn(storage->owner, OCPPD_EVERSION, &err, storage->arg);
}

static int
migrate(void *self, struct ocppd_host *owner, uint32_t dry_run, ocppd_storage_fn *fn, void *arg)
{
	struct storage *storage = self;

	OCPPD_INFO(owner, "storage.migrate", OCPPD_INT("dry_run", dry_run),
		   OCPPD_STR("step", ocppd_host_migration(owner, 0)->name));
	storage->owner = owner;
	storage->fn = fn;
	storage->arg = arg;
	if (storage->answer != ANSWER_NEVER)
		ocppd_timer_set(storage->timer, 100);
	return 0;
}

static const struct ocppd_storage_ops ops = { .struct_size = sizeof(ops), .migrate = migrate };

static const struct ocppd_provide provides[] = {
	{ "ocppd.storage", 1, 0, 0, &ops },
};

static int
storage_init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	const struct storage_conf *own = conf;
	struct storage *storage = calloc(1, sizeof(*storage));

	if (storage == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");

	storage->answer = own->answer;
	storage->timer = ocppd_timer_new(host, on_timer, storage);
	if (storage->timer == NULL) {
		free(storage);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	*ret_ctx = storage;
	return 0;
}

static void
storage_shutdown(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_storage",
	"1.0.0",
	"Answers migrations",
	.conf_size = sizeof(struct storage_conf),
	.provides = OCPPD_TABLE(provides),
	.options = OCPPD_TABLE(options),
	.init = storage_init,
	.shutdown = storage_shutdown,
};
