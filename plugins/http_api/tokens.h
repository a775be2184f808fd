/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_TOKENS_H
#define HTTP_API_TOKENS_H

#include <ocppd/service/storage.h>

/* Tokens made at run time, beside those of the configuration. Only their digests are kept. */

struct api;
struct tokens;

struct tokens *tokens_new(struct api *api);
void tokens_free(struct tokens *tokens);
/* What the database holds. 0 or OCPPD_ENOMEM. */
int tokens_load(struct tokens *tokens, const struct ocppd_rows *rows);
/* Makes api->auth anew, of the configuration and these. 0, or OCPPD_ENOMEM: it stays. */
int tokens_apply(struct tokens *tokens);

#endif
