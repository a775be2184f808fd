/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * File transfers by libcurl. What is fetched is counted and thrown away. A transfer that is
 * cancelled ends within about a second, in its own time.
 */
#include "features/transfer.h"

#include "base/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <ocppd/error.h>
#include <uv.h>

#define FETCH_MAX_BYTES (INT64_C(4) << 30)
#define CONNECT_MS 15000L
#define SLOW_S 30L /* without a byte */

struct transfer {
	uv_work_t work;
	transfer_fn *fn; /* NULL: cancelled */
	void *arg;
	atomic_bool is_cancelled;
	char *url;
	char *name;
	char *ca;
	char *data;
	size_t len;
	size_t at;
	enum transfer_method method;
	bool is_insecure;
	struct transfer_result result;
};

int
transfer_setup(void)
{
	return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : OCPPD_EIO;
}

void
transfer_teardown(void)
{
	curl_global_cleanup();
}

static void
transfer_free(struct transfer *transfer)
{
	free(transfer->url);
	free(transfer->name);
	free(transfer->ca);
	free(transfer->data);
	free(transfer);
}

static size_t
on_data(char *data, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;

	(void)data;
	if (transfer->name)
		return size * count; /* what the server says about the file that was sent */
	transfer->result.bytes += (int64_t)(size * count);
	return transfer->result.bytes > FETCH_MAX_BYTES ? 0 : size * count;
}

static size_t
on_read(char *buffer, size_t size, size_t count, void *arg)
{
	struct transfer *transfer = arg;
	size_t left = transfer->len - transfer->at;
	size_t len = size * count < left ? size * count : left;

	memcpy(buffer, transfer->data + transfer->at, len);
	transfer->at += len;
	return len;
}

static int
on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct transfer *transfer = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return atomic_load(&transfer->is_cancelled);
}

static void
set_common(CURL *curl, struct transfer *transfer, char error[CURL_ERROR_SIZE])
{
	(void)curl_easy_setopt(curl, CURLOPT_URL, transfer->url);
	(void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
	(void)curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_MAXREDIRS, 5L);
	(void)curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "ocppd-station");
	(void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S);
	(void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	(void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
	if (transfer->ca)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, transfer->ca);
	if (transfer->is_insecure) {
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
		(void)curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static curl_mime *
add_form(CURL *curl, const struct transfer *transfer)
{
	curl_mime *form = curl_mime_init(curl);
	curl_mimepart *part = form ? curl_mime_addpart(form) : NULL;

	if (!part)
		return form;
	(void)curl_mime_name(part, "file");
	(void)curl_mime_filename(part, transfer->name);
	(void)curl_mime_type(part, "text/plain");
	(void)curl_mime_data(part, transfer->data, transfer->len);
	(void)curl_easy_setopt(curl, CURLOPT_MIMEPOST, form);
	return form;
}

static curl_mime *
set_upload(CURL *curl, struct transfer *transfer)
{
	if (transfer->method == TRANSFER_MULTIPART)
		return add_form(curl, transfer);
	if (transfer->method == TRANSFER_POST) {
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				       (curl_off_t)transfer->len);
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer->data);
		return NULL;
	}
	(void)curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	(void)curl_easy_setopt(curl, CURLOPT_READDATA, transfer);
	(void)curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)transfer->len);
	return NULL;
}

static void
add_header(struct curl_slist **headers, const char *text)
{
	struct curl_slist *longer = curl_slist_append(*headers, text);

	if (longer)
		*headers = longer;
}

/* On a thread of the pool: touches nothing but its transfer. */
static void
run(uv_work_t *work)
{
	struct transfer *transfer = work->data;
	struct transfer_result *result = &transfer->result;
	struct curl_slist *headers = NULL;
	char error[CURL_ERROR_SIZE] = "";
	curl_mime *form = NULL;
	CURL *curl = curl_easy_init();
	CURLcode code;

	if (!curl) {
		(void)str_copy(result->text, sizeof(result->text), "out of memory");
		return;
	}
	set_common(curl, transfer, error);
	if (transfer->name) {
		headers = curl_slist_append(NULL, "Expect:"); /* no pause before the body */
		if (headers && transfer->method != TRANSFER_MULTIPART)
			add_header(&headers, "Content-Type: application/octet-stream");
		(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
		form = set_upload(curl, transfer);
	}
	code = curl_easy_perform(curl);
	result->is_good = code == CURLE_OK;
	if (!result->is_good)
		(void)snprintf(result->text, sizeof(result->text), "%.199s",
			       error[0] ? error : curl_easy_strerror(code));
	else if (transfer->name)
		result->bytes = (int64_t)transfer->len;
	curl_easy_cleanup(curl);
	curl_mime_free(form);
	curl_slist_free_all(headers);
}

static void
after(uv_work_t *work, int status)
{
	struct transfer *transfer = work->data;

	(void)status;
	if (transfer->fn)
		transfer->fn(transfer->arg, &transfer->result);
	transfer_free(transfer);
}

int
transfer_start(struct uv_loop_s *loop, const struct transfer_opts *opts, transfer_fn *fn, void *arg,
	       struct transfer **ret_transfer)
{
	struct transfer *transfer = calloc(1, sizeof(*transfer));

	if (!transfer)
		return OCPPD_ENOMEM;
	transfer->work.data = transfer;
	transfer->fn = fn;
	transfer->arg = arg;
	transfer->len = opts->len;
	transfer->method = opts->method;
	transfer->is_insecure = opts->is_insecure;
	transfer->url = str_dup(opts->url);
	transfer->name = opts->name ? str_dup(opts->name) : NULL;
	transfer->ca = opts->ca ? str_dup(opts->ca) : NULL;
	transfer->data = str_ndup(opts->data ? opts->data : "", opts->len);
	if (!transfer->url || !transfer->data || (opts->name && !transfer->name) ||
	    (opts->ca && !transfer->ca) || uv_queue_work(loop, &transfer->work, run, after) < 0) {
		transfer_free(transfer);
		return OCPPD_ENOMEM;
	}
	*ret_transfer = transfer;
	return 0;
}

void
transfer_cancel(struct transfer *transfer)
{
	if (!transfer)
		return;
	transfer->fn = NULL;
	atomic_store(&transfer->is_cancelled, true);
}
