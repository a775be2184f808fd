/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * The messages of smart charging as tables. Nothing here but data.
 */
#include "smart.h"

#define PROTOCOL "ocpp1.6"

static const char *const purpose_words[] = {
	"ChargePointMaxProfile",
	"TxDefaultProfile",
	"TxProfile",
	NULL,
};
static const char *const kind_words[] = { "Absolute", "Recurring", "Relative", NULL };
static const char *const recurrency_words[] = { "Daily", "Weekly", NULL };
static const char *const unit_words[] = { "A", "W", NULL };
static const char *const set_status[] = { "Accepted", "Rejected", "NotSupported", NULL };
static const char *const clear_status[] = { "Accepted", "Unknown", NULL };
static const char *const composite_status[] = { "Accepted", "Rejected", NULL };

static const struct ocppd_field period_fields[] = {
	{ "startPeriod", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "seconds from the start" },
	{ "limit", OCPPD_T_DECIMAL, OCPPD_REQUIRED, .doc = "A per phase, or W in total" },
	{ "numberPhases", OCPPD_T_INTEGER, .doc = "3 assumed when absent" },
};
static const struct ocppd_field schedule_fields[] = {
	{ "duration", OCPPD_T_INTEGER, .doc = "seconds; absent: without end" },
	{ "startSchedule", OCPPD_T_TIMESTAMP },
	{ "chargingRateUnit", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = unit_words },
	{ "chargingSchedulePeriod", OCPPD_T_OBJECT, OCPPD_REQUIRED | OCPPD_LIST | OCPPD_NONEMPTY,
	  .fields = OCPPD_TABLE(period_fields), .max_items = SMART_PERIODS_MAX },
	{ "minChargingRate", OCPPD_T_DECIMAL },
};

#define PROFILE_REST                                                                               \
	{ "stackLevel", OCPPD_T_INTEGER, OCPPD_REQUIRED, .min = 0, .max = INT32_MAX },             \
		{ "chargingProfilePurpose", OCPPD_T_STRING, OCPPD_REQUIRED,                        \
		  .one_of = purpose_words },                                                       \
		{ "chargingProfileKind", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = kind_words },   \
		{ "recurrencyKind", OCPPD_T_STRING, .one_of = recurrency_words },                  \
		{ "validFrom", OCPPD_T_TIMESTAMP }, { "validTo", OCPPD_T_TIMESTAMP },              \
	{                                                                                          \
		"chargingSchedule", OCPPD_T_OBJECT, OCPPD_REQUIRED,                                \
			.fields = OCPPD_TABLE(schedule_fields)                                     \
	}

const struct ocppd_field smart_profile_fields[SMART_PROFILE_FIELDS] = {
	{ "chargingProfileId", OCPPD_T_INTEGER, OCPPD_FILLED, .min = INT32_MIN, .max = INT32_MAX,
	  .doc = "absent: one that is free" },
	{ "transactionId", OCPPD_T_INTEGER, .min = INT32_MIN, .max = INT32_MAX,
	  .doc = "absent in a TxProfile: the transaction under way" },
	PROFILE_REST,
};
/* A template is chosen an id, and bound to a transaction, when it is installed. */
const struct ocppd_field smart_template_fields[SMART_TEMPLATE_FIELDS] = { PROFILE_REST };

static const struct ocppd_field set_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED,
	  .doc = "0: the station as a whole, or the default of every connector" },
	{ "csChargingProfiles", OCPPD_T_OBJECT, OCPPD_REQUIRED,
	  .fields = { smart_profile_fields, SMART_PROFILE_FIELDS, sizeof(struct ocppd_field) } },
};
static const struct ocppd_field set_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = set_status },
};
static const struct ocppd_field clear_req[] = {
	{ "id", OCPPD_T_INTEGER, .doc = "the other fields do not count then" },
	{ "connectorId", OCPPD_T_INTEGER },
	{ "chargingProfilePurpose", OCPPD_T_STRING, .one_of = purpose_words },
	{ "stackLevel", OCPPD_T_INTEGER },
};
static const struct ocppd_field clear_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = clear_status },
};
static const struct ocppd_field composite_req[] = {
	{ "connectorId", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "0: all the station draws" },
	{ "duration", OCPPD_T_INTEGER, OCPPD_REQUIRED, .doc = "seconds" },
	{ "chargingRateUnit", OCPPD_T_STRING, .one_of = unit_words },
};
static const struct ocppd_field composite_conf[] = {
	{ "status", OCPPD_T_STRING, OCPPD_REQUIRED, .one_of = composite_status },
	{ "connectorId", OCPPD_T_INTEGER },
	{ "scheduleStart", OCPPD_T_TIMESTAMP },
	{ "chargingSchedule", OCPPD_T_OBJECT, .fields = OCPPD_TABLE(schedule_fields) },
};

const struct ocppd_action smart_actions[] = {
	{ PROTOCOL, "ClearChargingProfile", OCPPD_TO_STATION, 0, OCPPD_TABLE(clear_req),
	  OCPPD_TABLE(clear_conf), .prepare = prepare_clear, .completed = completed_clear },
	{ PROTOCOL, "GetCompositeSchedule", OCPPD_TO_STATION, 0, OCPPD_TABLE(composite_req),
	  OCPPD_TABLE(composite_conf), .prepare = prepare_composite,
	  .completed = completed_composite },
	{ PROTOCOL, "SetChargingProfile", OCPPD_TO_STATION, 0, OCPPD_TABLE(set_req),
	  OCPPD_TABLE(set_conf), .prepare = prepare_set, .completed = completed_set },
};
_Static_assert(sizeof(smart_actions) / sizeof(smart_actions[0]) == SMART_ACTIONS,
	       "the descriptor counts the actions");
