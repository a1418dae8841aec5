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

static int are_loads_good(const struct edge_alloc *a)
{
    int good = 1;
    for (int32_t i = 0; i < a->loads; i++)
        good &= is_load_good(a, i);
    return good;
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

int edge_alloc_sum_minimums(const struct edge_alloc *a, struct space *s, const struct part *part)
{
    int good = 1;
    int64_t sum_mw = 0;
    for (int32_t c = part->first_cut; c < part->last_cut; c++) {
        int32_t load = s->cut[c].load;
        s->cut[c].min_mw = sum_mw;
        sum_mw += edge_alloc_sum(a->min_mw + load, s->cut[c + 1].load - load);
    }
    s->cut[part->last_cut].min_mw = sum_mw;
    for (int32_t n = part->first_node; n < part->end_node; n++) {
        const struct node *node = &s->node[n];
        sum_mw = s->cut[node->last_cut].min_mw - s->cut[node->first_cut].min_mw;
        good &= sum_mw <= INT64_MAX / NW_PER_MW;
        s->used_nw[node->row] = good ? sum_mw * NW_PER_MW : 0;
    }
    return good;
}

int32_t edge_alloc_check_limit(struct edge_alloc *a, struct space *s, int32_t row)
{
    if (a->limit_mw[row] > limit_max_mw)
        return edge_alloc_blame(a, EDGE_E_RANGE, row, 1);
    s->limit_nw[row] = a->limit_mw[row] > 0 ? a->limit_mw[row] * NW_PER_MW : 0;
    return EDGE_OK;
}

static int32_t check_rows(struct edge_alloc *a, struct space *s)
{
    struct part whole = edge_alloc_whole(s);
    int known = s->tree->nodes > 0 && edge_alloc_sum_minimums(a, s, &whole);
    for (int32_t row = 0; row < a->rows; row++) {
        int32_t error = edge_alloc_check_limit(a, s, row);
        if (error != EDGE_OK)
            return error;
        if (known)
            continue;
        s->used_nw[row] = sum_minimums(a, row);
        if (s->used_nw[row] < 0)
            return edge_alloc_blame(a, EDGE_E_OVERFLOW, row, 1);
    }
    return EDGE_OK;
}

int32_t edge_alloc_check_load(struct edge_alloc *a, int32_t i)
{
    return is_load_good(a, i) ? EDGE_OK : edge_alloc_blame(a, EDGE_E_RANGE, i, 0);
}

int32_t edge_alloc_check(struct edge_alloc *a, struct space *s)
{
    if (!are_loads_good(a)) {
        int32_t i = 0;
        while (is_load_good(a, i))
            i++;
        return edge_alloc_check_load(a, i);
    }
    int32_t error = check_rows(a, s);
    if (error == EDGE_OK)
        edge_alloc_blame(a, EDGE_OK, -1, 0);
    return error;
}

/* Loads of each class in the two halves of a range. */
struct classes {
    int32_t count[2][EDGE_CLASSES];
    int32_t end; /* behind the last class with loads */
};

static void count_class(struct classes *c, int32_t half, int32_t priority)
{
    c->count[half][priority]++;
    c->end = priority < c->end ? c->end : priority + 1;
}

/* Set class_start; each count becomes the first place of these loads. */
static void place_classes(struct space *s, struct classes *c, int32_t first, int32_t end)
{
    for (int32_t k = 0; k < c->end; k++) {
        int32_t middle = first + c->count[0][k];
        s->class_start[k] = first;
        first = middle + c->count[1][k];
        c->count[0][k] = s->class_start[k];
        c->count[1][k] = middle;
    }
    for (int32_t k = c->end; k <= EDGE_CLASSES; k++)
        s->class_start[k] = end;
}

/* The halves take turns: to count a class up at once again would be to wait for memory. */
void edge_alloc_order(const struct edge_alloc *a, struct space *s, int32_t first, int32_t end)
{
    int32_t half = (end - first) / 2, middle = first + half;
    const int32_t *priority = a->priority;
    struct classes classes = {{{0}}, 0};
    for (int32_t i = first; i < middle; i++) {
        count_class(&classes, 0, priority[i]);
        count_class(&classes, 1, priority[i + half]);
    }
    for (int32_t i = middle + half; i < end; i++)
        count_class(&classes, 1, priority[i]);
    place_classes(s, &classes, first, end);
    for (int32_t i = first; i < middle; i++) {
        s->order[classes.count[0][priority[i]]++] = i;
        s->order[classes.count[1][priority[i + half]]++] = i + half;
    }
    for (int32_t i = middle + half; i < end; i++)
        s->order[classes.count[1][priority[i]]++] = i;
}
