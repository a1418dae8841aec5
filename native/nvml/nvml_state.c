/* SPDX-License-Identifier: Apache-2.0 */
/* The one mutable global of the library: what is mapped, and for how many nvmlInit. NVML has no
 * context argument, so it has to be somewhere. */
#define _GNU_SOURCE
#include "nvml_state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct {
    pthread_mutex_t lock;
    unsigned int opened;
    int file;
    size_t bytes;
    int slot; /* of head->clients, -1 is none */
    struct nvml_view view;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .file = -1, .slot = -1};

static const char handles[RACKEDGE_NVML_GPUS];

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

static size_t bytes_of(uint32_t gpu_count)
{
    return sizeof(struct rackedge_nvml_head) + gpu_count * sizeof(struct rackedge_nvml_gpu);
}

/* Whether the file still has all its pages: to touch one that was cut off raises SIGBUS. Checked
 * at each call; who cuts it within the call's microsecond gets what he asked for. */
static bool is_whole(int file, size_t bytes)
{
    struct stat found;
    return fstat(file, &found) == 0 && S_ISREG(found.st_mode) && found.st_nlink > 0 &&
           found.st_size >= 0 && (uint64_t)found.st_size >= bytes;
}

static bool is_served(const struct rackedge_nvml_head *head)
{
    uint64_t age_ms = now_ms() - NVML_LOAD(head->heartbeat_ms);
    return NVML_LOAD(head->magic) == RACKEDGE_NVML_MAGIC &&
           NVML_LOAD(head->version) == RACKEDGE_NVML_VERSION &&
           !(NVML_LOAD(head->flags) & RACKEDGE_NVML_CLOSED) &&
           (int64_t)age_ms <= RACKEDGE_NVML_STALE_MS && (int64_t)age_ms >= -RACKEDGE_NVML_STALE_MS;
}

static nvmlReturn_t open_file(const char *path, int *file, bool *writable)
{
    *writable = true;
    *file = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (*file < 0 && (errno == EACCES || errno == EROFS)) {
        *writable = false; /* as for a user who may not set limits */
        *file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    if (*file >= 0)
        return NVML_SUCCESS;
    return errno == EACCES ? NVML_ERROR_NO_PERMISSION : NVML_ERROR_DRIVER_NOT_LOADED;
}

/* The head is read before anything is mapped: its count says how much there has to be. */
static nvmlReturn_t check_file(int file, uint32_t *gpu_count)
{
    struct rackedge_nvml_head head;
    if (!is_whole(file, sizeof head) || pread(file, &head, sizeof head, 0) != (ssize_t)sizeof head)
        return NVML_ERROR_DRIVER_NOT_LOADED;
    if (head.magic != RACKEDGE_NVML_MAGIC || head.version != RACKEDGE_NVML_VERSION ||
        head.gpu_count < 1 || head.gpu_count > RACKEDGE_NVML_GPUS)
        return NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    if (!is_whole(file, bytes_of(head.gpu_count)) || !is_served(&head))
        return NVML_ERROR_DRIVER_NOT_LOADED;
    *gpu_count = head.gpu_count;
    return NVML_SUCCESS;
}

static nvmlReturn_t map_file(int file, bool writable, uint32_t gpu_count)
{
    size_t bytes = bytes_of(gpu_count);
    int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *base = mmap(NULL, bytes, access, MAP_SHARED, file, 0);
    if (base == MAP_FAILED)
        return NVML_ERROR_INSUFFICIENT_RESOURCES;
    state.file = file;
    state.bytes = bytes;
    state.view.head = base;
    state.view.gpu = (struct rackedge_nvml_gpu *)((char *)base + sizeof(struct rackedge_nvml_head));
    state.view.gpu_count = gpu_count;
    state.view.writable = writable;
    return NVML_SUCCESS;
}

static void take_slot(void)
{
    uint32_t own = (uint32_t)getpid();
    state.slot = -1;
    for (int i = 0; state.view.writable && i < RACKEDGE_NVML_CLIENTS; i++) {
        uint32_t expected = 0;
        if (__atomic_compare_exchange_n(&state.view.head->clients[i], &expected, own, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            state.slot = i;
            return;
        }
    }
}

static bool has_clients(const struct rackedge_nvml_head *head)
{
    for (int i = 0; i < RACKEDGE_NVML_CLIENTS; i++)
        if (NVML_LOAD(head->clients[i]) != 0)
            return true;
    return false;
}

static void fall_back(void)
{
    for (uint32_t i = 0; i < state.view.gpu_count; i++) {
        struct rackedge_nvml_gpu *gpu = &state.view.gpu[i];
        if (NVML_LOAD(gpu->persistence) == 0)
            NVML_STORE(gpu->limit_mw, NVML_LOAD(gpu->default_mw));
    }
}

static void give_slot_back(void)
{
    uint32_t own = (uint32_t)getpid(); /* of a forked child it is not in the slot */
    if (state.slot < 0 || !is_whole(state.file, state.bytes))
        return;
    if (__atomic_compare_exchange_n(&state.view.head->clients[state.slot], &own, 0, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED) &&
        !has_clients(state.view.head))
        fall_back();
}

static nvmlReturn_t open_first(void)
{
    const char *path = getenv(RACKEDGE_NVML_ENV);
    int file = -1;
    bool writable = false;
    uint32_t gpu_count = 0;
    if (path == NULL)
        return NVML_ERROR_DRIVER_NOT_LOADED;
    nvmlReturn_t result = open_file(path, &file, &writable);
    if (result != NVML_SUCCESS)
        return result;
    result = check_file(file, &gpu_count);
    if (result == NVML_SUCCESS)
        result = map_file(file, writable, gpu_count);
    if (result == NVML_SUCCESS)
        take_slot();
    else
        close(file);
    return result;
}

nvmlReturn_t nvml_state_open(void)
{
    pthread_mutex_lock(&state.lock);
    nvmlReturn_t result = state.opened > 0 ? NVML_SUCCESS : open_first();
    if (result == NVML_SUCCESS)
        state.opened++;
    pthread_mutex_unlock(&state.lock);
    return result;
}

nvmlReturn_t nvml_state_close(void)
{
    nvmlReturn_t result = NVML_SUCCESS;
    pthread_mutex_lock(&state.lock);
    if (state.opened == 0) {
        result = NVML_ERROR_UNINITIALIZED;
    } else if (--state.opened == 0) {
        give_slot_back();
        munmap(state.view.head, state.bytes);
        close(state.file);
        state.file = -1;
    }
    pthread_mutex_unlock(&state.lock);
    return result;
}

static void wait_ms(uint32_t delay_ms)
{
    if (delay_ms > RACKEDGE_NVML_DELAY_MS)
        delay_ms = RACKEDGE_NVML_DELAY_MS;
    struct timespec left = {.tv_sec = delay_ms / 1000u, .tv_nsec = delay_ms % 1000u * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static nvmlReturn_t lock_if_served(void)
{
    nvmlReturn_t result = NVML_SUCCESS;
    pthread_mutex_lock(&state.lock);
    if (state.opened == 0)
        result = NVML_ERROR_UNINITIALIZED;
    else if (!is_whole(state.file, state.bytes) || !is_served(state.view.head))
        result = NVML_ERROR_GPU_IS_LOST;
    if (result != NVML_SUCCESS)
        pthread_mutex_unlock(&state.lock);
    return result;
}

nvmlReturn_t nvml_state_enter(struct nvml_view *view)
{
    nvmlReturn_t result = lock_if_served();
    if (result != NVML_SUCCESS)
        return result;
    uint32_t delay_ms = NVML_LOAD(state.view.head->delay_ms);
    if (delay_ms > 0) {
        nvml_state_leave(); /* other threads are not to wait for this one */
        wait_ms(delay_ms);
        result = lock_if_served();
    }
    if (result == NVML_SUCCESS)
        *view = state.view;
    return result;
}

void nvml_state_leave(void)
{
    pthread_mutex_unlock(&state.lock);
}

nvmlReturn_t nvml_state_enter_gpu(nvmlDevice_t device, struct nvml_view *view,
                                  struct rackedge_nvml_gpu **gpu)
{
    uint32_t index = 0;
    nvmlReturn_t result = nvml_state_enter(view);
    if (result != NVML_SUCCESS)
        return result;
    if (!nvml_index_of(device, &index) || index >= view->gpu_count)
        result = NVML_ERROR_INVALID_ARGUMENT;
    else if (NVML_LOAD(view->gpu[index].lost) != 0)
        result = NVML_ERROR_GPU_IS_LOST;
    else
        *gpu = &view->gpu[index];
    if (result != NVML_SUCCESS)
        nvml_state_leave();
    return result;
}

nvmlDevice_t nvml_handle_of(uint32_t index)
{
    return (nvmlDevice_t)(uintptr_t)&handles[index];
}

bool nvml_index_of(nvmlDevice_t device, uint32_t *index)
{
    uintptr_t at = (uintptr_t)device;
    uintptr_t first = (uintptr_t)handles;
    if (at < first || at >= first + sizeof handles)
        return false;
    *index = (uint32_t)(at - first);
    return true;
}

nvmlReturn_t nvml_copy_text(const char *text, char *out, unsigned int length)
{
    size_t used = strnlen(text, RACKEDGE_NVML_TEXT - 1);
    if (out == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (length <= used)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, text, used);
    out[used] = '\0';
    return NVML_SUCCESS;
}
