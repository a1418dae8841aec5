/* SPDX-License-Identifier: Apache-2.0 */
/* Filling of a tree in steps of one size. A node with room for k more steps stops its loads
 * when together they have taken k: it is full at that moment. From the leaves up, each node
 * finds its moment by itself, since what stops earlier in it is inside it; a load stops at the
 * earliest moment of the nodes around it. */
#include "alloc_search.h"
#include "alloc_space.h"

static double gather(const struct edge_alloc *a, struct space *s, const int32_t *loads,
                     int32_t count)
{
    double per_step = 1.0 / a->step_mw[loads[0]];
    for (int32_t n = 0; n < count; n++) {
        int32_t i = loads[n];
        s->weight[n] = a->weight[i];
        s->min_mw[n] = a->min_mw[i];
        s->cap[n] = (int32_t)((a->request_mw[i] - a->min_mw[i] + 0.5) * per_step);
    }
    return per_step;
}

/* Where the cuts fall in the class, and how many steps the loads before them want. */
static void place_cuts(struct space *s, const int32_t *loads, int32_t count)
{
    int32_t place = 0;
    int64_t sum = 0;
    for (int32_t c = 0; c <= s->tree->cuts; c++) {
        for (; place < count && loads[place] < s->cut[c].load; place++)
            sum += s->cap[place];
        s->cut[c].place = place;
        s->cut[c].sum = sum;
    }
}

static int64_t sum_of(const struct space *s, const struct node *node)
{
    return s->cut[node->last_cut].sum - s->cut[node->first_cut].sum;
}

static void stop_node(struct space *s, struct node *node, int64_t room, const int32_t *loads,
                      const struct span *all)
{
    int32_t first = s->cut[node->first_cut].place;
    struct span span = *all;
    span.weight += first;
    span.min_mw += first;
    span.cap += first;
    span.count = s->cut[node->last_cut].place - first;
    if (room == 0) {
        node->full = at_start;
        for (int32_t n = 0; n < span.count; n++)
            span.cap[n] = 0;
        return;
    }
    int64_t missing = 0;
    node->full.level = edge_alloc_search(&span, room, &missing);
    node->full.last = loads[first + edge_alloc_cut_off(&span, node->full.level, missing)];
}

static void stop_nodes(struct space *s, const int32_t *loads, const struct span *all)
{
    int64_t step_mw = (int64_t)all->step_mw;
    for (int32_t n = 0; n < s->tree->nodes; n++)
        s->node[n].missing = 0;
    for (int32_t n = s->tree->nodes - 1; n >= 0; n--) {
        struct node *node = &s->node[n];
        int64_t room_mw = (s->limit_nw[node->row] - s->used_nw[node->row]) / NW_PER_MW;
        int64_t wanted = sum_of(s, node) - node->missing;
        node->full = at_never;
        if ((wanted + 1) * step_mw > room_mw) {
            int64_t room = room_mw / step_mw;
            stop_node(s, node, room, loads, all);
            node->missing += wanted - room;
        }
        if (node->parent >= 0)
            s->node[node->parent].missing += node->missing;
    }
}

/* From the root down: full and row become those of the node that is full first. */
static void spread_full(struct space *s, int32_t *row_of)
{
    for (int32_t n = 0; n < s->tree->nodes; n++) {
        struct node *node = &s->node[n];
        row_of[n] = node->row;
        if (node->parent < 0)
            continue;
        const struct node *parent = &s->node[node->parent];
        int is_later = is_before(parent->full, node->full);
        int is_same = !is_later && !is_before(node->full, parent->full);
        if (is_later || (is_same && row_of[node->parent] < node->row)) {
            node->full = parent->full;
            row_of[n] = row_of[node->parent];
        }
    }
}

static void grant(struct edge_alloc *a, struct space *s, const int32_t *loads, int32_t step_mw)
{
    int64_t sum = 0;
    for (int32_t c = 0; c < s->tree->cuts; c++) {
        int32_t row = s->cut[c].node < 0 ? -1 : s->heap[s->cut[c].node];
        s->cut[c].sum = sum;
        for (int32_t n = s->cut[c].place; n < s->cut[c + 1].place; n++) {
            int32_t i = loads[n];
            int32_t more_mw = s->cap[n] * step_mw;
            sum += s->cap[n];
            a->grant_mw[i] = a->min_mw[i] + more_mw;
            a->binding_row[i] = a->request_mw[i] - a->grant_mw[i] < step_mw ? -1 : row;
        }
    }
    s->cut[s->tree->cuts].sum = sum;
}

void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const int32_t *loads,
                          int32_t count)
{
    int32_t step_mw = a->step_mw[loads[0]];
    double per_step = gather(a, s, loads, count);
    struct span all = {s->weight, s->min_mw, s->cap, count, step_mw, per_step};
    place_cuts(s, loads, count);
    stop_nodes(s, loads, &all);
    spread_full(s, s->heap);
    grant(a, s, loads, step_mw);
    for (int32_t n = 0; n < s->tree->nodes; n++) {
        const struct node *node = &s->node[n];
        s->used_nw[node->row] += sum_of(s, node) * step_mw * NW_PER_MW;
    }
}
