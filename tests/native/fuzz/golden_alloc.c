/* SPDX-License-Identifier: Apache-2.0 */
/* Capping problems with what the reference makes of them, one per line, written by
 * alloc_vectors.py. */
#include <string.h>

#include "edge_alloc.h"
#include "edge_error.h"
#include "fuzz.h"

/* Every array is a heap block of exactly its size. */
struct golden {
    struct edge_alloc a;
    int32_t *row_start, *entry_load, *entry_coef_ppm;
    int32_t *min_mw, *request_mw, *weight, *step_mw, *priority;
    int64_t *limit_mw;
    int32_t *grant_mw, *shed, *binding_row; /* as the reference has them */
    size_t words;
    int is_local; /* a change leaves alone what shares no row with it */
};

static int64_t number(char **at)
{
    char *end;
    int64_t value = strtoll(*at, &end, 10);
    CHECK(end != *at);
    *at = end;
    return value;
}

static void *block(int32_t count, size_t size)
{
    void *made = malloc(count > 0 ? (size_t)count * size : 1);
    CHECK(made);
    return made;
}

static int32_t *ints(int32_t count)
{
    return block(count, sizeof(int32_t));
}

static void read_loads(struct golden *g, char **at)
{
    int32_t **field[] = {&g->min_mw, &g->request_mw, &g->weight, &g->step_mw,
                         &g->priority, &g->grant_mw, &g->shed, &g->binding_row};
    for (int f = 0; f < 8; f++)
        *field[f] = ints(g->a.loads);
    for (int32_t i = 0; i < g->a.loads; i++) {
        for (int f = 0; f < 8; f++)
            (*field[f])[i] = (int32_t)number(at);
    }
}

static void read_rows(struct golden *g, char **at, int32_t entries)
{
    int32_t k = 0;
    g->row_start = ints(g->a.rows + 1);
    g->entry_load = ints(entries);
    g->entry_coef_ppm = ints(entries);
    g->limit_mw = block(g->a.rows, sizeof(int64_t));
    g->row_start[0] = 0;
    for (int32_t row = 0; row < g->a.rows; row++) {
        g->limit_mw[row] = number(at);
        g->row_start[row + 1] = g->row_start[row] + (int32_t)number(at);
        CHECK(g->row_start[row + 1] <= entries);
        for (; k < g->row_start[row + 1]; k++) {
            g->entry_load[k] = (int32_t)number(at);
            g->entry_coef_ppm[k] = (int32_t)number(at);
        }
    }
}

static struct golden read_problem(char *at)
{
    struct golden g = {0};
    g.a.loads = (int32_t)number(&at);
    g.a.rows = (int32_t)number(&at);
    int32_t entries = (int32_t)number(&at);
    g.is_local = (int)number(&at);
    read_loads(&g, &at);
    read_rows(&g, &at, entries);
    g.words = edge_alloc_workspace_words(g.a.loads, g.a.rows, entries);
    g.a.row_start = g.row_start;
    g.a.entry_load = g.entry_load;
    g.a.entry_coef_ppm = g.entry_coef_ppm;
    g.a.limit_mw = g.limit_mw;
    g.a.min_mw = g.min_mw;
    g.a.request_mw = g.request_mw;
    g.a.weight = g.weight;
    g.a.step_mw = g.step_mw;
    g.a.priority = g.priority;
    g.a.grant_mw = ints(g.a.loads);
    g.a.binding_row = ints(g.a.loads);
    g.a.shed = block(g.a.loads, 1);
    g.a.workspace = block((int32_t)g.words, sizeof(int64_t));
    return g;
}

static void discard(struct golden *g)
{
    void *blocks[] = {g->row_start,  g->entry_load, g->entry_coef_ppm, g->min_mw,
                      g->request_mw, g->weight,     g->step_mw,        g->priority,
                      g->limit_mw,   g->grant_mw,   g->shed,           g->binding_row,
                      g->a.grant_mw, g->a.shed,     g->a.binding_row,  g->a.workspace};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        free(blocks[i]);
}

static void check_is_golden(const struct golden *g)
{
    CHECK(g->a.fault == -1 && g->a.fault_is_row == 0);
    for (int32_t i = 0; i < g->a.loads; i++) {
        CHECK(g->a.grant_mw[i] == g->grant_mw[i]);
        CHECK(g->a.shed[i] == g->shed[i]);
        CHECK(g->a.binding_row[i] == g->binding_row[i]);
    }
}

static void solve_anew(struct golden *g)
{
    memset(g->a.workspace, fuzz_below(2) ? 0x7f : 0xff, g->words * sizeof(int64_t));
    CHECK(edge_alloc_prepare(&g->a) == EDGE_OK);
    CHECK(edge_alloc_solve(&g->a) == EDGE_OK);
    check_is_golden(g);
}

/* Another request, minimum or weight for a load, and back: the same as before. */
static int32_t change_load(struct golden *g, int32_t i)
{
    int32_t room_mw = g->request_mw[i] - g->min_mw[i];
    if (fuzz_below(3) == 0)
        g->weight[i] = fuzz_below(2) ? 1 + (int32_t)fuzz_below(3) : EDGE_WEIGHT_MAX;
    if (fuzz_below(3) == 0)
        g->min_mw[i] += (int32_t)fuzz_below((uint32_t)room_mw + 1);
    room_mw = g->request_mw[i] - g->min_mw[i];
    g->request_mw[i] -= (int32_t)fuzz_below((uint32_t)room_mw + 1);
    return edge_alloc_change_load(&g->a, i);
}

static void change_and_back(struct golden *g)
{
    int32_t i = (int32_t)fuzz_below((uint32_t)g->a.loads);
    int32_t min_mw = g->min_mw[i], request_mw = g->request_mw[i], weight = g->weight[i];
    CHECK(change_load(g, i) == EDGE_OK);
    if (g->a.rows > 0) {
        int32_t row = (int32_t)fuzz_below((uint32_t)g->a.rows);
        int64_t limit_mw = g->limit_mw[row];
        int64_t more_mw = (int64_t)fuzz_below(400) - (fuzz_below(2) ? 0 : 200);
        g->limit_mw[row] += limit_mw < (int64_t)1 << 42 ? more_mw : -more_mw * more_mw;
        CHECK(edge_alloc_change_limit(&g->a, row) == EDGE_OK);
        g->limit_mw[row] = limit_mw;
        CHECK(edge_alloc_change_limit(&g->a, row) == EDGE_OK);
    }
    g->min_mw[i] = min_mw;
    g->request_mw[i] = request_mw;
    g->weight[i] = weight;
    CHECK(edge_alloc_change_load(&g->a, i) == EDGE_OK);
    check_is_golden(g);
}

static int shares_a_row(const struct golden *g, int32_t i, int32_t other)
{
    for (int32_t row = 0; row < g->a.rows; row++) {
        int has = 0;
        for (int32_t k = g->row_start[row]; k < g->row_start[row + 1]; k++)
            has += g->entry_load[k] == i || g->entry_load[k] == other;
        if (has == 2)
            return 1;
    }
    return 0;
}

static int is_in_a_row(const struct golden *g, int32_t i)
{
    for (int32_t k = 0; k < g->row_start[g->a.rows]; k++) {
        if (g->entry_load[k] == i)
            return 1;
    }
    return 0;
}

enum { WRONG_MW = -7 };

/* Grants that a change has no reason to write stay what they are, wrong: those of loads that share
 * no row with load i. Of a row, i is any of its loads: all rows around it are around them. */
static void mark_others(struct golden *g, int32_t i, int is_check)
{
    for (int32_t other = 0; other < g->a.loads; other++) {
        if (other == i || shares_a_row(g, i, other))
            continue;
        CHECK(!is_check || g->a.grant_mw[other] == WRONG_MW);
        g->a.grant_mw[other] = WRONG_MW;
    }
}

static void change_beside_others(struct golden *g)
{
    int32_t i = (int32_t)fuzz_below((uint32_t)g->a.loads);
    if (!g->is_local || !is_in_a_row(g, i))
        return;
    mark_others(g, i, 0);
    CHECK(edge_alloc_change_load(&g->a, i) == EDGE_OK);
    mark_others(g, i, 1);
    for (int32_t row = 0; row < g->a.rows; row++) {
        if (g->row_start[row] < g->row_start[row + 1] && g->entry_load[g->row_start[row]] == i) {
            CHECK(edge_alloc_change_limit(&g->a, row) == EDGE_OK);
            mark_others(g, i, 1);
        }
    }
    CHECK(edge_alloc_solve(&g->a) == EDGE_OK);
    check_is_golden(g);
}

/* Rows far apart in room, so that changes end at different nodes; then all of it back. */
static void wander_and_back(struct golden *g)
{
    enum { CHANGES = 5 };
    int32_t load[CHANGES], request_mw[CHANGES], row[CHANGES];
    int64_t limit_mw[CHANGES];
    if (g->a.rows == 0)
        return;
    for (int k = 0; k < CHANGES; k++) {
        row[k] = (int32_t)fuzz_below((uint32_t)g->a.rows);
        limit_mw[k] = g->limit_mw[row[k]];
        g->limit_mw[row[k]] += limit_mw[k] < (int64_t)1 << 42 ? (int64_t)fuzz_below(1 << 30) : 0;
        CHECK(edge_alloc_change_limit(&g->a, row[k]) == EDGE_OK);
        load[k] = (int32_t)fuzz_below((uint32_t)g->a.loads);
        request_mw[k] = g->request_mw[load[k]];
        int32_t most_mw = request_mw[k] - g->min_mw[load[k]];
        g->request_mw[load[k]] -= (int32_t)fuzz_below((uint32_t)most_mw + 1);
        CHECK(edge_alloc_change_load(&g->a, load[k]) == EDGE_OK);
        CHECK(g->a.fault == -1 && g->a.fault_is_row == 0);
    }
    for (int k = CHANGES - 1; k >= 0; k--) {
        g->request_mw[load[k]] = request_mw[k];
        CHECK(edge_alloc_change_load(&g->a, load[k]) == EDGE_OK);
        g->limit_mw[row[k]] = limit_mw[k];
        CHECK(edge_alloc_change_limit(&g->a, row[k]) == EDGE_OK);
    }
    check_is_golden(g);
}

/* Another class for a load, and back: the loads are sorted anew. */
static void move_and_back(struct golden *g)
{
    int32_t i = (int32_t)fuzz_below((uint32_t)g->a.loads), priority = g->priority[i];
    g->priority[i] = (int32_t)fuzz_below(7);
    CHECK(edge_alloc_solve(&g->a) == EDGE_OK);
    g->priority[i] = priority;
    CHECK(edge_alloc_solve(&g->a) == EDGE_OK);
    check_is_golden(g);
}

static void check_refused(struct golden *g, int32_t index, int32_t is_row)
{
    CHECK(edge_alloc_solve(&g->a) == EDGE_E_RANGE);
    CHECK(g->a.fault == index && g->a.fault_is_row == is_row);
    int32_t error =
        is_row ? edge_alloc_change_limit(&g->a, index) : edge_alloc_change_load(&g->a, index);
    CHECK(error == EDGE_E_RANGE && g->a.fault == index && g->a.fault_is_row == is_row);
}

/* The first values beyond each range are refused, and nothing comes of it. */
static void spoil_and_restore(struct golden *g)
{
    int32_t i = (int32_t)fuzz_below((uint32_t)g->a.loads);
    int32_t *field[] = {g->min_mw, g->min_mw, g->request_mw, g->weight, g->weight,
                        g->step_mw, g->step_mw, g->priority, g->priority};
    int32_t wrong[] = {-1, g->request_mw[i] + 1, 1 << 30, 0, EDGE_WEIGHT_MAX + 1,
                       0, 1 << 30, -1, EDGE_CLASSES};
    for (int k = 0; k < 9; k++) {
        int32_t right = field[k][i];
        field[k][i] = wrong[k];
        check_refused(g, i, 0);
        field[k][i] = right;
    }
    if (g->a.rows > 0) {
        int32_t row = (int32_t)fuzz_below((uint32_t)g->a.rows);
        int64_t limit_mw = g->limit_mw[row];
        g->limit_mw[row] = ((int64_t)1 << 43) + 1;
        check_refused(g, row, 1);
        g->limit_mw[row] = limit_mw;
    }
    CHECK(edge_alloc_change_load(&g->a, i) == EDGE_OK);
    check_is_golden(g);
}

void fuzz_golden_alloc(char *line, uint64_t number_of_line)
{
    CHECK(strncmp(line, "alloc ", 6) == 0);
    fuzz_restart(number_of_line);
    struct golden g = read_problem(line + 6);
    solve_anew(&g);
    change_beside_others(&g);
    for (int round = 0; round < 4; round++)
        change_and_back(&g);
    wander_and_back(&g);
    move_and_back(&g);
    change_beside_others(&g);
    change_and_back(&g);
    spoil_and_restore(&g);
    discard(&g);
}
