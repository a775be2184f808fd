/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BANNED_H
#define OCPPD_BANNED_H

/* Functions that have a safer replacement here. Force-included into every file of the project. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef __cplusplus
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok gets
#pragma GCC poison atoi atol atoll strtol strtoll strtoul strtoull
#pragma GCC poison localtime gmtime ctime asctime mktime setlocale
/* libevent's headers name it in a macro of their own, which poison would refuse. */
#undef strerror
#define strerror(code) use_ocppd_strerror_instead_of_strerror
/* OpenSSL's headers have parameters of this name. */
#undef rand
#define rand() use_getrandom_instead_of_rand
#endif

#endif
