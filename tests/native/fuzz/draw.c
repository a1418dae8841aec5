/* SPDX-License-Identifier: Apache-2.0 */
/* Where the fuzz_* bodies get their numbers: the bytes that libFuzzer made, as long as there are
 * any, then a fixed sequence (splitmix64), so that every body comes to an end. */
#include "fuzz.h"

uint64_t fuzz_seed;
static uint64_t state;
static const uint8_t *input;
static size_t input_bytes;

void fuzz_restart(uint64_t seed)
{
    fuzz_seed = seed;
    state = seed * 0x9E3779B97F4A7C15u;
    input_bytes = 0;
}

void fuzz_restart_with(const uint8_t *bytes, size_t count)
{
    fuzz_restart(0);
    input = bytes;
    input_bytes = count;
}

/* Little-endian; takes no more input than the number needs, so that one changed byte of the
 * input changes one decision. */
static uint64_t draw(size_t width_bytes)
{
    if (input_bytes >= width_bytes) {
        uint64_t value = 0;
        for (size_t i = 0; i < width_bytes; i++)
            value |= (uint64_t)input[i] << 8 * i;
        input += width_bytes;
        input_bytes -= width_bytes;
        return value;
    }
    uint64_t z = state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t fuzz_next(void)
{
    return draw(8);
}

uint32_t fuzz_below(uint32_t limit)
{
    size_t width_bytes = limit <= 1u << 8 ? 1 : limit <= 1u << 16 ? 2 : 4;
    return (uint32_t)(draw(width_bytes) % limit);
}

size_t fuzz_bytes(uint8_t *bytes, size_t most)
{
    size_t count = input_bytes > 0 ? input_bytes : fuzz_below((uint32_t)most + 1);
    count = count < most ? count : most;
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)fuzz_below(256);
    return count;
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
