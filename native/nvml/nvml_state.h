/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RACKEDGE_NVML_STATE_H
#define RACKEDGE_NVML_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "nvml_abi.h"
#include "rackedge_nvml.h"

/* The mapped state file, behind one lock: NVML's calls may come from any thread, also while
 * another one shuts the library down. */

#define NVML_LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define NVML_STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/* What a call may look at between enter and leave. */
struct nvml_view {
    struct rackedge_nvml_head *head;
    struct rackedge_nvml_gpu *gpu; /* all of them */
    uint32_t gpu_count;
    bool writable;
};

/* Map the file and count this process as a client; nested calls only count. */
nvmlReturn_t nvml_state_open(void);

/* Undo one open. The last one gives the slot back, and lets limits fall back (rackedge_nvml.h). */
nvmlReturn_t nvml_state_close(void);

/* Lock and give the view, after the delay that the bench asks for. With any other result than
 * NVML_SUCCESS nothing is locked: NVML_ERROR_UNINITIALIZED, or NVML_ERROR_GPU_IS_LOST if the
 * bench is gone or the file is no longer what it was. */
nvmlReturn_t nvml_state_enter(struct nvml_view *view);
void nvml_state_leave(void);

/* Enter, and find the GPU of a handle. Invalid handles give NVML_ERROR_INVALID_ARGUMENT, lost
 * GPUs NVML_ERROR_GPU_IS_LOST. */
nvmlReturn_t nvml_state_enter_gpu(nvmlDevice_t device, struct nvml_view *view,
                                  struct rackedge_nvml_gpu **gpu);

/* Handles are addresses in one table, so that any other pointer can be told from them. */
nvmlDevice_t nvml_handle_of(uint32_t index);
bool nvml_index_of(nvmlDevice_t device, uint32_t *index);

/* Copy a text of the file, which may have no end, to a caller's buffer.
 * NVML_ERROR_INSUFFICIENT_SIZE: it does not fit, nothing is written. */
nvmlReturn_t nvml_copy_text(const char *text, char *out, unsigned int length);

#endif
