/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_ABI_H
#define OCPPD_ABI_H

/*
 * The border between the core and its modules: version, guard, tables.
 *
 * A module is a shared object that exports one symbol, `ocppd_plugin`, const data (plugin.h). It
 * calls the core through libocppd.so.1; whatever it hands over describes its own size. So a module
 * built with older headers works on a newer core, and one built with newer headers works on an
 * older core as long as it uses nothing that core lacks.
 *
 * Rules of growth (for those who change these headers):
 *   - structs and table rows grow by appended members only; zero always means "as before";
 *   - a removal, a reordering or a changed meaning is a new OCPPD_ABI_MAJOR and a new SONAME;
 *   - an addition is a new OCPPD_ABI_MINOR, one line in the history below, one node in the
 *     version map, and its lines in tests/abi/layout.c.
 *
 * History
 *   1.0  first release
 */
#define OCPPD_ABI_MAJOR 1
#define OCPPD_ABI_MINOR 0
#define OCPPD_ABI_MAGIC 0x4f435044u

/*
 * Define as the lowest minor a module wants to run on, before including any header. A module
 * that uses no newer member then loads on that older core although it was built with these headers.
 */
#ifndef OCPPD_USE_MINOR
#define OCPPD_USE_MINOR OCPPD_ABI_MINOR
#endif

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define OCPPD_API __attribute__((visibility("default")))
#define OCPPD_PRINTF(at, first) __attribute__((format(printf, at, first)))
#else
#define OCPPD_API
#define OCPPD_PRINTF(at, first)
#endif

#ifdef __cplusplus
#define OCPPD_BEGIN_DECLS extern "C" {
#define OCPPD_END_DECLS }
#else
#define OCPPD_BEGIN_DECLS
#define OCPPD_END_DECLS
#endif

/* Frozen for ever, in every major: it guards whatever follows it. */
struct ocppd_guard {
	uint32_t magic;       /* OCPPD_ABI_MAGIC */
	uint16_t abi_major;   /* must equal the host's */
	uint16_t abi_minor;   /* lowest host minor whose structs this module needs */
	uint32_t struct_size; /* of the struct that begins here, as compiled */
	uint32_t reserved;    /* 0 */
};

/*
 * A table that crosses the border: typed, counted, and with its own stride, so that rows can grow.
 * The rows are borrowed for as long as the struct that names them says.
 */
#define OCPPD_ROWS(row)                                                                            \
	struct {                                                                                   \
		const struct row *items;                                                           \
		uint32_t count;                                                                    \
		uint32_t stride;                                                                   \
	}

/* Initialises an OCPPD_ROWS member from an array. */
#define OCPPD_TABLE(array)                                                                         \
	{                                                                                          \
		(array), sizeof(array) / sizeof((array)[0]), sizeof((array)[0])                    \
	}

/*
 * One loaded module, as the core knows it. Every call of the interface takes it first: it is the
 * owner of all that the call creates, and stopping the module revokes what is left.
 */
struct ocppd_host;

#endif
