/* SPDX-License-Identifier: Apache-2.0 */
#include "edge_alloc.h"
#include "edge_error.h"
#include "fuzz.h"

enum { LOADS_MAX = 48, ROWS_MAX = 8 };

/* Every array is a heap block of exactly its size. */
struct problem {
    struct edge_alloc a;
    int32_t *row_start, *entry_load, *entry_coef_ppm;
    int32_t *min_mw, *request_mw, *weight, *step_mw, *priority;
    int64_t *limit_mw;
};

static void *block(size_t count, size_t size)
{
    size_t bytes = count * size;
    void *made = malloc(bytes ? bytes : 1);
    CHECK(made);
    return made;
}

static int32_t *ints(int32_t count)
{
    return block((size_t)count, sizeof(int32_t));
}

struct entries {
    int32_t count;
    int32_t load[LOADS_MAX * ROWS_MAX], coef_ppm[LOADS_MAX * ROWS_MAX];
};

static void add_entry(struct entries *e, int32_t load, int32_t coef_ppm)
{
    e->load[e->count] = load;
    e->coef_ppm[e->count++] = coef_ppm;
}

static void add_random_row(struct entries *e, int32_t loads)
{
    static const int32_t coefs[] = {1000000, 1000000, 500000, 333333, 1, 0, INT32_MAX};
    for (int32_t i = 0; i < loads; i++) {
        if (fuzz_below(2))
            add_entry(e, i, coefs[fuzz_below(7)]);
    }
}

/* Halves of halves: ranges that nest or lie apart, sometimes spoilt by an odd one. */
static void add_range(struct entries *e, int32_t loads)
{
    int32_t first = 0, end = loads;
    for (uint32_t depth = fuzz_below(4); depth > 0; depth--) {
        int32_t middle = first + (end - first) / 2;
        if (fuzz_below(2))
            first = middle;
        else
            end = middle;
    }
    end -= fuzz_below(40) == 0 && end > first;
    for (int32_t i = first; i < end; i++)
        add_entry(e, i, 1000000);
}

static void make_rows(struct problem *p)
{
    struct entries e = {0};
    int is_tree = fuzz_below(2) != 0;
    p->row_start = ints(p->a.rows + 1);
    p->row_start[0] = 0;
    for (int32_t row = 0; row < p->a.rows; row++) {
        if (is_tree)
            add_range(&e, p->a.loads);
        else
            add_random_row(&e, p->a.loads);
        p->row_start[row + 1] = e.count;
    }
    p->entry_load = ints(e.count);
    p->entry_coef_ppm = ints(e.count);
    for (int32_t k = 0; k < e.count; k++) {
        p->entry_load[k] = e.load[k];
        p->entry_coef_ppm[k] = e.coef_ppm[k];
    }
    size_t words = edge_alloc_workspace_words(p->a.loads, p->a.rows, e.count);
    p->a.workspace = block(words, sizeof(int64_t));
}

static void make_loads(struct problem *p)
{
    int32_t n = p->a.loads;
    uint32_t scale = fuzz_below(4) ? 1000000 : 1u << 29;
    int32_t **field[] = {&p->min_mw, &p->request_mw, &p->weight, &p->step_mw, &p->priority};
    for (int f = 0; f < 5; f++)
        *field[f] = ints(n);
    int32_t step_mw = 1 + (int32_t)fuzz_below(fuzz_below(2) ? 1 : scale);
    int is_alike = fuzz_below(2) != 0;
    int is_plain = is_alike && fuzz_below(2); /* as most racks are: one weight */
    for (int32_t i = 0; i < n; i++) {
        p->min_mw[i] = fuzz_below(is_alike ? 9 : 3) == 0 ? (int32_t)fuzz_below(scale / 4) : 0;
        p->request_mw[i] = p->min_mw[i] + (int32_t)fuzz_below(scale);
        p->weight[i] = is_plain ? 1 : 1 + (int32_t)fuzz_below(fuzz_below(2) ? 3 : EDGE_WEIGHT_MAX);
        p->step_mw[i] = is_alike ? step_mw : 1 + (int32_t)fuzz_below(fuzz_below(2) ? 1 : scale);
        p->priority[i] = (int32_t)fuzz_below(is_alike || fuzz_below(2) ? 3 : EDGE_CLASSES);
    }
    p->limit_mw = block((size_t)p->a.rows, sizeof(int64_t));
    for (int32_t row = 0; row < p->a.rows; row++)
        p->limit_mw[row] = (int64_t)fuzz_below(scale) * fuzz_below(12) - 5;
}

static struct problem make(void)
{
    struct problem p = {0};
    p.a.loads = (int32_t)fuzz_below(LOADS_MAX + 1);
    p.a.rows = (int32_t)fuzz_below(ROWS_MAX + 1);
    make_rows(&p);
    make_loads(&p);
    p.a.row_start = p.row_start;
    p.a.entry_load = p.entry_load;
    p.a.entry_coef_ppm = p.entry_coef_ppm;
    p.a.limit_mw = p.limit_mw;
    p.a.min_mw = p.min_mw;
    p.a.request_mw = p.request_mw;
    p.a.weight = p.weight;
    p.a.step_mw = p.step_mw;
    p.a.priority = p.priority;
    p.a.grant_mw = ints(p.a.loads);
    p.a.binding_row = ints(p.a.loads);
    p.a.shed = block((size_t)p.a.loads, 1);
    return p;
}

static void discard(struct problem *p)
{
    void *blocks[] = {p->row_start, p->entry_load, p->entry_coef_ppm, p->min_mw,     p->request_mw,
                      p->weight,    p->step_mw,    p->priority,       p->limit_mw,   p->a.grant_mw,
                      p->a.shed,    p->a.workspace, p->a.binding_row};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void check_load(const struct edge_alloc *a, int32_t i)
{
    int32_t grant_mw = a->grant_mw[i];
    CHECK(a->binding_row[i] >= -1 && a->binding_row[i] < a->rows);
    if (a->shed[i]) {
        CHECK(grant_mw == 0 && a->binding_row[i] >= 0 && a->min_mw[i] > 0);
        return;
    }
    CHECK(grant_mw >= a->min_mw[i] && grant_mw <= a->request_mw[i]);
    CHECK((grant_mw - a->min_mw[i]) % a->step_mw[i] == 0);
    CHECK((a->binding_row[i] < 0) == (a->request_mw[i] - grant_mw < a->step_mw[i]));
}

static void check_row(const struct edge_alloc *a, int32_t row)
{
    int64_t left_nw = a->limit_mw[row] > 0 ? a->limit_mw[row] * 1000000 : 0;
    for (int32_t k = a->row_start[row]; k < a->row_start[row + 1]; k++) {
        int64_t taken_nw = (int64_t)a->entry_coef_ppm[k] * a->grant_mw[a->entry_load[k]];
        CHECK(taken_nw <= left_nw);
        left_nw -= taken_nw;
    }
}

/* One absurd value somewhere: refused or harmless, but never undefined. */
static void spoil(struct problem *p)
{
    int32_t *field[] = {p->min_mw, p->request_mw, p->weight, p->step_mw, p->priority};
    if (p->a.loads > 0)
        field[fuzz_below(5)][fuzz_below((uint32_t)p->a.loads)] = fuzz_extreme();
    if (p->a.rows > 0)
        p->limit_mw[fuzz_below((uint32_t)p->a.rows)] = (int64_t)fuzz_next();
}

/* The same for the shape of the rows, which only prepare reads. */
static void spoil_rows(struct problem *p)
{
    int32_t entries = p->row_start[p->a.rows], rows = p->a.rows;
    if (entries > 0) {
        int32_t *coef_ppm = &p->entry_coef_ppm[fuzz_below((uint32_t)entries)];
        *coef_ppm = -1 - *coef_ppm;
        CHECK(edge_alloc_prepare(&p->a) == EDGE_E_RANGE && p->a.fault_is_row);
        *coef_ppm = -1 - *coef_ppm;
        p->entry_load[fuzz_below((uint32_t)entries)] = fuzz_extreme();
        CHECK(edge_alloc_prepare(&p->a) == EDGE_OK || p->a.fault_is_row);
    }
    if (rows > 1) {
        p->row_start[1 + fuzz_below((uint32_t)rows - 1)] = -1 - (int32_t)fuzz_below(9);
        CHECK(edge_alloc_prepare(&p->a) == EDGE_E_RANGE && p->a.fault_is_row);
    }
    p->row_start[0] = 1;
    CHECK(edge_alloc_prepare(&p->a) == EDGE_E_RANGE && p->a.fault == 0);
    p->a.loads = -1;
    CHECK(edge_alloc_prepare(&p->a) == EDGE_E_RANGE && p->a.fault == -1);
}

/* All of the largest loads in one row, at the largest share: 2^61 nW each. */
static void overflow(struct problem *p)
{
    if (p->a.loads < 8 || p->a.rows < 1)
        return;
    int64_t sum = 0;
    int overflows = 0;
    for (int32_t i = 0; i < p->a.loads; i++)
        p->min_mw[i] = p->request_mw[i] = (1 << 30) - 1;
    for (int32_t k = p->row_start[0]; k < p->row_start[1]; k++) {
        int64_t minimum = (int64_t)p->entry_coef_ppm[k] * ((1 << 30) - 1);
        overflows = overflows || minimum > INT64_MAX - sum;
        sum = overflows ? sum : sum + minimum;
    }
    int32_t error = edge_alloc_solve(&p->a);
    CHECK(!overflows || error != EDGE_OK);
}

static void solve(struct problem *p)
{
    int32_t error = edge_alloc_solve(&p->a);
    if (error != EDGE_OK) {
        CHECK(error == EDGE_E_RANGE || error == EDGE_E_OVERFLOW);
        CHECK(p->a.fault >= 0 && p->a.fault < (p->a.fault_is_row ? p->a.rows : p->a.loads));
        return;
    }
    for (int32_t i = 0; i < p->a.loads; i++)
        check_load(&p->a, i);
    for (int32_t row = 0; row < p->a.rows; row++)
        check_row(&p->a, row);
}

static int32_t change(struct problem *p)
{
    if (p->a.rows > 0 && fuzz_below(3) == 0) {
        int32_t row = (int32_t)fuzz_below((uint32_t)p->a.rows);
        p->limit_mw[row] = (int64_t)fuzz_below(12000000) - 5;
        return edge_alloc_change_limit(&p->a, row);
    }
    int32_t i = (int32_t)fuzz_below((uint32_t)p->a.loads);
    if (fuzz_below(4) == 0) {
        p->min_mw[i] = (int32_t)fuzz_below(99999);
        p->priority[i] = (int32_t)fuzz_below(4);
    }
    p->request_mw[i] = p->min_mw[i] + (int32_t)fuzz_below(1000000);
    return edge_alloc_change_load(&p->a, i);
}

/* Some changes one by one end where solving all of it does. */
static void change_some(struct problem *p)
{
    int32_t n = p->a.loads, grant_mw[LOADS_MAX], binding_row[LOADS_MAX];
    if (n == 0 || edge_alloc_solve(&p->a) != EDGE_OK)
        return;
    for (uint32_t changes = 1 + fuzz_below(6); changes > 0; changes--) {
        if (change(p) != EDGE_OK)
            return;
    }
    for (int32_t i = 0; i < n; i++) {
        check_load(&p->a, i);
        grant_mw[i] = p->a.grant_mw[i];
        binding_row[i] = p->a.binding_row[i];
    }
    CHECK(edge_alloc_solve(&p->a) == EDGE_OK);
    for (int32_t i = 0; i < n; i++)
        CHECK(grant_mw[i] == p->a.grant_mw[i] && binding_row[i] == p->a.binding_row[i]);
}

/* An absurd change is named, and so is one of what is not there. */
static void spoil_change(struct problem *p)
{
    struct edge_alloc *a = &p->a;
    CHECK(edge_alloc_change_load(a, a->loads) == EDGE_E_RANGE && a->fault == -1);
    CHECK(edge_alloc_change_limit(a, -1) == EDGE_E_RANGE && a->fault == -1);
    if (a->loads > 0 && edge_alloc_solve(a) == EDGE_OK) {
        int32_t weight = p->weight[0];
        p->weight[0] = 0;
        CHECK(edge_alloc_change_load(a, 0) == EDGE_E_RANGE && a->fault == 0);
        p->weight[0] = weight;
        CHECK(edge_alloc_change_load(a, 0) == EDGE_OK);
    }
    if (a->rows > 0 && edge_alloc_solve(a) == EDGE_OK) {
        p->limit_mw[0] = INT64_MAX;
        CHECK(edge_alloc_change_limit(a, 0) == EDGE_E_RANGE && a->fault_is_row);
        p->limit_mw[0] = 1;
        CHECK(edge_alloc_change_limit(a, 0) == EDGE_OK);
    }
}

void fuzz_alloc(void)
{
    struct problem p = make();
    CHECK(edge_alloc_prepare(&p.a) == EDGE_OK);
    solve(&p);
    change_some(&p);
    spoil_change(&p);
    spoil(&p);
    solve(&p);
    overflow(&p);
    spoil_rows(&p);
    discard(&p);
}
