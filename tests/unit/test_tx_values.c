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

#define H INT64_C(3600000000)

/* A register's readings, an hour apart from hour 0 on; negative: the end of the list. */
struct energy_row {
	const char *label;
	struct energy_meter meter;
	int64_t register_wh[5];
	int64_t interval_wh;
	int64_t energy_wh;
	uint32_t method;
	uint32_t flags;
	uint32_t labels;
};

static struct energy
learned(const struct energy_row *row)
{
	struct energy energy = { 0 };
	char text[32];
	struct ocppd_sampled value = { .value = text };
	struct ocppd_reading reading = { .values = &value, .count = 1 };

	for (int64_t i = 0; i < 5 && row->register_wh[i] >= 0; i++) {
		snprintf(text, sizeof(text), "%lld", (long long)row->register_wh[i]);
		reading.time_us = i * H;
		energy_learn(&energy, &reading);
	}
	if (row->interval_wh > 0) {
		snprintf(text, sizeof(text), "%lld", (long long)row->interval_wh);
		value.measurand = "Energy.Active.Import.Interval";
		energy_learn(&energy, &reading);
		/* The same energy once more, by the clock. */
		value.context = "Sample.Clock";
		energy_learn(&energy, &reading);
	}
	return energy;
}

static void
energy_is_the_best_candidate_and_never_negative(void **state)
{
	static const struct energy_row rows[] = {
		{ "meter", { 100, 1100, true, true }, { -1 }, 0, 1000, ENERGY_METER, 0, 0 },
		{ "nothing used", { 100, 100, true, true }, { -1 }, 0, 0, ENERGY_METER, 0, 0 },
		{ "backwards",
		  { 1100, 100, true, true },
		  { -1 },
		  0,
		  0,
		  ENERGY_NONE,
		  OCPPD_TX_METER,
		  0 },
		{ "backwards, register",
		  { 1100, 100, true, true },
		  { 10, 510, -1 },
		  0,
		  500,
		  ENERGY_REGISTER,
		  OCPPD_TX_METER,
		  0 },
		{ "no stop, intervals",
		  { 1100, 0, true, false },
		  { -1 },
		  70,
		  70,
		  ENERGY_INTERVAL,
		  OCPPD_TX_METER,
		  0 },
		{ "readings agree",
		  { 0, 10000, true, true },
		  { 0, 10400, -1 },
		  0,
		  10000,
		  ENERGY_METER,
		  0,
		  LABEL_SESSION_REGISTER },
		{ "readings begin late",
		  { 1000, 10000, true, true },
		  { 7000, 10000, -1 },
		  0,
		  9000,
		  ENERGY_METER,
		  0,
		  0 },
		{ "readings say much more",
		  { 2000, 12000, true, true },
		  { 2000, 14000, -1 },
		  0,
		  10000,
		  ENERGY_METER,
		  OCPPD_TX_CONTRADICTION,
		  0 },
		{ "intervals say much more",
		  { 0, 1000, true, true },
		  { -1 },
		  2000,
		  1000,
		  ENERGY_METER,
		  OCPPD_TX_CONTRADICTION,
		  0 },
		{ "meterStart always 0",
		  { 0, 5012000, true, true, 0, 2 * H },
		  { 5000000, 5005000, 5012000, -1 },
		  0,
		  12000,
		  ENERGY_REGISTER,
		  OCPPD_TX_CONTRADICTION,
		  0 },
		{ "register reset",
		  { 5000, 2000, true, true },
		  { 5000, 9000, 0, 2000, -1 },
		  0,
		  6000,
		  ENERGY_REGISTER,
		  OCPPD_TX_METER,
		  LABEL_REGISTER_RESET },
		{ "rounding is no reset",
		  { 5000, 5200, true, true },
		  { 5000, 5100, 5099, 5200, -1 },
		  0,
		  200,
		  ENERGY_METER,
		  0,
		  0 },
		{ "meter in kWh",
		  { 1000, 1020, true, true, 0, 2 * H },
		  { 1000000, 1010000, 1020000, -1 },
		  0,
		  20,
		  ENERGY_METER,
		  OCPPD_TX_CONTRADICTION | OCPPD_TX_KWH,
		  0 },
		{ "register in kWh",
		  { 0, 20000, true, true, 0, 2 * H },
		  { 0, 10, 20, -1 },
		  0,
		  20000,
		  ENERGY_METER,
		  OCPPD_TX_KWH,
		  LABEL_SESSION_REGISTER },
		{ "a low reading at the beginning is no kWh",
		  { 0, 20000, true, true, 0, 20 * H },
		  { 0, 10, 20, -1 },
		  0,
		  20000,
		  ENERGY_METER,
		  0,
		  LABEL_SESSION_REGISTER },
		{ "overflow",
		  { INT64_MIN, INT64_MAX, true, true },
		  { -1 },
		  0,
		  0,
		  ENERGY_NONE,
		  OCPPD_TX_METER,
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct energy known = learned(&rows[i]);
		struct energy_verdict verdict;

		energy_judge(&rows[i].meter, &known, &verdict);
		if (verdict.energy_wh != rows[i].energy_wh || verdict.method != rows[i].method ||
		    verdict.flags != rows[i].flags || verdict.labels != rows[i].labels)
			fail_msg("%s: %lld by %u, flags %x, labels %x", rows[i].label,
				 (long long)verdict.energy_wh, verdict.method, verdict.flags,
				 verdict.labels);
	}
}

static void
energy_of_readings_at_both_ends_contradicts_also_from_below(void **state)
{
	static const struct ocppd_sampled begin = { .value = "1000",
						    .context = "Transaction.Begin" };
	static const struct ocppd_sampled end = { .value = "5000", .context = "Transaction.End" };
	const struct ocppd_reading first = { .time_us = H, .values = &begin, .count = 1 };
	const struct ocppd_reading last = { .time_us = 2 * H, .values = &end, .count = 1 };
	const struct energy_meter meter = { 1000, 9000, true, true, H, 2 * H };
	struct energy energy = { 0 };
	struct energy_verdict verdict;

	(void)state;
	energy_learn(&energy, &first);
	energy_judge(&meter, &energy, &verdict);
	assert_int_equal(verdict.flags, 0);
	energy_learn(&energy, &last);
	energy_judge(&meter, &energy, &verdict);
	assert_int_equal(verdict.flags, OCPPD_TX_CONTRADICTION);
	assert_int_equal(verdict.energy_wh, 8000);
	assert_int_equal(verdict.register_wh, 4000);
}

static void
register_of_phase_one_counts_only_where_it_stands_alone(void **state)
{
	static const struct ocppd_sampled l1[] = { { .value = "100", .phase = "L1" },
						   { .value = "900", .phase = "L1" } };
	static const struct ocppd_sampled l2 = { .value = "100", .phase = "L2" };
	const struct energy_meter meter = { 900, 100, true, true, 0, H };
	struct energy energy = { 0 };
	struct energy_verdict verdict;

	(void)state;
	energy_learn_value(&energy, &l1[0], 1);
	energy_learn_value(&energy, &l1[1], 2);
	energy_judge(&meter, &energy, &verdict);
	assert_int_equal(verdict.energy_wh, 800);
	assert_int_equal(verdict.labels, LABEL_PHASE_REGISTER);
	energy_learn_value(&energy, &l2, 2);
	energy_judge(&meter, &energy, &verdict);
	assert_int_equal(verdict.method, ENERGY_NONE);
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
	younger->flags = OCPPD_TX_STALE;
	assert_ptr_equal(active_at(&slot, (struct ocppd_place){ 1, 1 }, 21 * LATE_US), older);
	active_fini(&table);
}

static void
reading_after_the_stop_goes_to_what_stopped_lately(void **state)
{
	const struct ocppd_place place = { 1, 1 };
	struct active_table table;
	struct active_slot slot = { NULL };

	(void)state;
	assert_int_equal(active_init(&table), 0);
	for (int64_t i = 1; i <= RECENT_MAX + 2; i++) {
		struct active *active = add(&table, &slot, 1, "a", i * 10 * LATE_US);

		active->id = i;
		recent_add(&table, &slot, active, active->start_us + LATE_US, i);
		active_remove(&table, &slot, active);
	}
	/* The oldest made room. */
	assert_null(recent_by_id(&slot, 2));
	assert_non_null(recent_by_id(&slot, 3));
	assert_int_equal(recent_at(&slot, place, 51 * LATE_US, false)->id, 5);
	assert_null(recent_at(&slot, place, 52 * LATE_US, false));
	assert_int_equal(recent_at(&slot, place, 52 * LATE_US, true)->id, 5);
	assert_null(recent_at(&slot, place, 53 * LATE_US, true));
	assert_null(recent_at(&slot, (struct ocppd_place){ 2, 1 }, 51 * LATE_US, true));
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

	/* Another form of it uses up the same limit, and none of its own. */
	const struct active_key other = { .place = { 6, 1 }, .token = "T:a:g", .account = "tag" };

	assert_non_null(active_add(&table, &slot, &other, 0));
	assert_int_equal(active_count(&table, "TAG", NULL), 3);
	assert_int_equal(active_count(&table, "t:a:g", NULL), 0);
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
		cmocka_unit_test(energy_of_readings_at_both_ends_contradicts_also_from_below),
		cmocka_unit_test(register_of_phase_one_counts_only_where_it_stands_alone),
		cmocka_unit_test(reading_after_the_stop_goes_to_what_stopped_lately),
		cmocka_unit_test(stop_without_id_means_the_only_plausible_one),
		cmocka_unit_test(reading_without_id_goes_to_the_open_one_of_its_connector),
		cmocka_unit_test(count_of_a_token_leaves_refused_and_stale_ones_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
