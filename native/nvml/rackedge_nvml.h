/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RACKEDGE_NVML_H
#define RACKEDGE_NVML_H

#include <stdint.h>

/* The state file of an emulated libnvidia-ml.so.1: the GPUs of one server, in memory that the
 * bench and any number of processes with the library map. Its path is in RACKEDGE_NVML.
 *
 * Layout: one struct rackedge_nvml_head, then head.gpu_count structs rackedge_nvml_gpu, native
 * byte order. Each number is one aligned field that is loaded and stored at once: no field is ever
 * torn, two fields may be of two ticks of the bench. Texts are written before the file is linked
 * to its path, and never again.
 *
 * Who writes: the library limit_mw, persistence and its slot of clients; the bench all else, and
 * limit_mw as a driver does that goes (see clients). The bench limits itself to what is in range:
 * the library checks before it stores, and the bench after it has loaded. */

#define RACKEDGE_NVML_ENV "RACKEDGE_NVML"
#define RACKEDGE_NVML_MAGIC 0x314C4D564E455223ull /* "#RENVML1" in little-endian order */

enum rackedge_nvml_limits {
    RACKEDGE_NVML_VERSION = 1,   /* of this layout */
    RACKEDGE_NVML_GPUS = 64,     /* most GPUs in one file */
    RACKEDGE_NVML_CLIENTS = 64,  /* most processes that are counted as clients */
    RACKEDGE_NVML_TEXT = 64,     /* bytes of a text with its NUL */
    RACKEDGE_NVML_STALE_MS = 5000, /* without a heartbeat for so long, the bench is gone */
    RACKEDGE_NVML_DELAY_MS = 30000 /* longest delay of a call */
};

enum rackedge_nvml_flags {
    RACKEDGE_NVML_ROOT_ONLY = 1, /* setting needs effective user id 0, as with the driver */
    RACKEDGE_NVML_READ_ONLY = 2, /* setting is refused to all: NVML_ERROR_NO_PERMISSION */
    RACKEDGE_NVML_CLOSED = 4     /* the bench has ended in order */
};

struct rackedge_nvml_head {
    uint64_t magic;
    uint32_t version;
    uint32_t gpu_count;    /* 1 .. RACKEDGE_NVML_GPUS */
    uint64_t heartbeat_ms; /* CLOCK_MONOTONIC when the bench last refreshed */
    uint32_t flags;        /* enum rackedge_nvml_flags */
    uint32_t delay_ms;     /* each call takes this long */
    char driver[RACKEDGE_NVML_TEXT];
    char server[RACKEDGE_NVML_TEXT]; /* name of the load */
    /* Process ids between nvmlInit and nvmlShutdown, 0 is free. The library takes and gives back
     * its slot; the bench frees the slots of processes that have died. When the last one goes,
     * GPUs without persistence fall back to default_mw, as when the driver unloads its state. */
    uint32_t clients[RACKEDGE_NVML_CLIENTS];
};

struct rackedge_nvml_gpu {
    char name[RACKEDGE_NVML_TEXT];
    char uuid[RACKEDGE_NVML_TEXT];
    char serial[RACKEDGE_NVML_TEXT];
    uint64_t energy_mj;   /* since the bench began */
    uint64_t reasons;     /* nvmlClocksEventReasons */
    uint32_t power_mw;
    uint32_t limit_mw;    /* as set; within min_mw .. max_mw */
    uint32_t enforced_mw; /* as the plant has it */
    uint32_t default_mw;
    uint32_t min_mw;
    uint32_t max_mw;
    uint32_t temperature_c;
    uint32_t gpu_percent;    /* utilization */
    uint32_t memory_percent;
    uint32_t graphics_mhz;
    uint32_t memory_mhz;
    uint32_t persistence; /* 0 or 1 */
    uint32_t lost;        /* not 0: has fallen off the bus */
    uint32_t spare;       /* 0; keeps the size a multiple of 8 */
};

_Static_assert(sizeof(struct rackedge_nvml_head) == 416, "layout of version 1");
_Static_assert(sizeof(struct rackedge_nvml_gpu) == 264, "layout of version 1");

#endif
