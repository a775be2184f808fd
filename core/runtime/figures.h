/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_FIGURES_H
#define OCPPD_RUNTIME_FIGURES_H

#include <ocppd/error.h>

#include "runtime/core.h"

/* What the runtime floor tells of itself as metrics of the core. Core thread. */
int figures_init(struct ocppd_core *core, struct ocppd_error *err);
/* A callback of the module took longer than slow_callback. */
void figures_slow(struct ocppd_host *host);

#endif
