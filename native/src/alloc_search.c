/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_search.h"

#include "alloc_lanes.h"

struct held {
    int64_t steps;
    int64_t weight; /* of those between their minimum and their cap */
};

static inline struct held held_at(const struct span *p, int64_t level)
{
    four held = {0, 0, 0, 0}, weight = {0, 0, 0, 0};
    for (int32_t n = 0; n < p->count; n += LANES) {
        struct lanes lanes = lanes_of(p, n);
        four steps = to_doubles(lanes_at(p, &lanes, level));
        four_masks is_rising = (four_masks)(steps > 0.0) & (four_masks)(steps < lanes.cap);
        held += steps;
        weight += (four)((four_masks)lanes.weight & is_rising);
    }
    return (struct held){sum_lanes(&held), sum_lanes(&weight)};
}

/* Level, not rounded up, of the last step up to `level`. */
static inline double step_before(const struct span *p, int64_t level)
{
    four nearest = {0, 0, 0, 0};
    for (int32_t n = 0; n < p->count; n += LANES) {
        struct lanes lanes = lanes_of(p, n);
        four steps = to_doubles(lanes_at(p, &lanes, level));
        four back = -levels_of(p, &lanes, &steps);
        four_masks is_nearer = (four_masks)(steps > 0.0) & (four_masks)(back < nearest);
        nearest = CHOOSE(is_nearer, back, nearest);
    }
    return -lowest_lane(&nearest);
}

/* Of the first one after it. */
static inline double step_after(const struct span *p, int64_t level)
{
    four nearest = (four){0, 0, 0, 0} + (double)level_max;
    for (int32_t n = 0; n < p->count; n += LANES) {
        struct lanes lanes = lanes_of(p, n);
        four steps = to_doubles(lanes_at(p, &lanes, level));
        four then = steps + 1.0;
        four next = levels_of(p, &lanes, &then);
        four_masks is_nearer = (four_masks)(steps < lanes.cap);
        is_nearer &= (four_masks)(next < nearest);
        nearest = CHOOSE(is_nearer, next, nearest);
    }
    return lowest_lane(&nearest);
}

/* The level if every load were between its minimum and its cap. */
static inline int64_t likely_level(const struct span *p, int64_t steps)
{
    int64_t weight = 0, min_mw = 0;
    for (int32_t n = 0; n < p->count; n++) {
        weight += p->weight[n];
        min_mw += p->min_mw[n];
    }
    double sum_mw = (double)min_mw + (double)steps * p->step_mw;
    return (int64_t)level_of((double)weight, sum_mw);
}

/* The level is in (below, above]: fewer than `steps` are held at below, enough at above. */
struct bracket {
    int64_t below, above;
};

/* Narrow the bracket to the steps next to `level`, which is one of its ends. */
static inline void snap(const struct span *p, int64_t level, struct bracket *b)
{
    if (level == b->above)
        b->above = round_up(step_before(p, level));
    else
        b->below = round_up(step_after(p, level)) - 1;
}

/* The level inside the bracket at which the slope promises `steps`. */
static inline int64_t level_ahead(const struct span *p, int64_t at, struct held held, int64_t steps,
                           const struct bracket *b)
{
    double ahead = (double)(steps - held.steps) * p->step_mw * EDGE_LEVEL_UNIT;
    double guess = (double)at + ahead / (double)held.weight; /* may be infinite, or no number */
    double highest = (double)(b->above - 1), lowest = (double)(b->below + 1);
    guess = guess < highest ? guess : highest;
    guess = guess > lowest ? guess : lowest;
    return (int64_t)guess;
}

EDGE_WIDE int64_t edge_alloc_search(const struct span *p, int64_t steps, int64_t *missing)
{
    struct bracket b = {-1, level_max};
    int64_t below_steps = 0, level = likely_level(p, steps);
    for (int32_t round = 1; b.above - b.below > 1; round++) {
        struct held held = held_at(p, level);
        int64_t beyond = held.steps - steps, at = level;
        if (beyond >= 0) {
            b.above = level;
        } else {
            b.below = level;
            below_steps = held.steps;
        }
        if (b.above - b.below > 1 && beyond <= p->count && beyond >= -p->count)
            snap(p, level, &b);
        level = b.below + (b.above - b.below) / 2;
        if (round % 4 != 0)
            level = level_ahead(p, at, held, steps, &b);
    }
    *missing = steps - below_steps;
    return b.above;
}

/* Cap becomes twice what is held before the steps of `level`, and 1 more for a step on it. */
static inline void mark_steps(const struct span *p, int64_t level)
{
    for (int32_t n = 0; n < p->count; n += LANES) {
        struct lanes lanes = lanes_of(p, n);
        four_ints before = lanes_at(p, &lanes, level - 1);
        four_ints marked = before + lanes_at(p, &lanes, level);
        four_ints inside = where_inside(p, n);
        marked = (marked & inside) | (four_from(p->cap + n) & ~inside);
        memcpy(p->cap + n, &marked, sizeof marked);
    }
}

EDGE_WIDE int32_t edge_alloc_cut_off(const struct span *p, int64_t level, int64_t missing)
{
    int32_t last = -1;
    mark_steps(p, level);
    for (int32_t n = 0; n < p->count; n++) {
        int32_t steps = (p->cap[n] & 1) & (missing > 0);
        last = steps ? n : last;
        missing -= steps;
        p->cap[n] = (p->cap[n] >> 1) + steps;
    }
    return last;
}
