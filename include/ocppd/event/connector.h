/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_CONNECTOR_H
#define OCPPD_EVENT_CONNECTOR_H

/*
 * The reported state of a connector changed; published by `stations` after it is durable:
 * {stationId, connectorId, status, errorCode?, info?, vendorId?, vendorErrorCode?,
 * timestamp}. connectorId 0 is the station as a whole.
 */
#define OCPPD_EVENT_CONNECTOR_STATUS "connector.status"

/*
 * A station booted; published by `stations` after that is durable: {stationId, registrationStatus,
 * chargePointVendor?, chargePointModel?, chargePointSerialNumber?, firmwareVersion?, bootCount}.
 */
#define OCPPD_EVENT_STATION_BOOTED "station.booted"

#endif
