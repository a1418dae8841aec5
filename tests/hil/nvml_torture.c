/* SPDX-License-Identifier: Apache-2.0 */
/* Calls everything that libnvidia-ml.so.1 offers, rightly and wrongly, from several threads, and
 * prints the power of GPU 0. Ends with 0 whatever the state file holds; sanitizers say the rest. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "nvml_abi.h"

static void read_all(nvmlDevice_t device)
{
    char text[96];
    unsigned int a, b;
    unsigned long long big;
    nvmlUtilization_t rates;
    for (unsigned int length = 0; length <= sizeof text; length += 32) {
        nvmlDeviceGetName(device, text, length);
        nvmlDeviceGetUUID(device, text, length);
        nvmlDeviceGetSerial(device, text, length);
    }
    nvmlDeviceGetName(device, NULL, 96);
    nvmlDeviceGetIndex(device, &a);
    nvmlDeviceGetIndex(device, NULL);
    nvmlDeviceGetPowerUsage(device, &a);
    nvmlDeviceGetPowerUsage(device, NULL);
    nvmlDeviceGetTotalEnergyConsumption(device, &big);
    nvmlDeviceGetPowerManagementMode(device, &a);
    nvmlDeviceGetPowerManagementMode(device, NULL);
    nvmlDeviceGetPowerManagementLimit(device, &a);
    nvmlDeviceGetPowerManagementDefaultLimit(device, &a);
    nvmlDeviceGetPowerManagementLimitConstraints(device, &a, &b);
    nvmlDeviceGetPowerManagementLimitConstraints(device, NULL, &b);
    nvmlDeviceGetPowerManagementLimitConstraints(device, &a, NULL);
    nvmlDeviceGetEnforcedPowerLimit(device, &a);
    nvmlDeviceSetPowerManagementLimit(device, 0);
    nvmlDeviceSetPowerManagementLimit(device, 4000000000u);
    nvmlDeviceSetPowerManagementLimit(device, 500000);
    nvmlDeviceGetPersistenceMode(device, &a);
    nvmlDeviceSetPersistenceMode(device, 7);
    nvmlDeviceSetPersistenceMode(device, 1);
    nvmlDeviceGetTemperature(device, 0, &a);
    nvmlDeviceGetTemperature(device, 9, &a);
    nvmlDeviceGetUtilizationRates(device, &rates);
    nvmlDeviceGetUtilizationRates(device, NULL);
    nvmlDeviceGetClockInfo(device, 2, &a);
    nvmlDeviceGetClockInfo(device, 99, &a);
    nvmlDeviceGetPerformanceState(device, &a);
    nvmlDeviceGetCurrentClocksThrottleReasons(device, &big);
    nvmlDeviceGetCurrentClocksEventReasons(device, NULL);
    nvmlDeviceGetSupportedClocksThrottleReasons(device, &big);
    nvmlDeviceGetSupportedClocksThrottleReasons(device, NULL);
}

static void *use(void *unused)
{
    char text[96];
    unsigned int count = 0;
    nvmlDevice_t device = NULL;
    for (int round = 0; round < 4; round++) {
        nvmlInit_v2();
        nvmlSystemGetDriverVersion(text, sizeof text);
        nvmlSystemGetDriverVersion(NULL, 0);
        nvmlSystemGetNVMLVersion(text, 4);
        nvmlDeviceGetCount(&count);
        nvmlDeviceGetCount_v2(NULL);
        for (unsigned int i = 0; i < 70; i++)
            if (nvmlDeviceGetHandleByIndex(i, &device) == NVML_SUCCESS)
                read_all(device);
        nvmlDeviceGetHandleByIndex_v2(0, NULL);
        nvmlDeviceGetHandleByUUID("GPU-none", &device);
        nvmlDeviceGetHandleByUUID(NULL, &device);
        read_all(NULL);
        read_all((nvmlDevice_t)(void *)&count);
        nvmlShutdown();
    }
    return unused;
}

int main(void)
{
    pthread_t threads[3];
    nvmlDevice_t device = NULL;
    unsigned int power_mw = 0;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, use, NULL) != 0)
            return 1;
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    nvmlReturn_t result = nvmlInit();
    if (result == NVML_SUCCESS)
        result = nvmlDeviceGetHandleByIndex(0, &device);
    if (result == NVML_SUCCESS)
        result = nvmlDeviceGetPowerUsage(device, &power_mw);
    printf("%d %u %s\n", (int)result, power_mw, nvmlErrorString(result));
    nvmlShutdown();
    return nvmlErrorString(12345)[0] == 'U' ? 0 : 1;
}
