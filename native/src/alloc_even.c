/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of one weight that take steps of 1 mW take them together: each time that weight * level,
 * their share, reaches a whole number of mW. So whole numbers are enough, and shares are sought
 * instead of levels. */
#include "alloc_search.h"

/* Steps that are held at a share; how many of them are taken on it, and how many would be on the
 * next. */
struct held {
    int64_t steps;
    int32_t on, next;
};

static inline int32_t taken(int32_t share_mw, int32_t min_mw, int32_t cap)
{
    int32_t steps = share_mw - min_mw;
    steps = steps < cap ? steps : cap;
    return steps > 0 ? steps : 0;
}

static inline struct held held_at(const struct span *p, int32_t share_mw)
{
    struct held held = {0, 0, 0};
    for (int32_t n = 0; n < p->count; n++) {
        int32_t above_min = share_mw - p->min_mw[n], cap = p->cap[n];
        held.steps += taken(share_mw, p->min_mw[n], cap);
        held.on += (above_min > 0) & (above_min <= cap);
        held.next += (above_min >= 0) & (above_min < cap);
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

/* The share is in (below, above]: fewer steps are held at below, enough at above. */
struct shares {
    int32_t below, above;
    int64_t below_steps;
};

/* Look at a share and those beside it. Returns the share that promises the steps. */
static inline int64_t close_in(const struct span *p, int64_t steps, int32_t share_mw,
                               struct shares *s)
{
    struct held held = held_at(p, share_mw);
    int64_t missing = steps - held.steps;
    if (missing > 0) {
        s->below = share_mw;
        s->below_steps = held.steps;
        s->above = missing <= held.next ? share_mw + 1 : s->above;
        return held.next > 0 ? share_mw + (missing + held.next - 1) / held.next : s->above;
    }
    s->above = share_mw;
    if (missing + held.on > 0) {
        s->below = share_mw - 1;
        s->below_steps = held.steps - held.on;
    }
    return held.on > 0 ? share_mw + missing / held.on : s->below;
}

/* The share if every load were between its minimum and its cap. */
static inline int64_t likely_share(const struct span *p, int64_t steps)
{
    int64_t sum_mw = steps;
    for (int32_t n = 0; n < p->count; n++)
        sum_mw += p->min_mw[n];
    return sum_mw / p->count;
}

EDGE_WIDE static int32_t find_share(const struct span *p, int64_t steps, int64_t *missing)
{
    struct shares s = {0, highest_share(p), 0};
    int64_t likely_mw = likely_share(p, steps);
    for (int32_t round = 1; s.above - s.below > 1; round++) {
        if (round % 4 == 0 || likely_mw <= s.below || likely_mw >= s.above)
            likely_mw = s.below + (s.above - s.below) / 2;
        likely_mw = close_in(p, steps, (int32_t)likely_mw, &s);
    }
    *missing = steps - s.below_steps;
    return s.above;
}

static inline int32_t steps_on(const struct span *p, int32_t share_mw, int32_t n)
{
    return taken(share_mw, p->min_mw[n], p->cap[n]) -
           taken(share_mw - 1, p->min_mw[n], p->cap[n]);
}

/* The last that takes a step on the share. Whole blocks are counted as wide as they come. */
static inline int32_t last_on(const struct span *p, int32_t share_mw, int64_t missing)
{
    enum { BLOCK = 16 };
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

int64_t edge_alloc_cut_off_even(const struct span *p, int64_t steps, int32_t *last)
{
    int64_t missing;
    int32_t share_mw = find_share(p, steps, &missing);
    *last = stop_at(p, share_mw, missing);
    return round_up(level_of(p->one_weight, share_mw));
}
