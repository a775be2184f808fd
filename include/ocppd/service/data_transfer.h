/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_DATA_TRANSFER_H
#define OCPPD_SERVICE_DATA_TRANSFER_H

/*
 * The service `ocppd.data_transfer` 1.0, which many may provide: what vendors' stations say in
 * DataTransfer. Each provider claims a vendor id, and a message id or all of them; a claim of one
 * message outweighs a claim of all, and the same pair claimed twice refuses the start. Walked by
 * each protocol's base module. Vendor nobody claims: UnknownVendorId; message: UnknownMessageId.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;

#define OCPPD_DATA_ACCEPTED 1
#define OCPPD_DATA_REJECTED 2
#define OCPPD_DATA_UNKNOWN_MESSAGE 3

struct ocppd_data_message {
	uint32_t struct_size;
	uint32_t reserved;
	struct ocppd_station *station;
	const char *vendor_id;
	const char *message_id;   /* NULL: the station named none */
	const char *data;         /* text, often JSON once more; NULL: none */
	int64_t deadline_mono_us; /* the answer is of no use after that: Rejected was sent */
};

struct ocppd_data_answer {
	uint32_t struct_size;
	uint32_t status;  /* OCPPD_DATA_* */
	const char *data; /* text, or NULL; borrowed until the callback that gave it ends */
};

/* result: 0 with an answer; negative: none, the station gets Rejected. */
typedef void ocppd_data_transfer_fn(struct ocppd_host *host, int result,
				    const struct ocppd_data_answer *answer, void *arg);

struct ocppd_data_transfer_ops {
	uint32_t struct_size;
	uint32_t reserved;
	const char *vendor_id;  /* compared without regard to ASCII case, as is message_id */
	const char *message_id; /* NULL: all, and those without one */

	/*
	 * A message. It is borrowed until the return.
	 *
	 * Returns 0: *ret_answer is filled, fn will not run; OCPPD_PENDING: fn runs exactly once,
	 * under `host`, after this returned, also when the deadline has passed and when the
	 * provider stops (OCPPD_ESHUTDOWN); negative: an error, the station gets Rejected.
	 *
	 * ret_answer->struct_size is set by the caller.
	 */
	int (*handle)(void *self, struct ocppd_host *host, const struct ocppd_data_message *message,
		      struct ocppd_data_answer *ret_answer, ocppd_data_transfer_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
