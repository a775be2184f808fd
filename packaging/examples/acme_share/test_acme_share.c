/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/* The descriptor passes every rule of loading: guard, sizes, tables, names, defaults. */
#include <stdio.h>

#include <ocppd/plugin.h>

int
main(void)
{
	struct ocppd_error err = { 0 };

	if (ocppd_plugin_check(&ocppd_plugin, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return 0;
}
