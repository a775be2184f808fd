/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_REMOTE_H
#define OCPPD_EVENT_REMOTE_H

/*
 * What became of an operator's requests; published by a protocol's base module.
 */

/* A transaction began that a RemoteStartTransaction had asked for: {stationId, messageId (of the
 * request), requester, idTag, connectorId, transactionId, chargingProfile?}; the profile is the
 * request's. */
#define OCPPD_EVENT_REMOTE_START_MATCHED "remote_start.matched"

/* The station agreed to start, and no transaction began in time (quirk G08): {stationId, messageId,
 * requester, idTag, connectorId?, waitedSeconds}. */
#define OCPPD_EVENT_REMOTE_START_EXPIRED "remote_start.expired"

/* What a station says of an attempt to unlock: {stationId, connectorId, status, requester}. */
#define OCPPD_EVENT_CONNECTOR_UNLOCK "connector.unlock"

#endif
