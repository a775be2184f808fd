/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: file and descriptor have different names. */
#include <ocppd/plugin.h>

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"other_name",
	"1.0.0",
	"Another name than the file's",
};
