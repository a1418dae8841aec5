# SPDX-License-Identifier: Apache-2.0
"""Contacts that follow, lag, weld, stick and bounce."""

import pytest

from firmware_py.channels import IN_RELAYS
from firmware_py.link.messages import INVALID
from hil.plant.relays import ALL_CLOSED, Relays, RelaySpec
from tests.hil.plant_rig import rack_of, read, run, seen

FEEDBACK = {"operate_ms": 20, "feedback": True}


def off(rack, group=3):
    rack.set_relays(ALL_CLOSED & ~(1 << group))


def test_a_contact_follows_within_the_step_of_its_command():
    rack = rack_of(relays=FEEDBACK)
    off(rack)
    assert read(rack)[IN_RELAYS] >> 3 & 1 == 1  # the coil is faster than the contact
    run(rack, 0.1)
    assert rack.load_w[6:] == [0.0, 0.0]
    assert read(rack)[IN_RELAYS] >> 3 & 1 == 0
    assert seen(rack)["contact_3"] == 0.0
    assert seen(rack)["group_3_w"] == 0.0
    assert seen(rack)["on_s8"] == 0.0


def test_a_slow_relay_takes_its_time_and_is_mended():
    rack = rack_of(relays=FEEDBACK)
    rack.relays.slow(3, 1000)
    off(rack)
    run(rack, 0.9)
    assert rack.load_w[6] > 0.0
    run(rack, 0.2)
    assert rack.load_w[6] == 0.0
    rack.relays.free(3)
    rack.set_relays(ALL_CLOSED)
    run(rack, 0.1)
    assert rack.load_w[6] > 0.0


def test_a_welded_contact_stays_closed_and_a_stuck_one_open():
    rack = rack_of(relays=FEEDBACK)
    rack.relays.weld(3)
    off(rack)
    run(rack, 1)
    assert rack.load_w[6] > 0.0
    assert read(rack)[IN_RELAYS] >> 3 & 1 == 1
    rack.relays.free(3)
    run(rack, 0.1)
    assert rack.load_w[6] == 0.0
    rack.relays.stick_open(3)
    rack.set_relays(ALL_CLOSED)
    run(rack, 1)
    assert rack.load_w[6] == 0.0
    rack.relays.stick_open(0)
    run(rack, 0.1)
    assert rack.load_w[0] == 0.0  # a running load is cut off too


def test_a_bouncing_contact_reboots_its_loads():
    rack = rack_of(relays=FEEDBACK, boot_s=0.0)
    rack.relays.bounce(3, 500)
    off(rack)
    seen_on = []
    for _ in range(10):
        run(rack, 0.1)
        seen_on.append(rack.load_w[6] > 0.0)
    assert True in seen_on[:6]
    assert False in seen_on[:6]
    assert seen_on[6:] == [False] * 4


def test_without_feedback_the_board_reads_nothing():
    rack = rack_of(relays={"feedback": False})
    assert read(rack)[IN_RELAYS] == INVALID


def test_an_unknown_group_is_refused_and_bits_above_the_last_are_dropped():
    relays = Relays(RelaySpec())
    with pytest.raises(ValueError, match="no relay group 16"):
        relays.weld(16)
    relays.set(-1, 0)
    assert relays.command == ALL_CLOSED
