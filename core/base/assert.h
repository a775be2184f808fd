/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_ASSERT_H
#define OCPPD_BASE_ASSERT_H

/* For programming errors only, on in every build. Never for what a peer, a file or a module says.
 */
_Noreturn void assert_fail(const char *what, const char *file, int line);

#define OCPPD_ASSERT(x) ((x) ? (void)0 : assert_fail(#x, __FILE__, __LINE__))

#endif
