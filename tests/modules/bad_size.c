/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: the guard claims more bytes than the symbol has. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	{ OCPPD_ABI_MAGIC, OCPPD_ABI_MAJOR, OCPPD_ABI_MINOR, 4096, 0 },
	"bad_size",
	"1.0.0",
	"A guard that boasts",
};
