/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DAEMON_SETTINGS_H
#define OCPPD_DAEMON_SETTINGS_H

#include "daemon/daemon.h"
#include "daemon/options.h"
#include "runtime/arena.h"
#include "runtime/conf.h"
#include "runtime/loader.h"

/* One configuration, read and checked. The daemon keeps the one that is in force. */
struct settings {
	struct arena arena; /* table, conf, dirs */
	struct conf *tree;
	struct options table;
	const struct daemon_conf *conf;
	struct ocppd_strings dirs;
	struct modules_plan *plan; /* NULL once it was carried out */
	struct problems warnings;  /* found when it was read */
	struct settings *older;    /* replaced ones: values that need a restart are still theirs */
};

#endif
