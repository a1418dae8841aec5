/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h> /* log, isfinite */

#include "breaker_image.h"
#include "edge_breaker.h"
#include "edge_error.h"

enum { GATE_MAX_PPM = 100000000, MNT_MIN_PPM = 1000000, MNT_MAX_PPM = 2000000 };

static int is_heat(double theta)
{
    return isfinite(theta) && theta >= 0.0;
}

int32_t edge_breaker_check(const struct edge_breaker *b)
{
    int good = b->rating_ma >= 1 && b->rating_ma <= EDGE_NEVER_MS;
    good = good && b->mnt_ppm >= MNT_MIN_PPM && b->mnt_ppm <= MNT_MAX_PPM;
    good = good && b->tau_fast_ms >= 1 && b->tau_fast_ms <= b->tau_slow_ms;
    good = good && b->tau_slow_ms <= DAY_MS;
    good = good && b->magnetic_low_ppm > b->mnt_ppm;
    good = good && b->magnetic_low_ppm <= b->magnetic_high_ppm;
    good = good && b->magnetic_high_ppm <= GATE_MAX_PPM;
    good = good && is_heat(b->theta_fast) && is_heat(b->theta_slow);
    return good ? EDGE_OK : EDGE_E_RANGE;
}

int32_t edge_breaker_step(struct edge_breaker *b, int32_t current_ma, int32_t dt_ms)
{
    if (current_ma < 0 || dt_ms < 0 || dt_ms > DAY_MS)
        return EDGE_E_RANGE;
    double target = load_squared(b, current_ma);
    b->theta_fast = settle(b->theta_fast, target, settled_part(dt_ms, b->tau_fast_ms));
    b->theta_slow = settle(b->theta_slow, target, settled_part(dt_ms, b->tau_slow_ms));
    return EDGE_OK;
}

int32_t edge_breaker_away(struct edge_breaker *b, int32_t most_ma, int32_t dt_ms)
{
    struct edge_breaker idle = *b;
    int32_t stepped = edge_breaker_step(b, most_ma, dt_ms);
    if (stepped == EDGE_OK) {
        edge_breaker_step(&idle, 0, dt_ms);
        b->theta_slow = idle.theta_slow;
    }
    return stepped;
}

int32_t edge_breaker_time_to_trip_ms(const struct edge_breaker *b, int32_t current_ma,
                                     int32_t edge)
{
    if (current_ma < 0 || !is_edge(edge))
        return EDGE_E_RANGE;
    int32_t gate_ppm = gate_ppm_of(b, edge);
    double theta = theta_of(b, edge);
    /* Both products are below 2^57: the gate is compared exactly. */
    if (theta >= 1.0 || (int64_t)current_ma * PPM >= (int64_t)gate_ppm * b->rating_ma)
        return 0;
    double target = load_squared(b, current_ma);
    if (target <= 1.0)
        return EDGE_NEVER_MS;
    double left_ms = tau_of(b, edge) * log((target - theta) / (target - 1.0));
    return left_ms < EDGE_NEVER_MS ? (int32_t)left_ms : EDGE_NEVER_MS;
}
