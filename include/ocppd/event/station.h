/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_STATION_H
#define OCPPD_EVENT_STATION_H

/*
 * Stations and their connections; published by the core itself, but for the last.
 *
 * A connection was admitted: {stationId, connectionId, protocol, remote, securityProfile,
 * isTakeover}. isTakeover: an older connection of the station was closed for it.
 */
#define OCPPD_EVENT_STATION_CONNECTED "station.connected"

/*
 * A connection ended: {stationId, connectionId, reason, code, durationSeconds}. reason is a class:
 * `peer-close`, `idle`, `tcp`, `replaced`, `protocol`, `oversize`, `slow`, `memory`, `policy`,
 * `unresponsive`, `limit`, `admin` (by a module), `shutdown` or `unknown`; code the WebSocket
 * close code, 1006 where none was exchanged.
 */
#define OCPPD_EVENT_STATION_DISCONNECTED "station.disconnected"

/*
 * A CALL to a station ended: {stationId, messageId, action, requester, result, errorCode?,
 * durationMs}. result: `reply`, `error`, `timeout`, `gone`, `cancelled`, `refused`.
 */
#define OCPPD_EVENT_CALL_COMPLETED "call.completed"

/*
 * A handshake was refused: {reason, status, remote, stationId?, userAgent?, offeredProtocols?}.
 * reason: `unknown` (no record), `credentials`, `profile`, `refused` (by the record), `protocol`,
 * `malformed` or `limit`; status the HTTP status. At most some tens a second are published.
 */
#define OCPPD_EVENT_STATION_REFUSED "station.refused"

/*
 * An operator deleted a station, which is committed: {stationId, requester}. Published by whoever
 * keeps the stations. A module with tables of its own does better to provide
 * `ocppd.station_data`: then its rows go with the station, and a crash leaves none.
 */
#define OCPPD_EVENT_STATION_DELETED "station.deleted"

#endif
