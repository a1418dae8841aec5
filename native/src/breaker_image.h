/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGE_BREAKER_IMAGE_H
#define EDGE_BREAKER_IMAGE_H

#include <math.h> /* expm1 */

#include "edge_breaker.h"

/* What the breaker's sources share: one spelling of the model, so that a current that was
 * found to keep within a heat keeps within it to the last bit when it is stepped. */

enum { DAY_MS = 86400000, PPM = 1000000 };

static inline int is_edge(int32_t edge)
{
    return edge == EDGE_FAST || edge == EDGE_SLOW;
}

static inline double theta_of(const struct edge_breaker *b, int32_t edge)
{
    return edge == EDGE_FAST ? b->theta_fast : b->theta_slow;
}

static inline int32_t tau_of(const struct edge_breaker *b, int32_t edge)
{
    return edge == EDGE_FAST ? b->tau_fast_ms : b->tau_slow_ms;
}

static inline int32_t gate_ppm_of(const struct edge_breaker *b, int32_t edge)
{
    return edge == EDGE_FAST ? b->magnetic_low_ppm : b->magnetic_high_ppm;
}

/* The first current at or above the magnetic gate, as far as an int32 reaches; 2 or more. Both
 * products are below 2^57: the gate is exact. */
static inline int32_t gate_ma_of(const struct edge_breaker *b, int32_t edge)
{
    int64_t first_ma = ((int64_t)gate_ppm_of(b, edge) * b->rating_ma + PPM - 1) / PPM;
    return first_ma < INT32_MAX ? (int32_t)first_ma : INT32_MAX;
}

/* m^2, m = I / (Mnt * In) */
static inline double load_squared(const struct edge_breaker *b, int32_t current_ma)
{
    double m = current_ma * 1e6 / ((double)b->mnt_ppm * b->rating_ma);
    return m * m;
}

/* The part of the way to its steady state that theta goes in dt_ms. */
static inline double settled_part(int32_t dt_ms, int32_t tau_ms)
{
    return -expm1(-(double)dt_ms / tau_ms);
}

static inline double settle(double theta, double target, double part)
{
    return theta + part * (target - theta);
}

#endif
