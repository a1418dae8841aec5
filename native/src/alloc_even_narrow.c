/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_even.c for short spans, one a lane. */
#include <string.h> /* memcpy */

#include "alloc_narrow.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* all of this is inlined: no vector is returned */

typedef int32_t many __attribute__((vector_size(4 * NARROW_LANES)));
typedef float many_floats __attribute__((vector_size(4 * NARROW_LANES)));

static const int32_t share_max = 1 << 30;
static const many zero = {0};

#define CHOOSE(where, then, otherwise) (((then) & (where)) | ((otherwise) & ~(where)))

/* The loads at one place of each span; behind the end of a span they take no steps. */
struct loads {
    many min_mw[NARROW_LOADS], cap[NARROW_LOADS];
    many_floats sum_mw; /* minimums */
    int32_t most;       /* of a span */
};

/* As in alloc_even.c: the share of each lane is in (below, above]. */
struct shares {
    many steps;    /* wanted */
    many share_mw; /* to look at next */
    many below, above;
    many below_steps;
};

static inline void load_many(const struct span *p, const struct narrow *n, struct loads *loads)
{
    loads->most = 0;
    for (int32_t lane = 0; lane < NARROW_LANES; lane++)
        loads->most = n->count[lane] > loads->most ? n->count[lane] : loads->most;
    many count;
    memcpy(&count, n->count, sizeof count);
    loads->sum_mw = __builtin_convertvector(zero, many_floats);
    for (int32_t j = 0; j < loads->most; j++) {
        for (int32_t lane = 0; lane < NARROW_LANES; lane++) {
            loads->min_mw[j][lane] = p->min_mw[n->first[lane] + j];
            loads->cap[j][lane] = p->cap[n->first[lane] + j];
        }
        loads->cap[j] &= count > j;
        loads->sum_mw += __builtin_convertvector(loads->min_mw[j] & (count > j), many_floats);
    }
}

static inline many taken(const many *share_mw, const many *min_mw, const many *cap)
{
    many steps = *share_mw - *min_mw;
    steps = CHOOSE(steps < *cap, steps, *cap);
    return steps & (steps > 0);
}

/* Rounded up. As good as floats have it: only the bracket has to be right. */
static inline many divided(const many_floats *mw, const many *count)
{
    many_floats most = __builtin_convertvector(zero + share_max, many_floats);
    many_floats each = *mw / __builtin_convertvector(*count + ((*count == 0) & 1), many_floats);
    each = (many_floats)CHOOSE(each < most, (many)each, (many)most);
    each = (many_floats)CHOOSE(each > -most, (many)each, (many)-most);
    many down = __builtin_convertvector(each, many);
    return down - (__builtin_convertvector(down, many_floats) < each);
}

/* The next share: the likely one if it is inside, or the middle. */
static inline void aim(struct shares *s, const many *likely, int is_middle)
{
    many is_inside = (*likely > s->below) & (*likely < s->above) & (zero - !is_middle);
    s->share_mw = CHOOSE(is_inside, *likely, s->below + ((s->above - s->below) >> 1));
}

static inline void close_in(const struct loads *loads, struct shares *s, int is_middle)
{
    many held = zero, on = zero, next = zero;
    for (int32_t j = 0; j < loads->most; j++) {
        many above_min = s->share_mw - loads->min_mw[j], cap = loads->cap[j];
        held += taken(&s->share_mw, &loads->min_mw[j], &loads->cap[j]);
        on -= (above_min > 0) & (above_min <= cap);
        next -= (above_min >= 0) & (above_min < cap);
    }
    many missing = s->steps - held, is_enough = missing <= 0, rising = CHOOSE(is_enough, on, next);
    many is_on = is_enough & (missing + on > 0), is_next = ~is_enough & (missing <= next);
    s->above = CHOOSE(is_enough, s->share_mw, s->above);
    s->above = CHOOSE(is_next, s->share_mw + 1, s->above);
    s->below_steps = CHOOSE(is_enough, s->below_steps, held);
    s->below_steps = CHOOSE(is_on, held - on, s->below_steps);
    s->below = CHOOSE(is_enough, s->below, s->share_mw);
    s->below = CHOOSE(is_on, s->share_mw - 1, s->below);
    many_floats ahead = __builtin_convertvector(missing, many_floats);
    many likely = s->share_mw + divided(&ahead, &rising);
    aim(s, &likely, is_middle);
}

static inline int are_closed(const struct shares *s)
{
    int32_t open = 0;
    many width = s->above - s->below - 1;
    for (int32_t lane = 0; lane < NARROW_LANES; lane++)
        open |= width[lane];
    return open == 0;
}

static inline void find_shares(const struct narrow *n, const struct loads *loads, struct shares *s)
{
    many count;
    memcpy(&count, n->count, sizeof count);
    s->below = s->below_steps = zero;
    for (int32_t lane = 0; lane < NARROW_LANES; lane++) {
        s->steps[lane] = n->count[lane] > 0 ? (int32_t)n->steps[lane] : 1; /* never enough */
        s->above[lane] = n->count[lane] > 0 ? share_max : 1;
    }
    many_floats sum_mw = loads->sum_mw + __builtin_convertvector(s->steps, many_floats);
    many likely = divided(&sum_mw, &count);
    aim(s, &likely, 0);
    for (int32_t round = 1; !are_closed(s); round++)
        close_in(loads, s, round % 4 == 0);
}

/* Lower the caps; the last load of each lane that takes a step. */
static inline many stop_at(const struct shares *s, struct loads *loads)
{
    many last = zero - 1, missing = s->steps - s->below_steps, before_mw = s->above - 1;
    for (int32_t j = 0; j < loads->most; j++) {
        many before = taken(&before_mw, &loads->min_mw[j], &loads->cap[j]);
        many step = taken(&s->above, &loads->min_mw[j], &loads->cap[j]) - before;
        step &= missing > 0;
        last = CHOOSE(step > 0, zero + j, last);
        missing -= step;
        loads->cap[j] = before + step;
    }
    return last;
}

EDGE_WIDE void edge_alloc_cut_off_even_narrow(const struct span *p, struct narrow *n)
{
    struct loads loads;
    struct shares s;
    load_many(p, n, &loads);
    find_shares(n, &loads, &s);
    many last = stop_at(&s, &loads);
    for (int32_t lane = 0; lane < NARROW_LANES; lane++) {
        for (int32_t j = 0; j < n->count[lane]; j++)
            p->cap[n->first[lane] + j] = loads.cap[j][lane];
        n->level[lane] = (double)round_up(level_of(p->one_weight, s.above[lane]));
        n->last[lane] = last[lane];
    }
}
