/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Charging profiles: from JSON, and their rules. Knows no station and sends nothing; what a rule
 * says is a sentence, what becomes of it is the caller's.
 */
#include "profile.h"

#include <ocppd/error.h>
#include <ocppd/json.h>

#include <json.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US 1000000
#define DAY_S 86400
#define WEEK_S 604800
#define TEXT_MAX 200

static const char *const purpose_words[] = {
	[PURPOSE_MAX] = "ChargePointMaxProfile",
	[PURPOSE_DEFAULT] = "TxDefaultProfile",
	[PURPOSE_TX] = "TxProfile",
};
static const char *const kind_words[] = {
	[KIND_ABSOLUTE] = "Absolute",
	[KIND_RECURRING] = "Recurring",
	[KIND_RELATIVE] = "Relative",
};
static const char *const unit_words[] = { [RATE_A] = "A", [RATE_W] = "W" };

#define COUNT(words) (sizeof(words) / sizeof((words)[0]))

const char *
profile_purpose_word(enum profile_purpose purpose)
{
	return purpose_words[purpose];
}

const char *
rate_unit_word(enum rate_unit unit)
{
	return unit_words[unit];
}

struct json_object *
tenths_json(int64_t tenths)
{
	char text[32];

	if (tenths % 10 == 0)
		return json_object_new_int64(tenths / 10);
	(void)snprintf(text, sizeof(text), "%s%lld.%lld", tenths < 0 ? "-" : "",
		       (long long)(tenths < 0 ? -tenths : tenths) / 10,
		       (long long)(tenths < 0 ? -tenths : tenths) % 10);
	return json_object_new_double_s((double)tenths / 10, text);
}

static int
find_word(const char *const *words, size_t count, const char *text)
{
	for (size_t i = 0; text != NULL && i < count; i++) {
		if (strcmp(words[i], text) == 0)
			return (int)i;
	}
	return OCPPD_ENOENT;
}

/* ---- Reading ----------------------------------------------------------------------------------
 */

/* A number with at most one decimal, in tenths. */
static int
tenths_of(struct json_object *object, const char *key, int64_t *ret)
{
	struct json_object *value = ocppd_json_get(object, key);
	double number;

	if (value == NULL)
		return OCPPD_ENOENT;
	if (!json_object_is_type(value, json_type_int) &&
	    !json_object_is_type(value, json_type_double))
		return OCPPD_EINVAL;
	number = json_object_get_double(value) * 10;
	if (!(number <= (double)LIMIT_MAX && number >= -(double)LIMIT_MAX))
		return OCPPD_EINVAL;
	*ret = (int64_t)(number < 0 ? number - 0.5 : number + 0.5);
	return 0;
}

static int64_t
seconds_of(int64_t us)
{
	return us >= 0 ? us / SECOND_US : -((-us + SECOND_US - 1) / SECOND_US);
}

/* An absent time is no fault; one that cannot be read is. */
static int
parse_time(struct json_object *object, const char *key, bool *ret_has, int64_t *ret_s)
{
	int64_t us;
	int r = ocppd_json_get_time(object, key, &us);

	if (r == OCPPD_ENOENT)
		return 0;
	if (r < 0)
		return OCPPD_EINVAL;
	*ret_has = true;
	*ret_s = seconds_of(us);
	return 0;
}

static bool
parse_number(struct json_object *object, const char *key, int64_t *ret)
{
	int64_t number = ocppd_json_get_int(object, key, INT64_MIN);

	if (number < INT32_MIN || number > INT32_MAX)
		return false;
	*ret = number;
	return true;
}

static int
by_start(const void *a, const void *b)
{
	const struct period *left = a;
	const struct period *right = b;

	return left->start_s < right->start_s ? -1 : left->start_s > right->start_s;
}

static int
read_periods(struct json_object *list, struct period *periods)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < count; i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		if (!parse_number(item, "startPeriod", &periods[i].start_s) ||
		    tenths_of(item, "limit", &periods[i].limit) < 0)
			return OCPPD_EINVAL;
		(void)parse_number(item, "numberPhases", &periods[i].phases);
		if (periods[i].phases < 0 || periods[i].phases > PHASES_DEFAULT)
			periods[i].phases = 0;
	}
	qsort(periods, count, sizeof(*periods), by_start);
	return 0;
}

static int
read_schedule(struct json_object *schedule, struct profile *profile)
{
	int unit = find_word(unit_words, COUNT(unit_words),
			     ocppd_json_get_str(schedule, "chargingRateUnit"));

	if (unit < 0)
		return OCPPD_EINVAL;
	profile->unit = (enum rate_unit)unit;
	profile->has_duration = parse_number(schedule, "duration", &profile->duration_s);
	if (tenths_of(schedule, "minChargingRate", &profile->min_rate) == OCPPD_EINVAL)
		return OCPPD_EINVAL;
	return parse_time(schedule, "startSchedule", &profile->has_start, &profile->start_s);
}

static int
read_head(struct json_object *json, struct profile *profile)
{
	int purpose = find_word(purpose_words, COUNT(purpose_words),
				ocppd_json_get_str(json, "chargingProfilePurpose"));
	int kind = find_word(kind_words, COUNT(kind_words),
			     ocppd_json_get_str(json, "chargingProfileKind"));
	const char *recurrency = ocppd_json_get_str(json, "recurrencyKind");
	int r;

	if (purpose < 0 || kind < 0 || !parse_number(json, "stackLevel", &profile->stack_level))
		return OCPPD_EINVAL;
	(void)parse_number(json, "chargingProfileId", &profile->id);
	profile->has_transaction = parse_number(json, "transactionId", &profile->transaction_id);
	profile->purpose = (enum profile_purpose)purpose;
	profile->kind = (enum profile_kind)kind;
	if (recurrency != NULL)
		profile->recurrency_s = strcmp(recurrency, "Weekly") == 0 ? WEEK_S : DAY_S;
	r = parse_time(json, "validFrom", &profile->has_valid_from, &profile->valid_from_s);
	if (r < 0)
		return r;
	return parse_time(json, "validTo", &profile->has_valid_to, &profile->valid_to_s);
}

int
schedule_parse(struct json_object *schedule, struct profile **ret)
{
	struct json_object *list = ocppd_json_get(schedule, "chargingSchedulePeriod");
	struct profile *profile;
	struct period *periods;
	size_t count;
	int r;

	if (list == NULL || !json_object_is_type(list, json_type_array))
		return OCPPD_EINVAL;
	count = json_object_array_length(list);
	profile = calloc(1, sizeof(*profile) + count * sizeof(*periods));
	if (profile == NULL)
		return OCPPD_ENOMEM;
	periods = (struct period *)(profile + 1);
	profile->period_count = (uint32_t)count;
	profile->periods = periods;
	r = read_schedule(schedule, profile);
	if (r >= 0)
		r = read_periods(list, periods);
	if (r < 0) {
		free(profile);
		return r;
	}
	*ret = profile;
	return 0;
}

int
profile_parse(struct json_object *json, int64_t connector, struct profile **ret)
{
	struct profile *profile;
	int r = schedule_parse(ocppd_json_get(json, "chargingSchedule"), &profile);

	if (r < 0)
		return r;
	profile->connector = connector;
	r = read_head(json, profile);
	if (r < 0) {
		free(profile);
		return r;
	}
	*ret = profile;
	return 0;
}

/* ---- What is installed ------------------------------------------------------------------------
 */

bool
profile_is_replaced(const struct profile *installed, const struct profile *accepted)
{
	if (installed->id == accepted->id)
		return true;
	/* Read per connector: two connectors may have defaults of the same level. */
	return installed->purpose == accepted->purpose &&
	       installed->stack_level == accepted->stack_level &&
	       (installed->purpose == PURPOSE_MAX || installed->connector == accepted->connector);
}

void
profile_filter_parse(struct json_object *json, struct profile_filter *ret)
{
	ret->id = ocppd_json_get_int(json, "id", INT64_MIN);
	ret->connector = ocppd_json_get_int(json, "connectorId", INT64_MIN);
	ret->stack_level = ocppd_json_get_int(json, "stackLevel", INT64_MIN);
	ret->purpose = find_word(purpose_words, COUNT(purpose_words),
				 ocppd_json_get_str(json, "chargingProfilePurpose"));
}

bool
profile_is_cleared(const struct profile *installed, const struct profile_filter *filter)
{
	if (filter->id != INT64_MIN)
		return installed->id == filter->id;
	return (filter->connector == INT64_MIN || filter->connector == installed->connector) &&
	       (filter->stack_level == INT64_MIN ||
		filter->stack_level == installed->stack_level) &&
	       (filter->purpose < 0 || filter->purpose == (int32_t)installed->purpose);
}

/* ---- What the station can take ----------------------------------------------------------------
 */

void
station_limits_init(struct station_limits *limits)
{
	*limits = (struct station_limits){ -1, -1, -1, -1, -1, -1 };
}

static char
folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
equals(const char *a, size_t len, const char *b)
{
	for (size_t i = 0; i < len; i++) {
		if (b[i] == '\0' || folded(a[i]) != folded(b[i]))
			return false;
	}
	return b[len] == '\0';
}

int64_t
profile_count_of(const char *text)
{
	int64_t number = 0;

	while (*text == ' ')
		text++;
	if (*text < '0' || *text > '9')
		return -1;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (*text - '0');
		if (number > INT32_MAX)
			return -1;
	}
	return number;
}

static void
set_units(struct station_limits *limits, const char *text)
{
	/* Quirk D09: other separators, quotes, the unit's letter. */
	static const char between[] = " ,;\"'";
	int32_t takes_a = 0;
	int32_t takes_w = 0;

	while (*text != '\0') {
		size_t len;

		text += strspn(text, between);
		len = strcspn(text, between);
		takes_a |= equals(text, len, "Current") || equals(text, len, "A");
		takes_w |= equals(text, len, "Power") || equals(text, len, "W");
		text += len;
	}
	/* A list that names neither says nothing. */
	if (takes_a == 0 && takes_w == 0)
		return;
	limits->takes_a = takes_a;
	limits->takes_w = takes_w;
}

void
station_limits_set(struct station_limits *limits, const char *key, const char *value)
{
	size_t len = strlen(key);

	if (value == NULL)
		return;
	if (equals(key, len, "ChargeProfileMaxStackLevel"))
		limits->max_stack_level = profile_count_of(value);
	else if (equals(key, len, "ChargingScheduleMaxPeriods"))
		limits->max_periods = profile_count_of(value);
	else if (equals(key, len, "MaxChargingProfilesInstalled"))
		limits->max_installed = profile_count_of(value);
	else if (equals(key, len, "ChargingScheduleAllowedChargingRateUnit"))
		set_units(limits, value);
	else if (equals(key, len, "ConnectorSwitch3to1PhaseSupported"))
		limits->switches_phases = equals(value, strlen(value), "true");
}

/* ---- Rules ------------------------------------------------------------------------------------
 */

struct judge {
	const struct profile *profile;
	profile_complain_fn *fn;
	void *arg;
};

static void complain(const struct judge *judge, const char *format, ...) OCPPD_PRINTF(2, 3);

static void
complain(const struct judge *judge, const char *format, ...)
{
	char text[TEXT_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	judge->fn(judge->arg, text);
}

static void
judge_purpose(const struct judge *judge)
{
	const struct profile *profile = judge->profile;

	if (profile->purpose == PURPOSE_MAX && profile->connector > 0)
		complain(judge, "connectorId: must be 0 for a ChargePointMaxProfile");
	if (profile->purpose == PURPOSE_TX && profile->connector == 0)
		complain(judge, "connectorId: must be greater than 0 for a TxProfile");
	if (profile->purpose != PURPOSE_TX && profile->has_transaction)
		complain(judge, "transactionId: belongs in a TxProfile only");
	if (profile->stack_level < 0)
		complain(judge, "stackLevel: must not be negative");
}

static void
judge_kind(const struct judge *judge)
{
	const struct profile *profile = judge->profile;

	if (profile->kind == KIND_RECURRING && profile->recurrency_s == 0)
		complain(judge, "recurrencyKind: is needed with Recurring");
	if (profile->kind != KIND_RECURRING && profile->recurrency_s != 0)
		complain(judge, "recurrencyKind: belongs to Recurring only");
	if (profile->kind == KIND_RELATIVE && profile->has_start)
		complain(judge, "chargingSchedule.startSchedule: must be absent with Relative");
	if (profile->kind != KIND_RELATIVE && !profile->has_start)
		complain(judge, "chargingSchedule.startSchedule: is needed with %s",
			 kind_words[profile->kind]);
	if (profile->kind == KIND_RELATIVE && profile->purpose == PURPOSE_MAX)
		complain(judge, "chargingProfileKind: Relative counts from a transaction, which a "
				"ChargePointMaxProfile has not");
	if (profile->kind == KIND_RECURRING && profile->recurrency_s != 0 &&
	    profile->has_duration && profile->duration_s > profile->recurrency_s)
		complain(judge, "chargingSchedule.duration: the part beyond one recurrence is "
				"never executed");
}

static void
judge_validity(const struct judge *judge, int64_t now_s)
{
	const struct profile *profile = judge->profile;

	if (profile->has_valid_to && profile->has_valid_from &&
	    profile->valid_to_s <= profile->valid_from_s)
		complain(judge, "validTo: must be after validFrom");
	else if (profile->has_valid_to && profile->valid_to_s <= now_s)
		complain(judge, "validTo: is over already");
	if (profile->has_duration && profile->duration_s <= 0)
		complain(judge, "chargingSchedule.duration: must be greater than 0");
	if (profile->min_rate < 0)
		complain(judge, "chargingSchedule.minChargingRate: must not be negative");
}

static void
judge_periods(const struct judge *judge, struct json_object *json)
{
	const struct profile *profile = judge->profile;
	struct json_object *list =
		ocppd_json_get(ocppd_json_get(json, "chargingSchedule"), "chargingSchedulePeriod");
	int64_t before = -1;

	for (uint32_t i = 0; i < profile->period_count; i++) {
		/* As written: profile_parse put them in order. */
		struct json_object *item = json_object_array_get_idx(list, i);
		int64_t start_s = ocppd_json_get_int(item, "startPeriod", 0);
		int64_t phases = ocppd_json_get_int(item, "numberPhases", PHASES_DEFAULT);
		int64_t limit = 0;
		const char *wrong = NULL;

		(void)tenths_of(item, "limit", &limit);
		if (i == 0 && start_s != 0)
			wrong = "startPeriod: must be 0 in the first period";
		else if (start_s <= before)
			wrong = "startPeriod: must be greater than in the period before";
		else if (profile->has_duration && profile->duration_s > 0 &&
			 start_s >= profile->duration_s)
			wrong = "startPeriod: is not before the end of the duration";
		else if (limit < 0)
			wrong = "limit: must not be negative";
		else if (phases < 1 || phases > PHASES_DEFAULT)
			wrong = "numberPhases: must be 1 to 3";
		before = start_s;
		if (wrong != NULL)
			complain(judge, "chargingSchedule.chargingSchedulePeriod[%u].%s", i, wrong);
	}
}

void
profile_check(const struct profile *profile, struct json_object *json, int64_t now_s,
	      profile_complain_fn *fn, void *arg)
{
	const struct judge judge = { profile, fn, arg };

	judge_purpose(&judge);
	judge_kind(&judge);
	judge_validity(&judge, now_s);
	judge_periods(&judge, json);
}

static bool
varies_phases(const struct profile *profile)
{
	for (uint32_t i = 1; i < profile->period_count; i++) {
		int64_t before = profile->periods[i - 1].phases;
		int64_t here = profile->periods[i].phases;

		if ((before == 0 ? PHASES_DEFAULT : before) != (here == 0 ? PHASES_DEFAULT : here))
			return true;
	}
	return false;
}

void
profile_check_limits(const struct profile *profile, const struct station_limits *limits,
		     uint32_t installed, profile_complain_fn *fn, void *arg)
{
	const struct judge judge = { profile, fn, arg };

	if (limits->max_stack_level >= 0 && profile->stack_level > limits->max_stack_level)
		complain(&judge, "stackLevel: the station takes at most %lld",
			 (long long)limits->max_stack_level);
	if (limits->max_periods > 0 && profile->period_count > limits->max_periods)
		complain(&judge,
			 "chargingSchedule.chargingSchedulePeriod: the station takes at most %lld",
			 (long long)limits->max_periods);
	if (limits->max_installed > 0 && (int64_t)installed >= limits->max_installed)
		complain(&judge, "chargingProfileId: the station holds at most %lld profiles",
			 (long long)limits->max_installed);
	if ((profile->unit == RATE_A ? limits->takes_a : limits->takes_w) == 0)
		complain(&judge, "chargingSchedule.chargingRateUnit: the station does not take %s",
			 unit_words[profile->unit]);
	if (limits->switches_phases == 0 && profile->purpose == PURPOSE_TX &&
	    varies_phases(profile))
		complain(&judge, "chargingSchedule.chargingSchedulePeriod: the station cannot "
				 "change between 3 phases and 1 during a transaction");
}
