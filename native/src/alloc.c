/* SPDX-License-Identifier: Apache-2.0 */
#include "edge_alloc.h"

#include "alloc_space.h"
#include "edge_error.h"

static int are_steps_alike(const struct edge_alloc *a, const int32_t *loads, int32_t count)
{
    int32_t other = 0;
    for (int32_t n = 0; n < count; n++)
        other |= a->step_mw[loads[n]] ^ a->step_mw[loads[0]];
    return other == 0;
}

/* Loads of a class that are not shed, moved to the front of its part of order. */
static int32_t standing(const struct edge_alloc *a, struct space *s, int32_t priority)
{
    int32_t *loads = s->order + s->class_start[priority];
    int32_t kept = 0;
    if (s->are_all_kept)
        return s->class_start[priority + 1] - s->class_start[priority];
    for (int32_t n = s->class_start[priority]; n < s->class_start[priority + 1]; n++) {
        loads[kept] = s->order[n];
        kept += !a->shed[s->order[n]];
    }
    return kept;
}

static void fill_class(struct edge_alloc *a, struct space *s, int32_t priority)
{
    const int32_t *loads = s->order + s->class_start[priority];
    int32_t count = standing(a, s, priority);
    if (count == 0)
        return;
    if (s->tree->nodes == 0 || !are_steps_alike(a, loads, count)) {
        s->tree->is_kept = 0;
        edge_alloc_fill_rows(a, s, loads, count);
        return;
    }
    if (s->tree->slots == SLOTS) {
        s->tree->is_kept = 0;
        s->tree->slots--;
    }
    int32_t slot = s->tree->slots++;
    struct part whole = edge_alloc_whole(s);
    s->tree->slot_class[slot] = priority;
    s->tree->slot_step_mw[slot] = a->step_mw[loads[0]];
    edge_alloc_fill_tree(a, s, &whole, slot, loads, count);
}

int32_t edge_alloc_solve(struct edge_alloc *a)
{
    struct space s = edge_alloc_space(a);
    s.tree->is_kept = 0;
    int32_t error = edge_alloc_check(a, &s);
    if (error != EDGE_OK)
        return error;
    edge_alloc_order(a, &s, 0, a->loads);
    s.are_all_kept = edge_alloc_admit(a, &s);
    s.tree->is_kept = s.are_all_kept;
    s.tree->slots = 0;
    for (int32_t priority = 0; s.class_start[priority] < a->loads; priority++)
        fill_class(a, &s, priority);
    return EDGE_OK;
}
