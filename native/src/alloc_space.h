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
 * What each class did to each node is kept between calls, for edge_alloc_change_*, in a slot per
 * class; classes beyond the slots take turns in the last, and then it is not kept. */
enum { SLOTS = 4 };

/* What is kept between calls. */
struct tree {
    int32_t nodes; /* 0: no tree */
    int32_t cuts;
    int32_t waves;
    int32_t is_sorted;     /* order[] and what follows from it are those of class_of[] */
    int32_t is_kept;       /* nothing has been shed, and all classes have been filled as a tree */
    int32_t slots;         /* classes with loads, if they are SLOTS or fewer */
    int32_t one_step_mw;   /* of all loads, or 0 */
    int32_t one_weight;    /* likewise */
    int32_t slot_class[SLOTS]; /* whose loads the slot of inside[] has, or -1 */
    int32_t slot_step_mw[SLOTS];
};

struct node {
    int32_t row;
    int32_t parent; /* node or -1 */
    int32_t end;    /* the first node behind it that is not inside it */
    int32_t first_cut, last_cut;
    int32_t wave; /* one more than the last of the nodes inside it, from 0 */
};

struct cut {
    int32_t load; /* first load behind it */
    int32_t node; /* innermost around the loads behind it, or -1 */
};

/* Places in order[] of the loads of one class in one node. */
struct places {
    int32_t first, end;
};

/* One class in one node. */
struct stop {
    struct moment full; /* when it or a node around it first has no room for a step */
    int64_t more_mw; /* that its loads take, on top of their minimums */
};

/* A node with all inside it, or all nodes. */
struct part {
    int32_t first_node, end_node;
    int32_t first_cut, last_cut;
    int32_t waves; /* they are in */
};

/* The workspace, cut into its arrays. A place is an index of order[]. Power in a row is counted
 * in nW: coef_ppm * mW. */
struct space {
    int64_t *limit_nw; /* [R] */
    int64_t *used_nw;  /* [R] granted so far; of rising loads the minimum */
    struct moment *full; /* [R] general rows: not before this has one of its loads no room */
    struct ramp *ramp;   /* [n] */
    int32_t *column_start; /* [n + 1] */
    int32_t *column_row;   /* [entries], rising within a column */
    int32_t *column_coef_ppm;
    int32_t *column_entry; /* where the entry is in its row */
    int32_t *rising; /* [entries] entries of rising loads, row by row from row_start */
    int32_t *rising_count; /* [R] */
    int32_t *stale;        /* [R] full[] may be too early */
    int32_t *heap;         /* [R] rows, the one with the earliest full[] on top */

    int32_t *order;       /* [n] loads by class, by index within a class */
    int32_t *class_of;    /* [n] by load: the class it was sorted by */
    int32_t *class_start; /* [EDGE_CLASSES + 1] places */
    int32_t are_all_kept; /* nothing has been shed */

    struct tree *tree;       /* [1] */
    struct node *node;       /* [R] */
    struct cut *cut;         /* [2 R + 2] */
    int32_t *cut_before;     /* [n] by load: the last before it */
    int32_t *node_of_row;    /* [R] or -1 */
    int32_t *wave_start;     /* [R] where those of each wave begin in full_node */
    struct stop *stop;       /* [SLOTS][R] by node */
    struct places *inside;   /* [SLOTS][R] by node */
    int64_t *room_mw;        /* [R] by node: what is left; rising loads take their minimum */
    int64_t *missing;        /* [R] by node: steps that nodes inside it cannot take */
    int32_t *full_node;      /* [R] nodes that stop loads, wave by wave from wave_start */
    int32_t *full_count;     /* [R] of each wave */
    int64_t *cut_mw;         /* [2 R + 2] minimums before each cut */
    int32_t *cut_row;        /* [2 R + 2] row that stops the loads behind it, or -1 */
    int32_t *cut_place;      /* [2 R + 2] first place behind it of the class */
    int32_t *weight, *min_mw, *cap; /* [n] by place, for the tree; cap in steps */
    int64_t *steps_before;          /* [n + 1] by place: of those of the class before it */
};

struct space edge_alloc_space(const struct edge_alloc *a);

/* Set fault; returns the error. */
int32_t edge_alloc_blame(struct edge_alloc *a, int32_t error, int32_t index, int32_t is_row);

/* Validate loads and limits, see what the loads have in common, and whether all minimums fit: if
 * so, room_mw of a tree; if not, or without a tree, limit_nw, and used_nw with all minimums.
 * EDGE_OK or the error of solve. */
int32_t edge_alloc_check(struct edge_alloc *a, struct space *s);

/* Validate one load; one limit. */
int32_t edge_alloc_check_load(struct edge_alloc *a, int32_t i);
int32_t edge_alloc_check_limit(struct edge_alloc *a, int32_t row);

/* Fill room_mw of the part's nodes with what the minimums leave. 0 if one has too little. */
int edge_alloc_fit_minimums(const struct edge_alloc *a, struct space *s, const struct part *part);

/* Counting sort of the loads by class into order, unless their classes are as they were. */
void edge_alloc_order(const struct edge_alloc *a, struct space *s);

/* The next call of edge_alloc_order sorts, the next of edge_alloc_place of each slot fills. */
void edge_alloc_forget(struct space *s);

/* Fill inside[] of a slot for the loads at these places, unless it is as it was. */
void edge_alloc_place(const struct edge_alloc *a, struct space *s, int32_t slot, int32_t priority,
                      struct places of);

/* Give the minimums (rule 1 of edge_alloc.h) where they do not fit. */
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

struct part edge_alloc_whole(const struct space *s);
struct part edge_alloc_part_of(const struct space *s, int32_t node);

/* The same as edge_alloc_fill_rows for the loads at these places, which are those of a class in
 * a part of a tree and have steps of one size. Around the part, stop[] of the slot holds. */
void edge_alloc_fill_tree(struct edge_alloc *a, struct space *s, const struct part *part,
                          int32_t slot, struct places of);

#endif
