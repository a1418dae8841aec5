/* SPDX-License-Identifier: Apache-2.0 */
#include "edge_alloc.h"

#include <string.h> /* memset */

#include "alloc_space.h"
#include "edge_error.h"

/* The step of these loads, or 0 if they do not all have one. */
static int32_t one_step_mw(const struct edge_alloc *a, const struct space *s, struct places of)
{
    int32_t step_mw = a->step_mw[s->order[of.first]], other = 0;
    if (s->tree->one_step_mw > 0)
        return s->tree->one_step_mw;
    for (int32_t place = of.first; place < of.end; place++)
        other |= a->step_mw[s->order[place]] ^ step_mw;
    return other == 0 ? step_mw : 0;
}

/* Loads of a class that are not shed, moved to the front of its part of order. */
static struct places standing(const struct edge_alloc *a, struct space *s, int32_t priority)
{
    struct places of = {s->class_start[priority], s->class_start[priority + 1]};
    int32_t end = of.first;
    if (s->are_all_kept)
        return of;
    for (int32_t place = of.first; place < of.end; place++) {
        s->order[end] = s->order[place];
        end += !a->shed[s->order[place]];
    }
    return (struct places){of.first, end};
}

/* Rows count in nW, nodes in mW; of what has been granted, only what is left counts. */
static void take_over_from_rows(struct space *s)
{
    for (int32_t n = 0; n < s->tree->nodes; n++) {
        int32_t row = s->node[n].row;
        s->room_mw[n] = (s->limit_nw[row] - s->used_nw[row]) / NW_PER_MW;
    }
}

static void hand_over_to_rows(struct space *s)
{
    for (int32_t n = 0; n < s->tree->nodes; n++) {
        int32_t row = s->node[n].row;
        s->limit_nw[row] = s->room_mw[n] * NW_PER_MW;
        s->used_nw[row] = 0;
    }
}

static void fill_class(struct edge_alloc *a, struct space *s, int32_t priority)
{
    struct tree *tree = s->tree;
    struct places of = standing(a, s, priority);
    if (of.first == of.end)
        return;
    int32_t step_mw = one_step_mw(a, s, of);
    if (tree->nodes == 0 || step_mw == 0) {
        tree->is_kept = 0;
        hand_over_to_rows(s);
        edge_alloc_fill_rows(a, s, s->order + of.first, of.end - of.first);
        take_over_from_rows(s);
        return;
    }
    if (tree->slots == SLOTS) {
        tree->is_kept = 0;
        tree->slots--;
    }
    int32_t slot = tree->slots++;
    struct part whole = edge_alloc_whole(s);
    tree->slot_step_mw[slot] = step_mw;
    edge_alloc_place(a, s, slot, priority, of);
    edge_alloc_fill_tree(a, s, &whole, slot, of);
}

/* Not all loads stand, and those that do are moved together: this order is for one call. */
static void shed(struct edge_alloc *a, struct space *s)
{
    edge_alloc_admit(a, s);
    take_over_from_rows(s);
    edge_alloc_forget(s);
}

int32_t edge_alloc_solve(struct edge_alloc *a)
{
    struct space s = edge_alloc_space(a);
    s.tree->is_kept = 0;
    int32_t error = edge_alloc_check(a, &s);
    if (error != EDGE_OK)
        return error;
    edge_alloc_order(a, &s);
    memset(a->shed, 0, (size_t)a->loads);
    if (!s.are_all_kept)
        shed(a, &s);
    s.tree->is_kept = s.are_all_kept;
    s.tree->slots = 0;
    for (int32_t priority = 0; s.class_start[priority] < a->loads; priority++)
        fill_class(a, &s, priority);
    return EDGE_OK;
}
