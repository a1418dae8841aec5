/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#ifdef EDGE_LIBFUZZER

/* Built by .ci/fuzz, one program per body: -DEDGE_LIBFUZZER=fuzz_frames. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    fuzz_restart_with(bytes, count);
    EDGE_LIBFUZZER();
    return 0;
}

#else

enum { LINE_BYTES = 1 << 16 };

static void check_golden(FILE *vectors)
{
    static char line[LINE_BYTES];
    unsigned frames = 0, allocations = 0;
    while (fgets(line, sizeof line, vectors)) {
        if (line[0] == 'a') {
            fuzz_golden_alloc(line, ++allocations);
        } else {
            fuzz_golden_frame(line);
            frames++;
        }
    }
    CHECK(frames > 30 && allocations > 1000);
    printf("golden: %u codec vectors and %u allocations hold\n", frames, allocations);
}

/* fuzz ITERATIONS < golden vectors: run under ASan and UBSan by .ci/sanitize. */
int main(int argc, char **argv)
{
    long iterations = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (iterations < 1) {
        fprintf(stderr, "usage: fuzz ITERATIONS < golden vectors\n");
        return 2;
    }
    check_golden(stdin);
    for (long seed = 1; seed <= iterations; seed++) {
        fuzz_restart((uint64_t)seed);
        fuzz_frames();
        fuzz_stream();
        fuzz_breaker();
        fuzz_alloc();
    }
    printf("fuzz: %ld seeds, no fault\n", iterations);
    return 0;
}

#endif
