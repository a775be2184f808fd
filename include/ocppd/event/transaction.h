/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_TRANSACTION_H
#define OCPPD_EVENT_TRANSACTION_H

/*
 * Events about transactions, published by `transactions` after the record is durable. Members are
 * those of GET /v1/transactions/{transactionId}; times are RFC 3339.
 */

/* {transactionId, stationId, connectorId, idTag, status, startTimestamp, meterStart,
 *  reservationId?, remoteStart?, flags: [word]} */
#define OCPPD_EVENT_TRANSACTION_STARTED "transaction.started"

/* A transaction became stale, went on after all, or its energy was judged anew: all members. */
#define OCPPD_EVENT_TRANSACTION_UPDATED "transaction.updated"

/* {transactionId, stationId, connectorId?, idTag?, startTimestamp?, meterStart?,
 *  stopTimestamp, meterStop, stopReason, energyWh?, flags: [word]}; an orphan lacks what only a
 *  start tells. */
#define OCPPD_EVENT_TRANSACTION_STOPPED "transaction.stopped"

#endif
