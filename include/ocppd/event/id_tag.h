/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef OCPPD_EVENT_ID_TAG_H
#define OCPPD_EVENT_ID_TAG_H

/*
 * What is on record about id tags changed; published by `id_tags` after that is durable: {idTag?}.
 * Without idTag, any of them may have changed (the configuration's were read again).
 */
#define OCPPD_EVENT_ID_TAG_CHANGED "id_tag.changed"

#endif
