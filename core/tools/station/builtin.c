/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The scenarios that come with the program, written as operators write theirs.
 */
#include "scenario.h"

#include "base/text.h"

static const struct builtin builtins[] = {
	{ "session", "connect, boot, charge once on connector 1, disconnect (the default)",
	  "name: session\n"
	  "steps:\n"
	  "  - connect\n"
	  "  - boot\n"
	  "  - status: {connector: all, status: Available}\n"
	  "  - authorize\n"
	  "  - status: Preparing\n"
	  "  - start\n"
	  "  - status: Charging\n"
	  "  - meter\n"
	  "  - stop: Local\n"
	  "  - status: Finishing\n"
	  "  - status: Available\n"
	  "  - heartbeat\n"
	  "  - disconnect\n" },
	{ "idle", "connect, boot and stay; charge only when told to (--idle)",
	  "name: idle\n"
	  "steps:\n"
	  "  - connect\n"
	  "  - boot\n"
	  "  - status: {connector: all, status: Available}\n"
	  "  - idle\n" },
	{ "boot", "connect, boot, report every connector, disconnect",
	  "name: boot\n"
	  "steps:\n"
	  "  - connect\n"
	  "  - boot\n"
	  "  - status: {connector: all, status: Available}\n"
	  "  - disconnect\n" },
	{ "drop", "lose the network in the middle of a session, come back and finish it",
	  "name: drop\n"
	  "steps:\n"
	  "  - connect\n"
	  "  - boot\n"
	  "  - status: {connector: all, status: Available}\n"
	  "  - start\n"
	  "  - status: Charging\n"
	  "  - meter: 2\n"
	  "  - drop\n"
	  "  - wait: 2s\n"
	  "  - connect\n"
	  "  - meter: 2\n"
	  "  - stop: EVDisconnected\n"
	  "  - status: Available\n"
	  "  - disconnect\n" },
	{ "remote", "a session that the CSMS asked for",
	  "name: remote\n"
	  "steps:\n"
	  "  - authorize\n"
	  "  - status: Preparing\n"
	  "  - start\n"
	  "  - status: Charging\n"
	  "  - meter: {count: 2147483647}\n"
	  "  - stop: Remote\n"
	  "  - status: Finishing\n"
	  "  - status: Available\n",
	  1 },
	{ "booting", "a boot that the CSMS asked for",
	  "name: booting\n"
	  "steps:\n"
	  "  - boot\n",
	  1 },
	{ "restart", "what follows a reset",
	  "name: restart\n"
	  "steps:\n"
	  "  - boot\n"
	  "  - status: {connector: all, status: Available}\n",
	  1 },
};

const struct builtin *
builtin_at(size_t index)
{
	return index < sizeof(builtins) / sizeof(builtins[0]) ? &builtins[index] : NULL;
}

const struct builtin *
builtin_find(const char *name)
{
	for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
		if (str_eq(builtins[i].name, name))
			return &builtins[i];
	}
	return NULL;
}
