/* SPDX-License-Identifier: Apache-2.0 */
/* Calls on the library as a whole, and the way to a device. */
#include <string.h>

#include "nvml_state.h"

nvmlReturn_t nvmlInit(void)
{
    return nvml_state_open();
}

nvmlReturn_t nvmlInit_v2(void)
{
    return nvml_state_open();
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags)
{
    (void)flags; /* NO_GPUS and NO_ATTACH allow for less than there always is here */
    return nvml_state_open();
}

nvmlReturn_t nvmlShutdown(void)
{
    return nvml_state_close();
}

const char *nvmlErrorString(nvmlReturn_t result)
{
    switch (result) {
    case NVML_SUCCESS: return "The operation was successful";
    case NVML_ERROR_UNINITIALIZED: return "NVML was not first initialized with nvmlInit()";
    case NVML_ERROR_INVALID_ARGUMENT: return "A supplied argument is invalid";
    case NVML_ERROR_NOT_SUPPORTED: return "The requested operation is not available on the device";
    case NVML_ERROR_NO_PERMISSION: return "The current user does not have permission";
    case NVML_ERROR_NOT_FOUND: return "A query to find an object was unsuccessful";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "An input argument is not large enough";
    case NVML_ERROR_DRIVER_NOT_LOADED:
        return "Driver is not loaded: is " RACKEDGE_NVML_ENV " the state file of a running bench?";
    case NVML_ERROR_GPU_IS_LOST: return "The GPU has fallen off the bus, or the bench has ended";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return "The file in " RACKEDGE_NVML_ENV " is not of this library's version";
    case NVML_ERROR_INSUFFICIENT_RESOURCES: return "Out of critical resources, other than memory";
    }
    return "Unknown Error";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length)
{
    struct nvml_view view;
    nvmlReturn_t result = nvml_state_enter(&view);
    if (result != NVML_SUCCESS)
        return result;
    result = nvml_copy_text(view.head->driver, version, length);
    nvml_state_leave();
    return result;
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned int length)
{
    static const char own[RACKEDGE_NVML_TEXT] = "12.0-rackedge.1";
    return nvml_copy_text(own, version, length); /* works before nvmlInit, as documented */
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
{
    struct nvml_view view;
    if (count == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = nvml_state_enter(&view);
    if (result != NVML_SUCCESS)
        return result;
    *count = view.gpu_count;
    nvml_state_leave();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount(unsigned int *count)
{
    return nvmlDeviceGetCount_v2(count);
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device)
{
    struct nvml_view view;
    struct rackedge_nvml_gpu *gpu;
    if (device == NULL || index >= RACKEDGE_NVML_GPUS)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = nvml_state_enter_gpu(nvml_handle_of(index), &view, &gpu);
    if (result != NVML_SUCCESS)
        return result;
    *device = nvml_handle_of(index);
    nvml_state_leave();
    return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t *device)
{
    return nvmlDeviceGetHandleByIndex_v2(index, device);
}

static nvmlReturn_t find_uuid(const struct nvml_view *view, const char *uuid, nvmlDevice_t *device)
{
    for (uint32_t i = 0; i < view->gpu_count; i++) {
        if (strncmp(view->gpu[i].uuid, uuid, RACKEDGE_NVML_TEXT) != 0)
            continue;
        *device = nvml_handle_of(i);
        return NVML_LOAD(view->gpu[i].lost) != 0 ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
    }
    return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    struct nvml_view view;
    if (uuid == NULL || device == NULL)
        return NVML_ERROR_INVALID_ARGUMENT;
    nvmlReturn_t result = nvml_state_enter(&view);
    if (result != NVML_SUCCESS)
        return result;
    result = find_uuid(&view, uuid, device);
    nvml_state_leave();
    return result;
}
