/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ERROR_H
#define OCPPD_ERROR_H

/*
 * Results and explanations.
 *
 * Functions return 0 or a positive value on success and one of these negative codes otherwise.
 * Where a human must know why, the last parameter is a struct ocppd_error, which may be NULL.
 */
#include <ocppd/abi.h>

OCPPD_BEGIN_DECLS

#define OCPPD_OK 0
#define OCPPD_PENDING 1       /* will be finished by a later call; see the function concerned */
#define OCPPD_EINVAL (-1)     /* an argument or input breaks a rule */
#define OCPPD_ENOMEM (-2)     /* out of memory */
#define OCPPD_ENOENT (-3)     /* no such thing */
#define OCPPD_EEXIST (-4)     /* there already */
#define OCPPD_EBUSY (-5)      /* a queue is full, or the thing is in use */
#define OCPPD_ENOTCONN (-6)   /* the station is not connected */
#define OCPPD_EGONE (-7)      /* whoever asked is gone; nothing was done, nothing is wrong */
#define OCPPD_ESHUTDOWN (-8)  /* the module or the daemon is stopping */
#define OCPPD_ETIMEDOUT (-9)  /* a deadline passed */
#define OCPPD_ESPACE (-10)    /* does not fit: a buffer, a limit, a disk */
#define OCPPD_ERANGE (-11)    /* a number is outside its range */
#define OCPPD_EIO (-12)       /* the system refused: a file, a socket, a database */
#define OCPPD_ENOTSUP (-13)   /* nobody offers that */
#define OCPPD_ESTATE (-14)    /* not in the present state */
#define OCPPD_EDENIED (-15)   /* credentials or rights are missing */
#define OCPPD_ECONFLICT (-16) /* contradicts what is stored */
#define OCPPD_EREFUSED (-17)  /* somebody's own check refused it */
#define OCPPD_EVERSION (-18)  /* made for another version */

/*
 * Why something failed. Frozen: it lives on callers' stacks.
 *
 * option   set by a module's `check`: the option's path below the module's own section, such as
 *          "tls.key"; the core turns it into file, line and column.
 */
struct ocppd_error {
	int32_t code;    /* OCPPD_E…, 0 when unset */
	uint32_t line;   /* from 1; 0: none */
	uint32_t column; /* from 1; 0: none */
	uint32_t reserved;
	char file[256];   /* "" : none */
	char option[128]; /* "" : none */
	char text[624];   /* one sentence, no full stop, no newline */
};

/*
 * Fills err (unless NULL) and returns code, so that `return ocppd_error_set(err, …)` reads well.
 * A text that does not fit is cut. Any thread.
 */
OCPPD_API int ocppd_error_set(struct ocppd_error *err, int code, const char *format, ...)
	OCPPD_PRINTF(3, 4);

/* The same, naming the option at fault. For a module's `check`. Any thread. */
OCPPD_API int ocppd_error_option(struct ocppd_error *err, int code, const char *option,
				 const char *format, ...) OCPPD_PRINTF(4, 5);

/* "EINVAL" for OCPPD_EINVAL and so on; "unknown" for others. Static storage. Any thread. */
OCPPD_API const char *ocppd_error_name(int code);

/* A few words for a code, for messages. Static storage. Any thread. */
OCPPD_API const char *ocppd_strerror(int code);

OCPPD_END_DECLS
#endif
