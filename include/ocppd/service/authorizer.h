/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_AUTHORIZER_H
#define OCPPD_SERVICE_AUTHORIZER_H

/*
 * The service `ocppd.authorizer` 1.0, which many may provide: a link of the chain that decides on
 * tokens the local table does not know (roaming, payment). Whoever wants a decision asks
 * `ocppd.authorization`, never a link.
 *
 * The first link that decides wins; one that passes on is forgotten; what an error or a missed
 * deadline counts as is an option of the module that walks the chain. In the order of `services:`.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>
#include <ocppd/service/authorization.h>

OCPPD_BEGIN_DECLS

struct ocppd_authorizer_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/*
	 * Decides on a token or passes it on. query is borrowed until the return.
	 *
	 * deadline_mono_us  the answer is of no use after that (ocppd_mono_us).
	 *
	 * Returns 0: decided, *ret_decision is filled, its texts stay until the current callback
	 * ends; OCPPD_ENOENT: passed on; OCPPD_PENDING: fn runs exactly once, under `host`, after
	 * this returned, also when the deadline has passed and when the provider stops
	 * (OCPPD_ESHUTDOWN), and is not listened to in those cases; a second answer is ignored and
	 * told in the log. arg is a handle, maybe no address: pass it back as it is. Its result is
	 * 0 with a decision, OCPPD_ENOENT for passed on, or another negative code for an error;
	 * negative: an error, fn will not run.
	 *
	 * ret_decision->struct_size is set by the caller. `source` is ignored.
	 */
	int (*decide)(void *self, struct ocppd_host *host, const struct ocppd_auth_query *query,
		      int64_t deadline_mono_us, struct ocppd_authorization *ret_decision,
		      ocppd_auth_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
