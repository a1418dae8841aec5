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

/* Start the numbers below: a fixed sequence, or these bytes (which stay valid) and then one. */
void fuzz_restart(uint64_t seed);
void fuzz_restart_with(const uint8_t *bytes, size_t count);
uint64_t fuzz_next(void);

/* 0 .. limit - 1 */
uint32_t fuzz_below(uint32_t limit);

/* An int32 that likes the ends of its range. */
int32_t fuzz_extreme(void);

/* Up to `most` bytes as they come; returns how many. Takes all that libFuzzer made. */
size_t fuzz_bytes(uint8_t *bytes, size_t most);

/* One golden vector, a line of golden_lines.py; of an allocation, with its number in the file. */
void fuzz_golden_frame(const char *line);
void fuzz_golden_alloc(char *line, uint64_t number_of_line);

/* One body per parser or checker; each draws one case and CHECKs what must hold. */
void fuzz_stream(void); /* the decoder on arbitrary bytes */
void fuzz_frames(void); /* encode, damage, decode */
void fuzz_breaker(void);
void fuzz_alloc(void);

#endif
