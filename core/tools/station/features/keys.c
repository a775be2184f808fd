/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Sets of configuration keys and what a station has when it comes out of its box. Knows no
 * messages.
 */
#include "features/keys.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#include <ocppd/error.h>

static const struct {
	const char *name;
	const char *value;
	uint32_t flags;
} defaults[] = {
	{ "AllowOfflineTxForUnknownId", "false", KEY_BOOLEAN },
	{ "AuthorizationCacheEnabled", "true", KEY_BOOLEAN },
	{ "AuthorizeRemoteTxRequests", "true", KEY_BOOLEAN },
	{ "BlinkRepeat", "3", KEY_NUMBER },
	{ "ChargeProfileMaxStackLevel", "8", KEY_READONLY },
	{ "ChargingScheduleAllowedChargingRateUnit", "Current,Power", KEY_READONLY },
	{ "ChargingScheduleMaxPeriods", "24", KEY_READONLY },
	{ "ClockAlignedDataInterval", "0", KEY_NUMBER },
	{ "ConnectionTimeOut", "60", KEY_NUMBER },
	{ "ConnectorPhaseRotation", "0.RST,1.RST", 0 },
	{ "ConnectorSwitch3to1PhaseSupported", "false", KEY_READONLY },
	{ "GetConfigurationMaxKeys", "50", KEY_READONLY },
	{ "HeartbeatInterval", "300", KEY_NUMBER },
	{ "LocalAuthListEnabled", "true", KEY_BOOLEAN },
	{ "LocalAuthListMaxLength", "500", KEY_READONLY },
	{ "LocalAuthorizeOffline", "true", KEY_BOOLEAN },
	{ "LocalPreAuthorize", "false", KEY_BOOLEAN },
	{ "MaxChargingProfilesInstalled", "20", KEY_READONLY },
	{ "MaxEnergyOnInvalidId", "0", KEY_NUMBER },
	{ "MessageTimeout", "30", KEY_NUMBER },
	{ "MeterValueSampleInterval", "10", KEY_NUMBER },
	{ "MeterValuesAlignedData", "Energy.Active.Import.Register", 0 },
	{ "MeterValuesSampledData",
	  "Energy.Active.Import.Register,Power.Active.Import,Current.Import", KEY_MEASURANDS },
	{ "MinimumStatusDuration", "0", KEY_NUMBER },
	{ "NumberOfConnectors", "2", KEY_READONLY },
	{ "ReserveConnectorZeroSupported", "true", KEY_READONLY },
	{ "ResetRetries", "1", KEY_NUMBER },
	{ "SendLocalListMaxLength", "100", KEY_READONLY },
	{ "StopTransactionOnEVSideDisconnect", "true", KEY_BOOLEAN },
	{ "StopTransactionOnInvalidId", "true", KEY_BOOLEAN },
	{ "StopTxnAlignedData", "", 0 },
	{ "StopTxnSampledData", "Energy.Active.Import.Register", 0 },
	{ "SupportedFeatureProfiles",
	  "Core,FirmwareManagement,LocalAuthListManagement,Reservation,RemoteTrigger,SmartCharging",
	  KEY_READONLY },
	{ "SupportedFileTransferProtocols", "FTP,FTPS,HTTP,HTTPS", KEY_READONLY },
	{ "TransactionMessageAttempts", "3", KEY_NUMBER },
	{ "TransactionMessageRetryInterval", "60", KEY_NUMBER },
	{ "UnlockConnectorOnEVSideDisconnect", "true", KEY_BOOLEAN },
	{ "WebSocketPingInterval", "60", KEY_NUMBER | KEY_REBOOT },
};

int
keys_init_defaults(struct key_set *set)
{
	int r = 0;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]) && r == 0; i++)
		r = keys_set(set, defaults[i].name, defaults[i].value, defaults[i].flags);
	return r;
}

void
keys_fini(struct key_set *set)
{
	for (uint32_t i = 0; i < set->count; i++)
		free(set->items[i].value);
	free(set->items);
	*set = (struct key_set){ 0 };
}

const struct key *
keys_find(const struct key_set *set, const char *name)
{
	for (uint32_t i = 0; i < set->count; i++) {
		if (str_ci_eq(set->items[i].name, name))
			return &set->items[i];
	}
	return NULL;
}

/* Room for one more. */
static int
grow(struct key_set *set)
{
	struct key *items;

	if (set->count >= KEYS_MAX)
		return OCPPD_ESPACE;
	if ((set->count & (set->count - 1)) != 0)
		return 0;
	items = reallocarray(set->items, set->count > 0 ? (size_t)set->count * 2 : 1,
			     sizeof(*items));
	if (!items)
		return OCPPD_ENOMEM;
	set->items = items;
	return 0;
}

int
keys_set(struct key_set *set, const char *name, const char *value, uint32_t flags)
{
	char *copy = NULL;
	uint32_t i = 0;
	int r = 0;

	if (strlen(name) > KEY_NAME_MAX || (value && utf8_count(value) > KEY_VALUE_MAX))
		return OCPPD_ESPACE;
	while (i < set->count && !str_ci_eq(set->items[i].name, name))
		i++;
	if (i == set->count)
		r = grow(set);
	if (r == 0 && value) {
		copy = str_dup(value);
		r = copy ? 0 : OCPPD_ENOMEM;
	}
	if (r < 0)
		return r;
	if (i == set->count) {
		(void)str_copy(set->items[i].name, sizeof(set->items[i].name), name);
		set->count++;
	} else {
		free(set->items[i].value);
	}
	set->items[i].value = copy;
	set->items[i].flags = flags;
	return 0;
}
