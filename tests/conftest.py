# SPDX-License-Identifier: Apache-2.0
"""Nothing in the tests depends on how fast the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("rackedge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rackedge")
