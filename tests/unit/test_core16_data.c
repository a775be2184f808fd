/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * ocpp16_core: who gets a station's DataTransfer, what the station is told, and when.
 */
#include "core16_bed.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define CALL(body) "[2,\"d\",\"DataTransfer\"," body "]"

/* A module that handles a vendor's messages as the test wants it. */
struct handler {
	struct ocppd_host host;
	struct ocppd_plugin plugin;
	struct ocppd_provide provide;
	struct ocppd_data_transfer_ops ops;
	int result;
	struct ocppd_data_answer answer;
	uint32_t count; /* messages */
	char seen[128]; /* "vendor/message/data" of the last */
	struct ocppd_host *asker;
	ocppd_data_transfer_fn *fn; /* with OCPPD_PENDING */
	void *arg;
};

static int
handle(void *self, struct ocppd_host *host, const struct ocppd_data_message *message,
       struct ocppd_data_answer *ret_answer, ocppd_data_transfer_fn *fn, void *arg)
{
	struct handler *handler = self;

	handler->count++;
	(void)snprintf(handler->seen, sizeof(handler->seen), "%s/%s/%s", message->vendor_id,
		       message->message_id != NULL ? message->message_id : "-",
		       message->data != NULL ? message->data : "-");
	handler->asker = host;
	handler->fn = fn;
	handler->arg = arg;
	ret_answer->status = handler->answer.status;
	ret_answer->data = handler->answer.data;
	return handler->result;
}

/* A module of that name, running. */
static void
handler_init(struct handler *handler, struct bed *bed, const char *name, const char *vendor_id,
	     const char *message_id)
{
	struct ocppd_error err = { 0 };

	*handler = (struct handler){ .answer = { sizeof(handler->answer), OCPPD_DATA_ACCEPTED,
						 name } };
	handler->ops = (struct ocppd_data_transfer_ops){ sizeof(handler->ops), 0, vendor_id,
							 message_id, handle };
	handler->provide =
		(struct ocppd_provide){ "ocppd.data_transfer", 1, 0, OCPPD_MANY, &handler->ops };
	handler->plugin = (struct ocppd_plugin){
		.guard = OCPPD_GUARD,
		.name = name,
		.version = "1",
		.provides = { &handler->provide, 1, sizeof(handler->provide) },
	};
	scripted_load(&bed->scripted, &handler->host, name, &handler->plugin, handler);
	assert_int_equal(host_register(&handler->host, &err), 0);
}

static void
handler_fini(struct handler *handler, struct bed *bed)
{
	scripted_unload(&bed->scripted, &handler->host);
}

/* ---- Who gets it -------------------------------------------------------------------------- */

static const struct {
	const char *body;
	const char *answer;
	const char *seen; /* by the one that answers; NULL: nobody */
} claim_rows[] = {
	{ "{\"vendorId\":\"acme\"}", "{\"status\":\"Accepted\",\"data\":\"all\"}", "acme/-/-" },
	{ "{\"vendorId\":\"ACME\",\"messageId\":\"hello\",\"data\":\"1\"}",
	  "{\"status\":\"Accepted\",\"data\":\"all\"}", "ACME/hello/1" },
	/* The pair itself outweighs a claim of all messages, whichever was loaded first. */
	{ "{\"vendorId\":\"acme\",\"messageId\":\"Exact\"}",
	  "{\"status\":\"Accepted\",\"data\":\"exact\"}", "acme/Exact/-" },
	{ "{\"vendorId\":\"Acme\",\"messageId\":\"eXaCt\"}",
	  "{\"status\":\"Accepted\",\"data\":\"exact\"}", "Acme/eXaCt/-" },
	{ "{\"vendorId\":\"other\",\"messageId\":\"one\"}",
	  "{\"status\":\"Accepted\",\"data\":\"other\"}", "other/one/-" },
	/* Known, but not that message, and not one without. */
	{ "{\"vendorId\":\"other\",\"messageId\":\"two\"}", "{\"status\":\"UnknownMessageId\"}",
	  NULL },
	{ "{\"vendorId\":\"other\"}", "{\"status\":\"UnknownMessageId\"}", NULL },
	{ "{\"vendorId\":\"acm\"}", "{\"status\":\"UnknownVendorId\"}", NULL },
	{ "{\"vendorId\":\"acme2\"}", "{\"status\":\"UnknownVendorId\"}", NULL },
	{ "{\"vendorId\":\"\"}", "{\"status\":\"UnknownVendorId\"}", NULL },
};

static void
data_goes_to_whom_it_was_claimed_by(void **state)
{
	(void)state;
	for (int order = 0; order < 2; order++) {
		struct handler handlers[3];
		struct bed bed;

		bed_init(&bed);
		handler_init(&handlers[order], &bed, order == 0 ? "all" : "exact", "Acme",
			     order == 0 ? NULL : "exact");
		handler_init(&handlers[1 - order], &bed, order == 0 ? "exact" : "all", "acme",
			     order == 0 ? "exact" : NULL);
		handler_init(&handlers[2], &bed, "other", "other", "one");
		for (size_t i = 0; i < COUNT(claim_rows); i++) {
			char text[256];
			char expected[256];
			uint32_t before = handlers[0].count + handlers[1].count + handlers[2].count;

			(void)snprintf(text, sizeof(text), "[2,\"d%zu\",\"DataTransfer\",%s]", i,
				       claim_rows[i].body);
			(void)snprintf(expected, sizeof(expected), "[3,\"d%zu\",%s]", i,
				       claim_rows[i].answer);
			scripted_recv(bed.conn, text);
			scripted_expect(bed.conn, expected);
			assert_int_equal(handlers[0].count + handlers[1].count + handlers[2].count,
					 before + (claim_rows[i].seen != NULL ? 1 : 0));
			if (claim_rows[i].seen == NULL)
				continue;
			if (strcmp(handlers[0].seen, claim_rows[i].seen) != 0 &&
			    strcmp(handlers[1].seen, claim_rows[i].seen) != 0)
				assert_string_equal(handlers[2].seen, claim_rows[i].seen);
		}
		for (int i = 0; i < 3; i++)
			handler_fini(&handlers[i], &bed);
		bed_fini(&bed);
	}
}

/* ---- What it is told ---------------------------------------------------------------------- */

static const struct {
	int result;
	uint32_t status;
	const char *data;
	const char *answer;
} answer_rows[] = {
	{ 0, OCPPD_DATA_ACCEPTED, NULL, "{\"status\":\"Accepted\"}" },
	{ 0, OCPPD_DATA_ACCEPTED, "", "{\"status\":\"Accepted\",\"data\":\"\"}" },
	{ 0, OCPPD_DATA_ACCEPTED, "{\"a\":1}",
	  "{\"status\":\"Accepted\",\"data\":\"{\\\"a\\\":1}\"}" },
	{ 0, OCPPD_DATA_REJECTED, "why", "{\"status\":\"Rejected\",\"data\":\"why\"}" },
	{ 0, OCPPD_DATA_UNKNOWN_MESSAGE, NULL, "{\"status\":\"UnknownMessageId\"}" },
	/* What a handler must not say is Rejected, without what it came with. */
	{ 0, 0, "x", "{\"status\":\"Rejected\"}" },
	{ 0, 4, "x", "{\"status\":\"Rejected\"}" },
	{ OCPPD_EIO, OCPPD_DATA_ACCEPTED, "x", "{\"status\":\"Rejected\"}" },
	{ OCPPD_EBUSY, 0, NULL, "{\"status\":\"Rejected\"}" },
};

static void
data_answers_are_told_as_given(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answer_rows); i++) {
		struct handler handler;
		struct bed bed;
		char expected[128];

		bed_init(&bed);
		handler_init(&handler, &bed, "acme", "acme", NULL);
		handler.result = answer_rows[i].result;
		handler.answer.status = answer_rows[i].status;
		handler.answer.data = answer_rows[i].data;
		scripted_recv(bed.conn, CALL("{\"vendorId\":\"acme\"}"));
		(void)snprintf(expected, sizeof(expected), "[3,\"d\",%s]", answer_rows[i].answer);
		scripted_expect(bed.conn, expected);
		handler_fini(&handler, &bed);
		bed_fini(&bed);
	}
}

/* ---- When --------------------------------------------------------------------------------- */

static void
pending_init(struct handler *handler, struct bed *bed)
{
	bed_init(bed);
	handler_init(handler, bed, "acme", "acme", NULL);
	handler->result = OCPPD_PENDING;
	scripted_recv(bed->conn, CALL("{\"vendorId\":\"acme\"}"));
	scripted_expect(bed->conn, NULL);
	assert_int_equal(bed->ctx->outstanding, 1);
}

static void
pay_late(struct handler *handler, struct bed *bed, int result,
	 const struct ocppd_data_answer *answer)
{
	handler->fn(handler->asker, result, answer, handler->arg);
	(void)core_turn(bed->scripted.core);
	assert_int_equal(bed->ctx->outstanding, 0);
}

static void
data_answer_in_time_is_the_answer(void **state)
{
	const struct ocppd_data_answer late = { sizeof(late), OCPPD_DATA_ACCEPTED, "late" };
	struct handler handler;
	struct bed bed;

	(void)state;
	pending_init(&handler, &bed);
	scripted_advance(&bed.scripted, 4999);
	pay_late(&handler, &bed, 0, &late);
	scripted_expect(bed.conn, "[3,\"d\",{\"status\":\"Accepted\",\"data\":\"late\"}]");
	scripted_advance(&bed.scripted, 10000);
	scripted_expect(bed.conn, NULL);
	handler_fini(&handler, &bed);
	bed_fini(&bed);
}

static void
data_error_later_is_a_rejection(void **state)
{
	struct handler handler;
	struct bed bed;

	(void)state;
	pending_init(&handler, &bed);
	pay_late(&handler, &bed, OCPPD_EIO, NULL);
	scripted_expect(bed.conn, "[3,\"d\",{\"status\":\"Rejected\"}]");
	handler_fini(&handler, &bed);
	bed_fini(&bed);
}

static void
data_answer_after_its_deadline_is_dropped(void **state)
{
	const struct ocppd_data_answer late = { sizeof(late), OCPPD_DATA_ACCEPTED, "late" };
	struct handler handler;
	struct bed bed;

	(void)state;
	pending_init(&handler, &bed);
	scripted_advance(&bed.scripted, 5000);
	assert_non_null(bed_line(&bed, "data.unanswered"));
	scripted_expect(bed.conn, "[3,\"d\",{\"status\":\"Rejected\"}]");
	/* It is still owed: the stop waits for it. */
	assert_int_equal(bed.ctx->outstanding, 1);
	pay_late(&handler, &bed, 0, &late);
	scripted_expect(bed.conn, NULL);
	handler_fini(&handler, &bed);
	bed_fini(&bed);
}

static void
data_answer_to_a_station_that_left_is_dropped(void **state)
{
	const struct ocppd_data_answer late = { sizeof(late), OCPPD_DATA_ACCEPTED, "late" };
	struct handler handler;
	struct bed bed;

	(void)state;
	pending_init(&handler, &bed);
	scripted_drop(bed.conn);
	pay_late(&handler, &bed, 0, &late);
	scripted_expect(bed.conn, NULL);
	handler_fini(&handler, &bed);
	bed_fini(&bed);
}

/* ---- Claims ------------------------------------------------------------------------------- */

static const struct {
	const char *vendor;
	const char *message;
	const char *other_vendor;
	const char *other_message;
	int result;
	const char *text; /* in the refusal */
} pair_rows[] = {
	{ "acme", NULL, "acme", "one", 0, NULL },
	{ "acme", "one", "acme", "two", 0, NULL },
	{ "acme", NULL, "other", NULL, 0, NULL },
	{ "acme", NULL, "ACME", NULL, OCPPD_ECONFLICT,
	  "modules north and south both claim vendor id \"ACME\", message id (all)" },
	{ "acme", "one", "Acme", "ONE", OCPPD_ECONFLICT,
	  "modules north and south both claim vendor id \"Acme\", message id ONE" },
	{ "acme", NULL, "", NULL, OCPPD_EINVAL, "module south claims no vendor id" },
	{ "acme", NULL, NULL, NULL, OCPPD_EINVAL, "module south claims no vendor id" },
};

static void
data_pairs_are_claimed_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pair_rows); i++) {
		struct handler handlers[2];
		struct ocppd_error err = { 0 };
		struct bed bed;

		bed_init(&bed);
		handler_init(&handlers[0], &bed, "north", pair_rows[i].vendor,
			     pair_rows[i].message);
		assert_int_equal(data_check(bed.ctx, &err), 0);
		handler_init(&handlers[1], &bed, "south", pair_rows[i].other_vendor,
			     pair_rows[i].other_message);
		assert_int_equal(data_check(bed.ctx, &err), pair_rows[i].result);
		if (pair_rows[i].text != NULL && strstr(err.text, pair_rows[i].text) == NULL)
			fail_msg("%s", err.text);
		handler_fini(&handlers[0], &bed);
		handler_fini(&handlers[1], &bed);
		bed_fini(&bed);
	}
}

/* A module that comes with a reload, and claims what another has: told, and the first goes on. */
static void
data_pair_claimed_again_on_reload_stays_with_the_first(void **state)
{
	struct handler handlers[2];
	struct bed bed;

	(void)state;
	bed_init(&bed);
	handler_init(&handlers[0], &bed, "north", "acme", NULL);
	bed_reload(&bed);
	assert_null(bed_line(&bed, "data.contested"));
	handler_init(&handlers[1], &bed, "south", "ACME", NULL);
	bed_reload(&bed);
	assert_non_null(bed_line(&bed, "data.contested"));
	assert_non_null(strstr(bed_line(&bed, "data.contested"), "north and south both claim"));
	scripted_recv(bed.conn, CALL("{\"vendorId\":\"acme\"}"));
	scripted_expect(bed.conn, "[3,\"d\",{\"status\":\"Accepted\",\"data\":\"north\"}]");
	assert_int_equal(handlers[1].count, 0);
	/* The first one leaves: the other takes over. */
	handler_fini(&handlers[0], &bed);
	scripted_recv(bed.conn, "[2,\"e\",\"DataTransfer\",{\"vendorId\":\"acme\"}]");
	scripted_expect(bed.conn, "[3,\"e\",{\"status\":\"Accepted\",\"data\":\"south\"}]");
	handler_fini(&handlers[1], &bed);
	bed_fini(&bed);
}

static void
data_handlers_are_bounded(void **state)
{
	struct handler *handlers = calloc(DATA_HANDLERS_MAX + 1, sizeof(*handlers));
	struct ocppd_error err = { 0 };
	char names[DATA_HANDLERS_MAX + 1][16];
	struct bed bed;

	(void)state;
	assert_non_null(handlers);
	bed_init(&bed);
	for (int i = 0; i <= DATA_HANDLERS_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "h%d", i);
		handler_init(&handlers[i], &bed, names[i], "acme", names[i]);
		if (i == DATA_HANDLERS_MAX - 1)
			assert_int_equal(data_check(bed.ctx, &err), 0);
	}
	assert_int_equal(data_check(bed.ctx, &err), OCPPD_ESPACE);
	for (int i = 0; i <= DATA_HANDLERS_MAX; i++)
		handler_fini(&handlers[i], &bed);
	bed_fini(&bed);
	free(handlers);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_goes_to_whom_it_was_claimed_by),
		cmocka_unit_test(data_answers_are_told_as_given),
		cmocka_unit_test(data_answer_in_time_is_the_answer),
		cmocka_unit_test(data_error_later_is_a_rejection),
		cmocka_unit_test(data_answer_after_its_deadline_is_dropped),
		cmocka_unit_test(data_answer_to_a_station_that_left_is_dropped),
		cmocka_unit_test(data_pairs_are_claimed_once),
		cmocka_unit_test(data_pair_claimed_again_on_reload_stays_with_the_first),
		cmocka_unit_test(data_handlers_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
