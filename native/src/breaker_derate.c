/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h> /* sqrt */

#include "edge_breaker.h"
#include "edge_error.h"

enum { TEMPERATURE_MIN_MC = -100000, TEMPERATURE_MAX_MC = 1000000 };

static int is_temperature(int32_t mc)
{
    return mc >= TEMPERATURE_MIN_MC && mc <= TEMPERATURE_MAX_MC;
}

int32_t edge_breaker_derated_ma(int32_t rating_ma, int32_t ambient_mc, int32_t reference_mc,
                                int32_t trip_mc)
{
    int good = rating_ma >= 1 && rating_ma <= EDGE_NEVER_MS && reference_mc < trip_mc;
    good = good && is_temperature(ambient_mc) && is_temperature(reference_mc);
    if (!good || !is_temperature(trip_mc))
        return EDGE_E_RANGE;
    if (ambient_mc <= reference_mc)
        return rating_ma;
    if (ambient_mc >= trip_mc)
        return 0;
    double left = (double)(trip_mc - ambient_mc) / (trip_mc - reference_mc);
    return (int32_t)(rating_ma * sqrt(left));
}
