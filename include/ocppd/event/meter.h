/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_METER_H
#define OCPPD_EVENT_METER_H

/*
 * Meter readings, published by `transactions` after they are durable:
 * {stationId, connectorId, transactionId?, meterValue: [{timestamp, sampledValue: [{value,
 * context?, format?, measurand?, phase?, location?, unit?}]}]}, in OCPP's words; what the station
 * left to the default is left out.
 */
#define OCPPD_EVENT_METER_VALUES "meter.values"

#endif
