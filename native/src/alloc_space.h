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
 * in the same rows: the innermost node around them and all above it.
 *
 * What each class did to each node is kept between calls, for edge_alloc_change_*; one class
 * more than fits means that it is not. */
enum { SLOTS = 4 };

struct tree {
    int32_t nodes; /* 0: no tree */
    int32_t cuts;
    int32_t slots;   /* classes with loads */
    int32_t waves;
    int32_t is_kept; /* nothing has been shed, and all classes have been filled as a tree */
    int32_t slot_class[SLOTS];
    int32_t slot_step_mw[SLOTS];
};

struct node {
    int64_t missing; /* steps that nodes inside it cannot take */
    int32_t row;
    int32_t parent; /* node or -1 */
    int32_t end;    /* the first node behind it that is not inside it */
    int32_t first_cut, last_cut;
    int32_t wave; /* one more than the last of the nodes inside it, from 0 */
};

struct cut {
    int64_t steps;  /* of the loads of the class before it */
    int64_t min_mw; /* of these */
    int64_t weight; /* of these */
    int32_t load;   /* first load behind it */
    int32_t place;  /* first load of the class behind it */
    int32_t node;   /* innermost around the loads behind it, or -1 */
    int32_t row;    /* that stops these loads, or -1 */
};

/* One class in one node. */
struct stop {
    struct moment full; /* when it or a node around it first has no room for a step */
    int64_t min_mw;
    int64_t used_mw;
};

/* A node with all inside it, or all nodes. */
struct part {
    int32_t first_node, end_node;
    int32_t first_cut, last_cut;
    int32_t waves; /* they are in */
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
    struct stop *stop;     /* [SLOTS][R] by node */
    int32_t *cut_before;   /* [n] the last before the load */
    int32_t *node_of_row;  /* [R] or -1 */
    int32_t *in_waves;     /* [R] nodes, wave by wave, rising within a wave */
    int32_t *wave_start;   /* [R + 1] */
    int32_t *weight, *min_mw, *cap; /* [n] of the class, for the tree; cap in steps */
    int32_t class_start[EDGE_CLASSES + 1];
    int32_t are_all_kept; /* nothing has been shed */
};

struct space edge_alloc_space(const struct edge_alloc *a);

/* Set fault; returns the error. */
int32_t edge_alloc_blame(struct edge_alloc *a, int32_t error, int32_t index, int32_t is_row);

/* Validate loads and limits; fill limit_nw, and used_nw with all minimums. EDGE_OK or the error
 * of solve. */
int32_t edge_alloc_check(struct edge_alloc *a, struct space *s);

/* The same for one load; for one limit. */
int32_t edge_alloc_check_load(struct edge_alloc *a, int32_t i);
int32_t edge_alloc_check_limit(struct edge_alloc *a, struct space *s, int32_t row);

/* Fill used_nw of the part's nodes with all minimums. 0 if one leaves int64. */
int edge_alloc_sum_minimums(const struct edge_alloc *a, struct space *s, const struct part *part);

/* Counting sort of the loads first .. end - 1 by class into the same places of order, and
 * class_start. */
void edge_alloc_order(const struct edge_alloc *a, struct space *s, int32_t first, int32_t end);

/* Give the minimums (rule 1 of edge_alloc.h). used_nw holds all of them. 0 if some load is shed. */
int edge_alloc_admit(struct edge_alloc *a, struct space *s);

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

struct part edge_alloc_whole(const struct space *s);
struct part edge_alloc_part_of(const struct space *s, int32_t node);

/* The same as edge_alloc_fill_rows for a part of a tree and a class with steps of one size.
 * Around the part, stop[] of the slot holds. */
void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const struct part *part,
                          int32_t slot, const int32_t *loads, int32_t count);

#endif
