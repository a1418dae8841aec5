# SPDX-License-Identifier: Apache-2.0
"""The battery shelf, read and recharged by the daemon's own code through [bbu] of a rack.toml."""

import httpx
import pytest

from edge.actuate import make_battery, make_recharge
from edge.config import parse_config
from edge.errors import ActuatorError
from edge.rack_limit import BbuState
from edge.shelf import inline_shelf
from hil.frontends.redfish import RedfishServer, RedfishService, chassis_of
from hil.frontends.redfish_battery import BatteryShelf, ShelfReading, bbu_toml
from hil.rackfile import rack_toml
from tests.hil.frontend_rig import make_rack

FULL_WH, RECHARGE_W = 1000.0, 3000.0


class Cells:
    """A shelf that charges with what it may."""

    def __init__(self):
        self.reading = ShelfReading(250.0, 0.0)
        self.asked_w = []

    def charge(self, seconds):
        watts = self.asked_w[-1]
        stored_wh = self.reading.stored_wh + watts * seconds / 3600
        self.reading = ShelfReading(stored_wh, watts, watts)


@pytest.fixture
def cells():
    return Cells()


@pytest.fixture
def server(cells):
    shelf = BatteryShelf(FULL_WH, RECHARGE_W, lambda: cells.reading, cells.asked_w.append)
    service = RedfishService(
        chassis_of(make_rack().spec),
        lambda _load: 500.0,
        lambda *_: None,
        patch_reply=200,
        shelf=shelf,
    )
    with RedfishServer(service) as server:
        server.shelf = shelf
        yield server


@pytest.fixture
def configure(server):
    def configure(shape="auto"):
        text = rack_toml(make_rack().spec, "none", server.url)
        bbu = bbu_toml(server.shelf, server.url, power_w=20_000.0)
        source, actuator = bbu.split("actuator")
        return parse_config(f'{text}\n{source}actuator{actuator[:-2]}, shape = "{shape}" }}\n')

    return configure


def test_what_the_shelf_holds_is_what_the_daemon_reads(configure, cells):
    battery = make_battery(configure().bbu)
    try:
        assert battery.read() == BbuState(250_000, False)
        cells.reading = ShelfReading(123.456, -5000.0)
        assert battery.read() == BbuState(123_456, True)
        cells.reading = ShelfReading(123.456, 800.0, 900.0)
        assert battery.read() == BbuState(123_456, False)
    finally:
        battery.close()


@pytest.mark.parametrize("shape", ["auto", "environment", "control", "power"])
def test_a_recharge_set_point_reaches_the_shelf_in_every_shape(configure, cells, shape):
    recharge = make_recharge(configure(shape).bbu)
    try:
        assert recharge.apply(1500.7).enforced_w == 1500
        cells.charge(60)
        assert recharge.read().power_w == 1500
        assert recharge.apply(0.0).enforced_w == 0
        assert cells.asked_w == [1500, 0]
    finally:
        recharge.close()


def test_the_daemons_shelf_recharges_to_full_and_stops(configure, cells):
    shelf = inline_shelf(configure())
    shelf.start(0)
    try:
        for second in range(1200):
            state = shelf.state(second * 1000)
            assert state is not None
            full = state.stored_mwh >= FULL_WH * 1000
            shelf.recharge(0 if full else 3_000_000, second * 1000)
            cells.charge(1)
        assert cells.asked_w == [3000, 0]
        assert cells.reading.stored_wh == pytest.approx(FULL_WH, abs=2)
    finally:
        shelf.close()


def test_a_sick_shelf_is_no_battery(configure, cells):
    battery = make_battery(configure().bbu)
    try:
        cells.reading = ShelfReading(250.0, 0.0, healthy=False)
        with pytest.raises(ActuatorError, match="UnavailableOffline"):
            battery.read()
    finally:
        battery.close()


def test_a_shelf_can_be_slow_or_ignore_its_set_point(configure, cells, server):
    battery, recharge = make_battery(configure().bbu), make_recharge(configure().bbu)
    try:
        server.service.answers[-1] = "slow"
        with pytest.raises(ActuatorError):
            battery.read()
        server.service.answers[-1] = "ignore"
        assert recharge.apply(700.0).enforced_w == 700
        assert cells.asked_w == []
    finally:
        battery.close()
        recharge.close()


def test_every_link_of_the_shelf_leads_somewhere(server):
    seen, todo = set(), ["/redfish/v1/Chassis/bbu"]
    with httpx.Client(base_url=server.url) as client:
        while todo:
            path = todo.pop()
            if path in seen or "#" in path:
                continue
            seen.add(path)
            document = client.get(path).raise_for_status().json()
            assert document["@odata.id"] == path
            todo += links(document)
    assert "/redfish/v1/Chassis/bbu/PowerSubsystem/Batteries/1/Metrics" in seen


def links(node):
    if isinstance(node, dict):
        own = [node["@odata.id"]] if "@odata.id" in node else []
        return own + [link for child in node.values() for link in links(child)]
    return [link for child in node for link in links(child)] if isinstance(node, list) else []
