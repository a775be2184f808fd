/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_H
#define OCPPD_SERVICE_H

/*
 * Services: how modules meet. A service is a name, a version and a struct of functions whose header
 * (include/ocppd/service/, or the vendor's own) belongs to nobody's module. Needs and provides
 * stand in the descriptor; the order of start follows from them.
 *
 * An ops struct begins with `uint32_t struct_size, reserved` and grows by appended members. The
 * registry copies it, with zeroes behind its end: a member that the provider does not have is NULL.
 * Every function takes the provider's `self` first and the caller's host second. One that may touch
 * a disk or a network takes a completion callback and never calls it before it returned.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

#define OCPPD_OPTIONAL 0x1u /* works without it */
#define OCPPD_MANY 0x2u     /* of those that many may provide: used by ocppd_service_each */

/* A row of the descriptor's `needs`. */
struct ocppd_need {
	const char *service; /* "ocppd.storage" */
	uint16_t major;      /* must be equal */
	uint16_t minor;      /* provider's at least */
	uint32_t flags;      /* OCPPD_OPTIONAL, OCPPD_MANY */
	const char *module;  /* loaded, too, if nobody listed provides the service; or NULL */
};

/* A row of the descriptor's `provides`. `self` is the module's context. */
struct ocppd_provide {
	const char *service;
	uint16_t major;
	uint16_t minor;
	uint32_t flags;  /* OCPPD_MANY */
	const void *ops; /* begins with uint32_t struct_size */
};

/*
 * The chosen provider of a service named in the module's `needs`. From `start` on; valid until
 * the module's `stop` returned. Returns 0; OCPPD_ENOENT nobody provides it (an optional need);
 * OCPPD_EINVAL it is not among the module's needs; OCPPD_EVERSION.
 */
OCPPD_API int ocppd_service_get(struct ocppd_host *host, const char *service, uint16_t major,
				uint16_t minor, const void **ret_ops, void **ret_self);

/* Every provider of a service that many may provide, in the order of `services:` in the
 * configuration, then of loading. Ends when fn returns another value than 0, which is returned. */
typedef int ocppd_service_fn(const char *provider, const void *ops, void *self, void *arg);
OCPPD_API int ocppd_service_each(struct ocppd_host *host, const char *service, uint16_t major,
				 ocppd_service_fn *fn, void *arg);

OCPPD_END_DECLS
#endif
