/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef SCENE_H
#define SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "ocpp/ocpp.h"
#include "runtime/conf.h"
#include "runtime/host.h"
#include "runtime/loader.h"
#include "runtime/loop.h"
#include "runtime/module.h"

/*
 * A core with a clock turned by hand, and what it logs, for tests that load modules.
 */
struct scene {
	struct ocppd_core core;
	struct log *log;
	struct buf lines; /* `ev=… plugin=…` and so on, without time and level */
	const char *dir;
	int result;
	uint32_t done; /* completions so far */
	struct buf findings;
};

extern const char *modules_dir; /* the folder of the modules: main sets it */

void scene_done(struct ocppd_core *core, int result, const struct problems *problems, void *arg);
struct scene *scene_new(void);
void scene_free(struct scene *scene);
struct modules_plan *scene_plan(struct scene *scene, const char *yaml, struct problems *problems);
struct modules_plan *scene_good_plan(struct scene *scene, const char *yaml);
void scene_start(struct scene *scene, const char *yaml);
void scene_stop(struct scene *scene);
void scene_wait_stopped(struct scene *scene, uint32_t done_before);
void scene_wait_line(struct scene *scene, const char *text);
bool scene_has_line(const struct scene *scene, const char *text);
void scene_assert_lines(const struct scene *scene, const char *const *texts);

#endif
