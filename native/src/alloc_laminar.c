/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h> /* memset */

#include "alloc_space.h"

static int is_range(const struct edge_alloc *a, int32_t row)
{
    int32_t first = a->row_start[row];
    for (int32_t k = first; k < a->row_start[row + 1]; k++) {
        if (a->entry_coef_ppm[k] != NW_PER_MW)
            return 0;
        if (a->entry_load[k] - a->entry_load[first] != k - first)
            return 0;
    }
    return 1;
}

/* Rows with loads into the heap, by first load, then the longer, then the lower number.
 * -1 if one is no range. */
static int32_t sort_rows(const struct edge_alloc *a, struct space *s)
{
    int32_t count = 0;
    for (int32_t row = 0; row < a->rows; row++) {
        s->node_of_row[row] = -1;
        if (a->row_start[row] == a->row_start[row + 1])
            continue;
        if (!is_range(a, row))
            return -1;
        s->full[row].level = a->entry_load[a->row_start[row]];
        s->full[row].last = a->row_start[row] - a->row_start[row + 1];
        edge_alloc_heap_add(s, count++, row);
    }
    return count;
}

/* The cut before `load`, which lies inside node `inner` alone since the last cut. */
static int32_t cut_at(struct space *s, int32_t load, int32_t inner)
{
    struct cut *last = &s->cut[s->tree->cuts];
    if (load > last->load) {
        last->node = inner;
        last[1].load = load;
        s->tree->cuts++;
    }
    return s->tree->cuts;
}

static int32_t end_of(const struct edge_alloc *a, int32_t row)
{
    return a->entry_load[a->row_start[row + 1] - 1] + 1;
}

/* Close the nodes that end at or before `load`, where node `next` begins; the innermost that
 * stays open. */
static int32_t close_until(const struct edge_alloc *a, struct space *s, int32_t inner,
                           int32_t load, int32_t next)
{
    while (inner >= 0 && end_of(a, s->node[inner].row) <= load) {
        s->node[inner].last_cut = cut_at(s, end_of(a, s->node[inner].row), inner);
        s->node[inner].end = next;
        inner = s->node[inner].parent;
    }
    return inner;
}

/* Nodes of one wave have nothing in common, and what is inside them is in waves before. */
static void sort_waves(struct space *s, int32_t nodes)
{
    for (int32_t n = 0; n < nodes; n++)
        s->node[n].wave = 0;
    memset(s->wave_start, 0, (size_t)nodes * sizeof *s->wave_start);
    for (int32_t n = nodes - 1; n >= 0; n--) {
        int32_t wave = s->node[n].wave, parent = s->node[n].parent;
        s->wave_start[wave]++;
        if (parent >= 0 && s->node[parent].wave <= wave)
            s->node[parent].wave = wave + 1;
        if (s->tree->waves <= wave)
            s->tree->waves = wave + 1;
    }
    int32_t next = 0;
    for (int32_t w = 0; w < s->tree->waves; w++) {
        int32_t count = s->wave_start[w];
        s->wave_start[w] = next;
        next += count;
    }
}

void edge_alloc_find_tree(const struct edge_alloc *a, struct space *s)
{
    int32_t count = sort_rows(a, s);
    int32_t inner = -1;
    *s->tree = (struct tree){0};
    s->cut[0].load = 0;
    for (int32_t n = 0; n < count; n++) {
        int32_t row = s->heap[0];
        s->heap[0] = s->heap[count - 1 - n];
        edge_alloc_sift_down(s, count - 1 - n);
        int32_t first = a->entry_load[a->row_start[row]];
        inner = close_until(a, s, inner, first, n);
        if (inner >= 0 && end_of(a, row) > end_of(a, s->node[inner].row))
            return;
        s->node_of_row[row] = n;
        s->node[n].row = row;
        s->node[n].parent = inner;
        s->node[n].first_cut = cut_at(s, first, inner);
        inner = n;
    }
    close_until(a, s, inner, a->loads, count);
    cut_at(s, a->loads, -1);
    s->tree->nodes = count > 0 ? count : 0;
    sort_waves(s, s->tree->nodes);
    for (int32_t c = 0; c < s->tree->cuts; c++) {
        for (int32_t i = s->cut[c].load; i < s->cut[c + 1].load; i++)
            s->cut_before[i] = c;
    }
}

struct part edge_alloc_whole(const struct space *s)
{
    return (struct part){0, s->tree->nodes, 0, s->tree->cuts, s->tree->waves};
}

struct part edge_alloc_part_of(const struct space *s, int32_t node)
{
    const struct node *n = &s->node[node];
    return (struct part){node, n->end, n->first_cut, n->last_cut, n->wave + 1};
}
