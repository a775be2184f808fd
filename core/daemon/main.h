/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_DAEMON_MAIN_H
#define OCPPD_DAEMON_MAIN_H

#include <ocppd/abi.h>

/* The daemon's main function, in the library so that the executable is a shell round it. Not part
 * of the modules' interface: it stands in the version map's private node. */
OCPPD_API int ocppd_main(int argc, char **argv);

#endif
