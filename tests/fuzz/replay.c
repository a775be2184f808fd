/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Runs a fuzz target over the files of a folder, in order of name: what makes the corpora a test in
 * builds without libFuzzer. Fails if the folder holds nothing.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#define FILE_MAX (1024 * 1024)

static bool
replay(const char *path)
{
	struct stat status;
	uint8_t *data = NULL;
	bool is_done = false;
	FILE *file = fopen(path, "rb");

	if (file == NULL || fstat(fileno(file), &status) < 0 || status.st_size > FILE_MAX)
		goto out;
	data = malloc((size_t)status.st_size + 1);
	if (data == NULL)
		goto out;
	if (fread(data, 1, (size_t)status.st_size, file) != (size_t)status.st_size)
		goto out;

	/* Said before: an abort then names its input. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	is_done = LLVMFuzzerTestOneInput(data, (size_t)status.st_size) == 0;
out:
	if (!is_done)
		(void)fprintf(stderr, "%s: cannot be replayed\n", path);
	free(data);
	if (file != NULL)
		(void)fclose(file);
	return is_done;
}

static int
is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
	struct dirent **entries = NULL;
	bool is_good = true;
	int count;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	count = scandir(argv[1], &entries, is_shown, alphasort);
	for (int i = 0; i < count; i++) {
		char path[4096];
		int len = snprintf(path, sizeof(path), "%s/%s", argv[1], entries[i]->d_name);

		is_good &= len > 0 && (size_t)len < sizeof(path) && replay(path);
		free(entries[i]);
	}
	free(entries);
	if (count <= 0)
		(void)fprintf(stderr, "%s: no input\n", argv[1]);
	return count > 0 && is_good ? 0 : 1;
}
