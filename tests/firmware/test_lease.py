# SPDX-License-Identifier: Apache-2.0
import pytest

from firmware_py.link import messages as m
from tests.firmware.rig import Rig


@pytest.mark.parametrize("start_ms", [0, (1 << 30) - 3000])
@pytest.mark.parametrize("ttl_ms", [500, 3000])
def test_lost_host_means_local_within_ttl_and_a_tick(ttl_ms, start_ms):
    rig = Rig(start_ms)
    rig.run(10)
    rig.hello()
    rig.lease(ttl_ms)
    rig.run(ttl_ms // 100)
    assert rig.app.state.state == m.STATE_HOSTED
    rig.run(1)
    assert rig.app.state.state == m.STATE_LOCAL
    rig.run(3)
    assert [e["reason"] for e in rig.events(m.EV_LEASE)] == [1, 2]


def test_renewal_keeps_the_lease():
    rig = Rig()
    rig.run(10)
    rig.hello()
    for _ in range(6):
        rig.lease(3000)
        rig.run(10)
    assert rig.app.state.state == m.STATE_HOSTED
    assert rig.sent("TELEMETRY")[-1]["lease_left_ms"] == 2100


def test_lease_expiry_never_reenergises():
    """Expiry frees the groups for the restore path: rest, headroom, one per stagger."""
    rig = Rig(shed={"min_off_ms": 4000, "stagger_ms": 1000})
    rig.run(10)
    rig.hello()
    rig.lease(3000)
    rig.request(m.SHED, "H", 0b1110)
    rig.run(1)
    shed_at = rig.now_ms
    back = {}
    for _ in range(100):
        before = rig.off
        rig.run(1)
        for g in range(4):
            if before & ~rig.off & 1 << g:
                back[g] = rig.now_ms - shed_at
    assert sorted(back) == [1, 2, 3]
    assert back[1] >= 4000
    assert back[2] - back[1] >= 1000
    assert back[3] - back[2] >= 1000


def test_lease_expiry_without_headroom_restores_nothing():
    rig = Rig(shed={"min_off_ms": 1000, "stagger_ms": 100})
    rig.load_w = [4000] * 8
    rig.run(10)
    rig.hello()
    rig.lease(3000)
    rig.request(m.SHED, "H", 0b1000)
    rig.run(5)
    rig.load_w = [7000] * 6 + [4000] * 2  # the others have taken the room: 30 of 32 A
    rig.run(200)
    assert rig.off == 0b1000


def test_host_keeps_a_group_off_as_long_as_it_wants():
    rig = Rig(shed={"min_off_ms": 100, "stagger_ms": 100}).hosted()
    rig.request(m.SHED, "H", 0b0100)
    rig.run(100)
    assert rig.off == 0b0100
    rig.request(m.SHED, "H", 0)
    rig.run(3)
    assert rig.off == 0


def test_release_by_the_owner_is_not_an_expiry():
    rig = Rig().hosted()
    rig.lease(0)
    rig.run(8)
    assert rig.app.state.state == m.STATE_LOCAL
    assert [e["reason"] for e in rig.events(m.EV_LEASE)] == [1, 3]


def test_fan_floor_ends_with_the_lease():
    rig = Rig(
        air={"slew_down_permille": 1000},
        zones=[{"setpoint_mc": 60_000}],
        shed={"outlet_max_mc": 70_000},
    )
    rig.run(10)
    rig.hello()
    rig.lease(1000)
    rig.request(m.FAN_FLOOR, "H", 850)
    rig.run(5)
    assert rig.app.act.outputs[0] == 850
    assert rig.sent("TELEMETRY")[-1]["flags"] & m.FLAG_FAN_FLOOR
    rig.run(10)
    assert rig.app.act.outputs[0] < 400
    assert not rig.sent("TELEMETRY")[-1]["flags"] & m.FLAG_FAN_FLOOR


def test_a_new_owner_inherits_nothing_even_before_the_tick_that_notices_the_expiry():
    rig = Rig()
    rig.run(10)
    rig.hello()
    rig.now_ms += 50  # between two ticks
    rig.lease(500)
    rig.request(m.SHED, "H", 0b1000)
    rig.request(m.FAN_FLOOR, "H", 900)
    for _ in range(4):
        rig.now_ms += 100
        rig.step()
    rig.app.step(rig.now_ms + 60, b"", 0)  # the tick at 1500
    rig.now_ms += 110  # over at 1550, and no tick since
    assert rig.app.lease.held
    assert rig.app.lease.left_ms(rig.now_ms) == 0
    assert rig.lease(3000, owner=9)[0] == "ACK"
    assert (rig.app.lease.shed_off, rig.app.lease.fan_floor_permille) == (0, 0)
