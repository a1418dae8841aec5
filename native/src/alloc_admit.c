/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h> /* memset */

#include "alloc_space.h"

int32_t edge_alloc_refusing_row(const struct space *s, int32_t i, int32_t more_mw)
{
    for (int32_t k = s->column_start[i]; k < s->column_start[i + 1]; k++) {
        int32_t row = s->column_row[k];
        if ((int64_t)s->column_coef_ppm[k] * more_mw > s->limit_nw[row] - s->used_nw[row])
            return row;
    }
    return -1;
}

void edge_alloc_add(const struct space *s, int32_t i, int32_t more_mw)
{
    for (int32_t k = s->column_start[i]; k < s->column_start[i + 1]; k++)
        s->used_nw[s->column_row[k]] += (int64_t)s->column_coef_ppm[k] * more_mw;
}

struct victim {
    int32_t load;
    int64_t frees;
    int64_t work;
};

/* The rule of edge_alloc.h, where a is the later load; `excess` is what the row lacks. */
static int sheds_before(const struct victim *a, const struct victim *b, int64_t excess)
{
    int a_is_enough = a->frees >= excess;
    int b_is_enough = b->frees >= excess;
    if (a_is_enough != b_is_enough)
        return a_is_enough;
    if (!a_is_enough && a->frees != b->frees)
        return a->frees > b->frees;
    return a->work <= b->work;
}

/* The load of this class to shed for an overfilled row. There always is one: the rows held
 * before the class was admitted. */
static int32_t choose_victim(const struct edge_alloc *a, const struct space *s, int32_t row,
                             int32_t priority)
{
    int64_t excess = s->used_nw[row] - s->limit_nw[row];
    struct victim best = {-1, 0, 0}; /* nobody: any that frees something comes before */
    for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
        int32_t i = a->entry_load[k];
        int64_t frees = (int64_t)a->entry_coef_ppm[k] * a->min_mw[i];
        if (a->priority[i] != priority || a->shed[i])
            continue;
        struct victim other = {i, frees, (int64_t)a->weight[i] * a->min_mw[i]};
        if (sheds_before(&other, &best, excess))
            best = other;
    }
    return best.load;
}

static void put_back_if_it_fits(struct edge_alloc *a, struct space *s, int32_t i)
{
    a->grant_mw[i] = 0;
    a->binding_row[i] = edge_alloc_refusing_row(s, i, a->min_mw[i]);
    a->shed[i] = a->binding_row[i] >= 0;
    if (!a->shed[i])
        edge_alloc_add(s, i, a->min_mw[i]);
}

static void admit_class(struct edge_alloc *a, struct space *s, int32_t priority)
{
    const int32_t *loads = s->order + s->class_start[priority];
    int32_t count = s->class_start[priority + 1] - s->class_start[priority];
    for (int32_t n = 0; n < count; n++)
        edge_alloc_add(s, loads[n], a->min_mw[loads[n]]);
    for (int32_t row = 0; row < a->rows; row++) {
        while (s->used_nw[row] > s->limit_nw[row]) {
            int32_t i = choose_victim(a, s, row, priority);
            a->shed[i] = 1;
            edge_alloc_add(s, i, -a->min_mw[i]);
        }
    }
    for (int32_t n = 0; n < count; n++) {
        if (a->shed[loads[n]])
            put_back_if_it_fits(a, s, loads[n]);
    }
}

void edge_alloc_admit(struct edge_alloc *a, struct space *s)
{
    memset(s->used_nw, 0, (size_t)a->rows * sizeof *s->used_nw);
    for (int32_t priority = 0; priority < EDGE_CLASSES; priority++) {
        if (s->class_start[priority + 1] > s->class_start[priority])
            admit_class(a, s, priority);
    }
}
