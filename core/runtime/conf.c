/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * A configuration: its files, found and merged, and the read-only view that modules have of the
 * tree. Reading is done once; nothing is ever changed afterwards.
 */
#include "runtime/conf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/arena.h"
#include "runtime/conf_parse.h"

struct conf {
	uint32_t refs;
	uint32_t node_count;
	struct arena arena;
	struct ocppd_node *root;
};

/* A snippet: its name decides the order, its folder what it replaces. */
struct snippet {
	char *name;
	char *path;
};

struct snippets {
	struct snippet items[CONF_FILES_MAX];
	uint32_t count;
};

static int
refuse_file(const char *path, struct ocppd_error *err, int code, const char *text)
{
	int r = ocppd_error_set(err, code, "%s", text);

	if (err != NULL)
		(void)str_copy(err->file, sizeof(err->file), path);
	return r;
}

static int
refuse_errno(const char *path, const char *what, struct ocppd_error *err)
{
	int r = ocppd_error_set(err, OCPPD_EIO, "%s: %s", what, strerrordesc_np(errno));

	if (err != NULL)
		(void)str_copy(err->file, sizeof(err->file), path);
	return r;
}

static int
read_all(int fd, char *text, size_t size, size_t *ret_len)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, text + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return OCPPD_EIO;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

int
file_read(const char *path, size_t max_bytes, char **ret_text, size_t *ret_len,
	  struct ocppd_error *err)
{
	struct stat st;
	char *text = NULL;
	size_t len = 0;
	int fd;
	int r = 0;

	/* Without O_NONBLOCK a pipe in the place of the file would hold the daemon up for ever. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return refuse_errno(path, "cannot be read", err);

	if (fstat(fd, &st) < 0) {
		r = refuse_errno(path, "cannot be read", err);
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		r = refuse_file(path, err, OCPPD_EIO,
				S_ISDIR(st.st_mode) ? "is a folder, not a file"
						    : "is not a regular file");
		goto out;
	}
	text = malloc(max_bytes + 2);
	if (text == NULL) {
		r = refuse_file(path, err, OCPPD_ENOMEM, "out of memory");
		goto out;
	}
	if (read_all(fd, text, max_bytes + 1, &len) < 0) {
		r = refuse_errno(path, "cannot be read", err);
		goto out;
	}
	if (len > max_bytes) {
		r = ocppd_error_set(err, OCPPD_ESPACE, "is larger than %zu bytes", max_bytes);
		if (err != NULL)
			(void)str_copy(err->file, sizeof(err->file), path);
		goto out;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	text = NULL; /* the caller owns it now */
out:
	free(text);
	close(fd);
	return r;
}

/* ---- Trees ---------------------------------------------------------------------------------- */

static struct conf *
conf_new(struct ocppd_error *err)
{
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL) {
		(void)ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
		return NULL;
	}
	conf->refs = 1;
	return conf;
}

static int
read_text(struct conf *conf, const struct yaml_source *source, struct ocppd_node **ret_root,
	  struct ocppd_error *err)
{
	struct ocppd_node *root;
	int r;

	r = yaml_read(source, &conf->arena, &conf->node_count, &root, err);
	if (r < 0)
		return r;

	if (root->kind == OCPPD_NODE_NONE)
		root->kind = OCPPD_NODE_MAP; /* nothing but comments: all defaults */
	if (root->kind != OCPPD_NODE_MAP)
		return ocppd_node_error(root, err, OCPPD_EINVAL,
					"expected a map (\"key: value\") at the top of the file");

	*ret_root = root;
	return 0;
}

static int
read_file(struct conf *conf, const char *path, struct ocppd_node **ret_root,
	  struct ocppd_error *err)
{
	struct yaml_source source = { .file = path };
	char *text = NULL;
	int r;

	r = file_read(path, CONF_FILE_MAX, &text, &source.len, err);
	if (r < 0)
		return r;

	source.text = text;
	r = read_text(conf, &source, ret_root, err);
	free(text);
	return r;
}

static struct conf_member *
member_find(const struct ocppd_node *map, const char *key, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (str_eq(map->members[i].key, key))
			return &map->members[i];
	}
	return NULL;
}

/*
 * Lays `over` upon `under`. The result is one of the two, or `over` with the members of both, in
 * the order of `under` first: snippets list modules in an order that the main file keeps. Depth is
 * bounded by CONF_DEPTH_MAX.
 */
static struct ocppd_node *
merge(struct conf *conf, struct ocppd_node *under, struct ocppd_node *over)
{
	struct conf_member *members;
	uint32_t count = under->count;
	uint32_t i;

	if (over->kind == OCPPD_NODE_NONE)
		return under; /* an empty value says nothing */
	if (under->kind != OCPPD_NODE_MAP || over->kind != OCPPD_NODE_MAP)
		return over;

	members = arena_array(&conf->arena, (size_t)under->count + over->count, sizeof(*members));
	if (members == NULL)
		return NULL;

	if (under->count > 0)
		memcpy(members, under->members, under->count * sizeof(*members));
	for (i = 0; i < over->count; i++) {
		const struct conf_member *from = &over->members[i];
		const struct conf_member *old = member_find(under, from->key, under->count);
		struct conf_member *to = &members[count];

		if (old == NULL) {
			*to = *from;
			count++;
			continue;
		}
		to = &members[old - under->members];
		*to = *from;
		to->value = merge(conf, old->value, from->value);
		if (to->value == NULL)
			return NULL;
	}
	over->members = members;
	over->count = count;
	return over;
}

/* ---- Files ---------------------------------------------------------------------------------- */

static bool
is_snippet_name(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && len > 5 && str_eq(name + len - 5, ".yaml");
}

static int
snippets_add(struct snippets *snippets, const char *dir, const char *name, struct ocppd_error *err)
{
	struct buf path = { 0 };
	struct snippet *item;
	uint32_t i;

	for (i = 0; i < snippets->count; i++) {
		if (str_eq(snippets->items[i].name, name))
			break;
	}
	if (i == CONF_FILES_MAX) {
		(void)ocppd_error_set(err, OCPPD_ESPACE, "more than %d files", CONF_FILES_MAX);
		if (err != NULL)
			(void)str_copy(err->file, sizeof(err->file), dir);
		return OCPPD_ESPACE;
	}
	item = &snippets->items[i];
	buf_printf(&path, "%s/%s", dir, name);
	if (i == snippets->count) {
		item->name = str_dup(name);
		if (item->name != NULL)
			snippets->count++;
	}
	free(item->path);
	item->path = buf_steal(&path);
	if (item->name == NULL || item->path == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	return 0;
}

/* A folder's files; the same name replaces one of an earlier folder. A missing folder is fine. */
static int
snippets_find(struct snippets *snippets, const char *dir, struct ocppd_error *err)
{
	const struct dirent *entry;
	DIR *handle;
	int r = 0;

	handle = opendir(dir);
	if (handle == NULL)
		return errno == ENOENT ? 0 : refuse_errno(dir, "cannot be read", err);

	while (r == 0) {
		errno = 0;
		entry = readdir(handle);
		if (entry == NULL) {
			if (errno != 0)
				r = refuse_errno(dir, "cannot be read", err);
			break;
		}
		if (is_snippet_name(entry->d_name))
			r = snippets_add(snippets, dir, entry->d_name, err);
	}
	closedir(handle);
	return r;
}

static int
snippet_cmp(const void *a, const void *b)
{
	const struct snippet *left = a;
	const struct snippet *right = b;

	return strcmp(left->name, right->name);
}

/* An empty file or a link to /dev/null says "not this one". */
static bool
is_mask(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	if (S_ISREG(st.st_mode))
		return st.st_size == 0;
	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static void
snippets_free(struct snippets *snippets)
{
	uint32_t i;

	if (snippets == NULL)
		return;

	for (i = 0; i < snippets->count; i++) {
		free(snippets->items[i].name);
		free(snippets->items[i].path);
	}
	free(snippets);
}

/* conf.d beside the main file. */
static char *
snippet_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf dir = { 0 };

	if (slash != NULL)
		buf_add(&dir, path, (size_t)(slash - path) + 1);
	buf_add_str(&dir, "conf.d");
	return buf_steal(&dir);
}

static bool
wants_vendor(const struct ocppd_node *root)
{
	const char *text = ocppd_node_text(ocppd_node_get(root, "vendor_conf"));

	return text == NULL ||
	       !(str_ci_eq(text, "false") || str_ci_eq(text, "no") || str_ci_eq(text, "off"));
}

/* Reads and merges what was found; each broken file is one problem. */
static int
snippets_merge(struct conf *conf, const struct snippets *snippets, struct ocppd_node **root,
	       struct problems *problems)
{
	int result = 0;
	uint32_t i;

	for (i = 0; i < snippets->count; i++) {
		const char *path = snippets->items[i].path;
		struct ocppd_error err = { 0 };
		struct ocppd_node *over;
		int r;

		if (is_mask(path))
			continue;

		r = read_file(conf, path, &over, &err);
		if (r < 0) {
			result = problems_add(problems, &err);
			continue;
		}
		*root = *root == NULL ? over : merge(conf, *root, over);
		if (*root == NULL)
			return problems_addf(problems, NULL, OCPPD_ENOMEM, "out of memory");
	}
	return result;
}

static int
load_snippets(struct conf *conf, const struct conf_opts *opts, const struct ocppd_node *main_root,
	      struct ocppd_node **ret_root, struct problems *problems)
{
	struct snippets *snippets = calloc(1, sizeof(*snippets));
	struct ocppd_error err = { .code = OCPPD_ENOMEM, .text = "out of memory" };
	struct ocppd_node *root = NULL;
	char *dir = snippet_dir(opts->path);
	int r = OCPPD_ENOMEM;

	if (snippets == NULL || dir == NULL)
		goto out;

	r = 0;
	if (opts->vendor_dir != NULL && wants_vendor(main_root))
		r = snippets_find(snippets, opts->vendor_dir, &err);
	if (r == 0)
		r = snippets_find(snippets, dir, &err);
	if (r < 0)
		goto out;

	qsort(snippets->items, snippets->count, sizeof(snippets->items[0]), snippet_cmp);
	r = snippets_merge(conf, snippets, &root, problems);
	err.code = 0;
	*ret_root = root;
out:
	if (r < 0 && err.code != 0)
		(void)problems_add(problems, &err);
	free(dir);
	snippets_free(snippets);
	return r;
}

int
conf_load(const struct conf_opts *opts, struct conf **ret_conf, struct problems *problems)
{
	struct ocppd_error err = { 0 };
	struct ocppd_node *main_root = NULL;
	struct ocppd_node *under = NULL;
	struct conf *conf;
	int r;

	conf = conf_new(&err);
	if (conf == NULL)
		return problems_add(problems, &err);

	r = read_file(conf, opts->path, &main_root, &err);
	if (r < 0)
		(void)problems_add(problems, &err);
	/* Broken snippets are told too, although the main file is: one round of mending. */
	if (load_snippets(conf, opts, main_root, &under, problems) < 0 && r == 0)
		r = OCPPD_EINVAL;
	if (r < 0)
		goto out;

	conf->root = under == NULL ? main_root : merge(conf, under, main_root);
	if (conf->root == NULL) {
		r = problems_addf(problems, NULL, OCPPD_ENOMEM, "out of memory");
		goto out;
	}
	*ret_conf = conf;
	conf = NULL; /* the caller owns it now */
out:
	conf_unref(conf);
	return r;
}

int
conf_parse(const char *name, const char *text, size_t len, struct conf **ret_conf,
	   struct problems *problems)
{
	struct yaml_source source = { .file = name, .text = text, .len = len };
	struct ocppd_error err = { 0 };
	struct conf *conf = conf_new(&err);

	if (conf == NULL || read_text(conf, &source, &conf->root, &err) < 0) {
		conf_unref(conf);
		return problems_add(problems, &err);
	}
	*ret_conf = conf;
	return 0;
}

const struct ocppd_node *
conf_root(const struct conf *conf)
{
	return conf->root;
}

struct conf *
conf_ref(struct conf *conf)
{
	conf->refs++;
	return conf;
}

void
conf_unref(struct conf *conf)
{
	if (conf == NULL || --conf->refs > 0)
		return;

	arena_fini(&conf->arena);
	free(conf);
}

/* ---- The public view ------------------------------------------------------------------------ */

uint32_t
ocppd_node_kind(const struct ocppd_node *node)
{
	return node == NULL ? OCPPD_NODE_NONE : node->kind;
}

const char *
ocppd_node_text(const struct ocppd_node *node)
{
	return node == NULL ? NULL : node->text;
}

uint32_t
ocppd_node_count(const struct ocppd_node *node)
{
	return node == NULL ? 0 : node->count;
}

const struct ocppd_node *
ocppd_node_at(const struct ocppd_node *node, uint32_t i)
{
	return node == NULL || i >= node->count ? NULL : node->members[i].value;
}

const char *
ocppd_node_key(const struct ocppd_node *map, uint32_t i)
{
	return map == NULL || i >= map->count ? NULL : map->members[i].key;
}

const struct ocppd_node *
ocppd_node_get(const struct ocppd_node *map, const char *key)
{
	const struct conf_member *member;

	if (map == NULL || map->kind != OCPPD_NODE_MAP || key == NULL)
		return NULL;

	member = member_find(map, key, map->count);
	return member == NULL ? NULL : member->value;
}

int
ocppd_node_error(const struct ocppd_node *node, struct ocppd_error *err, int code,
		 const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list args;

	if (err == NULL)
		return code;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)ocppd_error_set(err, code, "%s", text);
	if (node != NULL) {
		(void)str_copy(err->file, sizeof(err->file), node->file);
		err->line = node->line;
		err->column = node->column;
	}
	return code;
}
