/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_TESTS_MICRO_SERVICE_H
#define OCPPD_TESTS_MICRO_SERVICE_H

#include <ocppd/plugin.h>

/* The service `micro.echo` 1.0. */
struct micro_echo_ops {
	uint32_t struct_size;
	uint32_t reserved;
	int (*twice)(void *self, struct ocppd_host *host, int number);
};

#endif
