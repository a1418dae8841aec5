/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGE_ALLOC_H
#define EDGE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Who may draw how much: strict priority between classes, weighted max-min inside a class,
 * under any number of rows
 *
 *     sum over loads of coef_ppm[row, load] * grant_mw[load] <= limit_mw[row] * 1 000 000
 *
 * (a breaker phase, a feed share, "what if feed A dies now", contract, cooling, site lease).
 * All arithmetic is exact: no row is ever exceeded, not by one mW, and the same input
 * gives the same bits everywhere.
 *
 * 1. Minimums. Class by class, 0 first, every load is given min_mw. While that overfills a row,
 *    one load of this class is shed: among those in the lowest-numbered such row, if one alone
 *    frees enough, the one with the least weight * min_mw of these; else the one that frees
 *    most, then of least weight * min_mw; then the highest index. Then those shed in this class
 *    are put back in order of index where they fit after all. So a load is shed only for loads
 *    of its own or a higher class, and every shed load would still not fit.
 * 2. Filling. Class by class, 0 first, a common level rises from 0: every load of the class
 *    holds  clip(weight * level, min_mw, request_mw)  rounded down to min_mw + k * step_mw
 *    (progressive filling: Bertsekas, Gallager, Data Networks, 6.5.2). The level counts in
 *    1/EDGE_LEVEL_UNIT mW per unit of weight; steps that fall on the same level are taken in
 *    order of index. As soon as a row has no room for a load's next step, the load stays where
 *    it is: rows only fill up. That row is its binding row; if one step has left several rows
 *    without room for it, the lowest-numbered of them is.
 *
 * So nobody can rise unless one falls who is of its class and holds no more than what it asks
 * for (per weight), or one of a higher class: max-min to within the step that did not fit.
 * Nothing depends on how it is computed: rows that are a tree (edge_alloc_prepare) are solved on a
 * shorter way with the same bits. */

enum edge_alloc_range {
    EDGE_CLASSES = 256,
    EDGE_WEIGHT_MAX = 10000,
    EDGE_LEVEL_UNIT = 16384
};

/* All arrays belong to the caller and stay valid and, but for the outputs, unchanged by a call.
 * Rows are in compressed form: the entries of row r are row_start[r] .. row_start[r + 1] - 1 of
 * entry_load[] and entry_coef_ppm[]. */
struct edge_alloc {
    int32_t loads;                 /* n, 0 .. 2^24 */
    int32_t rows;                  /* R, 0 .. 2^24 */
    const int32_t *row_start;      /* [R + 1], from 0, never falling */
    const int32_t *entry_load;     /* [row_start[R]], 0 .. n - 1, rising within a row */
    const int32_t *entry_coef_ppm; /* [row_start[R]], >= 0; 1 000 000: all of the load */
    const int64_t *limit_mw;       /* [R]; negative means 0; .. 2^43 */
    const int32_t *min_mw;         /* [n], 0 .. request_mw */
    const int32_t *request_mw;     /* [n], .. 2^30 - 1 */
    const int32_t *weight;         /* [n], 1 .. EDGE_WEIGHT_MAX */
    const int32_t *step_mw;        /* [n], 1 .. 2^30 - 1 */
    const int32_t *priority;       /* [n], class, 0 (kept longest) .. EDGE_CLASSES - 1 */
    int32_t *grant_mw;             /* out [n]: 0 if shed */
    uint8_t *shed;                 /* out [n]: 1 if its minimum does not fit */
    int32_t *binding_row;          /* out [n]: the row that keeps it from its next step (shed:
                                      from its minimum); -1 if it has its request, to within
                                      one step */
    int64_t *workspace;            /* edge_alloc_workspace_words(n, R, entries) words of 8 bytes;
                                      written by prepare and kept between calls of solve */
    int32_t fault;                 /* out: index of the load or row that an error is about, or -1 */
    int32_t fault_is_row;          /* out: 1 row, 0 load */
};

/* Length of the workspace, in 8-byte words; counts as in struct edge_alloc. */
size_t edge_alloc_workspace_words(int32_t loads, int32_t rows, int32_t entries);

/* Check the rows and turn them round into the workspace. Call once, and again whenever rows,
 * entry_load or entry_coef_ppm change. EDGE_E_RANGE: see fault.
 *
 * Rows are a tree if each has whole loads (1 000 000 ppm) with unbroken indices, and of any two
 * one holds the other or they share none: number loads rack by rack to have it so. Classes of
 * a tree in which all steps are alike are solved faster: each row finds its level by itself from
 * its inmost ones outwards. How the loads lie in classes and rows is found once, and again by the
 * solve that first sees a load in another class. */
int32_t edge_alloc_prepare(struct edge_alloc *alloc);

/* A lower limit never raises the sum of grants over one row, or over a tree in which all steps
 * are alike, as long as the minimums fit. Elsewhere it may: a load that is held back leaves room
 * in every row it is in, and a large step that no longer fits leaves room for several others. */

/* Fill grant_mw, shed and binding_row from the present limits, minimums, requests, weights,
 * steps and classes. EDGE_E_RANGE: a value of load or row `fault` is out of range.
 * EDGE_E_OVERFLOW: the minimums in row `fault` together exceed int64 nW (9.2 GW). On an error
 * the outputs are as before. */
int32_t edge_alloc_solve(struct edge_alloc *alloc);

/* Solve again after the inputs of this load alone, or this limit alone, have changed since the
 * last call that returned EDGE_OK; the outputs become those of edge_alloc_solve. In a tree, with
 * at most 4 classes, steps alike within each and nothing shed, and if the load keeps its class,
 * only the part is touched that the change reaches: from the innermost row around it outwards
 * until a row takes as much of each class as it did, or no row farther out is full. Else this is
 * edge_alloc_solve. */
int32_t edge_alloc_change_load(struct edge_alloc *alloc, int32_t load);
int32_t edge_alloc_change_limit(struct edge_alloc *alloc, int32_t row);

#endif
