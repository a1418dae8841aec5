/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of one weight that take steps of 1 mW take them together: each time that weight * level,
 * their share, reaches a whole number of mW. So whole numbers are enough, and shares are sought
 * instead of levels. */
#include "alloc_search.h"

static const int32_t share_max = 1 << 30;

struct held {
    int64_t steps;
    int32_t rising; /* loads between their minimum and their cap */
};

static inline int32_t taken(int32_t share_mw, int32_t min_mw, int32_t cap)
{
    int32_t steps = share_mw - min_mw;
    steps = steps < cap ? steps : cap;
    return steps > 0 ? steps : 0;
}

static inline struct held held_at(const struct span *p, int32_t share_mw)
{
    struct held held = {0, 0};
    for (int32_t n = 0; n < p->count; n++) {
        int32_t steps = taken(share_mw, p->min_mw[n], p->cap[n]);
        held.steps += steps;
        held.rising += (steps > 0) & (steps < p->cap[n]);
    }
    return held;
}

/* The first share at which all have what they want. */
static inline int32_t highest_share(const struct span *p)
{
    int32_t highest = 1;
    for (int32_t n = 0; n < p->count; n++) {
        int32_t share_mw = p->min_mw[n] + p->cap[n];
        highest = share_mw > highest ? share_mw : highest;
    }
    return highest;
}

/* The first share with the steps, if the same loads are rising there. */
static inline int64_t share_ahead(int32_t share_mw, int64_t missing, int32_t rising)
{
    return share_mw + (missing > 0 ? missing + rising - 1 : missing) / rising;
}

static inline int32_t between(int32_t lowest, int64_t share_mw, int32_t highest)
{
    share_mw = share_mw < highest ? share_mw : highest;
    return (int32_t)(share_mw > lowest ? share_mw : lowest);
}

EDGE_WIDE static int32_t find_share(const struct span *p, int64_t steps, int64_t likely_mw,
                                    int64_t *missing)
{
    int32_t below = 0, above = highest_share(p); /* fewer are held at below, enough at above */
    int64_t below_steps = 0;
    for (int32_t round = 1; above - below > 1; round++) {
        int32_t share_mw = between(below + 1, likely_mw, above - 1);
        struct held held = held_at(p, share_mw);
        if (held.steps >= steps) {
            above = share_mw;
        } else {
            below = share_mw;
            below_steps = held.steps;
        }
        likely_mw = below + (above - below) / 2;
        if (round % 4 != 0 && held.rising > 0)
            likely_mw = share_ahead(share_mw, steps - held.steps, held.rising);
    }
    *missing = steps - below_steps;
    return above;
}

static inline int32_t steps_on(const struct span *p, int32_t share_mw, int32_t n)
{
    return taken(share_mw, p->min_mw[n], p->cap[n]) -
           taken(share_mw - 1, p->min_mw[n], p->cap[n]);
}

/* The last that takes a step on the share. Whole blocks are counted as wide as they come. */
static inline int32_t last_on(const struct span *p, int32_t share_mw, int64_t missing)
{
    enum { BLOCK = 64 };
    int32_t first = 0, taken_in_block = 0;
    for (; first + BLOCK < p->count; first += BLOCK) {
        taken_in_block = 0;
        for (int32_t n = first; n < first + BLOCK; n++)
            taken_in_block += steps_on(p, share_mw, n);
        if (taken_in_block >= missing)
            break;
        missing -= taken_in_block;
    }
    for (int32_t n = first; ; n++) {
        missing -= steps_on(p, share_mw, n);
        if (missing <= 0)
            return n;
    }
}

/* Lower cap; returns the last that takes a step on the share. */
EDGE_WIDE static int32_t stop_at(const struct span *p, int32_t share_mw, int64_t missing)
{
    int32_t last = last_on(p, share_mw, missing);
    for (int32_t n = 0; n < p->count; n++)
        p->cap[n] = taken(share_mw - (n > last), p->min_mw[n], p->cap[n]);
    return last;
}

int64_t edge_alloc_cut_off_even(const struct span *p, int64_t steps, int64_t level, int32_t *last)
{
    int64_t missing = 0;
    int32_t weight = p->one_weight;
    int32_t share_mw = find_share(p, steps, level * weight / EDGE_LEVEL_UNIT, &missing);
    *last = stop_at(p, share_mw, missing);
    return ((int64_t)share_mw * EDGE_LEVEL_UNIT + weight - 1) / weight;
}
