/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EDGE_BREAKER_H
#define EDGE_BREAKER_H

#include <stdint.h>

/* Thermal-magnetic breaker as a first-order thermal image (IEC 60255-149), on both edges of
 * the tripping band of its curve (IEC 60898-1):
 *
 *     theta' = (m^2 - theta) / tau,  m = I / (Mnt * In);  it trips at theta = 1
 *
 * and at once when I reaches the magnetic gate. A breaker of the series trips somewhere between
 * the edges: safety asks the fast edge; a claim that it "must have tripped" asks the slow one. */

enum edge_breaker_edge { EDGE_FAST = 0, EDGE_SLOW = 1 };

/* 2^30 - 1: it does not trip at this current. A small int on 32-bit MicroPython. */
enum edge_breaker_never { EDGE_NEVER_MS = 1073741823 };

/* Ranges are checked by edge_breaker_check; the other calls rely on it. */
struct edge_breaker {
    int32_t rating_ma;         /* In, 1 .. 2^30 - 1 */
    int32_t mnt_ppm;           /* Mnt: conventional non-tripping current / In, 1 000 000 .. 2 000 000 */
    int32_t tau_fast_ms;       /* 1 .. tau_slow_ms */
    int32_t tau_slow_ms;       /* .. 86 400 000 */
    int32_t magnetic_low_ppm;  /* magnetic gate / In, fast edge; above Mnt */
    int32_t magnetic_high_ppm; /* the same, slow edge; at least magnetic_low_ppm, .. 100 000 000 */
    double theta_fast;         /* 0 cold, 1 trips; written by edge_breaker_step */
    double theta_slow;
};

/* EDGE_OK, or EDGE_E_RANGE if a parameter or theta is outside its range or not finite. */
int32_t edge_breaker_check(const struct edge_breaker *breaker);

/* Carry current_ma (>= 0) for dt_ms (0 .. 86 400 000): exact for any dt at constant current.
 * Thermal only: a magnetic trip leaves no heat behind, ask edge_breaker_time_to_trip_ms.
 * EDGE_E_RANGE: current_ma or dt_ms; theta is then unchanged. */
int32_t edge_breaker_step(struct edge_breaker *breaker, int32_t current_ma, int32_t dt_ms);

/* Carry current_ma[i] for dt_ms each, until it trips on `edge`. Samples that it carried whole:
 * `count` if it did not trip; else the index of the sample that reached the magnetic gate, with
 * theta from before, or at whose end theta was 1 or more, with theta from its end.
 * EDGE_E_RANGE: as edge_breaker_step, or count < 0, edge; theta is then unchanged. */
int32_t edge_breaker_trace(struct edge_breaker *breaker, const int32_t *current_ma, int32_t count,
                           int32_t dt_ms, int32_t edge);

/* dt_ms (0 .. 86 400 000) of which only a bound is known, as after a restart: the fast edge
 * carries most_ma (>= 0), the slow edge nothing. Heat is so never guessed too low where safety
 * asks, nor too high where a trip is claimed. EDGE_E_RANGE as edge_breaker_step. */
int32_t edge_breaker_away(struct edge_breaker *breaker, int32_t most_ma, int32_t dt_ms);

/* ms until it trips if current_ma stays constant, rounded down, 0 .. EDGE_NEVER_MS:
 * 0 if theta >= 1 or the current is at or above the magnetic gate; EDGE_NEVER_MS if m <= 1;
 * else tau * ln((m^2 - theta) / (m^2 - 1)) (IEC 60255-149, hot curve).
 * EDGE_E_RANGE: current_ma < 0 or an edge other than EDGE_FAST and EDGE_SLOW. */
int32_t edge_breaker_time_to_trip_ms(const struct edge_breaker *breaker, int32_t current_ma,
                                     int32_t edge);

/* The largest constant current, mA, that leaves theta <= theta_max_ppm after hold_ms, from theta
 * now; below the magnetic gate of that edge; 0 if even 0 A leaves it hotter. Exact to 1 mA: to
 * step this current keeps the limit, to step one mA more does not (or is at the gate).
 *     m^2 <= (theta_max - theta e^(-hold/tau)) / (1 - e^(-hold/tau))
 * Falls as theta rises. Falls as hold_ms rises, unless theta is above theta_max now: then a
 * longer hold leaves more time to cool down to it.
 * EDGE_E_RANGE: hold_ms outside 0 .. 86 400 000, theta_max_ppm outside 1 .. 1 000 000, edge. */
int32_t edge_breaker_hold_ma(const struct edge_breaker *breaker, int32_t hold_ms,
                             int32_t theta_max_ppm, int32_t edge);

/* For the loss of the other feed: the largest S, mA, such that a breaker that has carried
 * share * S for ever (or is at theta, if that is hotter) and now carries S has
 * theta <= theta_max_ppm after hold_ms. With k = 1 - e^(-hold/tau), from the steady state:
 *     S^2 (k + (1 - k) share^2) <= theta_max (Mnt In)^2
 * Gate, exactness and edge_breaker_hold_ma's bound from theta apply; share_ppm 0 is that call.
 * EDGE_E_RANGE: as there, or share_ppm outside 0 .. 1 000 000. */
int32_t edge_breaker_survivor_ma(const struct edge_breaker *breaker, int32_t hold_ms,
                                 int32_t theta_max_ppm, int32_t share_ppm, int32_t edge);

/* In at an ambient hotter than the one it is rated at, mA, rounded down. A bimetal trips at a
 * temperature, and the current heats it above ambient by I^2:
 *     In' = In sqrt((trip - ambient) / (trip - reference))
 * In below the reference too: cold air never raises it. 0 from trip_mc on. Makers derate
 * switchgear by the same form (Siemens WL, rated at 40 degC: sqrt((105 - ambient) / 65)).
 * EDGE_E_RANGE: rating_ma outside 1 .. 2^30 - 1; a temperature outside -100 000 .. 1 000 000
 * mdegC; trip_mc not above reference_mc. */
int32_t edge_breaker_derated_ma(int32_t rating_ma, int32_t ambient_mc, int32_t reference_mc,
                                int32_t trip_mc);

/* edge_breaker_step of `count` breakers, breaker i with current_ma[i]; to the last bit the same.
 * The exponential is computed once for neighbours of equal tau: keep equal breakers together.
 * EDGE_E_RANGE: as there, or count < 0; no theta is then changed. */
int32_t edge_breaker_bank_step(struct edge_breaker *breakers, const int32_t *current_ma,
                               int32_t count, int32_t dt_ms);

/* edge_breaker_time_to_trip_ms of `count` breakers, written to left_ms[count]. */
int32_t edge_breaker_bank_time_to_trip(const struct edge_breaker *breakers,
                                       const int32_t *current_ma, int32_t count, int32_t edge,
                                       int32_t *left_ms);

#endif
