/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_CHARGING_PROFILE_H
#define OCPPD_EVENT_CHARGING_PROFILE_H

/*
 * Charging profiles in stations; published by the module that tracks them (ocpp16_smart_charging).
 *
 * A station accepted a profile: {stationId, connectorId, chargingProfileId,
 * chargingProfilePurpose, stackLevel, transactionId?}.
 */
#define OCPPD_EVENT_CHARGING_PROFILE_INSTALLED "charging_profile.installed"

/*
 * A profile is in the station no more: the same members and reason: `cleared`, `replaced`,
 * `unknown` (the station was asked to clear it and has nothing of the kind), `transaction-ended`,
 * `station-deleted`.
 */
#define OCPPD_EVENT_CHARGING_PROFILE_REMOVED "charging_profile.removed"

/*
 * A station did not take a profile: the members of an installed one, and status: `Rejected`,
 * `NotSupported`, or `error`, `timeout`, `gone`. After the last two it may have taken it all the
 * same.
 */
#define OCPPD_EVENT_CHARGING_PROFILE_REFUSED "charging_profile.refused"

/*
 * Three readings in a row exceed the limit that the installed profiles amount to, by more than a
 * tenth and 0.5 A or 115 W: {stationId, connectorId, transactionId, chargingRateUnit, limit,
 * measured}. Told once, until a reading keeps to the limit again.
 */
#define OCPPD_EVENT_CHARGING_PROFILE_NOT_FOLLOWED "charging_profile.not_followed"

#endif
