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

/* What is found is what a step confirms, to the last mA. */
static void hold(const struct edge_breaker *b)
{
    int32_t hold_ms = (int32_t)fuzz_below(2) ? fuzz_extreme() : (int32_t)fuzz_below(100000);
    int32_t max_ppm = fuzz_below(8) ? 1 + (int32_t)fuzz_below(1000000) : fuzz_extreme();
    int32_t share_ppm = fuzz_below(8) ? (int32_t)fuzz_below(1000001) : fuzz_extreme();
    int32_t edge = fuzz_below(8) ? (int32_t)fuzz_below(2) : fuzz_extreme();
    int good = hold_ms >= 0 && hold_ms <= 86400000 && max_ppm >= 1 && max_ppm <= 1000000;
    good = good && edge >= 0 && edge <= 1;
    int32_t total_ma = edge_breaker_survivor_ma(b, hold_ms, max_ppm, share_ppm, edge);
    CHECK((total_ma >= 0) == (good && share_ppm >= 0 && share_ppm <= 1000000));
    int32_t most_ma = edge_breaker_hold_ma(b, hold_ms, max_ppm, edge);
    CHECK((most_ma >= 0) == good);
    if (!good)
        return;
    for (int32_t more_ma = 0; more_ma <= 1; more_ma++) {
        struct edge_breaker carried = *b;
        edge_breaker_step(&carried, most_ma + more_ma, hold_ms);
        double theta = edge == EDGE_FAST ? carried.theta_fast : carried.theta_slow;
        int cool = theta <= max_ppm / 1e6;
        int32_t gate_ppm = edge == EDGE_FAST ? b->magnetic_low_ppm : b->magnetic_high_ppm;
        int gated = (most_ma + more_ma) * 1000000LL >= (int64_t)gate_ppm * b->rating_ma;
        gated = gated || most_ma + more_ma == INT32_MAX;
        CHECK(more_ma ? !cool || gated : (cool && !gated) || most_ma == 0);
    }
}

/* 1 ms of a day: the closed form is some 10 mA off, what is found is still exact. */
static void hold_for_next_to_nothing(void)
{
    int32_t rating_ma = EDGE_NEVER_MS - (int32_t)fuzz_below(1000000);
    struct edge_breaker b = {rating_ma, 1130000, 86400000, 86400000, 5000000, 10000000, 0.5, 0.5};
    int32_t most_ma = edge_breaker_hold_ma(&b, 1, 500000, EDGE_FAST);
    CHECK(most_ma > rating_ma / 2);
    struct edge_breaker carried = b;
    edge_breaker_step(&carried, most_ma, 1);
    CHECK(carried.theta_fast <= 0.5);
    edge_breaker_step(&b, most_ma + 1, 1);
    CHECK(b.theta_fast > 0.5);
}

void fuzz_breaker(void)
{
    hold_for_next_to_nothing();
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
        hold(&b);
    }
}
