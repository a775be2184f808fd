/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * The station directory. The core thread writes under the write lock, I/O threads take references
 * under the read lock and check credentials outside of it. Nothing here knows where records come
 * from.
 */
#include "transport/directory.h"

#include <ocppd/error.h>
#include <ocppd/station.h>

#include "base/map.h"
#include "base/text.h"
#include "runtime/host.h"
#include "transport/target.h"
#include "transport/verifier.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define AUTH_USER_MAX 255
#define LIST_MAX 256 /* verifiers, protocols, quirks of one record */

struct directory {
	pthread_rwlock_t lock;
	struct map exact;  /* by normalised identity */
	struct map folded; /* by lower case; value: first of those that share it */
	struct admission *unknown;
	uint8_t key[32]; /* of the password digests; never leaves the process */
};

static void
admission_free(struct admission *record)
{
	quirks_unref(record->quirks);
	free(record);
}

void
admission_unref(struct admission *record)
{
	if (record && atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1)
		admission_free(record);
}

/* ---- Making a record --------------------------------------------------------------------- */

static const char *
record_name(const struct ocppd_admission *source)
{
	return source->station_id ? source->station_id : "(unknown)";
}

static int
check_source(const struct ocppd_admission *source, bool is_unknown, struct ocppd_error *err)
{
	const char *name = record_name(source);

	if (source->struct_size < sizeof(*source))
		return ocppd_error_set(err, OCPPD_EINVAL, "admission record of a foreign size");
	if (is_unknown != (source->station_id == NULL))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "admission record with the wrong identity");
	if (source->station_id && !identity_valid(source->station_id))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "a station identity is 1 to %d characters without `/` and "
				       "control characters",
				       OCPPD_STATION_ID_MAX);
	if (source->security_profile > 3 && source->security_profile != OCPPD_PROFILE_ANY)
		return ocppd_error_set(err, OCPPD_EINVAL, "station %s: security profile is 0 to 3",
				       name);
	if (source->registration > OCPPD_REG_REJECTED)
		return ocppd_error_set(err, OCPPD_EINVAL, "station %s: unknown registration", name);
	if (source->auth_user &&
	    (strlen(source->auth_user) > AUTH_USER_MAX || strchr(source->auth_user, ':') != NULL))
		return ocppd_error_set(err, OCPPD_EINVAL,
				       "station %s: a user name has no colon and at most %d bytes",
				       name, AUTH_USER_MAX);
	if (source->verifier_count > LIST_MAX || source->quirk_count > LIST_MAX ||
	    source->protocol_count > LIST_MAX)
		return ocppd_error_set(err, OCPPD_EINVAL, "station %s: a list is too long", name);

	return 0;
}

/* Parses all verifiers; the packed bytes go to `data` unless it is NULL. */
static int
pack_verifiers(const struct ocppd_admission *source, uint8_t *data, size_t *ret_len,
	       struct ocppd_error *err)
{
	uint8_t scratch[VERIFIER_PACKED_MAX];
	size_t len = 0;

	for (uint32_t i = 0; i < source->verifier_count; i++) {
		struct verifier verifier;

		if (verifier_parse(source->verifiers[i], &verifier) < 0)
			return ocppd_error_set(err, OCPPD_EINVAL,
					       "station %s: verifier %u is none of "
					       "sha256:SALT:DIGEST, "
					       "pbkdf2-sha256:ROUNDS:SALT:DIGEST",
					       record_name(source), i + 1);
		len += verifier_pack(&verifier, data ? data + len : scratch);
	}

	*ret_len = len;
	return 0;
}

static size_t
text_size(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

static const char *
place(char **at, const char *text)
{
	if (!text)
		return NULL;

	char *copy = *at;
	size_t size = strlen(text) + 1;

	memcpy(copy, text, size);
	*at += size;
	return copy;
}

/* Its identity in the two forms it is looked up by; they share memory where they are equal. */
static void
place_keys(struct admission *record, char *at)
{
	record->key = record->id;
	if (identity_has_plus(record->id)) {
		identity_normalise(record->id, at);
		record->key = at;
		at += strlen(at) + 1;
	}

	record->folded = record->key;
	size_t size = strlen(record->key) + 1;
	(void)str_fold(record->key, at, size);
	if (!str_eq(at, record->key))
		record->folded = at;
}

static int
admission_new(const struct ocppd_admission *source, struct admission **ret_record,
	      struct ocppd_error *err)
{
	size_t verifiers_len = 0;
	struct quirks *quirks = NULL;

	int r = pack_verifiers(source, NULL, &verifiers_len, err);
	if (r < 0)
		return r;
	r = quirks_new(source->quirks, source->quirk_count,
		       (source->flags & OCPPD_ADMIT_STRICT) != 0, &quirks, err);
	if (r < 0)
		return r;

	size_t size = sizeof(struct admission) + source->protocol_count * sizeof(char *) +
		      verifiers_len + 3 * text_size(source->station_id) +
		      text_size(source->auth_user);
	for (uint32_t i = 0; i < source->protocol_count; i++)
		size += text_size(source->protocols[i]);

	struct admission *record = calloc(1, size);
	if (!record) {
		quirks_unref(quirks);
		return OCPPD_ENOMEM;
	}

	const char **protocols = (const char **)(record + 1);
	uint8_t *verifiers = (uint8_t *)(protocols + source->protocol_count);
	char *at = (char *)verifiers + verifiers_len;

	atomic_init(&record->refs, 1);
	record->flags = source->flags;
	record->security_profile = source->security_profile;
	record->registration = source->registration;
	record->quirks = quirks;
	record->verifiers = verifiers;
	record->verifier_count = source->verifier_count;
	(void)pack_verifiers(source, verifiers, &verifiers_len, NULL);
	record->protocols = protocols;
	record->protocol_count = source->protocol_count;
	for (uint32_t i = 0; i < source->protocol_count; i++)
		protocols[i] = place(&at, source->protocols[i]);
	record->auth_user = place(&at, source->auth_user);
	record->id = place(&at, source->station_id);
	if (record->id)
		place_keys(record, at);

	*ret_record = record;
	return 0;
}

/* ---- The two maps, under the write lock -------------------------------------------------- */

static int
folded_add(struct directory *directory, struct admission *record)
{
	struct admission *first = map_find(&directory->folded, record->folded);
	int r = map_put(&directory->folded, record->folded, record);

	if (r < 0)
		return r;
	record->next = first;
	return 0;
}

static void
folded_remove(struct directory *directory, struct admission *record)
{
	struct admission *first = map_find(&directory->folded, record->folded);

	if (first != record) {
		while (first->next != record)
			first = first->next;
		first->next = record->next;
		return;
	}
	/* The key is the first one's: take it out, or replace it by the next one's. Replacing an
	 * entry that exists cannot fail. */
	if (record->next)
		(void)map_put(&directory->folded, record->next->folded, record->next);
	else
		(void)map_remove(&directory->folded, record->folded);
}

static int
directory_replace(struct directory *directory, struct admission *record, struct admission **ret_old,
		  struct ocppd_error *err)
{
	struct admission *old = map_find(&directory->exact, record->key);

	if (old && !str_eq(old->id, record->id))
		return ocppd_error_set(err, OCPPD_EEXIST,
				       "station %s: %s differs only in `+` and blank, which arrive "
				       "alike",
				       record->id, old->id);

	int r = folded_add(directory, record);
	if (r < 0)
		return r;
	r = map_put(&directory->exact, record->key, record);
	if (r < 0) {
		folded_remove(directory, record);
		return r;
	}
	if (old)
		folded_remove(directory, old);

	*ret_old = old;
	return 0;
}

/* ---- Public ------------------------------------------------------------------------------ */

int
directory_init(struct ocppd_core *core, struct ocppd_error *err)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	if (!directory)
		return OCPPD_ENOMEM;
	if (RAND_bytes(directory->key, sizeof(directory->key)) != 1) {
		free(directory);
		return ocppd_error_set(err, OCPPD_EIO, "no random numbers from the system");
	}
	if (pthread_rwlock_init(&directory->lock, NULL) != 0) {
		free(directory);
		return OCPPD_ENOMEM;
	}

	core->directory = directory;
	return 0;
}

void
directory_fini(struct ocppd_core *core)
{
	struct directory *directory = core->directory;
	struct admission *record;
	size_t at = 0;

	if (!directory)
		return;

	while ((record = map_next(&directory->exact, &at)) != NULL)
		admission_unref(record);
	map_fini(&directory->exact);
	map_fini(&directory->folded);
	admission_unref(directory->unknown);
	(void)pthread_rwlock_destroy(&directory->lock);
	explicit_bzero(directory->key, sizeof(directory->key));
	free(directory);
	core->directory = NULL;
}

int
ocppd_directory_put(struct ocppd_host *host, const struct ocppd_admission *source,
		    struct ocppd_error *err)
{
	struct directory *directory = host->core->directory;
	struct admission *record = NULL;
	struct admission *old = NULL;

	int r = check_source(source, false, err);
	if (r < 0)
		return r;
	r = admission_new(source, &record, err);
	if (r < 0)
		return r;

	(void)pthread_rwlock_wrlock(&directory->lock);
	r = directory_replace(directory, record, &old, err);
	(void)pthread_rwlock_unlock(&directory->lock);

	admission_unref(r < 0 ? record : old);
	return r;
}

int
ocppd_directory_remove(struct ocppd_host *host, const char *station_id)
{
	struct directory *directory = host->core->directory;
	char key[TARGET_ID_SIZE];

	if (strlen(station_id) >= sizeof(key))
		return OCPPD_ENOENT;
	identity_normalise(station_id, key);

	(void)pthread_rwlock_wrlock(&directory->lock);
	struct admission *record = map_find(&directory->exact, key);
	if (record && !str_eq(record->id, station_id))
		record = NULL;
	if (record) {
		(void)map_remove(&directory->exact, key);
		folded_remove(directory, record);
	}
	(void)pthread_rwlock_unlock(&directory->lock);

	if (!record)
		return OCPPD_ENOENT;
	admission_unref(record);
	return 0;
}

int
ocppd_directory_set_unknown(struct ocppd_host *host, const struct ocppd_admission *source,
			    struct ocppd_error *err)
{
	struct directory *directory = host->core->directory;
	struct admission *record = NULL;

	if (source) {
		int r = check_source(source, true, err);
		if (r < 0)
			return r;
		r = admission_new(source, &record, err);
		if (r < 0)
			return r;
	}

	(void)pthread_rwlock_wrlock(&directory->lock);
	struct admission *old = directory->unknown;
	directory->unknown = record;
	(void)pthread_rwlock_unlock(&directory->lock);

	admission_unref(old);
	return 0;
}

struct admission *
directory_find(struct directory *directory, const char *id, bool *ret_is_folded)
{
	char key[TARGET_ID_SIZE];
	char folded[TARGET_ID_SIZE];
	bool is_folded = false;

	if (strlen(id) >= sizeof(key))
		return NULL;
	identity_normalise(id, key);
	(void)str_fold(key, folded, sizeof(folded));

	(void)pthread_rwlock_rdlock(&directory->lock);
	struct admission *record = map_find(&directory->exact, key);
	if (!record) {
		record = map_find(&directory->folded, folded);
		if (record && record->next)
			record = NULL; /* not unique: as unknown (A06) */
		is_folded = record != NULL;
	}
	if (!record)
		record = directory->unknown;
	if (record)
		atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
	(void)pthread_rwlock_unlock(&directory->lock);

	*ret_is_folded = is_folded;
	return record;
}

bool
admission_check_user(const struct admission *record, const char *id, const char *user)
{
	char a[TARGET_ID_SIZE];
	char b[TARGET_ID_SIZE];

	if (record->auth_user)
		return str_eq(record->auth_user, user);

	const char *own = record->id ? record->id : id;
	if (str_ci_eq(own, user))
		return true;
	if (strlen(user) >= sizeof(b))
		return false;
	identity_normalise(own, a);
	identity_normalise(user, b);
	return str_ci_eq(a, b);
}

static bool
password_digest(const struct directory *directory, const uint8_t *password, size_t len,
		uint64_t ret_digest[2])
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned int digest_len;

	if (!HMAC(EVP_sha256(), directory->key, sizeof(directory->key), password, len, digest,
		  &digest_len))
		return false;

	memcpy(ret_digest, digest, 16);
	/* All zero says "nothing remembered". */
	return ret_digest[0] != 0 || ret_digest[1] != 0;
}

/* The place of the verifier that matched stands in the low bits: a reader never sees the one of
 * another password. */
static int64_t
remembered(_Atomic uint64_t *slot, const uint64_t digest[2])
{
	uint64_t at = atomic_load_explicit(&slot[1], memory_order_relaxed) ^ digest[1];

	if (atomic_load_explicit(&slot[0], memory_order_relaxed) != digest[0] || at >= LIST_MAX)
		return -1;
	return (int64_t)at;
}

static void
remember(_Atomic uint64_t *slot, const uint64_t digest[2], uint64_t at)
{
	atomic_store_explicit(&slot[0], digest[0], memory_order_relaxed);
	atomic_store_explicit(&slot[1], digest[1] ^ at, memory_order_relaxed);
}

/* The first that matches, or -1. */
static int64_t
find_match(const struct admission *record, const uint8_t *password, size_t len)
{
	const uint8_t *at = record->verifiers;

	for (uint32_t i = 0; i < record->verifier_count; i++) {
		struct verifier verifier;

		at += verifier_unpack(at, &verifier);
		if (verifier_matches(&verifier, password, len))
			return i;
	}

	return -1;
}

static int64_t
check_form(struct directory *directory, struct admission *record, const uint8_t *password,
	   size_t len)
{
	uint64_t digest[2];
	bool has_digest = password_digest(directory, password, len, digest);
	int64_t at = has_digest ? remembered(record->matched, digest) : -1;

	if (at >= 0 && at < record->verifier_count)
		return at;
	if (has_digest && remembered(record->failed, digest) == 0)
		return -1;

	at = find_match(record, password, len);
	if (has_digest && at >= 0)
		remember(record->matched, digest, (uint64_t)at);
	else if (has_digest)
		remember(record->failed, digest, 0);
	return at;
}

enum password_form
admission_check_password(struct directory *directory, struct admission *record,
			 const uint8_t *password, size_t len, uint32_t *ret_verifier)
{
	uint8_t bytes[32];
	size_t bytes_len = 0;

	bool takes_hex = quirks_option(record->quirks, "accept_hex_password") != NULL;
	bool is_hex =
		takes_hex && len >= 32 && len <= 40 &&
		hex_decode((const char *)password, len, bytes, sizeof(bytes), &bytes_len) == 0;

	int64_t at = is_hex ? check_form(directory, record, bytes, bytes_len) : -1;
	enum password_form form = at >= 0 ? PASSWORD_HEX : PASSWORD_PLAIN;

	if (at < 0)
		at = check_form(directory, record, password, len);
	if (at < 0)
		return PASSWORD_WRONG;
	*ret_verifier = (uint32_t)at;
	return form;
}
