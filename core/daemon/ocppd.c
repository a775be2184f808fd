/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The executable: everything is in libocppd.so.1.
 */
#include "daemon/main.h"

int
main(int argc, char **argv)
{
	return ocppd_main(argc, argv);
}
