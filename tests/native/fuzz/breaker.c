/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "edge_breaker.h"
#include "edge_error.h"
#include "fuzz.h"

static struct edge_breaker any_breaker(void)
{
    struct edge_breaker b = {16000, 1130000, 4570, 274000, 5000000, 10000000, 0.0, 0.0};
    int32_t *field[] = {&b.rating_ma,   &b.mnt_ppm,          &b.tau_fast_ms,
                        &b.tau_slow_ms, &b.magnetic_low_ppm, &b.magnetic_high_ppm};
    static const double heat[] = {0.0, 0.5, 1.0, 1e300, -1.0, INFINITY, NAN};
    for (int i = 0; i < 6; i++) {
        if (fuzz_below(4) == 0)
            *field[i] = fuzz_extreme();
    }
    b.theta_fast = heat[fuzz_below(8) ? fuzz_below(3) : fuzz_below(7)];
    b.theta_slow = heat[fuzz_below(8) ? fuzz_below(3) : fuzz_below(7)];
    return b;
}

void fuzz_breaker(void)
{
    struct edge_breaker b = any_breaker();
    if (edge_breaker_check(&b) != EDGE_OK)
        return;
    for (int i = 0; i < 20; i++) {
        int32_t current_ma = fuzz_extreme(), dt_ms = fuzz_extreme(), edge = fuzz_extreme();
        int32_t stepped = edge_breaker_step(&b, current_ma, dt_ms);
        CHECK(stepped == EDGE_OK || stepped == EDGE_E_RANGE);
        CHECK(isfinite(b.theta_fast) && b.theta_fast >= 0.0);
        CHECK(isfinite(b.theta_slow) && b.theta_slow >= 0.0);
        int32_t left_ms = edge_breaker_time_to_trip_ms(&b, current_ma, edge);
        CHECK(left_ms == EDGE_E_RANGE || (left_ms >= 0 && left_ms <= EDGE_NEVER_MS));
        CHECK((left_ms == EDGE_E_RANGE) == (current_ma < 0 || edge < 0 || edge > 1));
    }
}
