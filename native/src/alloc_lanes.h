/* SPDX-License-Identifier: Apache-2.0 */
/* alloc_level.h for four loads at a time, in the vector extensions that GCC and Clang share. A
 * lane behind the end of a span holds some other load's numbers with a cap of 0: it takes no
 * steps. */
#ifndef ALLOC_LANES_H
#define ALLOC_LANES_H

#include <string.h> /* memcpy */

#include "alloc_search.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* all of this is inlined: no vector is returned */

enum { LANES = 4 };

typedef double four __attribute__((vector_size(32)));
typedef int64_t four_masks __attribute__((vector_size(32)));
typedef int32_t four_ints __attribute__((vector_size(16)));

struct lanes {
    four weight;
    four min_mw;
    four cap;
};

static inline four_ints four_from(const int32_t *array)
{
    four_ints v;
    memcpy(&v, array, sizeof v);
    return v;
}

static inline four to_doubles(four_ints v)
{
    return __builtin_convertvector(v, four);
}

/* Lane by lane. A macro, since no vector can be passed in a way that all targets share. */
#define CHOOSE(where, then, otherwise)                                                       \
    ((four)(((four_masks)(then) & (where)) | ((four_masks)(otherwise) & ~(where))))

static inline four_ints where_inside(const struct span *p, int32_t first)
{
    return (four_ints){0, 1, 2, 3} + first < p->count;
}

static inline struct lanes lanes_of(const struct span *p, int32_t first)
{
    return (struct lanes){to_doubles(four_from(p->weight + first)),
                          to_doubles(four_from(p->min_mw + first)),
                          to_doubles(four_from(p->cap + first) & where_inside(p, first))};
}

/* As steps_at. */
static inline four_ints lanes_at(const struct span *p, const struct lanes *of, int64_t level)
{
    double share_mw = (double)level * MW_PER_LEVEL;
    four steps = (of->weight * share_mw - of->min_mw + HALF_GRAIN) * p->per_step;
    steps = CHOOSE((four_masks)(steps < of->cap), steps, of->cap);
    steps = (four)((four_masks)steps & (four_masks)(steps > 0.0));
    return __builtin_convertvector(steps, four_ints);
}

/* As level_of, of the grant with so many steps. */
static inline four levels_of(const struct span *p, const struct lanes *of,
                             const four *steps)
{
    return (of->min_mw + *steps * p->step_mw) * (double)EDGE_LEVEL_UNIT / of->weight;
}

/* Whole numbers; above 2^53, which is more than any row has room for, to within rounding. */
static inline int64_t sum_lanes(const four *v)
{
    return (int64_t)(((*v)[0] + (*v)[1]) + ((*v)[2] + (*v)[3]));
}

static inline double lowest_lane(const four *v)
{
    double a = (*v)[0] < (*v)[1] ? (*v)[0] : (*v)[1];
    double b = (*v)[2] < (*v)[3] ? (*v)[2] : (*v)[3];
    return a < b ? a : b;
}

#endif
