/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_STATION_DATA_H
#define OCPPD_SERVICE_STATION_DATA_H

/*
 * The service `ocppd.station_data` 1.0, which many may provide: a module that keeps something of
 * its own for each station. Whoever keeps the stations (`stations`) asks every provider when an
 * operator deletes one, so that all that a station is configured with goes in one unit of work, or
 * stays; a module that only listens gets the event `station.deleted` after that.
 *
 * A deletion, on the core thread, in this order: objection; the station's connection is closed and
 * none is admitted, and is_known of `ocppd.stations` says no; objection once more, since what was
 * under way has ended by then; forget; the commit; forgotten. Records of money and of what was
 * done stay: transactions, stories of what ended.
 *
 * Every function may be NULL: nothing to say. None may call back before it returned. A provider
 * need not list `ocppd.stations` among its needs for this.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

struct ocppd_station;
struct ocppd_unit;

struct ocppd_station_data_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/* Why the station must not go at present. 0: it may; OCPPD_ECONFLICT: err->text tells the
	 * operator what is in the way and what to do about it, as a sentence without full stop. */
	int (*objection)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			 struct ocppd_error *err);

	/* Adds statements of the provider's own (under its own host) to the unit that deletes the
	 * station. Nothing else may change yet: the unit may fail. Returns 0 or a negative code,
	 * which ends the deletion. */
	int (*forget)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		      struct ocppd_unit *unit);

	/* The station is deleted, on disk: what memory holds of it goes. Where the unit failed
	 * nothing is called: the station stays as it was. */
	void (*forgotten)(void *self, struct ocppd_host *host, struct ocppd_station *station);
};

OCPPD_END_DECLS
#endif
