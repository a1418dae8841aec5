/* SPDX-License-Identifier: Apache-2.0 */
/* forks MUTANTS SEEDS < golden vectors: a child for each mutant of a schema (schemata.py) runs
 * the vectors of the allocator and then the fuzz bodies. Prints "NUMBER passed|failed|hung". */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

enum { LINES_MAX = 20000, LINE_BYTES = 1 << 16, CPU_MS = 30 };

int edge_mutant;
static char *lines[LINES_MAX];
static int line_count;

static void read_lines(void)
{
    static char line[LINE_BYTES];
    while (fgets(line, sizeof line, stdin)) {
        CHECK(line_count < LINES_MAX);
        lines[line_count] = strdup(line);
        CHECK(lines[line_count++]);
    }
}

/* Each vector and each seed takes a thousandth of this; SIGVTALRM ends what does not come back. */
static void wind_up(void)
{
    struct itimerval cpu = {{0, 0}, {0, CPU_MS * 1000}};
    CHECK(setitimer(ITIMER_VIRTUAL, &cpu, NULL) == 0);
}

static void run(long seeds)
{
    uint64_t allocations = 0;
    for (int n = 0; n < line_count; n++) {
        if (n % 16 == 0)
            wind_up();
        if (lines[n][0] == 'a')
            fuzz_golden_alloc(lines[n], ++allocations);
        else
            fuzz_golden_frame(lines[n]);
    }
    for (long seed = 1; seed <= seeds; seed++) {
        wind_up();
        fuzz_restart((uint64_t)seed);
        fuzz_frames();
        fuzz_stream();
        fuzz_breaker();
        fuzz_alloc();
    }
}

static const char *fate_of(int number, long seeds)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        struct rlimit memory = {1u << 30, 1u << 30}, none = {0, 0};
        setrlimit(RLIMIT_AS, &memory);
        setrlimit(RLIMIT_CORE, &none);
        CHECK(freopen("/dev/null", "w", stderr));
        edge_mutant = number;
        run(seeds);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGVTALRM)
        return "hung";
    return status == 0 ? "passed" : "failed";
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    int mutants = atoi(argv[1]);
    read_lines();
    for (int number = 0; number <= mutants; number++) {
        printf("%d %s\n", number, fate_of(number, atol(argv[2])));
        fflush(stdout);
    }
    return 0;
}
