/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOC_SPACE_H
#define ALLOC_SPACE_H

#include "alloc_level.h"
#include "edge_alloc.h"

enum { NW_PER_MW = 1000000, RISING = -1 };

/* A load of the class that is being filled, at hand for rows of any form. */
struct ramp {
    double weight;
    double min_mw;
    double per_step; /* 1.0 / step_mw */
    int32_t top;     /* steps */
    int32_t held;    /* steps it stays at, or RISING */
};

/* Rows that are a tree: every row has whole loads of an unbroken range of indices, and of two
 * ranges one holds the other or they have nothing in common. Nodes are the rows with loads, the
 * outer before the inner. Where a range begins or ends is a cut; the loads between two cuts are
 * in the same rows: the node `segment_node` and all above it. */
struct tree {
    int32_t nodes; /* 0: no tree */
    int32_t cuts;
};

struct node {
    int64_t missing;  /* steps that nodes inside it cannot take */
    struct moment full;
    int32_t row;
    int32_t parent;   /* node or -1 */
    int32_t first_cut, last_cut;
};

struct cut {
    int64_t sum;    /* of what lies before it */
    int32_t load;   /* first load behind it */
    int32_t place;  /* first load of the class behind it */
    int32_t node;   /* innermost around the loads behind it, or -1 */
};

/* The workspace, cut into its arrays. Power in a row is counted in nW: coef_ppm * mW. */
struct space {
    int64_t *limit_nw; /* [R] */
    int64_t *used_nw;  /* [R] granted so far; of rising loads the minimum */
    struct moment *full; /* [R] general rows: not before this has one of its loads no room */
    struct ramp *ramp;   /* [n] */
    int32_t *column_start; /* [n + 1] */
    int32_t *column_row;   /* [entries], rising within a column */
    int32_t *column_coef_ppm;
    int32_t *column_entry; /* where the entry is in its row */
    int32_t *order; /* [n] loads by class, by index within a class */
    int32_t *rising; /* [entries] entries of rising loads, row by row from row_start */
    int32_t *rising_count; /* [R] */
    int32_t *stale;        /* [R] full[] may be too early */
    int32_t *heap;         /* [R] rows, the one with the earliest full[] on top */
    struct tree *tree;     /* [1] */
    struct node *node;     /* [R] */
    struct cut *cut;       /* [2 R + 2] */
    int32_t *weight, *min_mw, *cap; /* [n] of the class, for the tree; cap in steps */
    int32_t class_start[EDGE_CLASSES + 1];
};

struct space edge_alloc_space(const struct edge_alloc *a);

/* Validate loads and limits; fill limit_nw, and used_nw with all minimums. EDGE_OK or the error
 * of solve. */
int32_t edge_alloc_check(struct edge_alloc *a, struct space *s);

/* Counting sort of the loads by class into order and class_start. */
void edge_alloc_order(const struct edge_alloc *a, struct space *s);

/* Give the minimums (rule 1 of edge_alloc.h). used_nw holds all of them. */
void edge_alloc_admit(struct edge_alloc *a, struct space *s);

/* Fill one class over any rows (rule 2). loads: not shed, by index. */
void edge_alloc_fill_rows(struct edge_alloc *a, struct space *s, const int32_t *loads,
                          int32_t count);

/* First row in which more_mw of load i do not fit, or -1. */
int32_t edge_alloc_refusing_row(const struct space *s, int32_t i, int32_t more_mw);

/* Count more_mw of load i in all its rows. */
void edge_alloc_add(const struct space *s, int32_t i, int32_t more_mw);

/* Binary heap of rows, the earliest full[] on top: restore it below the top; add one more. */
void edge_alloc_sift_down(const struct space *s, int32_t count);
void edge_alloc_heap_add(const struct space *s, int32_t count, int32_t row);

/* Find out whether the rows are a tree; fill tree, node and cut. */
void edge_alloc_find_tree(const struct edge_alloc *a, struct space *s);

/* The same as edge_alloc_fill_rows for a tree and a class in which all steps are alike. */
void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const int32_t *loads,
                          int32_t count);

#endif
