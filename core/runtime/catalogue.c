/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Routes of the loaded modules, side by side, and the generation that tells readers when the
 * picture changed. The requests on them are in request.c.
 */
#include "runtime/catalogue.h"

#include "runtime/catalogue_private.h"
#include "runtime/host.h"

/* Equal but for the names of parameters: "/a/{x}/b" and "/a/{y}/b". */
static bool
paths_collide(const char *a, const char *b)
{
	while (*a && *b) {
		if (*a == '{' && *b == '{') {
			a += strcspn(a, "}");
			b += strcspn(b, "}");
			continue;
		}
		if (*a++ != *b++)
			return false;
	}
	return *a == *b;
}

static int
check_route(const struct ocppd_host *host, const struct ocppd_host *other,
	    const struct ocppd_route *route, struct ocppd_error *err)
{
	for (uint32_t i = 0; i < other->plugin->routes.count; i++) {
		const struct ocppd_route *known = &other->plugin->routes.items[i];

		if (known == route || strcmp(known->method, route->method) != 0 ||
		    !paths_collide(known->path, route->path))
			continue;
		return ocppd_error_set(err, OCPPD_EEXIST, "%s and %s both have the route %s %s",
				       other->name, host->name, route->method, route->path);
	}
	return 0;
}

int
catalogue_add(struct ocppd_core *core, struct ocppd_host *host, struct ocppd_error *err)
{
	struct catalogue *catalogue = core->catalogue;
	struct route_owner *owner = calloc(1, sizeof(*owner));
	const struct route_owner *other;

	if (!owner)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	owner->host = host;
	TAILQ_INSERT_TAIL(&catalogue->owners, owner, all);
	for (uint32_t i = 0; i < host->plugin->routes.count; i++) {
		TAILQ_FOREACH (other, &catalogue->owners, all) {
			int r = check_route(host, other->host, &host->plugin->routes.items[i], err);

			if (r < 0) {
				TAILQ_REMOVE(&catalogue->owners, owner, all);
				free(owner);
				return r;
			}
		}
	}
	catalogue_changed(core);
	return 0;
}

void
catalogue_remove(struct ocppd_core *core, struct ocppd_host *host)
{
	struct catalogue *catalogue = core->catalogue;
	struct route_owner *owner;

	requests_revoke(core, host);
	TAILQ_FOREACH (owner, &catalogue->owners, all)
		if (owner->host == host)
			break;
	if (!owner)
		return;
	TAILQ_REMOVE(&catalogue->owners, owner, all);
	free(owner);
	catalogue_changed(core);
}

void
catalogue_changed(struct ocppd_core *core)
{
	if (core->catalogue)
		core->catalogue->generation++;
}

uint64_t
ocppd_catalogue_generation(struct ocppd_host *host)
{
	return host->core->catalogue->generation;
}

int
ocppd_route_each(struct ocppd_host *host, ocppd_route_fn *fn, void *arg)
{
	const struct route_owner *owner;

	TAILQ_FOREACH (owner, &host->core->catalogue->owners, all) {
		const struct ocppd_plugin *plugin = owner->host->plugin;

		if (owner->host->state != HOST_RUNNING)
			continue;
		for (uint32_t i = 0; i < plugin->routes.count; i++) {
			int r = fn(&plugin->routes.items[i], owner->host, arg);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

int
catalogue_init(struct ocppd_core *core, struct ocppd_error *err)
{
	struct catalogue *catalogue = calloc(1, sizeof(*catalogue));

	if (!catalogue)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	TAILQ_INIT(&catalogue->owners);
	LIST_INIT(&catalogue->requests);
	catalogue->generation = 1;
	core->catalogue = catalogue;
	return 0;
}

void
catalogue_fini(struct ocppd_core *core)
{
	if (!core->catalogue)
		return;
	requests_free(core);
	free(core->catalogue);
	core->catalogue = NULL;
}
