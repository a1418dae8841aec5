/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_narrow.h"

#include "alloc_lanes.h"

/* Added to a number below 2^51 and taken away again, it leaves the nearest whole number. */
static const double to_whole = (double)((int64_t)1 << 52);

/* The loads at one place of each span, and where they take their steps, in levels: one by one
 * after `start`. That is half a grain early, so that no rounding moves it beyond a whole number:
 * a level grant_mw * EDGE_LEVEL_UNIT / weight is 1 / weight from a whole number that it is not,
 * and 4 roundings move it by less than 2^-6 / weight. Rounded up, it is exact. */
struct narrow_load {
    struct lanes of;
    four start;
    four per_step;
};

struct narrow_loads {
    struct narrow_load at[NARROW_LOADS];
    four min_mw, weight; /* sums */
    int32_t most;        /* of a span */
};

/* As in edge_alloc_search: the level of each lane is in (below, above]. */
struct narrow_state {
    four steps; /* wanted */
    four level; /* to look at next */
    four below, above;
    four below_steps;
};

static inline four_ints pick(const int32_t *array, const int32_t *first, int32_t j)
{
    return (four_ints){array[first[0] + j], array[first[1] + j], array[first[2] + j],
                       array[first[3] + j]};
}

/* The lanes from `from` on. */
static inline void load_narrow(const struct span *p, const struct narrow *n, int32_t from,
                               struct narrow_loads *loads)
{
    const int32_t *first = n->first + from;
    four_ints count = four_from(n->count + from);
    loads->most = 0;
    loads->min_mw = loads->weight = (four){0, 0, 0, 0};
    for (int32_t lane = 0; lane < LANES; lane++)
        loads->most = count[lane] > loads->most ? count[lane] : loads->most;
    for (int32_t j = 0; j < loads->most; j++) {
        four_ints is_inside = count > j;
        struct narrow_load *load = &loads->at[j];
        four_ints weight = pick(p->weight, first, j), min_mw = pick(p->min_mw, first, j);
        load->of.weight = to_doubles(weight);
        load->of.min_mw = to_doubles(min_mw);
        load->of.cap = to_doubles(pick(p->cap, first, j) & is_inside);
        loads->weight += to_doubles(weight & is_inside);
        loads->min_mw += to_doubles(min_mw & is_inside);
        four per_weight = 1.0 / load->of.weight;
        load->start = (load->of.min_mw * (double)EDGE_LEVEL_UNIT - 0.5) * per_weight;
        load->per_step = (p->step_mw * (double)EDGE_LEVEL_UNIT) * per_weight;
    }
}

/* As lanes_at, each lane at its own level. */
static inline four narrow_at(const struct span *p, const struct lanes *of, const four *level)
{
    four steps = (of->weight * (*level * MW_PER_LEVEL) - of->min_mw + HALF_GRAIN) * p->per_step;
    steps = CHOOSE(steps < of->cap, steps, of->cap);
    steps = (four)((four_masks)steps & (four_masks)(steps > 0.0));
    return to_doubles(__builtin_convertvector(steps, four_ints));
}

static inline four whole_from(const four *level)
{
    four nearest = (*level + to_whole) - to_whole;
    four_masks is_low = (four_masks)(nearest < *level);
    return nearest + (four)(is_low & (four_masks)((four){0, 0, 0, 0} + 1.0));
}

/* The level inside the bracket at which the slope promises the steps, or its middle. */
static inline void look_ahead(const struct span *p, struct narrow_state *s, const four *held,
                              const four *weight, int is_middle)
{
    four ahead = (s->steps - *held) * (p->step_mw * EDGE_LEVEL_UNIT);
    four guess = s->level + ahead / *weight; /* may be infinite, or no number */
    four lowest = s->below + 1.0, highest = s->above - 1.0;
    if (is_middle)
        guess = (s->below + s->above) * 0.5;
    guess = CHOOSE(guess < highest, guess, highest);
    guess = CHOOSE(guess > lowest, guess, lowest);
    s->level = (guess + to_whole) - to_whole;
}

/* Look at the level; narrow the bracket to the steps next to it. A lane that has been closed in
 * on stays as it is. */
static inline void close_in(const struct span *p, const struct narrow_loads *loads,
                            struct narrow_state *s, int is_middle)
{
    four held = {0, 0, 0, 0}, weight = held, last = held, next = held + (double)level_max;
    for (int32_t j = 0; j < loads->most; j++) {
        const struct narrow_load *load = &loads->at[j];
        const struct lanes *of = &load->of;
        four steps = narrow_at(p, of, &s->level);
        four reached = load->start + steps * load->per_step;
        four next_level = reached + load->per_step;
        four_masks has_some = (four_masks)(steps > 0.0);
        four_masks has_more = (four_masks)(steps < of->cap);
        four now_level = (four)(has_some & (four_masks)reached);
        held += steps;
        weight += (four)(has_some & has_more & (four_masks)of->weight);
        last = CHOOSE(now_level > last, now_level, last);
        next = CHOOSE(has_more & (four_masks)(next_level < next), next_level, next);
    }
    four_masks is_enough = (four_masks)(held >= s->steps);
    s->above = CHOOSE(is_enough, whole_from(&last), s->above);
    s->below = CHOOSE(is_enough, s->below, whole_from(&next) - 1.0);
    s->below_steps = CHOOSE(is_enough, s->below_steps, held);
    look_ahead(p, s, &held, &weight, is_middle);
}

static inline void search(const struct span *p, const struct narrow_loads *loads,
                          struct narrow_state *s)
{
    four open = s->below - s->above;
    for (int32_t round = 1; lowest_lane(&open) < -1.0; round++) {
        close_in(p, loads, s, round % 4 == 0);
        open = s->below - s->above;
    }
}

/* Lower the caps; the last load of each lane that takes a step. */
static inline four stop_at(const struct span *p, const struct narrow_state *s,
                           struct narrow_loads *loads)
{
    four place = {0, 0, 0, 0}, last = place - 1.0;
    four missing = s->steps - s->below_steps, before = s->above - 1.0;
    for (int32_t j = 0; j < loads->most; j++) {
        four held = narrow_at(p, &loads->at[j].of, &before);
        four steps = narrow_at(p, &loads->at[j].of, &s->above);
        steps = CHOOSE(missing > 0.0, steps, held);
        last = CHOOSE(steps > held, place, last);
        missing -= steps - held;
        loads->at[j].of.cap = steps;
        place += 1.0;
    }
    return last;
}

EDGE_WIDE static void cut_off_four(const struct span *p, struct narrow *n, int32_t from)
{
    struct narrow_loads loads;
    struct narrow_state s;
    load_narrow(p, n, from, &loads);
    memcpy(&s.steps, n->steps + from, sizeof s.steps);
    four likely = (loads.min_mw + s.steps * p->step_mw) * (double)EDGE_LEVEL_UNIT / loads.weight;
    s.level = (likely + to_whole) - to_whole; /* between two, it would hold steps of the upper one */
    s.below_steps = (four){0, 0, 0, 0};
    s.below = s.below_steps - 1.0;
    s.above = s.below_steps + (double)level_max;
    search(p, &loads, &s);
    four last = stop_at(p, &s, &loads);
    for (int32_t lane = 0; lane < LANES; lane++) {
        int32_t *cap = p->cap + n->first[from + lane];
        for (int32_t j = 0; j < n->count[from + lane]; j++)
            cap[j] = (int32_t)loads.at[j].of.cap[lane];
        n->level[from + lane] = s.above[lane];
        n->last[from + lane] = (int32_t)last[lane];
    }
}

void edge_alloc_cut_off_narrow(const struct span *p, struct narrow *n)
{
    for (int32_t from = 0; from < NARROW_LANES && n->count[from] > 0; from += LANES)
        cut_off_four(p, n, from);
}
