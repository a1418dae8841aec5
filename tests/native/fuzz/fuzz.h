/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Stays on with NDEBUG, and says with which seed to come back. */
#define CHECK(claim)                                                                         \
    do {                                                                                     \
        if (!(claim)) {                                                                      \
            fprintf(stderr, "%s:%d: seed %llu: not true: %s\n", __FILE__, __LINE__,          \
                    (unsigned long long)fuzz_seed, #claim);                                  \
            abort();                                                                         \
        }                                                                                    \
    } while (0)

extern uint64_t fuzz_seed;

/* Next of a fixed sequence (splitmix64), restarted by fuzz_restart. */
void fuzz_restart(uint64_t seed);
uint64_t fuzz_next(void);

/* 0 .. limit - 1 */
uint32_t fuzz_below(uint32_t limit);

/* An int32 that likes the ends of its range. */
int32_t fuzz_extreme(void);

void fuzz_golden_frames(FILE *vectors);
void fuzz_frames(void);
void fuzz_breaker(void);
void fuzz_alloc(void);

#endif
