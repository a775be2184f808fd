/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_IMPORT_H
#define OCPPD_RUNTIME_IMPORT_H

#include <stdbool.h>

#include <ocppd/plugin.h>

#include "runtime/arena.h"
#include "runtime/problems.h"

/*
 * The border: a descriptor of any 1.x layout becomes one of this build's, or is refused. Nothing
 * behind the guard is read before the guard passed.
 *
 * name   what the file is called, for messages and to be compared with the descriptor's own name;
 *        NULL: a descriptor in memory.
 */
int plugin_import(const struct ocppd_plugin *plugin, const char *name, struct arena *arena,
		  const struct ocppd_plugin **ret_plugin, struct problems *problems);

/* [a-z0-9_]{1,32} */
bool module_name_valid(const char *name);

#endif
