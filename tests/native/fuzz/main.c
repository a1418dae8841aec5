/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz ITERATIONS < golden vectors: run under ASan and UBSan by .ci/sanitize. */
#include "fuzz.h"

uint64_t fuzz_seed;
static uint64_t state;

void fuzz_restart(uint64_t seed)
{
    fuzz_seed = seed;
    state = seed * 0x9E3779B97F4A7C15u;
}

uint64_t fuzz_next(void)
{
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint32_t fuzz_below(uint32_t limit)
{
    return (uint32_t)(fuzz_next() % limit);
}

int32_t fuzz_extreme(void)
{
    static const int32_t ends[] = {INT32_MIN, INT32_MIN + 1, -1, 0, 1, 2, 1000000,
                                   (1 << 30) - 1, 1 << 30, INT32_MAX - 1, INT32_MAX};
    uint32_t pick = fuzz_below(24);
    if (pick < sizeof ends / sizeof *ends)
        return ends[pick];
    return (int32_t)(uint32_t)(fuzz_next() >> fuzz_below(32));
}

int main(int argc, char **argv)
{
    long iterations = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (iterations < 1) {
        fprintf(stderr, "usage: fuzz ITERATIONS < golden vectors\n");
        return 2;
    }
    fuzz_golden_frames(stdin);
    for (long seed = 1; seed <= iterations; seed++) {
        fuzz_restart((uint64_t)seed);
        fuzz_frames();
        fuzz_breaker();
        fuzz_alloc();
    }
    printf("fuzz: %ld seeds, no fault\n", iterations);
    return 0;
}
