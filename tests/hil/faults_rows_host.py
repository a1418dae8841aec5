# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table: the board and its host."""

from edge.link import events as ev
from firmware_py import channels as ch
from firmware_py.link import messages as m
from hil.drivers.vm import VmBoard
from tests.hil.faults_look import DAEMON, Row, down_frames, still_talks, telemetry
from tests.hil.faults_rig import Options

LEASED = Options(host="lease")


def board_time(rig, t_s):
    return rig.during(t_s, t_s + 0.05)[0].board_ms


MCU = {
    "mcu.reset": Row(
        {},
        lambda hit, base: (hit.seen[-1].resets, base.seen[-1].resets) == (1, 0)
        and hit.mcu.board_ms(hit.now_ms) < 6100,
        back=still_talks,
    ),
    "mcu.watchdog": Row(
        {},
        lambda hit, base: not hit.bytes_up(3.2, 5) and hit.during(4, 4.8)[-1].resets == 0
        and hit.during(5.5, 6)[-1].resets == 1 and base.seen[-1].resets == 0,
        back=still_talks,
    ),
    "mcu.hang": Row(
        {"ms": 1500},
        lambda hit, _: not hit.bytes_up(3.2, 4.4) and hit.bytes_up(4.6, 5)
        and hit.seen[-1].resets == 0,
        back=still_talks,
    ),
    "mcu.heap_pressure": Row(
        {"kib": 176},
        lambda hit, base: telemetry(hit, 5.5, 6)[-1].heap_free
        < telemetry(base, 5.5, 6)[-1].heap_free - 10_000,
        back=lambda hit: telemetry(hit, 8.5, 9)[-1].heap_free
        > telemetry(hit, 5.5, 6)[-1].heap_free + 10_000,
        board=VmBoard,
    ),
    "mcu.clock_drift": Row(
        {"ppm": 50_000},
        lambda hit, base: board_time(hit, 6) - board_time(base, 6) in range(140, 152),
        back=lambda hit: abs(board_time(hit, 9) - board_time(hit, 7) - 2000) <= 1,
    ),
    "mcu.clock_wrap": Row(
        {"before_ms": 1000},
        lambda hit, _: board_time(hit, 3.5) > (1 << 30) - 1000 > board_time(hit, 4.5)
        and hit.seen[-1].resets == 0,
        back=still_talks,
    ),
    "mcu.brownout_loop": Row(
        {"times": 3, "within_ms": 3000, "dark_ms": 200},
        lambda hit, _: hit.during(3.5, 3.6)[0].resets == 1 and hit.seen[-1].resets == 3,
        back=still_talks,
    ),
}  # fmt: skip


def cap_of_0(watts):
    """A tool caps load 0 by Redfish while the fault is there, and again behind it."""
    import httpx

    def patch(rig):
        limit = {"PowerControl": [{"PowerLimit": {"LimitInWatts": watts}}]}
        url = f"{rig.server.url}/redfish/v1/Chassis/s0/Power"
        try:
            rig.answers.append(httpx.patch(url, json=limit, timeout=5).status_code)
        except httpx.HTTPError as error:
            rig.answers.append(type(error).__name__)

    return patch


def bmc(first, capped):
    """`first`: how the BMC answers under the fault; `capped`: whether the cap arrives."""
    prepare = {40: cap_of_0(1000), 75: cap_of_0(1000)}
    return Row(
        {"load": 0},
        lambda hit, base: hit.answers[0] == first and base.answers[0] in (200, 204)
        and (hit.plant("asked_w", 5, 6)[0][0] == 1000.0) == capped
        and (hit.answers, capped) != (base.answers, True),
        Options(host="bmc", prepare=prepare),
        lambda hit: hit.answers[1] in (200, 204) and hit.plant("asked_w", 9, 9.1)[0][0] == 1000.0,
    )  # fmt: skip


def states(rig, from_s, to_s):
    return {each.commands[ch.OUT_STATE] for each in rig.during(from_s, to_s)}


HOST = {
    "host.bmc_error": bmc(500, capped=False),
    "host.bmc_slow": bmc("RemoteProtocolError", capped=False),
    "host.bmc_ignore": bmc(204, capped=False),
    "host.kill": Row(
        {},
        lambda hit, base: not any(e.down for e in hit.during(3.1, 6))
        and any(e.down for e in base.during(3.1, 6)),
        DAEMON,
        lambda hit: states(hit, 8.5, 9.1) == {m.STATE_HOSTED},
    ),
    "host.pause": Row(
        {},
        lambda hit, base: not any(e.down for e in hit.during(3.1, 6))
        and any(e.down for e in base.during(3.1, 6)),
        LEASED,
        lambda hit: any(e.down for e in hit.during(6, 9)),
    ),
    "host.clock_step": Row(
        {"ms": 7_200_000},
        lambda hit, base: hit.bench.host._wall_ms - base.bench.host._wall_ms == 7_200_000,
        DAEMON,
    ),
    "host.second_master": Row(
        {},
        lambda hit, base: any(isinstance(e, ev.LeaseBusy) for _, e in hit.rival_events)
        and not base.rival_events,
        LEASED,
        lambda hit: hit.bench.rival is None,
    ),
    "host.restart_mid_command": Row(
        {"only": ["LEASE"]},
        lambda hit, base: hit.bench.host._starts == 2 and base.bench.host._starts == 1
        and m.HELLO in {f.type for f in down_frames(hit, 3, 6)},
        DAEMON,
        lambda hit: states(hit, 8.5, 9.1) == {m.STATE_HOSTED},
    ),
}  # fmt: skip
