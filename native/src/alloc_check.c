/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_search.h"
#include "alloc_space.h"
#include "edge_error.h"

enum { POWER_MAX_MW = (1 << 30) - 1 };
static const int64_t limit_max_mw = (int64_t)1 << 43;

int32_t edge_alloc_blame(struct edge_alloc *a, int32_t error, int32_t index, int32_t is_row)
{
    a->fault = index;
    a->fault_is_row = is_row;
    return error;
}

static int is_load_good(const struct edge_alloc *a, int32_t i)
{
    int good = (a->min_mw[i] >= 0) & (a->min_mw[i] <= a->request_mw[i]);
    good &= a->request_mw[i] <= POWER_MAX_MW;
    good &= (a->weight[i] >= 1) & (a->weight[i] <= EDGE_WEIGHT_MAX);
    good &= (a->step_mw[i] >= 1) & (a->step_mw[i] <= POWER_MAX_MW);
    return good & (a->priority[i] >= 0) & (a->priority[i] < EDGE_CLASSES);
}

/* What all loads together are like. */
struct loads_seen {
    int32_t are_good;
    int32_t other_step, other_weight, other_class; /* 0: alike; alike; as they were sorted */
};

EDGE_WIDE static struct loads_seen see_loads(const struct edge_alloc *a, const int32_t *class_of)
{
    struct loads_seen seen = {1, 0, 0, 0};
    for (int32_t i = 0; i < a->loads; i++) {
        seen.are_good &= is_load_good(a, i);
        seen.other_step |= a->step_mw[i] ^ a->step_mw[0];
        seen.other_weight |= a->weight[i] ^ a->weight[0];
        seen.other_class |= a->priority[i] ^ class_of[i];
    }
    return seen;
}

/* Sum of the row's minimums, nW; -1 if it leaves int64. Filling checks before it adds. */
static int64_t sum_minimums(const struct edge_alloc *a, int32_t row)
{
    int64_t sum = 0;
    for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
        int64_t minimum = (int64_t)a->entry_coef_ppm[k] * a->min_mw[a->entry_load[k]];
        if (minimum > INT64_MAX - sum)
            return -1;
        sum += minimum;
    }
    return sum;
}

static int64_t limit_of(const struct edge_alloc *a, int32_t row)
{
    return a->limit_mw[row] > 0 ? a->limit_mw[row] : 0;
}

int edge_alloc_fit_minimums(const struct edge_alloc *a, struct space *s, const struct part *part)
{
    int fit = 1;
    int64_t sum_mw = 0;
    int32_t i = s->cut[part->first_cut].load;
    for (int32_t c = part->first_cut; c <= part->last_cut; c++) {
        for (; i < s->cut[c].load; i++)
            sum_mw += a->min_mw[i];
        s->cut_mw[c] = sum_mw;
    }
    for (int32_t n = part->first_node; n < part->end_node; n++) {
        const struct node *node = &s->node[n];
        int64_t least_mw = s->cut_mw[node->last_cut] - s->cut_mw[node->first_cut];
        s->room_mw[n] = limit_of(a, node->row) - least_mw;
        fit &= s->room_mw[n] >= 0;
    }
    return fit;
}

int32_t edge_alloc_check_limit(struct edge_alloc *a, int32_t row)
{
    return a->limit_mw[row] <= limit_max_mw ? EDGE_OK : edge_alloc_blame(a, EDGE_E_RANGE, row, 1);
}

static int are_limits_good(const struct edge_alloc *a)
{
    int good = 1;
    for (int32_t row = 0; row < a->rows; row++)
        good &= a->limit_mw[row] <= limit_max_mw;
    return good;
}

static int do_all_fit_a_tree(const struct edge_alloc *a, struct space *s)
{
    struct part whole = edge_alloc_whole(s);
    return s->tree->nodes > 0 && are_limits_good(a) && edge_alloc_fit_minimums(a, s, &whole);
}

static int32_t check_rows(struct edge_alloc *a, struct space *s)
{
    s->are_all_kept = 1;
    if (do_all_fit_a_tree(a, s))
        return EDGE_OK;
    for (int32_t row = 0; row < a->rows; row++) {
        int32_t error = edge_alloc_check_limit(a, row);
        if (error != EDGE_OK)
            return error;
        s->limit_nw[row] = limit_of(a, row) * NW_PER_MW;
        s->used_nw[row] = sum_minimums(a, row);
        if (s->used_nw[row] < 0)
            return edge_alloc_blame(a, EDGE_E_OVERFLOW, row, 1);
        s->are_all_kept &= s->used_nw[row] <= s->limit_nw[row];
    }
    return EDGE_OK;
}

int32_t edge_alloc_check_load(struct edge_alloc *a, int32_t i)
{
    return is_load_good(a, i) ? EDGE_OK : edge_alloc_blame(a, EDGE_E_RANGE, i, 0);
}

int32_t edge_alloc_check(struct edge_alloc *a, struct space *s)
{
    struct loads_seen seen = see_loads(a, s->class_of);
    if (!seen.are_good) {
        int32_t i = 0;
        while (is_load_good(a, i))
            i++;
        return edge_alloc_check_load(a, i);
    }
    s->tree->one_step_mw = seen.other_step == 0 && a->loads > 0 ? a->step_mw[0] : 0;
    s->tree->one_weight = seen.other_weight == 0 && a->loads > 0 ? a->weight[0] : 0;
    s->tree->is_sorted &= seen.other_class == 0;
    int32_t error = check_rows(a, s);
    if (error == EDGE_OK)
        edge_alloc_blame(a, EDGE_OK, -1, 0);
    return error;
}
