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
    s.tree->is_kept = edge_alloc_admit(a, &s);
    s.tree->slots = 0;
    for (int32_t priority = 0; priority < EDGE_CLASSES; priority++)
        fill_class(a, &s, priority);
    return EDGE_OK;
}

/* --- changes ------------------------------------------------------------------------------ */

enum outcome { SETTLED, REACHES_OUT, NEEDS_ALL };

static int do_minimums_fit(const struct edge_alloc *a, struct space *s, const struct part *part)
{
    int fit = edge_alloc_sum_minimums(a, s, part);
    for (int32_t n = part->first_node; n < part->end_node; n++)
        fit &= s->used_nw[s->node[n].row] <= s->limit_nw[s->node[n].row];
    return fit;
}

/* Is every load of the part of a class that has a slot, and steps as that class did? */
static int has_slots(const struct edge_alloc *a, const struct space *s, int32_t first, int32_t end)
{
    int32_t known = 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++) {
        int32_t priority = s->tree->slot_class[slot];
        for (int32_t n = s->class_start[priority]; n < s->class_start[priority + 1]; n++)
            known += a->step_mw[s->order[n]] == s->tree->slot_step_mw[slot];
    }
    return known == end - first;
}

/* Fill the class within the node. Does it then look as before from around it? It does if it
 * takes as much, and if no node around it became full by a step of a load inside it: then all
 * around it are full when they were. */
static int fill_slot(struct edge_alloc *a, struct space *s, const struct part *part, int32_t slot)
{
    const struct stop *stop = s->stop + (size_t)slot * (size_t)a->rows;
    struct stop before = stop[part->first_node];
    int32_t priority = s->tree->slot_class[slot];
    int32_t first = s->class_start[priority];
    edge_alloc_fill_tree(a, s, part, slot, s->order + first, s->class_start[priority + 1] - first);
    int32_t around = s->node[part->first_node].parent;
    if (around < 0)
        return 1;
    int32_t last = stop[around].full.last;
    const struct stop *after = &stop[part->first_node];
    int is_outside = last < s->cut[part->first_cut].load || last >= s->cut[part->last_cut].load;
    return is_outside && after->used_mw == before.used_mw && after->min_mw == before.min_mw;
}

static enum outcome fill_node(struct edge_alloc *a, struct space *s, int32_t node)
{
    struct part part = edge_alloc_part_of(s, node);
    int32_t first = s->cut[part.first_cut].load, end = s->cut[part.last_cut].load;
    if (!do_minimums_fit(a, s, &part))
        return NEEDS_ALL;
    edge_alloc_order(a, s, first, end);
    if (!has_slots(a, s, first, end))
        return NEEDS_ALL;
    int is_settled = 1;
    for (int32_t slot = 0; slot < s->tree->slots; slot++)
        is_settled &= fill_slot(a, s, &part, slot);
    return is_settled ? SETTLED : REACHES_OUT;
}

static int32_t fill_from(struct edge_alloc *a, struct space *s, int32_t node)
{
    enum outcome outcome = node < 0 ? NEEDS_ALL : REACHES_OUT;
    while (outcome == REACHES_OUT) {
        outcome = fill_node(a, s, node);
        node = s->node[node].parent;
    }
    return outcome == SETTLED ? edge_alloc_blame(a, EDGE_OK, -1, 0) : edge_alloc_solve(a);
}

static int32_t innermost_node(const struct space *s, int32_t load)
{
    int32_t low = 0, high = s->tree->cuts;
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (s->cut[middle].load <= load)
            low = middle;
        else
            high = middle;
    }
    return s->cut[low].node;
}

int32_t edge_alloc_change_load(struct edge_alloc *a, int32_t load)
{
    struct space s = edge_alloc_space(a);
    if (load < 0 || load >= a->loads)
        return edge_alloc_blame(a, EDGE_E_RANGE, -1, 0);
    if (!s.tree->is_kept)
        return edge_alloc_solve(a);
    int32_t error = edge_alloc_check_load(a, load);
    s.tree->is_kept = error == EDGE_OK;
    return error == EDGE_OK ? fill_from(a, &s, innermost_node(&s, load)) : error;
}

int32_t edge_alloc_change_limit(struct edge_alloc *a, int32_t row)
{
    struct space s = edge_alloc_space(a);
    if (row < 0 || row >= a->rows)
        return edge_alloc_blame(a, EDGE_E_RANGE, -1, 1);
    if (!s.tree->is_kept)
        return edge_alloc_solve(a);
    int32_t error = edge_alloc_check_limit(a, &s, row);
    s.tree->is_kept = error == EDGE_OK;
    return error == EDGE_OK ? fill_from(a, &s, s.node_of_row[row]) : error;
}
