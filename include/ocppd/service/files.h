/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_SERVICE_FILES_H
#define OCPPD_SERVICE_FILES_H

/*
 * The service `ocppd.files` 1.0: files that stations fetch from the daemon (firmware images) and
 * files that they send to it (diagnostics, logs). Offered by `file_hosting`.
 *
 * A file is stored and does not change; operators upload images, stations send the rest. A transfer
 * is one permission: this station may fetch this file, or send files of this kind, at one URL that
 * nobody can guess, until a time. It is on disk before its URL is told, and outlives restarts of
 * the daemon and of the module that made it.
 *
 *     OPEN -> COMPLETED   the whole file was sent, in one request or by ranges of several; or a
 *                         file was received and is on disk
 *     OPEN -> EXPIRED     its time ended first; what was under way is cut
 *     OPEN -> WITHDRAWN   by its maker or an operator; what was under way is cut
 *
 * Within OPEN a station may try as often as it likes. A completed download may be asked for again
 * for a short while (the option `grace`), since what was sent may still be lost on its way.
 *
 * Who makes transfers watches them. After a restart: watch, then transfer_get for each transfer
 * on record, since it may have ended meanwhile.
 *
 * Core thread; so are all callbacks, and none runs before the call that caused it returned. Texts
 * and structs that callbacks get are borrowed until they return. Structs that are handed in are
 * copied.
 */
#include <ocppd/abi.h>
#include <ocppd/error.h>

OCPPD_BEGIN_DECLS

/* Words of `kind`; others are welcome: [a-z0-9-], 1 to 32 of them. */
#define OCPPD_FILE_FIRMWARE "firmware"       /* an image that operators uploaded */
#define OCPPD_FILE_DIAGNOSTICS "diagnostics" /* GetDiagnostics */
#define OCPPD_FILE_LOG "log"                 /* GetLog: diagnostics or security log */

#define OCPPD_FILE_NAME_MAX 100 /* bytes of a file's name, [A-Za-z0-9._-] only, no dot in front */
#define OCPPD_FILE_REFERENCE_MAX 64 /* bytes of the maker's own key of a transfer */
#define OCPPD_FILE_URL_MAX 255      /* bytes of a URL: the shortest limit stations have */

/* A stored file. Absent texts are NULL. */
struct ocppd_file {
	uint32_t struct_size;
	uint32_t reserved;
	int64_t id; /* from 1, never given again */
	const char *kind;
	const char *name; /* of an image: unique; of a received file: as the station named it, made
			     safe */
	const char *sha256; /* 64 hex digits, lower case */
	int64_t size;       /* bytes */
	int64_t created_us;
	/* Of an image, as given at upload. Free texts; version is what its stations report as
	 * firmwareVersion once they run it. */
	const char *vendor;
	const char *model;
	const char *version;
	const char *note;
	const char *signature;   /* base64, for SignedUpdateFirmware */
	const char *certificate; /* PEM, of whoever signed it */
	const char *requester;   /* who uploaded it */
	/* Of a received file. */
	const char *station_id;
	const char *reference; /* its transfer's */
	int64_t transfer_id;   /* 0: an image */
};

#define OCPPD_TRANSFER_FETCH 1 /* the station fetches: GET, HEAD, ranges */
#define OCPPD_TRANSFER_SEND 2  /* the station sends: PUT, POST, multipart POST */

#define OCPPD_TRANSFER_OPEN 1
#define OCPPD_TRANSFER_COMPLETED 2
#define OCPPD_TRANSFER_EXPIRED 3
#define OCPPD_TRANSFER_WITHDRAWN 4

struct ocppd_transfer {
	uint32_t struct_size;
	uint32_t direction; /* OCPPD_TRANSFER_FETCH, _SEND */
	uint32_t state;     /* OCPPD_TRANSFER_OPEN … */
	uint32_t attempts;  /* requests that began to move bytes, in all; exact but for a crash */
	int64_t id;         /* from 1, never given again */
	const char *station_id;
	const char *reference; /* the maker's key; NULL: none was given */
	const char *kind;
	const char *url;    /* "" once it has ended; at most OCPPD_FILE_URL_MAX bytes */
	const char *remote; /* who moved bytes last, "192.0.2.7:41234"; NULL: nobody yet */
	int64_t file_id;    /* FETCH: the file; SEND: the first that came, 0: none yet */
	int64_t bytes;      /* of the file, sent or received so far; without repetitions */
	int64_t size;       /* FETCH: of the file; SEND: as announced, 0: not known */
	int64_t created_us;
	int64_t expires_us;
	int64_t begun_us; /* when bytes began to move first; 0: not yet */
	int64_t ended_us; /* 0: it is open */
};

/* result: 0, or negative and transfer is NULL: OCPPD_ENOENT there is none, or another module made
 * it; OCPPD_EIO, OCPPD_ESPACE storage; OCPPD_ESHUTDOWN. err: why, may be NULL. */
typedef void ocppd_transfer_fn(struct ocppd_host *host, int result,
			       const struct ocppd_transfer *transfer, const struct ocppd_error *err,
			       void *arg);
/* Likewise of a file. */
typedef void ocppd_file_fn(struct ocppd_host *host, int result, const struct ocppd_file *file,
			   const struct ocppd_error *err, void *arg);

struct ocppd_transfer_request {
	uint32_t struct_size;
	uint32_t direction; /* OCPPD_TRANSFER_FETCH, _SEND */
	const char *station_id;
	const char *reference; /* the maker's key, for example a job's number; NULL: none */
	int64_t expires_us;    /* wall clock; in the future, at most 366 days */
	int64_t file_id;       /* FETCH: the file, of any kind */
	const char *kind;      /* SEND: of what comes; NULL: OCPPD_FILE_DIAGNOSTICS */
	int64_t max_bytes;     /* SEND: of a file; 0, or more than the option `max_upload`: that */
};

/*
 * What happened to a transfer. Each is told after what it says is on disk, but for PROGRESS and
 * BROKEN. COMPLETED, EXPIRED and WITHDRAWN are told once, and nothing of the transfer after them.
 * While storage takes no writes only the weightiest is kept: then COMPLETED comes without BEGUN.
 */
#define OCPPD_FILES_BEGUN 1     /* the first request that moves bytes; told once */
#define OCPPD_FILES_PROGRESS 2  /* more bytes moved: at most once a second for each transfer */
#define OCPPD_FILES_BROKEN 3    /* a request ended early or was refused; text says why */
#define OCPPD_FILES_COMPLETED 4 /* the whole file was sent; or received, checked, stored */
#define OCPPD_FILES_EXPIRED 5
#define OCPPD_FILES_WITHDRAWN 6

struct ocppd_files_event {
	uint32_t struct_size;
	uint32_t kind; /* OCPPD_FILES_* */
	int64_t time_us;
	const struct ocppd_transfer *transfer; /* as it is now */
	/* COMPLETED: the file, or those that were received: several where a multipart POST had
	 * several. Else NULL and 0. */
	const struct ocppd_file *files;
	uint32_t file_count;
	uint32_t file_stride; /* bytes from one file to the next */
	const char *text;     /* BROKEN: one sentence; else "" */
};
typedef void ocppd_files_fn(struct ocppd_host *host, const struct ocppd_files_event *event,
			    void *arg);

/* Another value than 0 ends the walk and is returned. */
typedef int ocppd_file_each_fn(const struct ocppd_file *file, void *arg);

struct ocppd_files_ops {
	uint32_t struct_size;
	uint32_t reserved;

	/*
	 * An image (kind firmware) by its name, or any image by its id with name NULL. Filled in
	 * from memory; its texts are borrowed until the current callback ends. ret_file's
	 * struct_size is set by the caller. Returns 0 or OCPPD_ENOENT.
	 */
	int (*image_find)(void *self, struct ocppd_host *host, const char *name, int64_t id,
			  struct ocppd_file *ret_file);
	/* Each image, in order of the names. */
	int (*image_each)(void *self, struct ocppd_host *host, ocppd_file_each_fn *fn, void *arg);
	/* Any stored file by its id. Returns OCPPD_PENDING: fn runs exactly once; or OCPPD_EBUSY,
	 * OCPPD_ENOMEM and it never runs. */
	int (*file_get)(void *self, struct ocppd_host *host, int64_t id, ocppd_file_fn *fn,
			void *arg);

	/*
	 * Makes a transfer. Returns OCPPD_PENDING: fn runs exactly once, under `host`, with the
	 * transfer and its URL when both are on disk; or negative, with err, and it never runs:
	 * OCPPD_EINVAL a member breaks a rule; OCPPD_EBUSY too many are open (the option
	 * `max_transfers`), or storage's queue is full; OCPPD_EIO; OCPPD_ENOMEM; OCPPD_ESHUTDOWN.
	 * That there is no such file fn is told: OCPPD_ENOENT.
	 *
	 * A file cannot be deleted while a transfer of it is open.
	 *
	 * The URL of a FETCH ends with the file's name. That of a SEND ends with a slash: stations
	 * that take the location for a folder add a name, others send to it as it is; both arrive.
	 */
	int (*transfer_new)(void *self, struct ocppd_host *host,
			    const struct ocppd_transfer_request *request, ocppd_transfer_fn *fn,
			    void *arg, struct ocppd_error *err);
	/* One of the caller's own, open or ended, by its id. Ended ones are kept as long as the
	 * option `keep_transfers` says. Returns as file_get. */
	int (*transfer_get)(void *self, struct ocppd_host *host, int64_t id, ocppd_transfer_fn *fn,
			    void *arg);
	/* Moves the end of one of the caller's own that is open. Returns 0: holds from now on, and
	 * is being stored; OCPPD_EINVAL, OCPPD_ENOENT (none, not its own, or ended), or what
	 * storage says. */
	int (*transfer_extend)(void *self, struct ocppd_host *host, int64_t id, int64_t expires_us);
	/* Ends one of the caller's own: no request is answered from now on, what is under way is
	 * cut; WITHDRAWN follows. Returns 0, or OCPPD_ENOENT (none, not its own, or ended: then
	 * that was told). */
	int (*transfer_withdraw)(void *self, struct ocppd_host *host, int64_t id);

	/*
	 * Calls fn, under `host`, for whatever happens to transfers that the module of `host` made,
	 * in this life or an earlier one. One watch a module: another call replaces it, fn NULL
	 * ends it, which a module does in its `stop`. Returns 0 or OCPPD_ENOMEM.
	 */
	int (*watch)(void *self, struct ocppd_host *host, ocppd_files_fn *fn, void *arg);
};

OCPPD_END_DECLS
#endif
