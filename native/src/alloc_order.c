/* SPDX-License-Identifier: Apache-2.0 */
/* Where the loads of each class are: classes change far less often than what loads ask for, so
 * all of this is kept between calls. */
#include <string.h> /* memcpy, memset */

#include "alloc_space.h"

static void sort(const struct edge_alloc *a, struct space *s)
{
    int32_t *start = s->class_start, next[EDGE_CLASSES];
    memset(start, 0, (EDGE_CLASSES + 1) * sizeof *start);
    for (int32_t i = 0; i < a->loads; i++)
        start[a->priority[i] + 1]++;
    for (int32_t k = 0; k < EDGE_CLASSES; k++)
        start[k + 1] += start[k];
    memcpy(next, start, sizeof next);
    for (int32_t i = 0; i < a->loads; i++) {
        s->order[next[a->priority[i]]++] = i;
        s->class_of[i] = a->priority[i];
    }
}

void edge_alloc_forget(struct space *s)
{
    s->tree->is_sorted = 0;
    memset(s->tree->slot_class, -1, sizeof s->tree->slot_class);
}

void edge_alloc_order(const struct edge_alloc *a, struct space *s)
{
    if (s->tree->is_sorted)
        return;
    sort(a, s);
    edge_alloc_forget(s);
    s->tree->is_sorted = 1;
}

void edge_alloc_place(const struct edge_alloc *a, struct space *s, int32_t slot, int32_t priority,
                      struct places of)
{
    if (s->tree->slot_class[slot] == priority)
        return;
    s->tree->slot_class[slot] = priority;
    int32_t place = of.first;
    for (int32_t c = 0; c <= s->tree->cuts; c++) {
        while (place < of.end && s->order[place] < s->cut[c].load)
            place++;
        s->cut_place[c] = place;
    }
    struct places *inside = s->inside + (size_t)slot * (size_t)a->rows;
    for (int32_t n = 0; n < s->tree->nodes; n++) {
        inside[n].first = s->cut_place[s->node[n].first_cut];
        inside[n].end = s->cut_place[s->node[n].last_cut];
    }
}
