/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_search.h"

struct held {
    int64_t steps;
    int64_t weight; /* of those between their minimum and their cap */
};

EDGE_WIDE static struct held held_at(const struct span *p, int64_t level)
{
    const int32_t *weight = p->weight, *min_mw = p->min_mw, *cap = p->cap;
    double per_step = p->per_step, at = (double)level;
    int64_t steps = 0, rising = 0;
    for (int32_t n = 0; n < p->count; n++) {
        int32_t held = steps_at(weight[n], min_mw[n], per_step, cap[n], at);
        steps += held;
        rising += (held > 0) & (held < cap[n]) ? weight[n] : 0;
    }
    return (struct held){steps, rising};
}

struct around {
    double last; /* level of the last step at or before, not rounded up */
    double next; /* of the first after */
};

EDGE_WIDE static struct around steps_around(const struct span *p, int64_t level)
{
    const int32_t *weight = p->weight, *min_mw = p->min_mw, *cap = p->cap;
    double per_step = p->per_step, step_mw = p->step_mw, at = (double)level;
    double last = 0, next = (double)level_max;
    for (int32_t n = 0; n < p->count; n++) {
        int32_t held = steps_at(weight[n], min_mw[n], per_step, cap[n], at);
        double before = level_of(weight[n], min_mw[n] + held * step_mw);
        double after = level_of(weight[n], min_mw[n] + (held + 1.0) * step_mw);
        before = held > 0 ? before : 0;
        after = held < cap[n] ? after : (double)level_max;
        last = before > last ? before : last;
        next = after < next ? after : next;
    }
    return (struct around){last, next};
}

EDGE_WIDE int64_t edge_alloc_sum(const int32_t *cap, int32_t count)
{
    int64_t sum = 0;
    for (int32_t n = 0; n < count; n++)
        sum += cap[n];
    return sum;
}

/* If every load were between minimum and cap. */
static int64_t first_guess(const struct span *p, int64_t steps)
{
    double weight = (double)edge_alloc_sum(p->weight, p->count);
    double min_mw = (double)edge_alloc_sum(p->min_mw, p->count);
    return (int64_t)level_of(weight, min_mw + (double)steps * p->step_mw);
}

/* The level is in (below, above]: fewer than `steps` are held at below, enough at above. */
struct bracket {
    int64_t below, above;
};

/* Narrow the bracket to the steps next to `level`, which is one of its ends. */
static void snap(const struct span *p, int64_t level, struct bracket *b)
{
    struct around around = steps_around(p, level);
    if (level == b->above)
        b->above = round_up(around.last);
    else
        b->below = round_up(around.next) - 1;
}

/* The level inside the bracket at which the slope promises `steps`. */
static int64_t level_ahead(const struct span *p, int64_t at, struct held held, int64_t steps,
                           const struct bracket *b)
{
    double ahead = (double)(steps - held.steps) * p->step_mw * EDGE_LEVEL_UNIT;
    double guess = (double)at + ahead / (double)held.weight; /* may be infinite, or no number */
    double highest = (double)(b->above - 1), lowest = (double)(b->below + 1);
    guess = guess < highest ? guess : highest;
    guess = guess > lowest ? guess : lowest;
    return (int64_t)guess;
}

int64_t edge_alloc_search(const struct span *p, int64_t steps, int64_t *missing)
{
    struct bracket b = {-1, level_max};
    int64_t below_steps = 0;
    int64_t level = first_guess(p, steps);
    for (int32_t round = 1; b.above - b.below > 1; round++) {
        struct held held = held_at(p, level);
        int64_t beyond = held.steps - steps, at = level;
        if (beyond >= 0) {
            b.above = level;
        } else {
            b.below = level;
            below_steps = held.steps;
        }
        if (beyond <= p->count && beyond >= -p->count)
            snap(p, level, &b);
        level = b.below + (b.above - b.below) / 2;
        if (round % 4 != 0)
            level = level_ahead(p, at, held, steps, &b);
    }
    *missing = steps - below_steps;
    return b.above;
}

/* Lower cap to what they hold after the steps of `level`; mark those that step on it. */
EDGE_WIDE static void hold(const struct span *p, int64_t level)
{
    const int32_t *weight = p->weight, *min_mw = p->min_mw;
    int32_t *cap = p->cap;
    double per_step = p->per_step, at = (double)level, before = (double)(level - 1);
    for (int32_t n = 0; n < p->count; n++) {
        int32_t held = steps_at(weight[n], min_mw[n], per_step, cap[n], before);
        int32_t then = steps_at(weight[n], min_mw[n], per_step, cap[n], at);
        cap[n] = 2 * held + (then > held);
    }
}

int32_t edge_alloc_cut_off(const struct span *p, int64_t level, int64_t missing)
{
    int32_t last = -1;
    hold(p, level);
    for (int32_t n = 0; n < p->count; n++) {
        int32_t steps = (p->cap[n] & 1) & (missing > 0);
        last = steps ? n : last;
        missing -= steps;
        p->cap[n] = (p->cap[n] >> 1) + steps;
    }
    return last;
}
