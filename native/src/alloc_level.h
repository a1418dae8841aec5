/* SPDX-License-Identifier: Apache-2.0 */
/* How many steps a load holds at a level, and at which level it takes a step. All of it is
 * exact, although it is computed in doubles, because doubles come in vectors:
 *
 * A product weight * level is exact up to 2^53; beyond, it is above any request and is clipped.
 * (share - min) is a multiple of 2^-14 mW below 2^30 mW. HALF_GRAIN keeps the quotient away from
 * whole numbers by 2^-15 / step, and its two roundings move it by less than 2^-22 / step. */
#ifndef ALLOC_LEVEL_H
#define ALLOC_LEVEL_H

#include <stdint.h>

#include "edge_alloc.h"

#define MW_PER_LEVEL (1.0 / EDGE_LEVEL_UNIT)
#define HALF_GRAIN (0.5 / EDGE_LEVEL_UNIT)

/* A moment of the filling: after all steps of lower levels and, of this level, those of the
 * loads up to index `last`. */
struct moment {
    int64_t level;
    int32_t last;
    int32_t row; /* whose moment it is; not compared */
};

static const struct moment at_start = {0, -1, -1};
static const struct moment at_never = {INT64_MAX, -1, -1};

static inline int is_before(struct moment a, struct moment b)
{
    return a.level < b.level || (a.level == b.level && a.last < b.last);
}

/* Steps above its minimum; per_step is 1.0 / step_mw. */
static inline int32_t steps_at(double weight, double min_mw, double per_step, double top,
                               double level)
{
    double steps = (weight * (level * MW_PER_LEVEL) - min_mw + HALF_GRAIN) * per_step;
    steps = steps < top ? steps : top;
    steps = steps > 0 ? steps : 0;
    return (int32_t)steps;
}

/* Level, not yet rounded up, at which weight * level reaches grant_mw: one rounding of a
 * quotient below 2^44 never crosses a whole number. */
static inline double level_of(double weight, double grant_mw)
{
    return grant_mw * EDGE_LEVEL_UNIT / weight;
}

static inline int64_t round_up(double level)
{
    int64_t down = (int64_t)level;
    return down + ((double)down < level);
}

#endif
