/* SPDX-License-Identifier: Apache-2.0 */
#include "breaker_image.h"
#include "edge_breaker.h"
#include "edge_error.h"

/* The exponential costs more than all the rest: equal breakers beside each other share it. */
struct shared_part {
    int32_t tau_ms;
    double part;
};

static double part_of(struct shared_part *last, int32_t dt_ms, int32_t tau_ms)
{
    if (tau_ms != last->tau_ms) {
        last->tau_ms = tau_ms;
        last->part = settled_part(dt_ms, tau_ms);
    }
    return last->part;
}

static int are_currents(const int32_t *current_ma, int32_t count)
{
    int32_t signs = 0;
    for (int32_t i = 0; i < count; i++)
        signs |= current_ma[i];
    return signs >= 0;
}

int32_t edge_breaker_bank_step(struct edge_breaker *breakers, const int32_t *current_ma,
                               int32_t count, int32_t dt_ms)
{
    if (count < 0 || dt_ms < 0 || dt_ms > DAY_MS || !are_currents(current_ma, count))
        return EDGE_E_RANGE;
    struct shared_part fast = {0}, slow = {0};
    for (int32_t i = 0; i < count; i++) {
        struct edge_breaker *b = &breakers[i];
        double target = load_squared(b, current_ma[i]);
        double fast_part = part_of(&fast, dt_ms, b->tau_fast_ms);
        double slow_part = part_of(&slow, dt_ms, b->tau_slow_ms);
        b->theta_fast = settle(b->theta_fast, target, fast_part);
        b->theta_slow = settle(b->theta_slow, target, slow_part);
    }
    return EDGE_OK;
}

int32_t edge_breaker_bank_time_to_trip(const struct edge_breaker *breakers,
                                       const int32_t *current_ma, int32_t count, int32_t edge,
                                       int32_t *left_ms)
{
    if (count < 0 || !is_edge(edge) || !are_currents(current_ma, count))
        return EDGE_E_RANGE;
    for (int32_t i = 0; i < count; i++)
        left_ms[i] = edge_breaker_time_to_trip_ms(&breakers[i], current_ma[i], edge);
    return EDGE_OK;
}

int32_t edge_breaker_trace(struct edge_breaker *b, const int32_t *current_ma, int32_t count,
                           int32_t dt_ms, int32_t edge)
{
    int good = count >= 0 && dt_ms >= 0 && dt_ms <= DAY_MS && is_edge(edge);
    if (!good || !are_currents(current_ma, count))
        return EDGE_E_RANGE;
    double fast_part = settled_part(dt_ms, b->tau_fast_ms);
    double slow_part = settled_part(dt_ms, b->tau_slow_ms);
    int32_t first_ma = gate_ma_of(b, edge);
    for (int32_t i = 0; i < count; i++) {
        if (current_ma[i] >= first_ma)
            return i;
        double target = load_squared(b, current_ma[i]);
        b->theta_fast = settle(b->theta_fast, target, fast_part);
        b->theta_slow = settle(b->theta_slow, target, slow_part);
        if (theta_of(b, edge) >= 1.0)
            return i;
    }
    return count;
}
