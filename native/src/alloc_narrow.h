/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOC_NARROW_H
#define ALLOC_NARROW_H

#include "alloc_search.h"

enum { NARROW_LANES = 8 };

/* Short spans, one a lane. A search waits for the outcome of one step after another; side by side
 * they wait together. Lanes that are left over have no loads and want no steps. */
struct narrow {
    int32_t first[NARROW_LANES]; /* place in the arrays of the span that holds them all */
    int32_t count[NARROW_LANES]; /* .. NARROW_LOADS */
    double steps[NARROW_LANES];  /* that they take together, 1 .. sum of cap */
    double level[NARROW_LANES];  /* out: where they take the last of them */
    int32_t last[NARROW_LANES];  /* out: the place of the load that does, from first on */
};

/* For all lanes what edge_alloc_search and edge_alloc_cut_off do for one span, and what
 * edge_alloc_cut_off_even does. The sum of cap of a lane is at most INT32_MAX. */
void edge_alloc_cut_off_narrow(const struct span *all, struct narrow *n);
void edge_alloc_cut_off_even_narrow(const struct span *all, struct narrow *n);

#endif
