/* SPDX-License-Identifier: Apache-2.0 */
/* A change is taken outwards from the innermost node around it, until from around a node all
 * looks as before, or nothing around it is full. */
#include "alloc_space.h"
#include "edge_error.h"

static struct stop *stops_of(const struct edge_alloc *a, const struct space *s, int32_t slot)
{
    return s->stop + (size_t)slot * (size_t)a->rows;
}

/* Fill the node; `was` is what its slots were. 0 if its minimums do not fit. */
static int fill_node(struct edge_alloc *a, struct space *s, int32_t node, struct stop *was)
{
    struct part part = edge_alloc_part_of(s, node);
    if (!edge_alloc_fit_minimums(a, s, &part))
        return 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++) {
        was[slot] = stops_of(a, s, slot)[node];
        struct places of = s->inside[(size_t)slot * (size_t)a->rows + (size_t)node];
        edge_alloc_fill_tree(a, s, &part, slot, of);
    }
    return 1;
}

/* Does the node look as before from around it, if its minimums are as they were? It does if it
 * takes as much, and if none around it became full by a step of a load inside it: then all around
 * it are full when they were. */
static int looks_alike(const struct edge_alloc *a, const struct space *s, int32_t node,
                       const struct stop *was)
{
    int alike = 1;
    int32_t first = s->cut[s->node[node].first_cut].load;
    int32_t end = s->cut[s->node[node].last_cut].load;
    for (int32_t slot = 0; slot < s->tree->slots; slot++) {
        const struct stop *stop = stops_of(a, s, slot);
        int32_t last = stop[s->node[node].parent].full.last;
        alike &= last < first || last >= end;
        alike &= stop[node].more_mw == was[slot].more_mw;
    }
    return alike;
}

/* Is the node the first to be full of those around the loads in it, for any class? */
static int stops_loads(const struct edge_alloc *a, const struct space *s, int32_t node)
{
    int stops = 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++)
        stops |= stops_of(a, s, slot)[node].full.row == s->node[node].row;
    return stops;
}

/* Has the node room for more_mw, and for a step of any class on top of that? */
static int has_room(const struct space *s, int32_t node, int64_t more_mw)
{
    int64_t step_mw = 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++)
        step_mw = s->tree->slot_step_mw[slot] > step_mw ? s->tree->slot_step_mw[slot] : step_mw;
    return more_mw + step_mw <= s->room_mw[node];
}

/* What the node takes more on top of its minimums. */
static int64_t growth_mw(const struct edge_alloc *a, const struct space *s, int32_t node,
                         const struct stop *was)
{
    int64_t more_mw = 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++)
        more_mw += stops_of(a, s, slot)[node].more_mw - was[slot].more_mw;
    return more_mw;
}

/* The next node outwards that stops loads, or would now; -1 if none does. */
static int32_t next_full(const struct edge_alloc *a, const struct space *s, int32_t node,
                         int64_t more_mw)
{
    do
        node = s->node[node].parent;
    while (node >= 0 && !stops_loads(a, s, node) && has_room(s, node, more_mw));
    return node;
}

/* Count what the node takes now in all nodes around it. */
static void pass_on(const struct edge_alloc *a, const struct space *s, int32_t node,
                    const struct stop *was, int64_t more_mw)
{
    for (int32_t out = s->node[node].parent; out >= 0; out = s->node[out].parent) {
        s->room_mw[out] -= more_mw;
        for (int32_t slot = 0; slot < s->tree->slots; slot++) {
            struct stop *stop = stops_of(a, s, slot);
            stop[out].more_mw += stop[node].more_mw - was[slot].more_mw;
        }
    }
}

/* From this node outwards; its minimums have grown by least_mw. */
static int32_t fill_from(struct edge_alloc *a, struct space *s, int32_t node, int32_t least_mw)
{
    struct stop was[SLOTS];
    while (node >= 0 && fill_node(a, s, node, was)) {
        if (s->node[node].parent < 0 || (least_mw == 0 && looks_alike(a, s, node, was)))
            return edge_alloc_blame(a, EDGE_OK, -1, 0);
        int64_t more_mw = least_mw + growth_mw(a, s, node, was);
        int32_t out = next_full(a, s, node, more_mw);
        if (out < 0) {
            pass_on(a, s, node, was, more_mw);
            return edge_alloc_blame(a, EDGE_OK, -1, 0);
        }
        node = out;
    }
    return edge_alloc_solve(a);
}

/* Is the load of the class that it was sorted by, and steps as that class did? */
static int is_in_its_slot(const struct edge_alloc *a, const struct space *s, int32_t load)
{
    int is_in = 0;
    for (int32_t slot = 0; slot < s->tree->slots; slot++)
        is_in |= s->tree->slot_class[slot] == s->class_of[load] &&
                 s->tree->slot_step_mw[slot] == a->step_mw[load];
    return is_in && a->priority[load] == s->class_of[load];
}

/* The minimum that it was filled with. */
static int32_t last_min_mw(const struct space *s, int32_t load)
{
    int32_t priority = s->class_of[load];
    int32_t low = s->class_start[priority], end = s->class_start[priority + 1];
    while (end - low > 1) {
        int32_t middle = low + (end - low) / 2;
        if (s->order[middle] <= load)
            low = middle;
        else
            end = middle;
    }
    return s->min_mw[low];
}

int32_t edge_alloc_change_load(struct edge_alloc *a, int32_t load)
{
    struct space s = edge_alloc_space(a);
    if (load < 0 || load >= a->loads)
        return edge_alloc_blame(a, EDGE_E_RANGE, -1, 0);
    if (!s.tree->is_kept || !is_in_its_slot(a, &s, load))
        return edge_alloc_solve(a);
    int32_t error = edge_alloc_check_load(a, load);
    s.tree->is_kept = error == EDGE_OK;
    if (error != EDGE_OK)
        return error;
    if (a->weight[load] != s.tree->one_weight)
        s.tree->one_weight = 0;
    int32_t node = s.cut[s.cut_before[load]].node;
    return fill_from(a, &s, node, a->min_mw[load] - last_min_mw(&s, load));
}

int32_t edge_alloc_change_limit(struct edge_alloc *a, int32_t row)
{
    struct space s = edge_alloc_space(a);
    if (row < 0 || row >= a->rows)
        return edge_alloc_blame(a, EDGE_E_RANGE, -1, 1);
    if (!s.tree->is_kept)
        return edge_alloc_solve(a);
    int32_t error = edge_alloc_check_limit(a, row);
    s.tree->is_kept = error == EDGE_OK;
    return error == EDGE_OK ? fill_from(a, &s, s.node_of_row[row], 0) : error;
}
