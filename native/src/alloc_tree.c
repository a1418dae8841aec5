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
    const struct places *inside; /* by node */
    struct stop *stop;           /* by node */
    const int32_t *loads;        /* by place */
    struct places of;
    struct span all; /* by place */
};

/* The loads side by side: what they are given at least, and the steps they take at most. */
EDGE_WIDE static void gather(const struct edge_alloc *a, const struct filling *f,
                             int32_t *restrict min_mw, int32_t *restrict cap)
{
    double per_step = f->all.per_step;
    for (int32_t n = f->of.first; n < f->of.end; n++) {
        int32_t i = f->loads[n], least_mw = a->min_mw[i];
        min_mw[n] = least_mw;
        cap[n] = (int32_t)((a->request_mw[i] - least_mw + 0.5) * per_step);
    }
}

/* The weight of all loads of the part; 0 if they have several, or do not step by 1 mW. */
static int32_t gather_weights(const struct edge_alloc *a, struct space *s, const struct filling *f)
{
    int32_t first = f->of.first, other = 0;
    if (s->tree->one_weight > 0 && f->all.per_step == 1.0)
        return s->tree->one_weight;
    for (int32_t n = first; n < f->of.end; n++) {
        s->weight[n] = a->weight[f->loads[n]];
        other |= s->weight[n] ^ s->weight[first];
    }
    return other == 0 && f->all.per_step == 1.0 ? s->weight[first] : 0;
}

/* Steps before each load. */
static void sum_up(struct space *s, const struct filling *f)
{
    int64_t steps = 0;
    for (int32_t n = f->of.first; n < f->of.end; n++) {
        s->steps_before[n] = steps;
        steps += s->cap[n];
    }
    s->steps_before[f->of.end] = steps;
}

static int64_t steps_in(const struct space *s, struct places of)
{
    return s->steps_before[of.end] - s->steps_before[of.first];
}

static struct span span_of(const struct filling *f, struct places of)
{
    struct span span = f->all;
    span.weight += of.first;
    span.min_mw += of.first;
    span.cap += of.first;
    span.count = of.end - of.first;
    return span;
}

/* Nodes of one wave that wait for a search side by side. */
struct waiting {
    struct narrow narrow;
    int32_t node[NARROW_LANES];
    int32_t count;
};

/* Cut the loads of a node off when they have taken `room` steps, 1 or more. */
static void cut_off(const struct filling *f, int32_t n, int64_t room)
{
    struct moment *full = &f->stop[n].full;
    struct span span = span_of(f, f->inside[n]);
    int64_t missing;
    int32_t last;
    if (f->all.one_weight > 0) {
        full->level = edge_alloc_cut_off_even(&span, room, &last);
    } else {
        full->level = edge_alloc_search(&span, room, &missing);
        last = edge_alloc_cut_off(&span, full->level, missing);
    }
    full->last = f->loads[f->inside[n].first + last];
}

/* The same for those that wait. */
static void cut_off_waiting(const struct filling *f, struct waiting *w)
{
    if (w->count == 0)
        return;
    if (f->all.one_weight > 0)
        edge_alloc_cut_off_even_narrow(&f->all, &w->narrow);
    else
        edge_alloc_cut_off_narrow(&f->all, &w->narrow);
    for (int32_t k = 0; k < w->count; k++) {
        struct moment *full = &f->stop[w->node[k]].full;
        full->level = (int64_t)w->narrow.level[k];
        full->last = f->loads[w->narrow.first[k] + w->narrow.last[k]];
    }
    w->count = 0;
    memset(w->narrow.count, 0, sizeof w->narrow.count);
    memset(w->narrow.steps, 0, sizeof w->narrow.steps);
}

static void let_wait(const struct filling *f, int32_t n, int64_t room, struct waiting *w)
{
    struct places of = f->inside[n];
    w->node[w->count] = n;
    w->narrow.first[w->count] = of.first;
    w->narrow.count[w->count] = of.end - of.first;
    w->narrow.steps[w->count] = (double)room;
    w->count++;
}

/* Is there more than one load, and do they and their sum fit into a lane? */
static int is_narrow(const struct space *s, struct places of)
{
    int32_t count = of.end - of.first;
    return count > 1 && count <= NARROW_LOADS && steps_in(s, of) <= INT32_MAX;
}

/* The loads of a full node take as many steps as it has room for, and no more. */
static void stop_node(struct space *s, const struct filling *f, int32_t n, struct waiting *w)
{
    struct places of = f->inside[n];
    int64_t room = s->room_mw[n] / (int64_t)f->all.step_mw;
    f->stop[n].full = at_start;
    f->stop[n].full.row = s->node[n].row;
    if (room == 0)
        memset(f->all.cap + of.first, 0, (size_t)(of.end - of.first) * sizeof *f->all.cap);
    else if (is_narrow(s, of))
        let_wait(f, n, room, w);
    else
        cut_off(f, n, room);
}

/* List the nodes with too little room, each once all inside it have taken what they can. */
static void find_full(struct space *s, const struct filling *f)
{
    const struct part *part = f->part;
    int64_t step_mw = (int64_t)f->all.step_mw;
    memset(s->missing + part->first_node, 0,
           (size_t)(part->end_node - part->first_node) * sizeof *s->missing);
    memset(s->full_count, 0, (size_t)part->waves * sizeof *s->full_count);
    for (int32_t n = part->end_node - 1; n >= part->first_node; n--) {
        const struct node *node = &s->node[n];
        int64_t missing = s->missing[n], room_mw = s->room_mw[n];
        int64_t wanted = steps_in(s, f->inside[n]) - missing;
        f->stop[n].full = at_never;
        if ((wanted + 1) * step_mw > room_mw) {
            missing += wanted - room_mw / step_mw;
            s->full_node[s->wave_start[node->wave] + s->full_count[node->wave]++] = n;
        }
        if (n > part->first_node && node->parent >= 0)
            s->missing[node->parent] += missing;
    }
}

static void stop_full(struct space *s, const struct filling *f)
{
    struct waiting waiting = {0};
    for (int32_t wave = 0; wave < f->part->waves; wave++) {
        const int32_t *nodes = s->full_node + s->wave_start[wave];
        for (int32_t k = 0; k < s->full_count[wave]; k++) {
            stop_node(s, f, nodes[k], &waiting);
            if (waiting.count == NARROW_LANES || k + 1 == s->full_count[wave])
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
        int is_same = outer.level == own->level && outer.last == own->last;
        if (is_before(outer, *own) || (is_same && outer.row < own->row))
            *own = outer;
    }
}

/* Cut all loads of the part off at a moment that was found outside it. */
static void cut_off_at(struct space *s, const struct filling *f, struct moment when)
{
    for (int32_t n = f->of.first; n < f->of.end; n++) {
        int64_t level = f->loads[n] <= when.last ? when.level : when.level - 1;
        int32_t weight = f->all.one_weight > 0 ? f->all.one_weight : s->weight[n];
        s->cap[n] = steps_at(weight, s->min_mw[n], f->all.per_step, s->cap[n], (double)level);
    }
}

/* The grants; now steps are summed up over those before each load. */
static void grant(struct edge_alloc *a, struct space *s, const struct filling *f)
{
    int32_t step_mw = (int32_t)f->all.step_mw;
    int64_t steps = 0;
    for (int32_t c = f->part->first_cut; c < f->part->last_cut; c++)
        s->cut_row[c] = s->cut[c].node < 0 ? -1 : f->stop[s->cut[c].node].full.row;
    for (int32_t n = f->of.first; n < f->of.end; n++) {
        int32_t i = f->loads[n], cap = s->cap[n];
        int32_t grant_mw = s->min_mw[n] + cap * step_mw;
        int32_t has_all = -(a->request_mw[i] - grant_mw < step_mw); /* bits, or none */
        s->steps_before[n] = steps;
        steps += cap;
        a->grant_mw[i] = grant_mw;
        a->binding_row[i] = s->cut_row[s->cut_before[i]] | has_all;
    }
    s->steps_before[f->of.end] = steps;
}

static void count_used(struct space *s, const struct filling *f)
{
    int64_t step_mw = (int64_t)f->all.step_mw;
    for (int32_t n = f->part->first_node; n < f->part->end_node; n++) {
        f->stop[n].more_mw = steps_in(s, f->inside[n]) * step_mw;
        s->room_mw[n] -= f->stop[n].more_mw;
    }
}

void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const struct part *part,
                          int32_t slot, struct places of)
{
    size_t start = (size_t)slot * (size_t)a->rows;
    int32_t step_mw = s->tree->slot_step_mw[slot];
    struct filling f = {part, s->inside + start, s->stop + start, s->order, of, {0}};
    f.all = (struct span){.weight = s->weight, .min_mw = s->min_mw, .cap = s->cap,
                          .step_mw = step_mw, .per_step = 1.0 / step_mw};
    f.all.one_weight = gather_weights(a, s, &f);
    gather(a, &f, s->min_mw, s->cap);
    sum_up(s, &f);
    find_full(s, &f);
    stop_full(s, &f);
    spread_full(s, &f);
    int32_t around = s->node[part->first_node].parent;
    if (around >= 0 && f.stop[around].full.level < at_never.level)
        cut_off_at(s, &f, f.stop[around].full);
    grant(a, s, &f);
    count_used(s, &f);
}
