/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_RUNTIME_CSV_ANSWER_H
#define OCPPD_RUNTIME_CSV_ANSWER_H

struct ocppd_host;

/* Before the module's `stop`, which waits for its answers: cuts those whose asker is waited for.
 * One whose page is being read is cut when that is there. */
void csv_answers_stop(struct ocppd_host *host);

#endif
