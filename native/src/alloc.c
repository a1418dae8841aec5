/* SPDX-License-Identifier: Apache-2.0 */
#include "edge_alloc.h"

#include "alloc_space.h"
#include "edge_error.h"

static int are_steps_alike(const struct edge_alloc *a, const int32_t *loads, int32_t count)
{
    int32_t other = 0;
    for (int32_t n = 0; n < count; n++)
        other |= a->step_mw[loads[n]] ^ a->step_mw[loads[0]];
    return other == 0;
}

static void fill_class(struct edge_alloc *a, struct space *s, int32_t priority)
{
    int32_t *loads = s->order + s->class_start[priority];
    int32_t count = 0;
    for (int32_t n = s->class_start[priority]; n < s->class_start[priority + 1]; n++) {
        loads[count] = s->order[n];
        count += !a->shed[s->order[n]];
    }
    if (count > 0 && s->tree->nodes > 0 && are_steps_alike(a, loads, count))
        edge_alloc_fill_tree(a, s, loads, count);
    else if (count > 0)
        edge_alloc_fill_rows(a, s, loads, count);
}

int32_t edge_alloc_solve(struct edge_alloc *a)
{
    struct space s = edge_alloc_space(a);
    int32_t error = edge_alloc_check(a, &s);
    if (error != EDGE_OK)
        return error;
    edge_alloc_order(a, &s);
    edge_alloc_admit(a, &s);
    for (int32_t priority = 0; priority < EDGE_CLASSES; priority++)
        fill_class(a, &s, priority);
    return EDGE_OK;
}
