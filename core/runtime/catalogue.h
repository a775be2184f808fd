/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CATALOGUE_H
#define OCPPD_RUNTIME_CATALOGUE_H

#include <stdint.h>

#include <ocppd/route.h>

#include "runtime/core.h"

/*
 * What modules offer to operators: routes, and the requests that are under way on them. Core
 * thread.
 */
struct catalogue;

int catalogue_init(struct ocppd_core *core, struct ocppd_error *err);
void catalogue_fini(struct ocppd_core *core); /* no request may be open */

/* Enters the routes of a host's descriptor; they are seen while it is HOST_RUNNING. host_register
 * does it. OCPPD_EEXIST: another module has a route of the same method and path shape. */
int catalogue_add(struct ocppd_core *core, struct ocppd_host *host, struct ocppd_error *err);
/* Takes them back. Open requests on them are answered with 503; those the host serves are
 * forgotten as if the asker had gone. */
void catalogue_remove(struct ocppd_core *core, struct ocppd_host *host);

/* Routes, actions or topics came or went: the generation rises. The loader says so after each group
 * of modules, a floor when its own rows change. */
void catalogue_changed(struct ocppd_core *core);

#endif
