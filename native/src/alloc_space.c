/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_space.h"

#include <string.h> /* memcpy, memset */

#include "alloc_search.h"
#include "edge_error.h"

enum { COUNT_MAX = 1 << 24 };

/* Cut the workspace from its start; the arrays with members of 8 bytes come first. */
static void *take(char *base, size_t *at, size_t count, size_t size)
{
    void *taken = base ? base + *at : NULL;
    *at += count * size;
    return taken;
}

/* Length of all arrays, bytes; where they are if they begin at base, which may be NULL. */
static size_t lay_out(struct space *s, char *base, size_t loads, size_t rows, size_t entries)
{
    size_t at = 0;
    s->limit_nw = take(base, &at, rows, sizeof *s->limit_nw);
    s->used_nw = take(base, &at, rows, sizeof *s->used_nw);
    s->full = take(base, &at, rows, sizeof *s->full);
    s->stop = take(base, &at, SLOTS * rows, sizeof *s->stop);
    s->room_mw = take(base, &at, rows, sizeof *s->room_mw);
    s->missing = take(base, &at, rows, sizeof *s->missing);
    s->cut_mw = take(base, &at, 2 * rows + 2, sizeof *s->cut_mw);
    s->ramp = take(base, &at, loads, sizeof *s->ramp);
    s->steps_before = take(base, &at, loads + 1, sizeof *s->steps_before);
    s->tree = take(base, &at, 1, sizeof *s->tree);
    s->node = take(base, &at, rows, sizeof *s->node);
    s->cut = take(base, &at, 2 * rows + 2, sizeof *s->cut);
    s->inside = take(base, &at, SLOTS * rows, sizeof *s->inside);
    s->column_start = take(base, &at, loads + 1, sizeof *s->column_start);
    s->column_row = take(base, &at, entries, sizeof *s->column_row);
    s->column_coef_ppm = take(base, &at, entries, sizeof *s->column_coef_ppm);
    s->column_entry = take(base, &at, entries, sizeof *s->column_entry);
    s->rising = take(base, &at, entries, sizeof *s->rising);
    s->rising_count = take(base, &at, rows, sizeof *s->rising_count);
    s->stale = take(base, &at, rows, sizeof *s->stale);
    s->heap = take(base, &at, rows, sizeof *s->heap);
    s->order = take(base, &at, loads, sizeof *s->order);
    s->class_of = take(base, &at, loads, sizeof *s->class_of);
    s->class_start = take(base, &at, EDGE_CLASSES + 1, sizeof *s->class_start);
    s->cut_before = take(base, &at, loads, sizeof *s->cut_before);
    s->node_of_row = take(base, &at, rows, sizeof *s->node_of_row);
    s->wave_start = take(base, &at, rows, sizeof *s->wave_start);
    s->full_node = take(base, &at, rows, sizeof *s->full_node);
    s->full_count = take(base, &at, rows, sizeof *s->full_count);
    s->cut_row = take(base, &at, 2 * rows + 2, sizeof *s->cut_row);
    s->cut_place = take(base, &at, 2 * rows + 2, sizeof *s->cut_place);
    s->weight = take(base, &at, loads + SPAN_MARGIN, sizeof *s->weight);
    s->min_mw = take(base, &at, loads + SPAN_MARGIN, sizeof *s->min_mw);
    s->cap = take(base, &at, loads + SPAN_MARGIN, sizeof *s->cap);
    return at;
}

size_t edge_alloc_workspace_words(int32_t loads, int32_t rows, int32_t entries)
{
    struct space s;
    return (lay_out(&s, NULL, (size_t)loads, (size_t)rows, (size_t)entries) + 7) / 8;
}

struct space edge_alloc_space(const struct edge_alloc *a)
{
    struct space s;
    lay_out(&s, (char *)a->workspace, (size_t)a->loads, (size_t)a->rows,
            (size_t)a->row_start[a->rows]);
    return s;
}

static int is_row_good(const struct edge_alloc *a, int32_t row)
{
    int32_t last_load = -1;
    if (a->row_start[row] < 0 || a->row_start[row] > a->row_start[row + 1])
        return 0;
    for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
        if (a->entry_load[k] <= last_load || a->entry_load[k] >= a->loads)
            return 0;
        if (a->entry_coef_ppm[k] < 0)
            return 0;
        last_load = a->entry_load[k];
    }
    return 1;
}

/* Counting sort of the entries by load; rows stay in rising order within a column. */
static void transpose(const struct edge_alloc *a, struct space *s)
{
    int32_t entries = a->row_start[a->rows];
    memset(s->column_start, 0, ((size_t)a->loads + 1) * sizeof *s->column_start);
    for (int32_t k = 0; k < entries; k++)
        s->column_start[a->entry_load[k] + 1]++;
    for (int32_t i = 0; i < a->loads; i++) {
        s->column_start[i + 1] += s->column_start[i];
        s->order[i] = s->column_start[i]; /* next free place of the column */
    }
    for (int32_t row = 0; row < a->rows; row++) {
        for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
            int32_t place = s->order[a->entry_load[k]]++;
            s->column_row[place] = row;
            s->column_coef_ppm[place] = a->entry_coef_ppm[k];
            s->column_entry[place] = k;
        }
    }
}

int32_t edge_alloc_prepare(struct edge_alloc *a)
{
    if (a->loads < 0 || a->loads > COUNT_MAX || a->rows < 0 || a->rows > COUNT_MAX)
        return edge_alloc_blame(a, EDGE_E_RANGE, -1, 0);
    if (a->row_start[0] != 0)
        return edge_alloc_blame(a, EDGE_E_RANGE, 0, 1);
    for (int32_t row = 0; row < a->rows; row++) {
        if (!is_row_good(a, row))
            return edge_alloc_blame(a, EDGE_E_RANGE, row, 1);
    }
    struct space s = edge_alloc_space(a);
    transpose(a, &s);
    edge_alloc_find_tree(a, &s);
    return EDGE_OK;
}
