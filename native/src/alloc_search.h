/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ALLOC_SEARCH_H
#define ALLOC_SEARCH_H

#include "alloc_level.h"

/* For loops that compilers turn into vector instructions: let them do so for wider registers
 * too, and the loader pick. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__OPTIMIZE__) && !defined(__clang__)
#define EDGE_WIDE __attribute__((target_clones("avx2", "default")))
#else
#define EDGE_WIDE
#endif

/* At this level every load has its request: weight 1, 2^30 mW. */
static const int64_t level_max = (int64_t)1 << 44;

enum { NARROW_LOADS = 16, SPAN_MARGIN = NARROW_LOADS - 1 };

/* Loads side by side that take steps of the same size. The arrays can be read, and cap be
 * written as it was, SPAN_MARGIN behind the last. */
struct span {
    const int32_t *weight;
    const int32_t *min_mw;
    int32_t *cap; /* steps it takes at most */
    int32_t count;
    int32_t one_weight; /* if all weights are alike and the step is 1 mW, else 0: then weight[] */
    double step_mw;
    double per_step; /* 1.0 / step_mw */
};

/* First level at which together they hold `steps` or more, 1 .. sum of cap; *missing is how many
 * of these are taken on it. */
int64_t edge_alloc_search(const struct span *p, int64_t steps, int64_t *missing);

/* Lower cap to what they hold after `missing` of them, 1 or more, have taken a step on `level`.
 * Returns the last that has. */
int32_t edge_alloc_cut_off(const struct span *p, int64_t level, int64_t missing);

/* Both for loads of one weight in steps of 1 mW: the level and, in *last, the last load. */
int64_t edge_alloc_cut_off_even(const struct span *p, int64_t steps, int32_t *last);

#endif
