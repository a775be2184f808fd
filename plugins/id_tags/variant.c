/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Tags as stations vary them (quirk G12): a serial number behind it, separators in it. What is
 * presented is always tried, kept and shown as it is; the plain form is a second try.
 */
#include "id_tags.h"

#include <stdio.h>
#include <string.h>

#define PATTERN_SIZE 160

int
suffix_compile(const char *pattern, regex_t *ret_suffix, struct ocppd_error *err)
{
	char whole[PATTERN_SIZE];
	regex_t suffix;

	/* Back references make matching slow beyond bounds. */
	for (const char *at = pattern; (at = strchr(at, '\\')) != NULL && at[1] != '\0'; at += 2) {
		if (at[1] >= '1' && at[1] <= '9')
			return ocppd_error_option(err, OCPPD_EINVAL, "strip_suffix",
						  "back references are not supported");
	}
	if (snprintf(whole, sizeof(whole), "(%s)$", pattern) >= (int)sizeof(whole) ||
	    regcomp(&suffix, whole, REG_EXTENDED | REG_ICASE) != 0)
		return ocppd_error_option(err, OCPPD_EINVAL, "strip_suffix",
					  "\"%s\" is no extended regular expression", pattern);
	if (ret_suffix != NULL)
		*ret_suffix = suffix;
	else
		regfree(&suffix);
	return 0;
}

bool
variant_of(const struct id_tags *ctx, const struct ocppd_station *station, const char *token,
	   char ret_variant[OCPPD_TOKEN_MAX + 1])
{
	const char *drop = ctx->conf->drop_characters;
	size_t end = strlen(token);
	regmatch_t match;
	size_t len = 0;

	if (ctx->conf->variants == 0 &&
	    (station == NULL || ocppd_station_has_quirk(station, "G12") == 0))
		return false;
	if (ctx->has_suffix && regexec(&ctx->suffix, token, 1, &match, 0) == 0)
		end = (size_t)match.rm_so;
	for (size_t i = 0; i < end; i++) {
		if (drop == NULL || strchr(drop, token[i]) == NULL)
			ret_variant[len++] = token[i];
	}
	ret_variant[len] = '\0';
	return len > 0 && strcmp(ret_variant, token) != 0;
}
