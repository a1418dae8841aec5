/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOC_SPACE_H
#define ALLOC_SPACE_H

#include "edge_alloc.h"

/* The caller's workspace, cut into arrays. Columns are written by edge_alloc_prepare and kept;
 * the rest is scratch of one solve. nW = ppm * mW. */
struct space {
    int64_t *used;            /* [R], nW */
    int64_t *trial;           /* [R], nW */
    int64_t *limit;           /* [R], nW, >= 0 */
    int32_t *column_start;    /* [n + 1] */
    int32_t *column_row;      /* [entries], rising within a column */
    int32_t *column_coef_ppm; /* [entries] */
    int32_t *order;           /* [n], loads by class, then index */
    int32_t *active;          /* [n] */
    int32_t class_start[EDGE_CLASSES + 1]; /* into order */
};

struct space edge_alloc_space(const struct edge_alloc *alloc);

/* Validate everything that solve reads; fills limit and zeroes used. */
int32_t edge_alloc_check(struct edge_alloc *alloc, struct space *space);

/* Fill order and class_start. */
void edge_alloc_order(const struct edge_alloc *alloc, struct space *space);

#endif
