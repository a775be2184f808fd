/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_SERVICES_H
#define OCPPD_RUNTIME_SERVICES_H

#include <stdint.h>

#include <ocppd/service.h>

#include "runtime/core.h"

/*
 * The registry of services: who provides what, and the border copies of their functions. Which
 * module loads and starts when is the loader's; it has decided before anything is registered.
 * Core thread.
 */
struct services;

int services_init(struct ocppd_core *core, struct ocppd_error *err);
void services_fini(struct ocppd_core *core);

/* Registers one row of an initialised host: `self` is its context. host_register does it for a
 * descriptor's rows. Returns 0; OCPPD_EEXIST the host provides it already; OCPPD_EINVAL no
 * functions, or an ops struct that is too small or absurdly large; OCPPD_ENOMEM. */
int services_provide(struct ocppd_core *core, struct ocppd_host *host,
		     const struct ocppd_provide *row, struct ocppd_error *err);
/* Takes back all of the host's. The copies live on until services_fini: a user may hold one. */
void services_withdraw(struct ocppd_core *core, struct ocppd_host *host);

/* Entry i of the operator's choice for a service, NULL beyond the last. By default modules_choice
 * once there are modules. Several instances may be named where many may provide. */
typedef const char *services_choice_fn(const struct ocppd_core *core, const char *service,
				       uint32_t i);
void services_set_choice(struct ocppd_core *core, services_choice_fn *fn);

/* The chosen provider, of those that run, for the core itself (migrations): as ocppd_service_get,
 * with an explanation. OCPPD_ECONFLICT: several provide it and none is chosen. ret_host may be
 * NULL. */
struct service_found {
	const void *ops;
	void *self;
	struct ocppd_host *host;
};
int services_find(struct ocppd_core *core, const struct ocppd_need *need,
		  struct service_found *ret_found, struct ocppd_error *err);

/* Are all needs of a host met by modules that run? To be asked before its start. Returns 0, or
 * OCPPD_ENOENT, OCPPD_EVERSION, OCPPD_ECONFLICT with a sentence that names the service. */
int services_check_needs(struct ocppd_host *host, struct ocppd_error *err);

#endif
