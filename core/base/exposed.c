/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */

/*
 * Files that everybody can read. Symbolic links are followed first: what counts is the file that is
 * read, and the folders that lead to it.
 */
#include "base/exposed.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODE_BITS 07777u

static bool
is_shut(const char *folder)
{
	struct stat status;

	return stat(folder, &status) < 0 || (status.st_mode & S_IXOTH) == 0;
}

bool
file_is_exposed(const char *path, uint32_t *ret_mode)
{
	struct stat status;
	char *real = realpath(path, NULL);
	bool is_exposed = real != NULL && stat(real, &status) == 0 && S_ISREG(status.st_mode) &&
			  (status.st_mode & S_IROTH) != 0;
	char *slash = is_exposed ? strrchr(real, '/') : NULL;

	while (is_exposed && slash != NULL && slash != real) {
		*slash = '\0';
		is_exposed = !is_shut(real);
		slash = strrchr(real, '/');
	}
	free(real);
	if (is_exposed)
		*ret_mode = status.st_mode & MODE_BITS;
	return is_exposed;
}
