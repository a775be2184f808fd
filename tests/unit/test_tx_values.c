/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * transactions: numbers as stations write them (G15), the stored form of readings, energy (G09),
 * and which transaction a message without a usable id means (G03, G13).
 */
#include "../../plugins/transactions/transactions.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
decimal_reads_what_is_unambiguous(void **state)
{
	static const struct {
		const char *text;
		int result;
		int64_t mantissa;
		uint32_t scale;
	} rows[] = {
		{ "0", 0, 0, 0 },
		{ "12.50", 0, 1250, 2 },
		{ " 12.5 ", 0, 125, 1 },
		{ "12,5", 0, 125, 1 },
		{ "0,123", 0, 123, 3 },
		{ "1,234", OCPPD_EINVAL, 0, 0 },
		{ "-1,234", OCPPD_EINVAL, 0, 0 },
		{ "1,2345", 0, 12345, 4 },
		{ "1,234.5", OCPPD_EINVAL, 0, 0 },
		{ "-0", 0, 0, 0 },
		{ "+7", 0, 7, 0 },
		{ "1e3", 0, 1000, 0 },
		{ "1.5E-2", 0, 15, 3 },
		{ "1e999", OCPPD_EINVAL, 0, 0 },
		{ "1e", OCPPD_EINVAL, 0, 0 },
		{ "NaN", OCPPD_EINVAL, 0, 0 },
		{ "", OCPPD_EINVAL, 0, 0 },
		{ ".", OCPPD_EINVAL, 0, 0 },
		{ "12 3", OCPPD_EINVAL, 0, 0 },
		{ "9223372036854775807", 0, INT64_MAX, 0 },
		{ "9223372036854775808", OCPPD_EINVAL, 0, 0 },
		{ NULL, OCPPD_EINVAL, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct decimal number = { 0, 0 };
		int r = decimal_parse(rows[i].text, &number);

		if (r != rows[i].result || (r == 0 && (number.mantissa != rows[i].mantissa ||
						       number.scale != rows[i].scale)))
			fail_msg("%s: %d, %lld / %u", rows[i].text, r, (long long)number.mantissa,
				 number.scale);
	}
}

static void
same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_true(a == b);
	else
		assert_string_equal(a, b);
}

static void
reading_comes_back_as_it_was(void **state)
{
	static const struct ocppd_sampled values[] = {
		{ "1234.5", NULL, NULL, NULL, NULL, NULL, NULL },
		{ "1,5", "Trigger", "Raw", "Voltage", "L1-N", "Inlet", "V" },
		{ "-7", "Odd", "Odd", "Odd.Measurand", "L9", "Roof", "furlong" },
		{ NULL, NULL, "SignedData", NULL, NULL, NULL, NULL },
		{ "007", NULL, NULL, "SoC", NULL, NULL, "Percent" },
		{ "-9223372036854775807", NULL, NULL, "RPM", NULL, NULL, NULL },
	};
	const struct ocppd_reading reading = { .values = values, .count = 6 };
	struct packer packer = { 0 };
	struct unpacker unpacker;
	struct ocppd_sampled back;

	(void)state;
	assert_int_equal(reading_pack(&packer, &reading, TIME_FORM_SECONDS), 0);
	assert_int_equal(unpacker_init(&unpacker, packer.data, packer.len), 0);
	assert_int_equal(unpacker.time_form, TIME_FORM_SECONDS);
	for (uint32_t i = 0; i < reading.count; i++) {
		assert_int_equal(unpacker_next(&unpacker, &back), 1);
		same_text(back.value, values[i].value);
		same_text(back.context, values[i].context);
		same_text(back.format, values[i].format);
		same_text(back.measurand, values[i].measurand);
		same_text(back.phase, values[i].phase);
		same_text(back.location, values[i].location);
		same_text(back.unit, values[i].unit);
	}
	assert_int_equal(unpacker_next(&unpacker, &back), 0);
	unpacker_fini(&unpacker);

	/* Cut anywhere: an end or an error, never a read beyond. */
	for (size_t len = 0; len < packer.len; len++) {
		unsigned char *cut = malloc(len + 1);

		memcpy(cut, packer.data, len);
		if (unpacker_init(&unpacker, cut, len) == 0) {
			while (unpacker_next(&unpacker, &back) > 0)
				;
			unpacker_fini(&unpacker);
		}
		free(cut);
	}
	packer_fini(&packer);
}

static void
digest_knows_defaults_and_no_order(void **state)
{
	static const struct ocppd_sampled left[] = {
		{ .value = "1" },
		{ .value = "2", .measurand = "Voltage", .phase = "L1" },
	};
	static const struct ocppd_sampled right[] = {
		{ .value = "2", .measurand = "voltage", .phase = "L1" },
		{ .value = "1",
		  .measurand = "Energy.Active.Import.Register",
		  .context = "Sample.Periodic",
		  .location = "Outlet" },
	};
	static const struct ocppd_sampled other[] = {
		{ .value = "1", .context = "Transaction.End" },
		{ .value = "2", .measurand = "Voltage", .phase = "L1" },
	};
	const struct ocppd_reading a = { .values = left, .count = 2 };
	const struct ocppd_reading b = { .values = right, .count = 2 };
	const struct ocppd_reading c = { .values = other, .count = 2 };

	(void)state;
	assert_true(reading_digest(&a) == reading_digest(&b));
	assert_true(reading_digest(&a) != reading_digest(&c));
}

static void
energy_is_the_best_candidate_and_never_negative(void **state)
{
	static const struct {
		const char *label;
		struct energy_meter meter;
		struct energy known;
		struct energy_verdict verdict;
	} rows[] = {
		{ "meter", { 100, 1100, true, true }, { 0 }, { 1000, ENERGY_METER, false } },
		{ "nothing used", { 100, 100, true, true }, { 0 }, { 0, ENERGY_METER, false } },
		{ "backwards", { 1100, 100, true, true }, { 0 }, { 0, ENERGY_NONE, true } },
		{ "backwards, register",
		  { 1100, 100, true, true },
		  { .has_register = true, .first_wh = 10, .last_wh = 510 },
		  { 500, ENERGY_REGISTER, true } },
		{ "no stop, intervals",
		  { 1100, 0, true, false },
		  { .has_interval = true, .interval_wh = 70 },
		  { 70, ENERGY_INTERVAL, true } },
		{ "readings agree",
		  { 0, 10000, true, true },
		  { .has_register = true, .first_wh = 0, .last_wh = 10400 },
		  { 10000, ENERGY_METER, false } },
		{ "readings say much more",
		  { 0, 10000, true, true },
		  { .has_register = true, .first_wh = 0, .last_wh = 12000 },
		  { 10000, ENERGY_METER, true } },
		{ "overflow",
		  { INT64_MIN, INT64_MAX, true, true },
		  { 0 },
		  { 0, ENERGY_NONE, true } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct energy_verdict verdict;

		energy_judge(&rows[i].meter, &rows[i].known, &verdict);
		if (verdict.energy_wh != rows[i].verdict.energy_wh ||
		    verdict.method != rows[i].verdict.method ||
		    verdict.is_doubtful != rows[i].verdict.is_doubtful)
			fail_msg("%s: %lld by %u", rows[i].label, (long long)verdict.energy_wh,
				 verdict.method);
	}
}

static struct active *
add(struct active_table *table, struct active_slot *slot, int32_t evse, const char *token,
    int64_t start_us)
{
	struct active_key key = { .place = { evse, 1 },
				  .token = token,
				  .parent = "group",
				  .start_us = start_us,
				  .meter_start_wh = 100 };
	struct active *active = active_add(table, slot, &key, 0);

	assert_non_null(active);
	active->id = (int64_t)table->count;
	return active;
}

static void
stop_without_id_means_the_only_plausible_one(void **state)
{
	static const struct {
		const char *label;
		struct stop_hint hint;
		int64_t id;
	} rows[] = {
		{ "by token", { "TAG-A", NULL, 2000, 500, true }, 1 },
		{ "by parent", { "other", "GROUP", 2000, 500, true }, 0 },
		{ "before both", { NULL, NULL, 500, 500, true }, 0 },
		{ "before the second", { NULL, NULL, 1200, 500, true }, 1 },
		{ "meter below", { "tag-a", NULL, 2000, 50, true }, 0 },
		{ "meter unknown", { "tag-a", NULL, 2000, 0, false }, 1 },
		{ "both fit", { NULL, NULL, 2000, 500, true }, 0 },
		{ "another token", { "tag-c", NULL, 2000, 500, true }, 0 },
	};
	struct active_table table;
	struct active_slot slot = { NULL };

	(void)state;
	assert_int_equal(active_init(&table), 0);
	add(&table, &slot, 1, "tag-a", 1000);
	add(&table, &slot, 2, "tag-b", 1500);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct active *found = active_plausible(&slot, &rows[i].hint);

		if ((found == NULL ? 0 : found->id) != rows[i].id)
			fail_msg("%s", rows[i].label);
	}
	active_fini(&table);
}

static void
reading_without_id_goes_to_the_open_one_of_its_connector(void **state)
{
	struct active_table table;
	struct active_slot slot = { NULL };
	struct active *older;
	struct active *younger;

	(void)state;
	assert_int_equal(active_init(&table), 0);
	older = add(&table, &slot, 1, "a", 10 * LATE_US);
	younger = add(&table, &slot, 1, "b", 20 * LATE_US);
	assert_ptr_equal(active_at(&slot, (struct ocppd_place){ 1, 1 }, 12 * LATE_US), older);
	assert_ptr_equal(active_at(&slot, (struct ocppd_place){ 1, 1 }, 21 * LATE_US), younger);
	assert_ptr_equal(active_at(&slot, (struct ocppd_place){ 1, 1 }, 9 * LATE_US), older);
	assert_null(active_at(&slot, (struct ocppd_place){ 1, 1 }, 8 * LATE_US));
	assert_null(active_at(&slot, (struct ocppd_place){ 2, 1 }, 21 * LATE_US));
	active_fini(&table);
}

static void
count_of_a_token_leaves_refused_and_stale_ones_out(void **state)
{
	struct active_table table;
	struct active_slot slot = { NULL };
	struct active *first;

	(void)state;
	assert_int_equal(active_init(&table), 0);
	first = add(&table, &slot, 1, "Tag", 1);
	add(&table, &slot, 2, "TAG", 2);
	add(&table, &slot, 3, "tag", 3)->flags = OCPPD_TX_STALE;
	add(&table, &slot, 4, "tag", 4)->flags = OCPPD_TX_UNAUTHORISED;
	assert_int_equal(active_count(&table, "tAG", NULL), 2);
	assert_int_equal(active_count(&table, "tag", first), 1);
	for (int i = 0; i < 500; i++) {
		char token[16];

		snprintf(token, sizeof(token), "x%d", i);
		add(&table, &slot, 5, token, i);
	}
	assert_int_equal(active_count(&table, "tag", NULL), 2);
	assert_int_equal(active_count(&table, "x77", NULL), 1);
	while (slot.first != NULL)
		active_remove(&table, &slot, slot.first);
	assert_int_equal(table.count, 0);
	active_fini(&table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimal_reads_what_is_unambiguous),
		cmocka_unit_test(reading_comes_back_as_it_was),
		cmocka_unit_test(digest_knows_defaults_and_no_order),
		cmocka_unit_test(energy_is_the_best_candidate_and_never_negative),
		cmocka_unit_test(stop_without_id_means_the_only_plausible_one),
		cmocka_unit_test(reading_without_id_goes_to_the_open_one_of_its_connector),
		cmocka_unit_test(count_of_a_token_leaves_refused_and_stale_ones_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
