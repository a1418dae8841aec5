/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h> /* fmax, fmin, sqrt */

#include "breaker_image.h"
#include "edge_breaker.h"
#include "edge_error.h"

struct hold {
    const struct edge_breaker *breaker;
    double theta;         /* now */
    double theta_max;     /* at the end */
    double part;          /* 1 - e^(-hold / tau) */
    double share_squared; /* of the steady state that came before; 0: none did */
};

/* low_ma keeps within the heat, or is 0; high_ma does not, or is at the magnetic gate. */
struct bracket {
    int32_t low_ma;
    int32_t high_ma;
};

/* The same arithmetic as a step: nothing is lost between finding a current and carrying it. */
static int keeps(const struct hold *h, int32_t current_ma)
{
    double target = load_squared(h->breaker, current_ma);
    double start = fmax(h->theta, h->share_squared * target);
    return settle(start, target, h->part) <= h->theta_max;
}

static void probe(const struct hold *h, struct bracket *span, int32_t current_ma)
{
    if (current_ma <= span->low_ma || current_ma >= span->high_ma)
        return;
    if (keeps(h, current_ma))
        span->low_ma = current_ma;
    else
        span->high_ma = current_ma;
}

/* theta_max = theta (1 - k) + m^2 k, solved for m; and the same from the steady state of a
 * share. Where k is tiny this is off by more than 1 mA: it is a place to start from, no more. */
static int32_t closed_form_ma(const struct hold *h, int32_t high_ma)
{
    double k = h->part;
    double from_now = (h->theta_max - h->theta * (1.0 - k)) / k;
    double from_share = h->theta_max / (k + (1.0 - k) * h->share_squared);
    double m = sqrt(fmax(fmin(from_now, from_share), 0.0));
    double current_ma = m * h->breaker->mnt_ppm / 1e6 * h->breaker->rating_ma;
    return (int32_t)fmin(current_ma, high_ma - 1.0);
}

int32_t edge_breaker_survivor_ma(const struct edge_breaker *b, int32_t hold_ms,
                                 int32_t theta_max_ppm, int32_t share_ppm, int32_t edge)
{
    int good = hold_ms >= 0 && hold_ms <= DAY_MS && is_edge(edge);
    good = good && theta_max_ppm >= 1 && theta_max_ppm <= PPM;
    good = good && share_ppm >= 0 && share_ppm <= PPM;
    if (!good)
        return EDGE_E_RANGE;
    double share = share_ppm / 1e6;
    struct hold h = {b, theta_of(b, edge), theta_max_ppm / 1e6,
                     settled_part(hold_ms, tau_of(b, edge)), share * share};
    struct bracket span = {0, gate_ma_of(b, edge)};
    int32_t guess_ma = closed_form_ma(&h, span.high_ma);
    probe(&h, &span, guess_ma);
    probe(&h, &span, guess_ma + 1);
    while (span.high_ma - span.low_ma > 1)
        probe(&h, &span, span.low_ma + (span.high_ma - span.low_ma) / 2);
    return span.low_ma;
}

int32_t edge_breaker_hold_ma(const struct edge_breaker *b, int32_t hold_ms,
                             int32_t theta_max_ppm, int32_t edge)
{
    return edge_breaker_survivor_ma(b, hold_ms, theta_max_ppm, 0, edge);
}
