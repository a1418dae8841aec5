/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on one device: loads of single fields, and the two that may be set. */
#include <unistd.h>

#include "nvml_state.h"

static const void *field_at(const struct rackedge_nvml_gpu *gpu, size_t offset)
{
    return (const char *)gpu + offset;
}

static nvmlReturn_t get_text(nvmlDevice_t device, size_t offset, char *out, unsigned int length)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    nvmlReturn_t result = nvml_state_enter_gpu(device, &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    result = nvml_copy_text(field_at(gpu, offset), out, length);
    nvml_state_leave();
    return result;
}

static nvmlReturn_t get_32(nvmlDevice_t device, size_t offset, unsigned int *out)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    if (out == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = nvml_state_enter_gpu(device, &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *out = __atomic_load_n((const uint32_t *)field_at(gpu, offset), __ATOMIC_ACQUIRE);
    nvml_state_leave();
    return NVML_SUCCESS;
}

static nvmlReturn_t get_64(nvmlDevice_t device, size_t offset, unsigned long long *out)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    if (out == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = nvml_state_enter_gpu(device, &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *out = __atomic_load_n((const uint64_t *)field_at(gpu, offset), __ATOMIC_ACQUIRE);
    nvml_state_leave();
    return NVML_SUCCESS;
}

#define OF(field) offsetof(struct rackedge_nvml_gpu, field)

nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int *index)
{
    unsigned int unused;
    uint32_t found = 0;
    nvmlReturn_t result = get_32(device, OF(lost), &unused);
    if (result == NVML_SUCCESS && (index == NULL || !nvml_index_of(device, &found)))
        return NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *index = found;
    return result;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length)
{
    return get_text(device, OF(name), name, length);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned int length)
{
    return get_text(device, OF(uuid), uuid, length);
}

nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char *serial, unsigned int length)
{
    return get_text(device, OF(serial), serial, length);
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *power_mw)
{
    return get_32(device, OF(power_mw), power_mw);
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy_mj)
{
    return get_64(device, OF(energy_mj), energy_mj);
}

nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, unsigned int *mode)
{
    nvmlReturn_t result = get_32(device, OF(lost), mode);
    if (result == NVML_SUCCESS)
        *mode = 1; /* NVML_FEATURE_ENABLED */
    return result;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int *limit_mw)
{
    return get_32(device, OF(limit_mw), limit_mw);
}

nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int *limit_mw)
{
    return get_32(device, OF(default_mw), limit_mw);
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *min_mw,
                                                          unsigned int *max_mw)
{
    unsigned int low_mw;
    if (min_mw == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = get_32(device, OF(min_mw), &low_mw);
    if (result == NVML_SUCCESS)
        result = get_32(device, OF(max_mw), max_mw);
    if (result == NVML_SUCCESS)
        *min_mw = low_mw;
    return result;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *limit_mw)
{
    return get_32(device, OF(enforced_mw), limit_mw);
}

static bool may_set(const struct nvml_view *view)
{
    uint32_t flags = NVML_LOAD(view->head->flags);
    return view->writable && !(flags & RACKEDGE_NVML_READ_ONLY) &&
           (!(flags & RACKEDGE_NVML_ROOT_ONLY) || geteuid() == 0);
}

nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t device, unsigned int limit_mw)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    nvmlReturn_t result = nvml_state_enter_gpu(device, &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (!may_set(&view))
        result = NVML_ERROR_NO_PERMISSION;
    else if (limit_mw < NVML_LOAD(gpu->min_mw) || limit_mw > NVML_LOAD(gpu->max_mw))
        result = NVML_ERROR_INVALID_ARGUMENT;
    else
        NVML_STORE(gpu->limit_mw, limit_mw);
    nvml_state_leave();
    return result;
}

nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, unsigned int *mode)
{
    return get_32(device, OF(persistence), mode);
}

nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t device, unsigned int mode)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    nvmlReturn_t result = nvml_state_enter_gpu(device, &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    if (!may_set(&view))
        result = NVML_ERROR_NO_PERMISSION;
    else if (mode > 1)
        result = NVML_ERROR_INVALID_ARGUMENT;
    else
        NVML_STORE(gpu->persistence, mode);
    nvml_state_leave();
    return result;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned int sensor,
                                      unsigned int *celsius)
{
    if (sensor != 0) /* NVML_TEMPERATURE_GPU, the only one there is */
        return NVML_ERROR_INVALID_ARGUMENT;
    return get_32(device, OF(temperature_c), celsius);
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
    unsigned int gpu_percent;
    if (rates == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = get_32(device, OF(gpu_percent), &gpu_percent);
    if (result == NVML_SUCCESS)
        result = get_32(device, OF(memory_percent), &rates->memory);
    if (result == NVML_SUCCESS)
        rates->gpu = gpu_percent;
    return result;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned int type, unsigned int *mhz)
{
    if (type > NVML_CLOCK_VIDEO)
        return NVML_ERROR_INVALID_ARGUMENT;
    return get_32(device, type == NVML_CLOCK_MEM ? OF(memory_mhz) : OF(graphics_mhz), mhz);
}

nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, unsigned int *state)
{
    nvmlReturn_t result = get_32(device, OF(lost), state);
    if (result == NVML_SUCCESS)
        *state = 0; /* P0: data-centre GPUs stay there */
    return result;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                       unsigned long long *reasons)
{
    return get_64(device, OF(reasons), reasons);
}

nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    return get_64(device, OF(reasons), reasons);
}

nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device,
                                                         unsigned long long *reasons)
{
    unsigned int unused;
    nvmlReturn_t result = get_32(device, OF(lost), &unused);
    if (reasons == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (result == NVML_SUCCESS)
        *reasons = 0x1 | 0x4 | 0x20; /* idle, software power cap, software thermal slowdown */
    return result;
}
