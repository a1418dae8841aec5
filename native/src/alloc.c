/* SPDX-License-Identifier: Apache-2.0 */
/* Loads are visited through the transposed rows ("columns"), so that one step of one load
 * touches only the rows it is in. Power in a row is counted in nW: coef_ppm * mW. */
#include <string.h> /* memset, memcpy */

#include "alloc_space.h"
#include "edge_alloc.h"
#include "edge_error.h"

/* Highest value on the load's grid that does not exceed its request. */
static int32_t top_mw(const struct edge_alloc *a, int32_t i)
{
    return a->request_mw[i] - (a->request_mw[i] - a->min_mw[i]) % a->step_mw[i];
}

/* What load i holds at this level. weight * level stays below 2^59. */
static int32_t at_level(const struct edge_alloc *a, int32_t i, int64_t level)
{
    int64_t share_mw = a->weight[i] * level / EDGE_LEVEL_UNIT;
    if (share_mw <= a->min_mw[i])
        return a->min_mw[i];
    if (share_mw >= a->request_mw[i])
        return top_mw(a, i);
    return (int32_t)(share_mw - (share_mw - a->min_mw[i]) % a->step_mw[i]);
}

/* Lowest level at which load i holds all it can get. */
static int64_t top_level(const struct edge_alloc *a, int32_t i)
{
    return ((int64_t)top_mw(a, i) * EDGE_LEVEL_UNIT + a->weight[i] - 1) / a->weight[i];
}

/* First row in which more_mw of load i do not fit on top of used[], or -1. */
static int32_t refusing_row(const struct space *s, const int64_t *used, int32_t i,
                            int32_t more_mw)
{
    for (int32_t k = s->column_start[i]; k < s->column_start[i + 1]; k++) {
        int32_t row = s->column_row[k];
        if ((int64_t)s->column_coef_ppm[k] * more_mw > s->limit[row] - used[row])
            return row;
    }
    return -1;
}

static void add(const struct space *s, int64_t *used, int32_t i, int32_t more_mw)
{
    for (int32_t k = s->column_start[i]; k < s->column_start[i + 1]; k++)
        used[s->column_row[k]] += (int64_t)s->column_coef_ppm[k] * more_mw;
}

/* --- minimums --------------------------------------------------------------------------- */

struct victim {
    int32_t load;
    int64_t frees;
    int64_t work;
};

/* The rule of edge_alloc.h; `excess` is what the row lacks. */
static int sheds_before(const struct victim *a, const struct victim *b, int64_t excess)
{
    int a_is_enough = a->frees >= excess;
    int b_is_enough = b->frees >= excess;
    if (a_is_enough != b_is_enough)
        return a_is_enough;
    if (!a_is_enough && a->frees != b->frees)
        return a->frees > b->frees;
    if (a->work != b->work)
        return a->work < b->work;
    return a->load > b->load;
}

/* The load of this class to shed for an overfilled row. There always is one: the rows held
 * before the class was admitted. */
static int32_t choose_victim(const struct edge_alloc *a, const struct space *s, int32_t row,
                             int32_t priority)
{
    int64_t excess = s->used[row] - s->limit[row];
    struct victim best = {-1, 0, 0};
    for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
        int32_t i = a->entry_load[k];
        int64_t frees = (int64_t)a->entry_coef_ppm[k] * a->min_mw[i];
        if (a->priority[i] != priority || a->shed[i] || frees == 0)
            continue;
        struct victim other = {i, frees, (int64_t)a->weight[i] * a->min_mw[i]};
        if (best.load < 0 || sheds_before(&other, &best, excess))
            best = other;
    }
    return best.load;
}

static void admit_class(struct edge_alloc *a, struct space *s, const int32_t *loads,
                        int32_t count, int32_t priority)
{
    for (int32_t n = 0; n < count; n++) {
        a->shed[loads[n]] = 0;
        a->binding_row[loads[n]] = -1;
        a->grant_mw[loads[n]] = a->min_mw[loads[n]];
        add(s, s->used, loads[n], a->min_mw[loads[n]]);
    }
    for (int32_t row = 0; row < a->rows; row++) {
        while (s->used[row] > s->limit[row]) {
            int32_t i = choose_victim(a, s, row, priority);
            a->shed[i] = 1;
            add(s, s->used, i, -a->min_mw[i]);
        }
    }
    for (int32_t n = 0; n < count; n++) {
        int32_t i = loads[n];
        if (!a->shed[i])
            continue;
        a->binding_row[i] = refusing_row(s, s->used, i, a->min_mw[i]);
        a->shed[i] = a->binding_row[i] >= 0;
        a->grant_mw[i] = a->shed[i] ? 0 : a->min_mw[i];
        add(s, s->used, i, a->grant_mw[i]);
    }
}

/* --- filling ---------------------------------------------------------------------------- */

/* Would all active loads fit at this level? Leaves the usage it got to in s->trial. */
static int fits(const struct edge_alloc *a, const struct space *s, int32_t count, int64_t level)
{
    memcpy(s->trial, s->used, (size_t)a->rows * sizeof *s->trial);
    for (int32_t n = 0; n < count; n++) {
        int32_t i = s->active[n];
        int32_t more_mw = at_level(a, i, level) - a->grant_mw[i];
        if (more_mw == 0)
            continue;
        if (refusing_row(s, s->trial, i, more_mw) >= 0)
            return 0;
        add(s, s->trial, i, more_mw);
    }
    return 1;
}

/* Highest level at which all active loads fit; they do at `level`. */
static int64_t highest_level(const struct edge_alloc *a, const struct space *s, int32_t count,
                             int64_t level)
{
    int64_t beyond = level;
    for (int32_t n = 0; n < count; n++) {
        int64_t top = top_level(a, s->active[n]);
        beyond = top > beyond ? top : beyond;
    }
    if (fits(a, s, count, beyond))
        return beyond;
    while (beyond - level > 1) {
        int64_t middle = level + (beyond - level) / 2;
        if (fits(a, s, count, middle))
            level = middle;
        else
            beyond = middle;
    }
    return level;
}

static void raise_to(struct edge_alloc *a, const struct space *s, int32_t i, int32_t grant_mw)
{
    add(s, s->used, i, grant_mw - a->grant_mw[i]);
    a->grant_mw[i] = grant_mw;
}

/* Take, in order of index, the steps that fall on this one level. A level is less than one mW
 * of any load, so none has more than one. Returns how many loads are still active. */
static int32_t take_level(struct edge_alloc *a, const struct space *s, int32_t count,
                          int64_t level)
{
    for (int32_t n = 0; n < count; n++) {
        int32_t i = s->active[n];
        int32_t grant_mw = at_level(a, i, level);
        if (refusing_row(s, s->used, i, grant_mw - a->grant_mw[i]) < 0)
            raise_to(a, s, i, grant_mw);
    }
    int32_t kept = 0;
    for (int32_t n = 0; n < count; n++) {
        int32_t i = s->active[n];
        if (a->grant_mw[i] == top_mw(a, i))
            continue;
        /* Rows only fill up: a step that does not fit now never will. */
        a->binding_row[i] = refusing_row(s, s->used, i, a->step_mw[i]);
        if (a->binding_row[i] < 0)
            s->active[kept++] = i;
    }
    return kept;
}

static void fill_class(struct edge_alloc *a, const struct space *s, const int32_t *loads,
                       int32_t count)
{
    int32_t active = 0;
    for (int32_t n = 0; n < count; n++) {
        if (!a->shed[loads[n]])
            s->active[active++] = loads[n];
    }
    /* A round ends with everything granted, or with one load refused on the level above. */
    for (int64_t level = 0; active > 0; level++) {
        level = highest_level(a, s, active, level);
        for (int32_t n = 0; n < active; n++)
            raise_to(a, s, s->active[n], at_level(a, s->active[n], level));
        active = take_level(a, s, active, level + 1);
    }
}

int32_t edge_alloc_solve(struct edge_alloc *a)
{
    struct space s = edge_alloc_space(a);
    int32_t error = edge_alloc_check(a, &s);
    if (error != EDGE_OK)
        return error;
    edge_alloc_order(a, &s);
    for (int32_t priority = 0; priority < EDGE_CLASSES; priority++) {
        int32_t first = s.class_start[priority];
        int32_t count = s.class_start[priority + 1] - first;
        if (count > 0)
            admit_class(a, &s, s.order + first, count, priority);
    }
    for (int32_t priority = 0; priority < EDGE_CLASSES; priority++) {
        int32_t first = s.class_start[priority];
        fill_class(a, &s, s.order + first, s.class_start[priority + 1] - first);
    }
    return EDGE_OK;
}
