/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_OCPP_SLOTS_H
#define OCPPD_OCPP_SLOTS_H

/* Modules' memory ends with its connection, or its station: fini runs, the memory goes. */
struct conn;
struct ocpp;
struct ocppd_station;

void slots_conn_end(struct ocpp *ocpp, struct ocppd_station *station, struct conn *conn);
void slots_station_end(struct ocpp *ocpp, struct ocppd_station *station);

#endif
