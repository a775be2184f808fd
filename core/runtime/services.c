/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The registry of services. What a provider hands over is copied, with zeroes behind it, so a user
 * built for a newer minor finds NULL where the provider has nothing.
 */
#include "runtime/services.h"

#include "base/text.h"
#include "runtime/host.h"
#include "runtime/loader.h"

#define OPS_MIN 8 /* struct_size, reserved */
#define OPS_MAX (64 * 1024)
#define OPS_SPARE 1024 /* zeroes: 128 functions more than the provider knew */

struct entry {
	TAILQ_ENTRY(entry) all;
	struct ocppd_host *host;
	struct ocppd_provide row;
	void *ops;
};

struct services {
	TAILQ_HEAD(entries, entry) entries;
	struct entries withdrawn;
	services_choice_fn *choice;
};

static const char *
default_choice(const struct ocppd_core *core, const char *service, uint32_t i)
{
	return core->modules ? modules_choice(core, service, i) : NULL;
}

static bool
is_offered(const struct entry *entry, const char *service)
{
	return (entry->host->state == HOST_RUNNING || entry->host->state == HOST_STOPPING) &&
	       strcmp(entry->row.service, service) == 0;
}

int
services_provide(struct ocppd_core *core, struct ocppd_host *host, const struct ocppd_provide *row,
		 struct ocppd_error *err)
{
	struct entry *entry;
	uint32_t size = 0;

	TAILQ_FOREACH (entry, &core->services->entries, all)
		if (entry->host == host && strcmp(entry->row.service, row->service) == 0 &&
		    entry->row.major == row->major)
			return ocppd_error_set(err, OCPPD_EEXIST,
					       "%s provides the service '%s' twice", host->name,
					       row->service);
	if (row->ops)
		memcpy(&size, row->ops, sizeof(size));
	if (size < OPS_MIN || size > OPS_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "%s provides the service '%s' with a struct of %u bytes",
				       host->name, row->service, size);
	entry = calloc(1, sizeof(*entry));
	if (entry)
		entry->ops = calloc(1, size + OPS_SPARE);
	if (!entry || !entry->ops) {
		free(entry);
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	}
	memcpy(entry->ops, row->ops, size);
	entry->host = host;
	entry->row = *row;
	TAILQ_INSERT_TAIL(&core->services->entries, entry, all);
	return 0;
}

void
services_withdraw(struct ocppd_core *core, struct ocppd_host *host)
{
	struct services *services = core->services;
	struct entry *entry = TAILQ_FIRST(&services->entries);

	while (entry) {
		struct entry *next = TAILQ_NEXT(entry, all);

		if (entry->host == host) {
			TAILQ_REMOVE(&services->entries, entry, all);
			TAILQ_INSERT_TAIL(&services->withdrawn, entry, all);
		}
		entry = next;
	}
}

void
services_set_choice(struct ocppd_core *core, services_choice_fn *fn)
{
	core->services->choice = fn ? fn : default_choice;
}

static int
say_version(const struct entry *entry, const struct ocppd_need *need, struct ocppd_error *err)
{
	return ocppd_error_set(err, OCPPD_EVERSION,
			       "needs the service '%s' %u.%u, but %s provides %u.%u", need->service,
			       need->major, need->minor, entry->host->name, entry->row.major,
			       entry->row.minor);
}

/* The provider to take, or NULL with *ret_result and err saying why. */
static const struct entry *
choose(struct ocppd_core *core, const struct ocppd_need *need, int *ret_result,
       struct ocppd_error *err)
{
	const char *chosen = core->services->choice(core, need->service, 0);
	const struct entry *found = NULL;
	const struct entry *entry;

	TAILQ_FOREACH (entry, &core->services->entries, all) {
		if (!is_offered(entry, need->service) ||
		    (chosen && strcmp(entry->host->name, chosen) != 0))
			continue;
		/* A provider of two majors has two entries. */
		if (found && found->host == entry->host) {
			if (entry->row.major == need->major)
				found = entry;
			continue;
		}
		if (found) {
			*ret_result = ocppd_error_set(
				err, OCPPD_ECONFLICT,
				"%s and %s both provide the service '%s': choose one under "
				"'services:'",
				found->host->name, entry->host->name, need->service);
			return NULL;
		}
		found = entry;
	}
	if (!found && chosen)
		*ret_result = ocppd_error_set(
			err, OCPPD_ENOENT,
			"%s, which 'services:' names, does not provide the service '%s'", chosen,
			need->service);
	else if (!found)
		*ret_result = ocppd_error_set(err, OCPPD_ENOENT, "nobody provides the service '%s'",
					      need->service);
	return found;
}

int
services_find(struct ocppd_core *core, const struct ocppd_need *need,
	      struct service_found *ret_found, struct ocppd_error *err)
{
	int r = 0;
	const struct entry *entry = choose(core, need, &r, err);

	if (!entry)
		return r;
	if (entry->row.major != need->major || entry->row.minor < need->minor)
		return say_version(entry, need, err);
	*ret_found = (struct service_found){ entry->ops, entry->host->ctx, entry->host };
	return 0;
}

/* Of a service for many, every provider must fit; none is enough. */
static int
check_many(struct ocppd_core *core, const struct ocppd_need *need, struct ocppd_error *err)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &core->services->entries, all)
		if (is_offered(entry, need->service) &&
		    (entry->row.major != need->major || entry->row.minor < need->minor))
			return say_version(entry, need, err);
	return 0;
}

int
services_check_needs(struct ocppd_host *host, struct ocppd_error *err)
{
	struct service_found found;

	for (uint32_t i = 0; i < host->plugin->needs.count; i++) {
		const struct ocppd_need *need = &host->plugin->needs.items[i];
		int r;

		if (need->flags & OCPPD_MANY)
			r = check_many(host->core, need, err);
		else
			r = services_find(host->core, need, &found, err);
		if (r == OCPPD_ENOENT && (need->flags & OCPPD_OPTIONAL))
			r = 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static bool
is_needed(const struct ocppd_host *host, const char *service)
{
	for (uint32_t i = 0; i < host->plugin->needs.count; i++)
		if (strcmp(host->plugin->needs.items[i].service, service) == 0)
			return true;
	return host == host->core->self;
}

int
ocppd_service_get(struct ocppd_host *host, const char *service, uint16_t major, uint16_t minor,
		  const void **ret_ops, void **ret_self)
{
	const struct ocppd_need need = { .service = service, .major = major, .minor = minor };
	struct service_found found;
	int r;

	if (!is_needed(host, service))
		return OCPPD_EINVAL;
	if (host->state < HOST_STARTING || host->state > HOST_STOPPING)
		return OCPPD_ESTATE;
	r = services_find(host->core, &need, &found, NULL);
	if (r < 0)
		return r;
	*ret_ops = found.ops;
	*ret_self = found.self;
	return 0;
}

static bool
is_usable(const struct entry *entry, const struct ocppd_need *need)
{
	return entry->host->state == HOST_RUNNING &&
	       strcmp(entry->row.service, need->service) == 0 && entry->row.major == need->major &&
	       entry->row.minor >= need->minor;
}

static const struct entry *
find_usable(struct ocppd_core *core, const struct ocppd_need *need, const char *provider)
{
	const struct entry *entry;

	TAILQ_FOREACH (entry, &core->services->entries, all)
		if (is_usable(entry, need) && strcmp(entry->host->name, provider) == 0)
			return entry;
	return NULL;
}

static bool
is_chosen(struct ocppd_core *core, const struct entry *entry)
{
	const char *name;

	for (uint32_t i = 0; (name = core->services->choice(core, entry->row.service, i)) != NULL;
	     i++)
		if (strcmp(name, entry->host->name) == 0)
			return true;
	return false;
}

int
ocppd_service_each(struct ocppd_host *host, const char *service, uint16_t major,
		   ocppd_service_fn *fn, void *arg)
{
	const struct ocppd_need need = { .service = service, .major = major };
	struct ocppd_core *core = host->core;
	const struct entry *entry;
	const char *name;
	int r = 0;

	for (uint32_t i = 0; r == 0 && (name = core->services->choice(core, service, i)) != NULL;
	     i++) {
		entry = find_usable(core, &need, name);
		if (entry)
			r = fn(entry->host->name, entry->ops, entry->host->ctx, arg);
	}
	for (entry = TAILQ_FIRST(&core->services->entries); r == 0 && entry;
	     entry = TAILQ_NEXT(entry, all))
		if (is_usable(entry, &need) && !is_chosen(core, entry))
			r = fn(entry->host->name, entry->ops, entry->host->ctx, arg);
	return r;
}

int
services_init(struct ocppd_core *core, struct ocppd_error *err)
{
	struct services *services = calloc(1, sizeof(*services));

	if (!services)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	TAILQ_INIT(&services->entries);
	TAILQ_INIT(&services->withdrawn);
	services->choice = default_choice;
	core->services = services;
	return 0;
}

static void
free_all(struct entries *entries)
{
	while (!TAILQ_EMPTY(entries)) {
		struct entry *entry = TAILQ_FIRST(entries);

		TAILQ_REMOVE(entries, entry, all);
		free(entry->ops);
		free(entry);
	}
}

void
services_fini(struct ocppd_core *core)
{
	if (!core->services)
		return;
	free_all(&core->services->entries);
	free_all(&core->services->withdrawn);
	free(core->services);
	core->services = NULL;
}
