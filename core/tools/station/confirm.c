/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The confirmations of OCPP 1.6 that a station can receive, as tables, and the check of a payload
 * against them. Objects are closed, as the schemas have them.
 */
#include "confirm.h"

#include "base/buf.h"
#include "base/text.h"

#include <string.h>

#include <json-c/json.h>

enum rule_type {
	RULE_STRING,
	RULE_INTEGER,
	RULE_TIME,
	RULE_OBJECT,
};

struct rule {
	const char *name;
	enum rule_type type;
	bool is_required;
	size_t max; /* characters; 0: no limit */
	const char *const *one_of;
	const struct rule *members; /* ends with a NULL name */
};

struct confirmation {
	const char *action;
	const struct rule *rules;
};

static const char *const registration_status[] = { "Accepted", "Pending", "Rejected", NULL };
static const char *const id_tag_status[] = {
	"Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx", NULL,
};
static const char *const data_transfer_status[] = {
	"Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId", NULL,
};
static const char *const generic_status[] = { "Accepted", "Rejected", NULL };

static const struct rule id_tag_info[] = {
	{ "expiryDate", RULE_TIME },
	{ "parentIdTag", RULE_STRING, .max = 20 },
	{ "status", RULE_STRING, true, .one_of = id_tag_status },
	{ NULL },
};

static const struct rule nothing[] = {
	{ NULL },
};

static const struct rule authorize[] = {
	{ "idTagInfo", RULE_OBJECT, true, .members = id_tag_info },
	{ NULL },
};

static const struct rule boot_notification[] = {
	{ "status", RULE_STRING, true, .one_of = registration_status },
	{ "currentTime", RULE_TIME, true },
	{ "interval", RULE_INTEGER, true },
	{ NULL },
};

static const struct rule data_transfer[] = {
	{ "status", RULE_STRING, true, .one_of = data_transfer_status },
	{ "data", RULE_STRING },
	{ NULL },
};

static const struct rule heartbeat[] = {
	{ "currentTime", RULE_TIME, true },
	{ NULL },
};

static const struct rule sign_certificate[] = {
	{ "status", RULE_STRING, true, .one_of = generic_status },
	{ NULL },
};

static const struct rule start_transaction[] = {
	{ "idTagInfo", RULE_OBJECT, true, .members = id_tag_info },
	{ "transactionId", RULE_INTEGER, true },
	{ NULL },
};

static const struct rule stop_transaction[] = {
	{ "idTagInfo", RULE_OBJECT, .members = id_tag_info },
	{ NULL },
};

static const struct confirmation confirmations[] = {
	{ "Authorize", authorize },
	{ "BootNotification", boot_notification },
	{ "DataTransfer", data_transfer },
	{ "DiagnosticsStatusNotification", nothing },
	{ "FirmwareStatusNotification", nothing },
	{ "Heartbeat", heartbeat },
	{ "LogStatusNotification", nothing },
	{ "MeterValues", nothing },
	{ "SecurityEventNotification", nothing },
	{ "SignCertificate", sign_certificate },
	{ "SignedFirmwareStatusNotification", nothing },
	{ "StartTransaction", start_transaction },
	{ "StatusNotification", nothing },
	{ "StopTransaction", stop_transaction },
};

static int
two_digits(const char *text)
{
	return (text[0] - '0') * 10 + (text[1] - '0');
}

bool
confirm_time_valid(const char *text)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year;
	int month;
	int day;
	bool is_leap;

	if (strlen(text) != sizeof(form) - 1)
		return false;
	for (size_t i = 0; form[i]; i++) {
		if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
			return false;
	}
	year = two_digits(text) * 100 + two_digits(text + 2);
	month = two_digits(text + 5);
	day = two_digits(text + 8);
	is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (month < 1 || month > 12 || day < 1)
		return false;
	if (day > days[month - 1] + (month == 2 && is_leap))
		return false;
	return two_digits(text + 11) < 24 && two_digits(text + 14) < 60 &&
	       two_digits(text + 17) < 60;
}

static bool
is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++) {
		if (str_eq(text, *list))
			return true;
	}
	return false;
}

static bool
check_value(const struct rule *rule, struct json_object *value, struct buf *problem)
{
	const char *text;

	if (rule->type == RULE_INTEGER) {
		if (json_object_is_type(value, json_type_int))
			return true;
		buf_printf(problem, "%s is not an integer", rule->name);
		return false;
	}
	if (!json_object_is_type(value, json_type_string)) {
		buf_printf(problem, "%s is not a string", rule->name);
		return false;
	}
	text = json_object_get_string(value);
	if (rule->type == RULE_TIME && !confirm_time_valid(text)) {
		buf_printf(problem, "%s \"%s\" is not like 2026-03-01T10:00:00.123Z", rule->name,
			   text);
		return false;
	}
	if (rule->max > 0 && utf8_count(text) > rule->max) {
		buf_printf(problem, "%s is longer than %zu characters", rule->name, rule->max);
		return false;
	}
	if (rule->one_of && !is_one_of(text, rule->one_of)) {
		buf_printf(problem, "%s \"%s\" is not one of the defined values", rule->name, text);
		return false;
	}
	return true;
}

static const struct rule *
find_rule(const struct rule *rules, const char *name)
{
	for (; rules->name; rules++) {
		if (str_eq(rules->name, name))
			return rules;
	}
	return NULL;
}

/* One level of members; nested objects are two deep at most, by the tables. */
static bool
check_object(const struct rule *rules, struct json_object *object, struct buf *problem)
{
	if (!json_object_is_type(object, json_type_object)) {
		buf_add_str(problem, "the payload is not an object");
		return false;
	}
	json_object_object_foreach (object, key, unused) {
		(void)unused;
		if (!find_rule(rules, key)) {
			buf_printf(problem, "%s does not belong here", key);
			return false;
		}
	}
	for (; rules->name; rules++) {
		struct json_object *value = NULL;

		if (!json_object_object_get_ex(object, rules->name, &value)) {
			if (!rules->is_required)
				continue;
			buf_printf(problem, "%s is missing", rules->name);
			return false;
		}
		if (rules->type == RULE_OBJECT) {
			if (!check_object(rules->members, value, problem))
				return false;
		} else if (!check_value(rules, value, problem)) {
			return false;
		}
	}
	return true;
}

/* What no table can say. */
static bool
check_meaning(const char *action, struct json_object *payload, struct buf *problem)
{
	struct json_object *a = NULL;
	struct json_object *b = NULL;

	(void)json_object_object_get_ex(payload, "status", &a);
	if (str_eq(action, "BootNotification")) {
		(void)json_object_object_get_ex(payload, "interval", &b);
		if (json_object_get_int64(b) < 0 ||
		    (json_object_get_int64(b) == 0 &&
		     str_eq(json_object_get_string(a), "Accepted"))) {
			buf_add_str(problem, "interval of an accepted station is not above 0");
			return false;
		}
	}
	if (str_eq(action, "DataTransfer") &&
	    str_eq(json_object_get_string(a), "UnknownVendorId") &&
	    json_object_object_get_ex(payload, "data", NULL)) {
		buf_add_str(problem, "data beside UnknownVendorId");
		return false;
	}
	if (str_eq(action, "StartTransaction")) {
		(void)json_object_object_get_ex(payload, "transactionId", &b);
		if (json_object_get_int64(b) <= 0 || json_object_get_int64(b) > INT32_MAX) {
			buf_add_str(problem, "transactionId is not from 1 to 2147483647");
			return false;
		}
	}
	return true;
}

bool
confirm_check(const char *action, struct json_object *payload, struct buf *problem)
{
	for (size_t i = 0; i < sizeof(confirmations) / sizeof(confirmations[0]); i++) {
		if (!str_eq(confirmations[i].action, action))
			continue;
		return check_object(confirmations[i].rules, payload, problem) &&
		       check_meaning(action, payload, problem);
	}
	return true;
}
