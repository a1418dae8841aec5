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

static int is_temperature(int32_t mc)
{
    return mc >= -100000 && mc <= 1000000;
}

static int32_t any_temperature(void)
{
    return fuzz_below(8) ? -100000 + (int32_t)fuzz_below(1100001) : fuzz_extreme();
}

/* Never above the rating, never higher when hotter. */
static void derate(void)
{
    int32_t rating_ma = fuzz_below(4) ? 1 + (int32_t)fuzz_below(1000000) : fuzz_extreme();
    int32_t ambient_mc = any_temperature(), reference_mc = any_temperature();
    int32_t trip_mc = any_temperature();
    int good = is_temperature(ambient_mc) && is_temperature(reference_mc);
    good = good && is_temperature(trip_mc) && trip_mc > reference_mc;
    good = good && rating_ma >= 1 && rating_ma <= EDGE_NEVER_MS;
    int32_t derated_ma = edge_breaker_derated_ma(rating_ma, ambient_mc, reference_mc, trip_mc);
    CHECK((derated_ma >= 0) == good);
    CHECK(derated_ma <= rating_ma || !good);
    if (good && ambient_mc < 1000000)
        CHECK(edge_breaker_derated_ma(rating_ma, ambient_mc + 1, reference_mc, trip_mc) <=
              derated_ma);
}

enum { BANK = 5 };

/* A bank is its breakers, one by one, to the last bit. */
static void bank(const struct edge_breaker *any)
{
    struct edge_breaker breakers[BANK], alone[BANK];
    int32_t current_ma[BANK], left_ms[BANK];
    int32_t dt_ms = fuzz_below(8) ? (int32_t)fuzz_below(100000) : fuzz_extreme();
    int32_t count = fuzz_below(8) ? (int32_t)fuzz_below(BANK + 1) : -1;
    int32_t edge = (int32_t)fuzz_below(3);
    int good = count >= 0;
    for (int32_t i = 0; i < BANK; i++) {
        alone[i] = *any;
        alone[i].tau_fast_ms = 1 + (int32_t)fuzz_below((uint32_t)any->tau_fast_ms);
        breakers[i] = alone[i];
        current_ma[i] = fuzz_below(16) ? (int32_t)fuzz_below(200000) : fuzz_extreme();
        good = good && (i >= count || current_ma[i] >= 0);
    }
    int32_t stepped = edge_breaker_bank_step(breakers, current_ma, count, dt_ms);
    CHECK((stepped == EDGE_OK) == (good && dt_ms >= 0 && dt_ms <= 86400000));
    int32_t told = edge_breaker_bank_time_to_trip(breakers, current_ma, count, edge, left_ms);
    CHECK((told == EDGE_OK) == (good && edge < 2));
    for (int32_t i = 0; i < count; i++) {
        if (stepped == EDGE_OK)
            edge_breaker_step(&alone[i], current_ma[i], dt_ms);
        CHECK(breakers[i].theta_fast == alone[i].theta_fast);
        CHECK(breakers[i].theta_slow == alone[i].theta_slow);
        if (told == EDGE_OK)
            CHECK(left_ms[i] == edge_breaker_time_to_trip_ms(&alone[i], current_ma[i], edge));
    }
}

/* A trace is its steps, until the first that trips. */
static void trace(const struct edge_breaker *any)
{
    struct edge_breaker traced = *any, stepped = *any;
    int32_t current_ma[BANK];
    int32_t dt_ms = fuzz_below(8) ? (int32_t)fuzz_below(1000) : fuzz_extreme();
    int32_t edge = (int32_t)fuzz_below(3);
    int good = edge < 2 && dt_ms >= 0 && dt_ms <= 86400000;
    for (int32_t i = 0; i < BANK; i++) {
        current_ma[i] = fuzz_below(16) ? (int32_t)fuzz_below(100000) : fuzz_extreme();
        good = good && current_ma[i] >= 0;
    }
    int32_t whole = edge_breaker_trace(&traced, current_ma, BANK, dt_ms, edge);
    CHECK((whole >= 0) == good && whole <= BANK);
    for (int32_t i = 0; i <= whole && i < BANK; i++) {
        int32_t gate_ppm = edge == EDGE_FAST ? any->magnetic_low_ppm : any->magnetic_high_ppm;
        int gated = current_ma[i] * 1000000LL >= (int64_t)gate_ppm * any->rating_ma;
        gated = gated || current_ma[i] == INT32_MAX;
        CHECK(!gated || i == whole);
        if (!gated)
            edge_breaker_step(&stepped, current_ma[i], dt_ms);
        double theta = edge == EDGE_FAST ? stepped.theta_fast : stepped.theta_slow;
        CHECK(gated || (theta >= 1.0) == (i == whole));
    }
    CHECK(traced.theta_fast == stepped.theta_fast && traced.theta_slow == stepped.theta_slow);
}

/* Away: the fast edge as carried, the slow edge as idle. */
static void away(const struct edge_breaker *b)
{
    struct edge_breaker gone = *b, carried = *b, idle = *b;
    int32_t most_ma = fuzz_extreme(), dt_ms = fuzz_extreme();
    int32_t code = edge_breaker_away(&gone, most_ma, dt_ms);
    CHECK(code == edge_breaker_step(&carried, most_ma, dt_ms));
    if (code == EDGE_OK)
        edge_breaker_step(&idle, 0, dt_ms);
    CHECK(gone.theta_fast == carried.theta_fast && gone.theta_slow == idle.theta_slow);
}

/* 1 ms of a day: the closed form is some 10 mA off, what is found is still exact. And 0 ms, where
 * all below a gate beyond int32 is kept. */
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
    b.theta_fast = 0.5;
    CHECK(edge_breaker_hold_ma(&b, 0, 500000, EDGE_FAST) == INT32_MAX - 1);
}

void fuzz_breaker(void)
{
    hold_for_next_to_nothing();
    derate();
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
        away(&b);
        bank(&b);
        trace(&b);
    }
}
