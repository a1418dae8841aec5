/* SPDX-License-Identifier: Apache-2.0 */
/* Filling over any rows. Each row knows a moment before which none of its loads lacks room:
 * loads that stop for other rows can only put it off. The row with the earliest is computed
 * anew if loads in it have stopped since; if not, it is the next to stop loads. */
#include "alloc_space.h"

/* --- one row ------------------------------------------------------------------------------ */

/* What the row's rising loads hold above their minimums at a level. */
struct filled {
    int64_t level;
    int64_t sum_nw; /* INT64_MAX if that or more */
    double slope;   /* nW per level there, leaving out the rounding to steps */
    double next;    /* level of the next step above it, not rounded up */
};

static int64_t step_nw(const struct edge_alloc *a, int32_t entry)
{
    return (int64_t)a->entry_coef_ppm[entry] * a->step_mw[a->entry_load[entry]];
}

static int32_t ramp_at(const struct ramp *r, int64_t level)
{
    return steps_at(r->weight, r->min_mw, r->per_step, r->top, (double)level);
}

/* No term exceeds 2^61, so the sum is caught before it can wrap. */
static int64_t add_capped(int64_t sum_nw, int64_t more_nw)
{
    uint64_t sum = (uint64_t)sum_nw + (uint64_t)more_nw;
    return sum < (uint64_t)INT64_MAX ? (int64_t)sum : INT64_MAX;
}

static struct filled fill_to(const struct edge_alloc *a, const struct space *s, int32_t row,
                             int64_t level)
{
    struct filled f = {level, 0, 0, (double)INT64_MAX};
    const int32_t *entries = s->rising + a->row_start[row];
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        int32_t i = a->entry_load[entries[n]];
        const struct ramp *r = &s->ramp[i];
        int32_t held = ramp_at(r, level);
        f.sum_nw = add_capped(f.sum_nw, step_nw(a, entries[n]) * held);
        if (held == r->top)
            continue;
        double next = level_of(r->weight, r->min_mw + (held + 1.0) * a->step_mw[i]);
        f.next = next < f.next ? next : f.next;
        if (r->weight * (double)level >= r->min_mw * EDGE_LEVEL_UNIT)
            f.slope += a->entry_coef_ppm[entries[n]] * r->weight * MW_PER_LEVEL;
    }
    return f;
}

/* A level to try between `below`, where the row has room, and `above`, where it has not: from
 * the slope, from the chord, or half-way, in turn. */
static int64_t level_between(const struct filled *below, const struct filled *above,
                             int64_t room_nw, int32_t round)
{
    double lowest = (double)round_up(below->next);
    double highest = (double)above->level - 1;
    double missing = (double)(room_nw - below->sum_nw);
    double guess = lowest + (highest - lowest) / 2;
    if (round % 3 == 0)
        guess = (double)below->level + missing / below->slope; /* infinite without a slope */
    if (round % 3 == 1)
        guess = (double)below->level + missing * (highest - (double)below->level) /
                                           (double)(above->sum_nw - below->sum_nw);
    guess = guess < highest ? guess : highest;
    guess = guess > lowest ? guess : lowest;
    return (int64_t)guess;
}

/* Leaves `below` and `above` with no step between them but those of above's level. */
static void close_in(const struct edge_alloc *a, const struct space *s, int32_t row,
                     int64_t room_nw, struct filled *below, struct filled *above)
{
    for (int32_t round = 0; above->level > round_up(below->next); round++) {
        struct filled at = fill_to(a, s, row, level_between(below, above, room_nw, round));
        if (at.sum_nw > room_nw)
            *above = at;
        else
            *below = at;
    }
}

/* Of the steps on `level`, the one that brings the sum above room_nw. */
static struct moment step_beyond(const struct edge_alloc *a, const struct space *s, int32_t row,
                                 int64_t room_nw, int64_t level, int64_t sum_nw)
{
    const int32_t *entries = s->rising + a->row_start[row];
    struct moment when = {level, -1, row};
    for (int32_t n = 0; sum_nw <= room_nw; n++) {
        when.last = a->entry_load[entries[n]];
        const struct ramp *r = &s->ramp[when.last];
        if (ramp_at(r, level) > ramp_at(r, level - 1))
            sum_nw = add_capped(sum_nw, step_nw(a, entries[n]));
    }
    return when;
}

/* Drop the entries whose loads have stopped; the largest step of the others, nW. */
static int64_t keep_rising(const struct edge_alloc *a, struct space *s, int32_t row)
{
    int32_t *entries = s->rising + a->row_start[row];
    int32_t kept = 0;
    int64_t largest_nw = 0;
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        if (s->ramp[a->entry_load[entries[n]]].held != RISING)
            continue;
        entries[kept++] = entries[n];
        int64_t nw = step_nw(a, entries[n]);
        largest_nw = nw > largest_nw ? nw : largest_nw;
    }
    s->rising_count[row] = kept;
    return largest_nw;
}

/* When does the row first have no room for the largest step of its rising loads? Not before
 * full[row]. */
static struct moment full_at(const struct edge_alloc *a, struct space *s, int32_t row,
                             int64_t highest)
{
    int64_t room_nw = s->limit_nw[row] - s->used_nw[row] - keep_rising(a, s, row);
    if (room_nw < 0)
        return at_start;
    struct filled below = fill_to(a, s, row, s->full[row].level - 1);
    struct filled above = fill_to(a, s, row, highest);
    if (above.sum_nw <= room_nw)
        return at_never;
    /* Steps of this very level by loads that have stopped since count as taken before it. */
    struct moment least = s->full[row], when = least;
    if (below.sum_nw <= room_nw) {
        close_in(a, s, row, room_nw, &below, &above);
        when = step_beyond(a, s, row, room_nw, above.level, below.sum_nw);
    }
    return is_before(when, least) ? least : when;
}

/* --- one class ---------------------------------------------------------------------------- */

static void stop(struct edge_alloc *a, struct space *s, int32_t i, int32_t held,
                 int32_t row)
{
    s->ramp[i].held = held;
    a->grant_mw[i] = a->min_mw[i] + held * a->step_mw[i];
    a->binding_row[i] = row;
    for (int32_t k = s->column_start[i]; k < s->column_start[i + 1]; k++) {
        int64_t unit_nw = (int64_t)s->column_coef_ppm[k] * a->step_mw[i];
        s->used_nw[s->column_row[k]] += unit_nw * held;
        s->stale[s->column_row[k]] = 1;
    }
}

static int32_t steps_until(const struct ramp *r, int32_t i, struct moment when)
{
    return ramp_at(r, i <= when.last ? when.level : when.level - 1);
}

/* Stop the loads that have all they want or no room, once the row has come to full[row]. */
static void stop_loads(struct edge_alloc *a, struct space *s, int32_t row)
{
    const int32_t *entries = s->rising + a->row_start[row];
    struct moment when = s->full[row];
    int64_t room_nw = s->limit_nw[row] - s->used_nw[row];
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        int32_t i = a->entry_load[entries[n]];
        room_nw -= step_nw(a, entries[n]) * steps_until(&s->ramp[i], i, when);
    }
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        int32_t i = a->entry_load[entries[n]];
        int32_t held = steps_until(&s->ramp[i], i, when);
        int at_top = held == s->ramp[i].top;
        if (!at_top && step_nw(a, entries[n]) <= room_nw)
            continue;
        stop(a, s, i, held, at_top ? -1 : row);
    }
}

static double start_class(struct edge_alloc *a, struct space *s, const int32_t *loads,
                          int32_t count)
{
    double highest = 0;
    for (int32_t row = 0; row < a->rows; row++)
        s->rising_count[row] = 0;
    for (int32_t n = 0; n < count; n++) {
        int32_t i = loads[n];
        int32_t top = (a->request_mw[i] - a->min_mw[i]) / a->step_mw[i];
        s->ramp[i] = (struct ramp){a->weight[i], a->min_mw[i], 1.0 / a->step_mw[i], top, RISING};
        double level = level_of(a->weight[i], a->min_mw[i] + (double)top * a->step_mw[i]);
        highest = level > highest ? level : highest;
        for (int32_t k = s->column_start[i]; top > 0 && k < s->column_start[i + 1]; k++) {
            int32_t row = s->column_row[k];
            if (s->column_coef_ppm[k] > 0)
                s->rising[a->row_start[row] + s->rising_count[row]++] = s->column_entry[k];
        }
    }
    return highest;
}

static int32_t start_heap(const struct edge_alloc *a, struct space *s)
{
    int32_t count = 0;
    for (int32_t row = 0; row < a->rows; row++) {
        s->full[row] = at_start;
        s->stale[row] = 1;
        if (s->rising_count[row] > 0)
            s->heap[count++] = row;
    }
    return count; /* all alike: rising numbers are a heap */
}

void edge_alloc_fill_rows(struct edge_alloc *a, struct space *s, const int32_t *loads,
                          int32_t count)
{
    int64_t highest = round_up(start_class(a, s, loads, count));
    int32_t rows = start_heap(a, s);
    while (rows > 0) {
        int32_t row = s->heap[0];
        if (s->stale[row]) {
            s->stale[row] = 0;
            s->full[row] = full_at(a, s, row, highest);
        } else {
            stop_loads(a, s, row);
        }
        if (s->full[row].level == at_never.level)
            s->heap[0] = s->heap[--rows];
        edge_alloc_sift_down(s, rows);
    }
    for (int32_t n = 0; n < count; n++) {
        if (s->ramp[loads[n]].held == RISING)
            stop(a, s, loads[n], s->ramp[loads[n]].top, -1);
    }
}
