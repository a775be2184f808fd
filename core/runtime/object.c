/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * From a module's name to its descriptor: the file in the first folder that has it, its ownership,
 * dlopen, the one symbol. Folders are never scanned but for the name that was meant, and nothing
 * that was opened is ever closed: a timer, a thread's exit handler or a completion may still point
 * into it.
 */
#include "runtime/plan.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "runtime/import.h"

#define SYMBOL "ocppd_plugin"
#define NAME_SIZE 33 /* of a module, NUL included */

/* "ocppd-plugin-storage-sqlite": packages spell names with dashes. */
static void
package_name(const char *module, char ret_text[64])
{
	size_t i;

	(void)str_copy(ret_text, 64, "ocppd-plugin-");
	(void)str_copy(ret_text + strlen(ret_text), 64 - strlen(ret_text), module);
	for (i = 0; ret_text[i] != '\0'; i++) {
		if (ret_text[i] == '_')
			ret_text[i] = '-';
	}
}

/* If the name of the file is that of a module, nearer than the nearest so far: takes it. */
static void
take_nearer(const char *file, const char *wanted, char *nearest)
{
	char name[NAME_SIZE];
	const char *both[] = { nearest, name };
	size_t len = strlen(file);

	if (len < 4 || len - 3 >= sizeof(name) || !str_eq(file + len - 3, ".so"))
		return;
	memcpy(name, file, len - 3);
	name[len - 3] = '\0';
	if (nearest[0] == '\0')
		both[0] = NULL;
	if (str_nearest(wanted, both, 2) == name)
		(void)str_copy(nearest, NAME_SIZE, name);
}

/* The module that was meant, "" if none is like it. */
static void
find_nearest(const struct modules_plan *plan, const char *wanted, char ret_name[NAME_SIZE])
{
	uint32_t i;

	ret_name[0] = '\0';
	for (i = 0; i < plan->dirs->count; i++) {
		DIR *dir = opendir(plan->dirs->items[i]);
		struct dirent *item;

		while (dir != NULL && (item = readdir(dir)) != NULL)
			take_nearer(item->d_name, wanted, ret_name);
		if (dir != NULL)
			(void)closedir(dir);
	}
}

static void
complain_missing(struct modules_plan *plan, struct entry *entry)
{
	struct buf dirs = { 0 };
	char nearest[NAME_SIZE];
	char package[64];
	uint32_t i;

	find_nearest(plan, entry->module, nearest);
	for (i = 0; i < plan->dirs->count; i++)
		buf_printf(&dirs, "%s%s", i > 0 ? ", " : "", plan->dirs->items[i]);
	package_name(entry->module, package);
	entry_complain(plan, entry, entry->place, OCPPD_ENOENT,
		       "there is no %s.so in %s; %s%s%sinstall the package %s, or take the module "
		       "out of the configuration",
		       entry->module,
		       dirs.data == NULL ? "any folder (module_dir is empty)" : dirs.data,
		       nearest[0] == '\0' ? "" : "did you mean \"", nearest,
		       nearest[0] == '\0' ? "" : "\"? Otherwise ", package);
	buf_fini(&dirs);
}

/* The first folder that has the file. A file that is there but cannot be used is not passed over:
 * another one of that name would be a surprise. */
static char *
find_file(const struct modules_plan *plan, struct entry *entry)
{
	struct buf path = { 0 };
	struct stat st;
	char *found = NULL;
	uint32_t i;

	for (i = 0; i < plan->dirs->count && found == NULL; i++) {
		buf_clear(&path);
		buf_printf(&path, "%s/%s.so", plan->dirs->items[i], entry->module);
		if (path.error == 0 && (stat(path.data, &st) == 0 || errno != ENOENT))
			found = arena_dup(&entry->arena, path.data);
	}
	buf_fini(&path);
	return found;
}

/* Whoever can write there can run code as the daemon. The own group is no "other": builds under a
 * umask of 002 have files that it may write. */
static bool
is_trusted(const struct stat *st)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return false;
	if ((st->st_mode & S_IWOTH) != 0)
		return false;
	return (st->st_mode & S_IWGRP) == 0 || st->st_gid == 0 || st->st_gid == getegid();
}

static int
check_owner(struct modules_plan *plan, struct entry *entry, const char *path, bool is_dir)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		entry_complain(plan, entry, entry->place, OCPPD_EIO, "%s cannot be read: %s", path,
			       strerrordesc_np(errno));
		return OCPPD_EIO;
	}
	if (is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
		entry_complain(plan, entry, entry->place, OCPPD_EINVAL, "%s is no %s", path,
			       is_dir ? "folder" : "regular file");
		return OCPPD_EINVAL;
	}
	if (!is_trusted(&st)) {
		entry_complain(
			plan, entry, entry->place, OCPPD_EDENIED,
			"%s must belong to root or to the daemon's user and must not be "
			"writable by others (owner %u, mode %04o); chown root and chmod go-w",
			path, (unsigned int)st.st_uid, (unsigned int)st.st_mode & 07777);
		return OCPPD_EDENIED;
	}
	if (!is_dir) {
		entry->device = st.st_dev;
		entry->inode = st.st_ino;
	}
	return 0;
}

/* The folder that a path stands in. */
static int
check_folder(struct modules_plan *plan, struct entry *entry, const char *path)
{
	char *dir = str_ndup(path, (size_t)(strrchr(path, '/') - path) + 1);
	int r;

	if (dir == NULL) {
		entry_complain(plan, entry, NULL, OCPPD_ENOMEM, "out of memory");
		return OCPPD_ENOMEM;
	}
	r = check_owner(plan, entry, dir, true);
	free(dir);
	return r;
}

/* The file, its folder and, where it is a link, the folder that it points to. */
static int
check_file(struct modules_plan *plan, struct entry *entry)
{
	char *real = NULL;
	int r;

	r = check_owner(plan, entry, entry->path, false);
	if (r == 0)
		r = check_folder(plan, entry, entry->path);
	if (r < 0)
		return r;

	real = realpath(entry->path, NULL);
	if (real == NULL) {
		entry_complain(plan, entry, entry->place, OCPPD_EIO, "%s cannot be read: %s",
			       entry->path, strerrordesc_np(errno));
		return OCPPD_EIO;
	}
	r = check_folder(plan, entry, real);
	free(real);
	return r;
}

/* The symbol's size is known to the linker: a guard that claims more would be read beyond it. */
static int
check_symbol(struct modules_plan *plan, struct entry *entry, const struct ocppd_plugin *raw)
{
	const ElfW(Sym) *symbol = NULL;
	void *extra = NULL;
	Dl_info info;

	if ((uintptr_t)raw % _Alignof(struct ocppd_plugin) == 0 &&
	    dladdr1(raw, &info, &extra, RTLD_DL_SYMENT) != 0)
		symbol = extra;
	if (symbol == NULL || symbol->st_size < sizeof(struct ocppd_guard)) {
		entry_complain(plan, entry, entry->place, OCPPD_EINVAL,
			       "the symbol \"" SYMBOL "\" in %s is no descriptor; define it with "
			       "OCPPD_PLUGIN",
			       entry->path);
		return OCPPD_EINVAL;
	}
	if (raw->guard.magic == OCPPD_ABI_MAGIC && raw->guard.struct_size > symbol->st_size) {
		entry_complain(plan, entry, entry->place, OCPPD_EINVAL,
			       "the guard in %s claims %u bytes, the symbol \"" SYMBOL
			       "\" has %llu; use OCPPD_GUARD",
			       entry->path, (unsigned int)raw->guard.struct_size,
			       (unsigned long long)symbol->st_size);
		return OCPPD_EINVAL;
	}
	return 0;
}

static const struct ocppd_plugin *
open_file(struct modules_plan *plan, struct entry *entry)
{
	const struct ocppd_plugin *raw;
	const char *why;
	void *handle;

	handle = dlopen(entry->path, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		why = dlerror();
		entry_complain(plan, entry, entry->place, OCPPD_EINVAL,
			       "module %s cannot be loaded: %s", entry->module,
			       why == NULL ? "no reason given" : why);
		return NULL;
	}
	raw = dlsym(handle, SYMBOL);
	if (raw == NULL) {
		entry_complain(plan, entry, entry->place, OCPPD_EINVAL,
			       "%s exports no symbol \"" SYMBOL "\", so it is no module; define it "
			       "with OCPPD_PLUGIN",
			       entry->path);
		return NULL;
	}
	return check_symbol(plan, entry, raw) < 0 ? NULL : raw;
}

void
entry_open(struct modules_plan *plan, struct entry *entry)
{
	struct problems problems = { 0 };
	const struct ocppd_plugin *raw;
	uint32_t i;

	entry->path = find_file(plan, entry);
	if (entry->path == NULL) {
		complain_missing(plan, entry);
		return;
	}
	if (check_file(plan, entry) < 0)
		return;

	raw = open_file(plan, entry);
	if (raw == NULL)
		return;

	(void)plugin_import(raw, entry->module, &entry->arena, &entry->plugin, &problems);
	for (i = 0; i < problems.count; i++)
		entry_complain(plan, entry, entry->place, problems.items[i].code, "%s",
			       problems.items[i].text);
	problems_fini(&problems);
}

bool
entry_is_stale(const struct entry *entry)
{
	struct stat st;

	if (entry->path == NULL)
		return false;
	return stat(entry->path, &st) < 0 || st.st_dev != entry->device ||
	       st.st_ino != entry->inode;
}
