/* SPDX-License-Identifier: Apache-2.0 */
/* Filling of a tree in steps of one size. A node with room for k more steps stops its loads
 * when together they have taken k: it is full at that moment. From the leaves up, each node
 * finds its moment by itself, since what stops earlier in it is inside it; a load stops at the
 * earliest moment of the nodes around it. */
#include <string.h> /* memset */

#include "alloc_narrow.h"
#include "alloc_search.h"
#include "alloc_space.h"

/* One class in one part. */
struct filling {
    const struct part *part;
    struct stop *stop;
    const int32_t *loads;
    struct span all;
    int is_even; /* one weight, steps of 1 mW */
};

static void empty_cuts(struct space *s, const struct part *part)
{
    for (int32_t c = part->first_cut; c <= part->last_cut; c++) {
        struct cut *cut = &s->cut[c];
        cut->place = 0;
        cut->steps = cut->min_mw = cut->weight = 0;
    }
}

/* Where no load of the class lies between two cuts, the same lies before both. */
static void close_cuts(struct space *s, const struct part *part)
{
    for (int32_t c = part->first_cut + 1; c <= part->last_cut; c++) {
        struct cut *cut = &s->cut[c];
        if (cut->place > 0)
            continue;
        cut->place = cut[-1].place;
        cut->steps = cut[-1].steps;
        cut->min_mw = cut[-1].min_mw;
        cut->weight = cut[-1].weight;
    }
}

/* The loads side by side; where the cuts fall in the class, and what lies before them. The last
 * load before a cut is the last to write to it: cheaper than to ask after each. */
static void gather(const struct edge_alloc *a, struct space *s, struct filling *f)
{
    int32_t other = 0;
    int64_t steps = 0, min_mw = 0, weight = 0;
    empty_cuts(s, f->part);
    for (int32_t n = 0; n < f->all.count; n++) {
        int32_t i = f->loads[n], load_weight = a->weight[i], load_min_mw = a->min_mw[i];
        int32_t cap = (int32_t)((a->request_mw[i] - load_min_mw + 0.5) * f->all.per_step);
        struct cut *behind = &s->cut[s->cut_before[i] + 1];
        s->weight[n] = load_weight;
        other |= load_weight ^ s->weight[0];
        s->min_mw[n] = load_min_mw;
        s->cap[n] = cap;
        behind->place = n + 1;
        behind->steps = steps += cap;
        behind->min_mw = min_mw += load_min_mw;
        behind->weight = weight += load_weight;
    }
    close_cuts(s, f->part);
    f->is_even = other == 0 && f->all.per_step == 1.0;
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

/* Nodes of one wave that wait for a search side by side. */
struct waiting {
    struct narrow narrow;
    int32_t node[NARROW_LANES];
    int32_t count;
};

/* Cut the loads of a node off when they have taken `room` steps, 1 or more. */
static void cut_off(struct space *s, const struct filling *f, int32_t n, int64_t room)
{
    const struct node *node = &s->node[n];
    int32_t first = s->cut[node->first_cut].place;
    struct moment *full = &f->stop[n].full;
    struct span span = f->all;
    span.weight += first;
    span.min_mw += first;
    span.cap += first;
    span.count = s->cut[node->last_cut].place - first;
    int64_t missing = 0, level = likely_level(s, f, node, room);
    int32_t last = 0;
    if (f->is_even) {
        full->level = edge_alloc_cut_off_even(&span, room, level, &last);
    } else {
        full->level = edge_alloc_search(&span, room, level, &missing);
        last = edge_alloc_cut_off(&span, full->level, missing);
    }
    full->last = f->loads[first + last];
}

/* The same for those that wait. */
static void cut_off_waiting(const struct filling *f, struct waiting *w)
{
    if (w->count == 0)
        return;
    if (f->is_even)
        edge_alloc_cut_off_even_narrow(&f->all, &w->narrow);
    else
        edge_alloc_cut_off_narrow(&f->all, &w->narrow);
    for (int32_t k = 0; k < w->count; k++) {
        struct moment *full = &f->stop[w->node[k]].full;
        full->level = (int64_t)w->narrow.level[k];
        full->last = f->loads[w->narrow.first[k] + w->narrow.last[k]];
    }
    *w = (struct waiting){0};
}

static void let_wait(struct space *s, const struct filling *f, int32_t n, int64_t room,
                     struct waiting *w)
{
    const struct node *node = &s->node[n];
    w->node[w->count] = n;
    w->narrow.first[w->count] = s->cut[node->first_cut].place;
    w->narrow.count[w->count] = s->cut[node->last_cut].place - s->cut[node->first_cut].place;
    w->narrow.steps[w->count] = (double)room;
    w->narrow.level[w->count] = (double)likely_level(s, f, node, room);
    w->count++;
}

/* Is there more than one load, and do they and their sum fit into a lane? */
static int is_narrow(const struct space *s, const struct node *node)
{
    int32_t count = s->cut[node->last_cut].place - s->cut[node->first_cut].place;
    return count > 1 && count <= NARROW_LOADS && steps_in(s, node) <= INT32_MAX;
}

/* Its loads take `room` steps and no more. */
static void stop_node(struct space *s, const struct filling *f, int32_t n, int64_t room,
                      struct waiting *w)
{
    const struct node *node = &s->node[n];
    int32_t first = s->cut[node->first_cut].place, end = s->cut[node->last_cut].place;
    f->stop[n].full = at_start;
    f->stop[n].full.row = node->row;
    if (room == 0)
        memset(f->all.cap + first, 0, (size_t)(end - first) * sizeof *f->all.cap);
    else if (is_narrow(s, node))
        let_wait(s, f, n, room, w);
    else
        cut_off(s, f, n, room);
}

/* Nothing inside the node waits. */
static void stop_if_full(struct space *s, const struct filling *f, int32_t n, struct waiting *w)
{
    struct node *node = &s->node[n];
    int64_t step_mw = (int64_t)f->all.step_mw;
    int64_t room_mw = (s->limit_nw[node->row] - s->used_nw[node->row]) / NW_PER_MW;
    int64_t wanted = steps_in(s, node) - node->missing;
    f->stop[n].full = at_never;
    if ((wanted + 1) * step_mw > room_mw) {
        int64_t room = room_mw / step_mw;
        stop_node(s, f, n, room, w);
        node->missing += wanted - room;
    }
    if (n > f->part->first_node && node->parent >= 0)
        s->node[node->parent].missing += node->missing;
}

/* The place in a wave of its first node from `node` on. */
static int32_t place_in_wave(const struct space *s, int32_t wave, int32_t node)
{
    int32_t low = s->wave_start[wave], end = s->wave_start[wave + 1];
    while (low < end) {
        int32_t middle = low + (end - low) / 2;
        if (s->in_waves[middle] < node)
            low = middle + 1;
        else
            end = middle;
    }
    return low;
}

static void stop_nodes(struct space *s, const struct filling *f)
{
    struct waiting waiting = {0};
    for (int32_t n = f->part->first_node; n < f->part->end_node; n++)
        s->node[n].missing = 0;
    for (int32_t wave = 0; wave < f->part->waves; wave++) {
        int32_t end = place_in_wave(s, wave, f->part->end_node);
        for (int32_t k = place_in_wave(s, wave, f->part->first_node); k < end; k++) {
            stop_if_full(s, f, s->in_waves[k], &waiting);
            if (waiting.count == NARROW_LANES || k + 1 == end)
                cut_off_waiting(f, &waiting);
        }
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
    for (int32_t c = f->part->first_cut; c < f->part->last_cut; c++)
        s->cut[c].row = s->cut[c].node < 0 ? -1 : f->stop[s->cut[c].node].full.row;
    s->cut[f->part->first_cut].steps = 0;
    for (int32_t n = 0; n < f->all.count; n++) {
        int32_t i = f->loads[n], cap = s->cap[n];
        int32_t grant_mw = s->min_mw[n] + cap * step_mw;
        struct cut *cut = &s->cut[s->cut_before[i]];
        cut[1].steps = steps += cap;
        a->grant_mw[i] = grant_mw;
        a->binding_row[i] = a->request_mw[i] - grant_mw < step_mw ? -1 : cut->row;
    }
    for (int32_t c = f->part->first_cut + 1; c <= f->part->last_cut; c++) {
        if (s->cut[c].place == s->cut[c - 1].place)
            s->cut[c].steps = s->cut[c - 1].steps;
    }
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
    struct filling f = {part, s->stop + (size_t)slot * (size_t)a->rows, loads, {0}, 0};
    f.all = (struct span){s->weight, s->min_mw, s->cap, count, step_mw, 1.0 / step_mw};
    gather(a, s, &f);
    stop_nodes(s, &f);
    spread_full(s, &f);
    int32_t around = s->node[part->first_node].parent;
    if (around >= 0 && f.stop[around].full.level < at_never.level)
        cut_off_at(s, &f, f.stop[around].full);
    grant(a, s, &f);
    count_used(s, &f);
}
