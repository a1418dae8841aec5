/* SPDX-License-Identifier: Apache-2.0 */
/* Filling of a tree in steps of one size. A node with room for k more steps stops its loads
 * when together they have taken k: it is full at that moment. From the leaves up, each node
 * finds its moment by itself, since what stops earlier in it is inside it; a load stops at the
 * earliest moment of the nodes around it. */
#include <string.h> /* memset */

#include "alloc_search.h"
#include "alloc_space.h"

/* One class in one part. */
struct filling {
    const struct part *part;
    struct stop *stop;
    const int32_t *loads;
    struct span all;
};

static void gather(const struct edge_alloc *a, struct space *s, const struct filling *f)
{
    for (int32_t n = 0; n < f->all.count; n++) {
        int32_t i = f->loads[n];
        s->weight[n] = a->weight[i];
        s->min_mw[n] = a->min_mw[i];
        s->cap[n] = (int32_t)((a->request_mw[i] - a->min_mw[i] + 0.5) * f->all.per_step);
    }
}

/* Where the cuts fall in the class, and what lies before them. */
static void place_cuts(struct space *s, const struct filling *f)
{
    int32_t place = 0;
    int64_t steps = 0, min_mw = 0, weight = 0;
    for (int32_t c = f->part->first_cut; c <= f->part->last_cut; c++) {
        for (; place < f->all.count && f->loads[place] < s->cut[c].load; place++) {
            steps += s->cap[place];
            min_mw += s->min_mw[place];
            weight += s->weight[place];
        }
        s->cut[c].place = place;
        s->cut[c].steps = steps;
        s->cut[c].min_mw = min_mw;
        s->cut[c].weight = weight;
    }
}

static int64_t steps_in(const struct space *s, const struct node *node)
{
    return s->cut[node->last_cut].steps - s->cut[node->first_cut].steps;
}

static int64_t min_mw_in(const struct space *s, const struct node *node)
{
    return s->cut[node->last_cut].min_mw - s->cut[node->first_cut].min_mw;
}

/* The level if every load of the node were between its minimum and its request. */
static int64_t likely_level(const struct space *s, const struct filling *f,
                            const struct node *node, int64_t room)
{
    int64_t weight = s->cut[node->last_cut].weight - s->cut[node->first_cut].weight;
    double sum_mw = (double)min_mw_in(s, node) + (double)room * f->all.step_mw;
    return (int64_t)level_of((double)weight, sum_mw);
}

/* Cut the loads of a node off when they have taken `room` steps; when that is. */
static struct moment cut_off(struct space *s, const struct filling *f, const struct node *node,
                             int64_t room)
{
    int32_t first = s->cut[node->first_cut].place;
    struct moment full = at_start;
    struct span span = f->all;
    span.weight += first;
    span.min_mw += first;
    span.cap += first;
    span.count = s->cut[node->last_cut].place - first;
    if (room == 0) {
        memset(span.cap, 0, (size_t)span.count * sizeof *span.cap);
    } else {
        int64_t missing = 0;
        int64_t level = likely_level(s, f, node, room);
        full.level = edge_alloc_search(&span, room, level, &missing);
        full.last = f->loads[first + edge_alloc_cut_off(&span, full.level, missing)];
    }
    full.row = node->row;
    return full;
}

static void stop_nodes(struct space *s, const struct filling *f)
{
    int64_t step_mw = (int64_t)f->all.step_mw;
    for (int32_t n = f->part->first_node; n < f->part->end_node; n++)
        s->node[n].missing = 0;
    for (int32_t n = f->part->end_node - 1; n >= f->part->first_node; n--) {
        struct node *node = &s->node[n];
        int64_t room_mw = (s->limit_nw[node->row] - s->used_nw[node->row]) / NW_PER_MW;
        int64_t wanted = steps_in(s, node) - node->missing;
        f->stop[n].full = at_never;
        if ((wanted + 1) * step_mw > room_mw) {
            int64_t room = room_mw / step_mw;
            f->stop[n].full = cut_off(s, f, node, room);
            node->missing += wanted - room;
        }
        if (n > f->part->first_node && node->parent >= 0)
            s->node[node->parent].missing += node->missing;
    }
}

/* From the root down: the moment at which the first of a node and those around it is full. */
static void spread_full(const struct space *s, const struct filling *f)
{
    for (int32_t n = f->part->first_node; n < f->part->end_node; n++) {
        if (s->node[n].parent < 0)
            continue;
        struct moment outer = f->stop[s->node[n].parent].full, *own = &f->stop[n].full;
        int is_same = !is_before(outer, *own) && !is_before(*own, outer);
        if (is_before(outer, *own) || (is_same && outer.row < own->row))
            *own = outer;
    }
}

/* Cut all loads of the part off at a moment that was found outside it. */
static void cut_off_at(struct space *s, const struct filling *f, struct moment when)
{
    for (int32_t n = 0; n < f->all.count; n++) {
        int64_t level = f->loads[n] <= when.last ? when.level : when.level - 1;
        s->cap[n] =
            steps_at(s->weight[n], s->min_mw[n], f->all.per_step, s->cap[n], (double)level);
    }
}

static void grant(struct edge_alloc *a, struct space *s, const struct filling *f)
{
    int32_t step_mw = (int32_t)f->all.step_mw;
    int64_t steps = 0;
    for (int32_t c = f->part->first_cut; c < f->part->last_cut; c++) {
        int32_t row = s->cut[c].node < 0 ? -1 : f->stop[s->cut[c].node].full.row;
        s->cut[c].steps = steps;
        for (int32_t n = s->cut[c].place; n < s->cut[c + 1].place; n++) {
            int32_t i = f->loads[n];
            int32_t more_mw = s->cap[n] * step_mw;
            steps += s->cap[n];
            a->grant_mw[i] = a->min_mw[i] + more_mw;
            a->binding_row[i] = a->request_mw[i] - a->grant_mw[i] < step_mw ? -1 : row;
        }
    }
    s->cut[f->part->last_cut].steps = steps;
}

static void count_used(struct space *s, const struct filling *f)
{
    int64_t step_mw = (int64_t)f->all.step_mw;
    for (int32_t n = f->part->first_node; n < f->part->end_node; n++) {
        const struct node *node = &s->node[n];
        int64_t more_mw = steps_in(s, node) * step_mw;
        f->stop[n].min_mw = min_mw_in(s, node);
        f->stop[n].used_mw = f->stop[n].min_mw + more_mw;
        s->used_nw[node->row] += more_mw * NW_PER_MW;
    }
}

void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const struct part *part,
                          int32_t slot, const int32_t *loads, int32_t count)
{
    int32_t step_mw = s->tree->slot_step_mw[slot];
    struct filling f = {part, s->stop + (size_t)slot * (size_t)a->rows, loads, {0}};
    f.all = (struct span){s->weight, s->min_mw, s->cap, count, step_mw, 1.0 / step_mw};
    gather(a, s, &f);
    place_cuts(s, &f);
    stop_nodes(s, &f);
    spread_full(s, &f);
    int32_t around = s->node[part->first_node].parent;
    if (around >= 0 && f.stop[around].full.level < at_never.level)
        cut_off_at(s, &f, f.stop[around].full);
    grant(a, s, &f);
    count_used(s, &f);
}
