# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a BMC's answers at run time, as our own actuator meets it."""

import time

import pytest

from edge.actuate.redfish import RedfishActuator
from edge.config import RedfishActuator as Config
from edge.errors import ActuatorError
from hil.frontends.redfish import RedfishServer, RedfishService
from hil.frontends.redfish_limit import Chassis


class Bench:
    """A service with two servers, and an actuator for the first."""

    def __init__(self, slow_s=None):
        self.caps = []
        self.service = RedfishService(
            [Chassis("n1", 300, 1000), Chassis("n2", 300, 1000)],
            lambda _load: 500.0,
            lambda load, watts: self.caps.append((load, watts)),
            patch_reply=200,
            slow_s=slow_s,
        )
        self.server = RedfishServer(self.service)
        self._actuators = []

    def actuator(self, chassis="n1", timeout_s=2.0):
        config = Config(kind="redfish", url=self.server.url, chassis=chassis, timeout_s=timeout_s)
        self._actuators.append(RedfishActuator(chassis, config))
        return self._actuators[-1]

    def close(self):
        for actuator in self._actuators:
            actuator.close()
        self.server.close()


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.close()


def test_error_is_a_500_for_one_chassis_until_it_ends(bench):
    actuator, other = bench.actuator(), bench.actuator("n2")
    bench.service.answers[0] = "error"
    with pytest.raises(ActuatorError, match="HTTP 500"):
        actuator.apply(600.0)
    assert other.apply(700.0).enforced_w == 700
    bench.service.answers[0] = None
    assert actuator.apply(600.0).enforced_w == 600
    assert bench.caps == [(1, 700), (0, 600)]


def test_slow_in_virtual_time_fails_at_once(bench):
    actuator = bench.actuator(timeout_s=30.0)
    bench.service.answers[0] = "slow"
    begun_s = time.monotonic()
    with pytest.raises(ActuatorError):
        actuator.apply(600.0)
    assert time.monotonic() - begun_s < 5
    assert bench.caps == []


def test_slow_in_real_time_outlasts_the_clients_patience():
    bench = Bench(slow_s=0.6)
    try:
        bench.service.answers[0] = "slow"
        with pytest.raises(ActuatorError, match="no answer within"):
            bench.actuator(timeout_s=0.1).apply(600.0)
        begun_s = time.monotonic()
        assert bench.actuator("n2").apply(600.0).enforced_w == 600
        assert bench.actuator().read().power_w == 500
        assert time.monotonic() - begun_s >= 0.6
    finally:
        bench.close()


def test_ignore_reads_back_what_was_never_applied(bench):
    actuator = bench.actuator()
    bench.service.answers[0] = "ignore"
    assert actuator.apply(600.0).enforced_w == 600
    assert actuator.verify(600.0).enforced_w == 600
    assert bench.caps == []
