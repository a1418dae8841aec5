/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc_space.h"

static int comes_first(const struct space *s, int32_t a, int32_t b)
{
    if (is_before(s->full[a], s->full[b]))
        return 1;
    return !is_before(s->full[b], s->full[a]) && a < b;
}

void edge_alloc_sift_down(const struct space *s, int32_t count)
{
    int32_t place = 0;
    int32_t row = s->heap[0];
    for (int32_t child = 1; child < count; child = 2 * place + 1) {
        if (child + 1 < count && comes_first(s, s->heap[child + 1], s->heap[child]))
            child++;
        if (!comes_first(s, s->heap[child], row))
            break;
        s->heap[place] = s->heap[child];
        place = child;
    }
    s->heap[place] = row;
}

static void sift_up(const struct space *s, int32_t place)
{
    int32_t row = s->heap[place];
    while (place > 0 && comes_first(s, row, s->heap[(place - 1) / 2])) {
        s->heap[place] = s->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    s->heap[place] = row;
}

void edge_alloc_heap_add(const struct space *s, int32_t count, int32_t row)
{
    s->heap[count] = row;
    sift_up(s, count);
}
