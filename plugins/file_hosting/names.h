/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef FILE_HOSTING_NAMES_H
#define FILE_HOSTING_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include <ocppd/service/files.h>

#define NAME_SIZE (OCPPD_FILE_NAME_MAX + 1)
#define TOKEN_LEN 32 /* hex digits: 128 bits of chance */
#define TOKEN_SIZE (TOKEN_LEN + 1)
#define BASE_MAX 110 /* bytes of public_url: with a token and the longest name, 255 hold it all */

/*
 * Makes any text a file's name: what stands behind the last slash or backslash, every byte that is
 * not [A-Za-z0-9._-] replaced by an underscore, no dots in front, cut at the limit with its
 * extension kept. "" if nothing is left.
 */
void name_clean(const char *text, size_t len, char ret_name[NAME_SIZE]);
/* It is what name_clean would make of it, and not empty. */
bool name_is_clean(const char *text);
/* The file name of a Content-Disposition header, made clean; "" if it has none. */
void name_of_disposition(const char *header, char ret_name[NAME_SIZE]);

/* A new token, from the system's random numbers. 0 or OCPPD_EIO. */
int token_make(char ret_token[TOKEN_SIZE]);
bool token_is_equal(const char *a, const char *b);

/*
 * Parts a request's path, already decoded: [prefix]/f/TOKEN[/name] or [prefix]/u/TOKEN[[/]name].
 * What does not look like that is false. ret_name is made clean.
 */
bool path_parse(const char *path, const char *prefix, char *ret_way, char ret_token[TOKEN_SIZE],
		char ret_name[NAME_SIZE]);
/* http(s)://host[:port][/path], printable, no query, short enough. */
bool base_is_valid(const char *url);
/* The path of a base URL without a slash at its end; "" if it has none. Borrowed length. */
const char *base_path(const char *url, size_t *ret_len);

#endif
