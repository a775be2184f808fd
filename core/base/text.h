/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_BASE_TEXT_H
#define OCPPD_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Text and numbers without locale. Outputs are written on success only. */

int parse_i64(const char *text, int64_t min, int64_t max, int64_t *ret_value); /* EINVAL, ERANGE */
int parse_double(const char *text, double *ret_value);        /* decimal point, finite */
#define I64_TEXT_SIZE 21                                      /* with sign and NUL */
size_t i64_text(int64_t value, char ret_text[I64_TEXT_SIZE]); /* its length */
bool number_is_json(const char *text); /* a number in JSON's spelling: not `1.`, `.5`, `+1`, `01` */

bool str_eq(const char *a, const char *b);    /* NULLs are equal to each other only */
bool str_ci_eq(const char *a, const char *b); /* ASCII */
int str_ci_cmp(const char *a, const char *b);
char ascii_lower(char c);
/* Copies with ASCII lower case; OCPPD_ESPACE if it does not fit. */
int str_fold(const char *text, char *ret_text, size_t size);
int str_copy(char *ret_text, size_t size,
	     const char *text); /* OCPPD_ESPACE: cut, still terminated */
char *str_dup(const char *text);
char *str_ndup(const char *text, size_t len);

/* Length of the valid sequence that begins at `at`, 1 to 4, or 0. */
size_t utf8_sequence(const unsigned char *at, size_t left);
bool utf8_valid(const char *text, size_t len);
size_t utf8_count(const char *text); /* code points of valid UTF-8 */
/* Largest length <= max_len that does not cut a code point. */
size_t utf8_cut(const char *text, size_t max_len);
/* Replaces each byte that belongs to no valid sequence by `?`, in place: what a format cut. */
void utf8_mend(char *text);

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);
uint64_t hash_str(const char *text);

/* Of `count` candidates the nearest to text by edit distance, or NULL if none is near. */
const char *str_nearest(const char *text, const char *const *candidates, size_t count);

/* Shell-like pattern with `*` and `?`, ASCII case ignored. */
bool glob_match(const char *pattern, const char *text);

#endif
