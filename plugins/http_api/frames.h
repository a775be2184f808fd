/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
#ifndef HTTP_API_FRAMES_H
#define HTTP_API_FRAMES_H

#include <ocppd/frame.h>

struct json_object;

/* A frame as the API shows it. NULL: out of memory. */
struct json_object *frame_json(const struct ocppd_frame *frame);

#endif
