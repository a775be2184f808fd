/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_STATIONS_H
#define OCPPD_SERVICE_STATIONS_H

/*
 * The service `ocppd.stations` 1.0: what is known and recorded about stations, whatever protocol
 * version they speak. Offered by `stations`.
 *
 * Places: OCPP 1.6's connector n is EVSE n, connector 1; its connector 0 is EVSE 0, connector 0:
 * the station as a whole. -1: not known.
 *
 * Every recording function returns 0: recorded before already, nothing to store, fn will not run;
 * OCPPD_PENDING: fn runs exactly once, under `host`, after this returned, with result 0 when the
 * record is durable, or negative when it could not be stored; or negative: OCPPD_EINVAL,
 * OCPPD_EBUSY, OCPPD_EIO (storage takes no writes at present), OCPPD_ENOMEM; fn will not run. What
 * they are given is borrowed until the return.
 *
 * Core thread.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

struct json_object;
struct ocppd_station;

struct ocppd_place {
	int32_t evse;
	int32_t connector;
};

/* What a station says of itself when it boots; texts may be NULL. */
struct ocppd_boot {
	uint32_t struct_size;
	uint32_t has_findings; /* 1: flagged by the validator, frame kept in raw_frame */
	const char *protocol;
	const char *vendor;
	const char *model;
	const char *serial;     /* chargePointSerialNumber */
	const char *box_serial; /* chargeBoxSerialNumber, deprecated */
	const char *firmware;
	const char *iccid;
	const char *imsi;
	const char *meter_type;
	const char *meter_serial;
	const char *reason; /* OCPP 2.0.1's reason of the boot */
	const char *raw_frame;
	int64_t received_us;
};

/* registration: OCPPD_REG_*, what the boot is answered with; 0 with a negative result. */
typedef void ocppd_boot_fn(struct ocppd_host *host, int result, uint32_t registration, void *arg);

/* The state of a connector (or of the station: place 0, 0) as reported. */
struct ocppd_connector_status {
	uint32_t struct_size;
	uint32_t has_findings;
	struct ocppd_place place;
	const char *status;         /* the protocol's word, as understood */
	const char *raw_status;     /* as received where that was mapped, else NULL */
	const char *error_code;     /* "NoError" or the error; NULL: none stated */
	const char *raw_error_code; /* as received where that was mapped, else NULL */
	const char *info;
	const char *vendor_id;
	const char *vendor_error_code;
	const char *raw_time; /* the station's text; NULL: absent */
	int64_t time_us;      /* what it was read as, or the time of receipt */
	int64_t received_us;
};

typedef void ocppd_recorded_fn(struct ocppd_host *host, int result, void *arg);

/* One configuration key as read from a station. */
struct ocppd_station_key {
	const char *name;
	const char *value; /* NULL: none reported */
	uint32_t is_readonly;
	uint32_t is_unknown; /* 1: asked for, and not known to the station */
};

/* A configuration key as last read; key is NULL where it was never read or the station does not
 * know it, or with a negative result. Borrowed until the return. */
typedef void ocppd_key_fn(struct ocppd_host *host, int result, const struct ocppd_station_key *key,
			  void *arg);

/* A key that a configuration template wants, beside what was last read of the station. */
#define OCPPD_KEY_SAME 1
#define OCPPD_KEY_DIFFERENT 2
#define OCPPD_KEY_UNKNOWN 3 /* the station said that it does not know it */
#define OCPPD_KEY_UNREAD 4  /* nobody asked yet */
struct ocppd_key_diff {
	const char *name;
	const char *wanted;
	uint32_t state;       /* OCPPD_KEY_* */
	uint32_t is_readonly; /* 1: it said that it cannot be changed */
};
/* items are borrowed until the return; NULL, 0 with a negative result. */
typedef void ocppd_key_diff_fn(struct ocppd_host *host, int result,
			       const struct ocppd_key_diff *items, uint32_t count, void *arg);

/* What an operator asked for by a change of availability, and the station agreed to. */
struct ocppd_availability {
	uint32_t struct_size;
	uint32_t is_operative;
	uint32_t is_scheduled; /* 1: takes effect when a transaction ends; pending until reported */
	struct ocppd_place place; /* 0, 0: the station and all of its connectors */
};

/* Steps of a change of password. The old and the offered one are both good until it is settled, or
 * until a connection shows which of them the station has. */
#define OCPPD_PASSWORD_OFFER 1    /* it will be sent */
#define OCPPD_PASSWORD_ACCEPTED 2 /* only the offered one from now on */
#define OCPPD_PASSWORD_REFUSED 3  /* the offered one is forgotten */

#define OCPPD_KEYS_ALL 0x1u /* all there are: what is stored and not among them is forgotten */

/* A connector as last reported; texts are borrowed until the current callback ends. */
struct ocppd_connector_info {
	uint32_t struct_size;
	uint32_t reserved;
	struct ocppd_place place;
	const char *status;
	const char *error_code;
	int64_t time_us;
	int64_t received_us;
};
/* Another value than 0 ends the walk and is returned. */
typedef int ocppd_connector_fn(const struct ocppd_connector_info *info, void *arg);

/* What a station's clock showed in a message that it sent at once, or may have kept for later. */
struct ocppd_clock_reading {
	const char *raw_time; /* the station's text; NULL: absent */
	int64_t time_us;      /* what it was read as */
	int64_t received_us;
};

/* A search for stations that is under way. */
struct ocppd_selection;

/*
 * The next ones, in order of identity, borrowed until the return. result is OCPPD_PENDING: there
 * may be more; 0: these were the last; or negative, with none: they cannot be had.
 */
typedef void ocppd_selected_fn(struct ocppd_host *host, int result, const char *const *station_ids,
			       uint32_t count, void *arg);

struct ocppd_select {
	uint32_t struct_size;
	uint32_t reserved;
	struct json_object *filters; /* an array of texts; borrowed until the return */
	ocppd_selected_fn *fn;
	void *arg;
};

struct ocppd_stations_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/*
	 * A station booted: records what it says and decides on its registration, which the core is
	 * told (ocppd_station_set_registration) before fn runs. Never returns 0: a boot is always
	 * recorded.
	 */
	int (*boot)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		    const struct ocppd_boot *boot, ocppd_boot_fn *fn, void *arg);

	/*
	 * A reported status. Stored when it differs from the last one, counted otherwise (quirk
	 * F08), and kept in the history of errors when it tells of one. A connector beyond the
	 * clamp (quirk D02) makes no connector: 0 is returned and nothing is stored.
	 */
	int (*status)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		      const struct ocppd_connector_status *status, ocppd_recorded_fn *fn,
		      void *arg);

	/* Configuration keys as read from the station. flags: OCPPD_KEYS_*. */
	int (*keys_store)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			  const struct ocppd_station_key *keys, uint32_t count, uint32_t flags,
			  ocppd_recorded_fn *fn, void *arg);

	/* Each connector that the station ever reported, in order of place. */
	int (*connector_each)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			      ocppd_connector_fn *fn, void *arg);

	/*
	 * 1 if the identity is recorded, whether or not it was connected since the daemon began: an
	 * operator's command to it is answered with "not connected", not with "unknown station".
	 */
	int (*is_known)(void *self, struct ocppd_host *host, const char *station_id);

	/* One configuration key, named in any case, once those being stored are. Never returns 0.
	 */
	int (*key_find)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			const char *name, ocppd_key_fn *fn, void *arg);

	/*
	 * A requested availability, kept apart from what is reported. It supersedes an earlier
	 * request for the same place; one for the whole station supersedes all.
	 */
	int (*availability)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			    const struct ocppd_availability *request, ocppd_recorded_fn *fn,
			    void *arg);

	/*
	 * A step (OCPPD_PASSWORD_*) in the change of a station's password. The next handshake sees
	 * it, whether or not it is durable yet. OCPPD_EINVAL: neither 32 to 40 hex digits nor 16 to
	 * 20 bytes of text; OCPPD_ECONFLICT: its record stands in the configuration file, or is
	 * being changed; OCPPD_ENOENT: it has no record, or nothing was offered.
	 */
	int (*password)(void *self, struct ocppd_host *host, struct ocppd_station *station,
			const char *password, uint32_t step, ocppd_recorded_fn *fn, void *arg);

	/* Copies the value of one of the operator's labels. Returns its length; OCPPD_ENOENT it has
	 * no such label; OCPPD_ESPACE it does not fit. */
	int (*label)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		     const char *name, char *ret_value, uint32_t size);

	/*
	 * The keys that a stored template wants of a station, in the template's order. Never
	 * returns 0; fn's result is OCPPD_ENOENT where there is no template of that name.
	 */
	int (*configuration_diff)(void *self, struct ocppd_host *host,
				  struct ocppd_station *station, const char *template_name,
				  ocppd_key_diff_fn *fn, void *arg);

	/* Learns a station's clock from a time that could be read (quirks E03, E04, E07), of
	 * whatever message but a status, which is learnt from by itself. */
	void (*clock)(void *self, struct ocppd_host *host, struct ocppd_station *station,
		      const struct ocppd_clock_reading *reading);

	/*
	 * The stations that GET /v1/stations lists with these filters: each is `NAME=VALUE`, a
	 * parameter of that list but those of paging, or `all`. They come a few at a time, so that
	 * stations' messages get in between. Returns 0: fn runs under `host`, after this returned,
	 * until its result is not OCPPD_PENDING; then the selection is gone. Or negative:
	 * OCPPD_EINVAL (err says which filter), OCPPD_EBUSY, OCPPD_EIO, OCPPD_ENOMEM.
	 */
	int (*select)(void *self, struct ocppd_host *host, const struct ocppd_select *select,
		      struct ocppd_selection **ret_selection, struct ocppd_error *err);
	/* fn does not run any more; may be called by fn. The selection is gone. */
	void (*select_cancel)(void *self, struct ocppd_selection *selection);
};

OCPPD_END_DECLS
#endif
