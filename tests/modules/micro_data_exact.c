/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Handles one message of the vendor whose other messages are micro_data's. */
#include <ocppd/plugin.h>
#include <ocppd/service/data_transfer.h>

static int
handle(void *self, struct ocppd_host *host, const struct ocppd_data_message *message,
       struct ocppd_data_answer *ret_answer, ocppd_data_transfer_fn *fn, void *arg)
{
	(void)self;
	(void)host;
	(void)message;
	(void)fn;
	(void)arg;
	ret_answer->status = OCPPD_DATA_ACCEPTED;
	ret_answer->data = "exact";
	return 0;
}

static const struct ocppd_data_transfer_ops ops = {
	sizeof(ops),
	.vendor_id = "COM.example.micro",
	.message_id = "exact",
	.handle = handle,
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.data_transfer", .major = 1, .flags = OCPPD_MANY, .ops = &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_data_exact",
	"1.0.0",
	"DataTransfer of one message",
	.provides = OCPPD_TABLE(provides),
};
