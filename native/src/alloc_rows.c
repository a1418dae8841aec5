/* SPDX-License-Identifier: Apache-2.0 */
/* Filling over any rows. Each row knows a moment before which none of its loads lacks room:
 * loads that stop for other rows can only put it off. The row with the earliest is computed
 * anew if loads in it have stopped since; if not, it is the next to stop loads. */
#include "alloc_search.h"
#include "alloc_space.h"

/* --- one row ------------------------------------------------------------------------------ */

/* What the row's rising loads hold above their minimums at a level. */
struct filled {
    int64_t level;
    int64_t sum_nw;   /* INT64_MAX if that or more */
    int64_t steps_nw; /* one step of each that can take one; likewise */
    double slope;     /* nW per level there, leaving out the rounding to steps */
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
    struct filled f = {level, 0, 0, 0};
    const int32_t *entries = s->rising + a->row_start[row];
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        const struct ramp *r = &s->ramp[a->entry_load[entries[n]]];
        int32_t held = ramp_at(r, level);
        int64_t unit_nw = step_nw(a, entries[n]);
        f.sum_nw = add_capped(f.sum_nw, unit_nw * held);
        f.steps_nw = add_capped(f.steps_nw, held < r->top ? unit_nw : 0);
        int is_rising = held < r->top && r->weight * (double)level >= r->min_mw * EDGE_LEVEL_UNIT;
        f.slope += is_rising ? a->entry_coef_ppm[entries[n]] * r->weight : 0;
    }
    f.slope *= MW_PER_LEVEL;
    return f;
}

/* The level just before the next step of one of the row's rising loads; the level of the last
 * step up to `level`. */
static int64_t before_next_step(const struct edge_alloc *a, const struct space *s, int32_t row,
                                int64_t level)
{
    const int32_t *entries = s->rising + a->row_start[row];
    double next = (double)level_max;
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        int32_t i = a->entry_load[entries[n]];
        const struct ramp *r = &s->ramp[i];
        int32_t held = ramp_at(r, level);
        double one = level_of(r->weight, r->min_mw + (held + 1.0) * a->step_mw[i]);
        next = held < r->top && one < next ? one : next;
    }
    return round_up(next) - 1;
}

static int64_t at_last_step(const struct edge_alloc *a, const struct space *s, int32_t row,
                            int64_t level)
{
    const int32_t *entries = s->rising + a->row_start[row];
    double last = 0;
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        int32_t i = a->entry_load[entries[n]];
        const struct ramp *r = &s->ramp[i];
        int32_t held = ramp_at(r, level);
        double one = level_of(r->weight, r->min_mw + (double)held * a->step_mw[i]);
        last = held > 0 && one > last ? one : last;
    }
    return round_up(last);
}

/* The row has room at `below` and not at `above`. */
struct bracket {
    int64_t below, above;
};

static int64_t inside(const struct bracket *b, double guess)
{
    double lowest = (double)(b->below + 1), highest = (double)(b->above - 1);
    guess = guess < highest ? guess : highest; /* also if it is no number */
    guess = guess > lowest ? guess : lowest;
    return (int64_t)guess;
}

/* Leaves no step inside the bracket but those on b->above. */
static void close_in(const struct edge_alloc *a, const struct space *s, int32_t row,
                     int64_t room_nw, double guess, struct bracket *b)
{
    for (int32_t round = 1; b->above - b->below > 1; round++) {
        struct filled at = fill_to(a, s, row, inside(b, guess));
        int64_t missing_nw = room_nw - at.sum_nw;
        int is_near = missing_nw <= at.steps_nw && missing_nw >= -at.steps_nw;
        if (missing_nw >= 0)
            b->below = is_near ? before_next_step(a, s, row, at.level) : at.level;
        else
            b->above = is_near ? at_last_step(a, s, row, at.level) : at.level;
        guess = (double)at.level + (double)missing_nw / at.slope;
        if (round % 4 == 0)
            guess = (double)b->below + (double)(b->above - b->below) / 2;
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

/* What the rising loads of a row want. */
struct wanted {
    int64_t largest_nw; /* step */
    int64_t sum_nw;     /* above their minimums */
    double min_nw;
    double weight;
};

/* Drop the entries whose loads have stopped; count the others. */
static struct wanted keep_rising(const struct edge_alloc *a, struct space *s, int32_t row)
{
    int32_t *entries = s->rising + a->row_start[row];
    int32_t kept = 0;
    struct wanted w = {0, 0, 0, 0};
    for (int32_t n = 0; n < s->rising_count[row]; n++) {
        const struct ramp *r = &s->ramp[a->entry_load[entries[n]]];
        if (r->held != RISING)
            continue;
        double coef_ppm = a->entry_coef_ppm[entries[n]];
        int64_t nw = step_nw(a, entries[n]);
        entries[kept++] = entries[n];
        w.largest_nw = nw > w.largest_nw ? nw : w.largest_nw;
        w.sum_nw = add_capped(w.sum_nw, nw * r->top);
        w.min_nw += coef_ppm * r->min_mw;
        w.weight += coef_ppm * r->weight;
    }
    s->rising_count[row] = kept;
    return w;
}

/* When does the row first have no room for the largest step of its rising loads? Not before
 * full[row]. */
static struct moment full_at(const struct edge_alloc *a, struct space *s, int32_t row,
                             int64_t highest)
{
    struct wanted wanted = keep_rising(a, s, row);
    int64_t room_nw = s->limit_nw[row] - s->used_nw[row] - wanted.largest_nw;
    if (room_nw < 0)
        return at_start;
    if (wanted.sum_nw <= room_nw)
        return at_never;
    struct moment least = s->full[row];
    struct bracket b = {least.level - 1, highest};
    double guess = ((double)room_nw + wanted.min_nw) / wanted.weight * EDGE_LEVEL_UNIT;
    close_in(a, s, row, room_nw, guess, &b);
    struct filled below = fill_to(a, s, row, b.above - 1);
    struct moment when = step_beyond(a, s, row, room_nw, b.above, below.sum_nw);
    /* Steps of this very level by loads that have stopped since count as taken before it. */
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
