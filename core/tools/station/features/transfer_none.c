/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * In place of transfer.c where libcurl was not there when the program was built: no transfer
 * begins.
 */
#include "features/transfer.h"

#include <ocppd/error.h>

int
transfer_setup(void)
{
	return 0;
}

void
transfer_teardown(void)
{
}

int
transfer_start(struct uv_loop_s *loop, const struct transfer_opts *opts, transfer_fn *fn, void *arg,
	       struct transfer **ret_transfer)
{
	(void)loop;
	(void)opts;
	(void)fn;
	(void)arg;
	(void)ret_transfer;
	return OCPPD_ENOTSUP;
}

void
transfer_cancel(struct transfer *transfer)
{
	(void)transfer;
}
