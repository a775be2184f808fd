/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_BEATS_H
#define OCPPD_RUNTIME_BEATS_H

#include <stdbool.h>
#include <stdint.h>

#include "runtime/core.h"

/* Progress of threads (ocppd/thread.h), as the watchdog sees it. Core thread. */
struct beats;

int beats_init(struct ocppd_core *core, struct ocppd_error *err);
void beats_fini(struct ocppd_core *core);

/* True if every thread is idle or said something at or after since_mono_us. Else *ret_name, which
 * may be NULL, tells the first that did not: "module/thread", borrowed until it is freed. */
bool beats_all_alive(const struct ocppd_core *core, int64_t since_mono_us, const char **ret_name);

#endif
