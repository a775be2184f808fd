/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/* Handles the DataTransfers of a vendor: at once, later, too late, wrongly; and not all of them. */
#include <ocppd/plugin.h>
#include <ocppd/service/data_transfer.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct data {
	struct ocppd_host *host;
	uint32_t waiting;
	bool is_stopping;
};

struct late {
	struct data *ctx;
	struct ocppd_host *asker;
	struct ocppd_timer *timer;
	ocppd_data_transfer_fn *fn;
	void *arg;
};

static void
on_late(struct ocppd_host *host, void *arg)
{
	const struct ocppd_data_answer answer = { sizeof(answer), OCPPD_DATA_ACCEPTED, "late" };
	struct late *late = arg;
	struct data *ctx = late->ctx;

	OCPPD_INFO(host, "data.answered", OCPPD_STR("answer", answer.data));
	late->fn(late->asker, 0, &answer, late->arg);
	ocppd_timer_free(late->timer);
	free(late);
	ctx->waiting--;
	if (ctx->is_stopping && ctx->waiting == 0)
		ocppd_stopped(host);
}

static int
answer_later(struct data *ctx, struct late *late, int64_t delay_ms)
{
	struct late *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return OCPPD_ENOMEM;
	*copy = *late;
	copy->timer = ocppd_timer_new(ctx->host, on_late, copy);
	if (copy->timer == NULL) {
		free(copy);
		return OCPPD_ENOMEM;
	}
	ocppd_timer_set(copy->timer, delay_ms);
	ctx->waiting++;
	return OCPPD_PENDING;
}

static int
handle(void *self, struct ocppd_host *host, const struct ocppd_data_message *message,
       struct ocppd_data_answer *ret_answer, ocppd_data_transfer_fn *fn, void *arg)
{
	struct late late = { self, host, NULL, fn, arg };
	const char *id = message->message_id == NULL ? "none" : message->message_id;
	int64_t left_ms = (message->deadline_mono_us - ocppd_mono_us(host)) / 1000;

	ret_answer->status = OCPPD_DATA_ACCEPTED;
	if (strcmp(id, "echo") == 0 || strcmp(id, "none") == 0)
		ret_answer->data = message->data;
	else if (strcmp(id, "reject") == 0)
		ret_answer->status = OCPPD_DATA_REJECTED;
	else if (strcmp(id, "fail") == 0)
		return OCPPD_EIO;
	else if (strcmp(id, "odd") == 0)
		ret_answer->status = 99;
	else if (strcmp(id, "later") == 0)
		return answer_later(self, &late, 1);
	else if (strcmp(id, "never") == 0)
		return answer_later(self, &late, left_ms + 200);
	else
		ret_answer->status = OCPPD_DATA_UNKNOWN_MESSAGE;
	return 0;
}

static int
init(struct ocppd_host *host, const void *conf, void **ret_ctx, struct ocppd_error *err)
{
	struct data *ctx = calloc(1, sizeof(*ctx));

	(void)conf;
	if (ctx == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	ctx->host = host;
	*ret_ctx = ctx;
	return 0;
}

static int
stop(struct ocppd_host *host, void *arg)
{
	struct data *ctx = arg;

	(void)host;
	ctx->is_stopping = true;
	return ctx->waiting == 0 ? 0 : OCPPD_PENDING;
}

static void
shutdown_module(struct ocppd_host *host, void *ctx)
{
	(void)host;
	free(ctx);
}

static const struct ocppd_data_transfer_ops ops = {
	sizeof(ops),
	.vendor_id = "com.example.micro",
	.handle = handle,
};

static const struct ocppd_provide provides[] = {
	{ "ocppd.data_transfer", .major = 1, .flags = OCPPD_MANY, .ops = &ops },
};

OCPPD_PLUGIN = {
	OCPPD_GUARD,
	"micro_data",
	"1.0.0",
	"DataTransfer of a vendor",
	.provides = OCPPD_TABLE(provides),
	.init = init,
	.stop = stop,
	.shutdown = shutdown_module,
};
