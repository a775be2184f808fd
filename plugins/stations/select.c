/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the ocppd authors */
/*
 * Which stations an operator's filters mean, for modules that act on many: those that the list
 * shows to the same filters, by the same walk.
 */
#include <stdlib.h>

#include "walk.h"

struct ocppd_selection {
	struct walk walk;
	struct ocppd_host *asker;
	ocppd_selected_fn *fn; /* NULL: forgotten */
	void *arg;
};

static void
selection_free(struct ocppd_selection *selection)
{
	walk_fini(&selection->walk);
	free(selection);
}

static void
selection_end(struct ocppd_selection *selection)
{
	struct stations *ctx = selection->walk.ctx;

	selection_free(selection);
	stations_done(ctx);
}

static void
tell(struct ocppd_selection *selection, int result, const char *const *station_ids, uint32_t count)
{
	if (selection->fn != NULL)
		selection->fn(selection->asker, result, station_ids, count, selection->arg);
}

/* OCPPD_PENDING: there are more, 0: those were the last. */
static int
tell_slice(struct ocppd_selection *selection)
{
	const struct walk *walk = &selection->walk;
	int result = walk->has_more ? OCPPD_PENDING : 0;
	const char **station_ids = calloc(walk->count + 1, sizeof(*station_ids));

	if (station_ids == NULL)
		return OCPPD_ENOMEM;
	for (uint32_t i = 0; i < walk->count; i++)
		station_ids[i] = walk->records[i]->station_id;
	if (result == 0 || walk->count > 0)
		tell(selection, result, station_ids, walk->count);
	free(station_ids);
	return result;
}

static void
on_slice(struct walk *walk, int result, const struct ocppd_error *err)
{
	struct ocppd_selection *selection = walk->arg;
	int next = 0;
	int r = result;

	(void)err;
	if (r >= 0 && walk->ctx->is_stopping)
		r = OCPPD_ESHUTDOWN;
	if (r >= 0)
		r = tell_slice(selection);
	if (r == OCPPD_PENDING && selection->fn != NULL)
		next = walk_next(walk, WALK_SLICE_MAX);
	if (next < 0)
		r = next;
	if (r < 0)
		tell(selection, r, NULL, 0);
	if (r != OCPPD_PENDING || selection->fn == NULL)
		selection_end(selection);
}

int
ops_select(void *self, struct ocppd_host *host, const struct ocppd_select *select,
	   struct ocppd_selection **ret_selection, struct ocppd_error *err)
{
	struct stations *ctx = self;
	struct ocppd_selection *selection = calloc(1, sizeof(*selection));
	struct walk *walk;
	int r;

	if (selection == NULL)
		return ocppd_error_set(err, OCPPD_ENOMEM, "out of memory");
	walk = &selection->walk;
	r = filter_init_texts(&walk->filter, select->filters, err);
	walk->ctx = ctx;
	walk->fn = on_slice;
	walk->arg = selection;
	walk->is_filtered = !filter_is_empty(&walk->filter);
	walk->depth = filter_is_of_records(&walk->filter) ? WALK_RECORDS : WALK_STATES;
	selection->asker = host;
	selection->fn = select->fn;
	selection->arg = select->arg;
	if (r >= 0)
		r = walk_next(walk, WALK_SLICE_MAX);
	if (r < 0) {
		selection_free(selection);
		return r;
	}
	ctx->outstanding++;
	*ret_selection = selection;
	return 0;
}

void
ops_select_cancel(void *self, struct ocppd_selection *selection)
{
	(void)self;
	selection->fn = NULL;
}
