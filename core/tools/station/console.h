/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_STATION_CONSOLE_H
#define OCPPD_STATION_CONSOLE_H

#include "station.h"

/* Reads from standard input. Its handle is the loop's to close, before console_free. */
int console_new(struct station *station, struct console **ret_console, struct ocppd_error *err);
void console_free(struct console *console);

#endif
