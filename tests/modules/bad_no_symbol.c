/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Refused: a shared object without the one symbol. */
#include <ocppd/plugin.h>

int bad_no_symbol(void);

int
bad_no_symbol(void)
{
	return OCPPD_ABI_MAJOR;
}
