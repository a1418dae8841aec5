// SPDX-License-Identifier: Apache-2.0
// What the bench wants of MicroPython's qemu port beyond the options that it has.
#include <mpconfigport.h>

// Records go over stdin and stdout.
#undef MICROPY_PY_SYS_STDIO_BUFFER
#define MICROPY_PY_SYS_STDIO_BUFFER (1)

// LittleFS stamps its files; this machine has no calendar.
#define mp_hal_time_ns rackedge_time_ns
static inline uint64_t rackedge_time_ns(void) {
    return 0;
}
