# SPDX-License-Identifier: Apache-2.0
"""For each kind of the catalogue: what to run, and what must be seen that is not there without it.

A row is (values, bites, options, back): `bites(hit, base)` compares the run under the fault, from
3 s to 6 s, with the same run without it; `back(hit)` looks at what must be well again at 9 s.
"""

from statistics import pstdev
from typing import NamedTuple

from edge.link import events as ev
from edge.link.messages import OWN
from firmware_py import channels as ch
from firmware_py.link import messages as m
from firmware_py.link.messages import INVALID
from hil.drivers.vm import VmBoard
from tests.hil.faults_rig import Options

INLET, OUTLET = ch.IN_INLET_MC, ch.IN_OUTLET_MC
FEED_A, FEED_B, AMPS_A = ch.IN_FEED_A_MW, ch.IN_FEED_B_MW, ch.IN_FEED_A_MA
LOAD0, LOAD1 = ch.IN_LOAD0_MW, ch.IN_LOAD0_MW + 1
TELEMETRY, LOADS = m.TELEMETRY, m.LOADS


def well(_hit):
    return True


class Row(NamedTuple):
    values: dict
    bites: object
    options: Options = Options()
    back: object = well
    board: object = None


def now(rig, channel):
    return rig.series(channel, 3, 6)


def later(rig, channel):
    return rig.series(channel, 6, 9.1)


def same_after(channel):
    """Readings follow the plant again."""
    return lambda hit: abs(later(hit, channel)[-1] - hit.series(channel, 2.9, 3)[0]) < 1500


def shifted(channel, change):
    """Each reading is that of the undisturbed run, changed."""
    return lambda hit, base: now(hit, channel) == [change(v) for v in now(base, channel)]


def telemetry(rig, from_s, to_s):
    frames = rig.frames(from_s, to_s)
    return [OWN.unpack(f.type, f.payload).values for f in frames if f.type == TELEMETRY]


def count(rig, kind, from_s=3.1, to_s=6):
    return sum(f.type == kind for f in rig.frames(from_s, to_s))


def cut_then_close(at_s=4.0, for_s=1.0, bit=2):
    """Commands group 1 off and on again, behind the board's back."""

    def off(_now_ms, words):
        words[ch.OUT_RELAYS] &= ~bit

    return {
        round(at_s * 10): lambda rig: rig.ports.actuators.append(off),
        round((at_s + for_s) * 10): lambda rig: rig.ports.actuators.remove(off),
    }


def closed(rig, t_s, group=1):
    return bool(rig.plant("closed", t_s, t_s + 0.05)[0] >> group & 1)


def full_pump(_now_ms, words):
    words[ch.OUT_PUMP_PERMILLE] = 1000


PUMPING = Options(prepare={5: lambda rig: rig.ports.actuators.append(full_pump)})


def step_demand(to, at_s=2.0):
    return {round(at_s * 10): lambda rig: rig.rack.set("demand_ratio", to)}


def without_feeds(at_s=4.0):
    """Both feeds go: the battery has to carry."""
    return {round(at_s * 10): lambda rig: [rig.rack.fail_feed(n) for n in "AB"]}


def plant(name, pick, at_s=5.9):
    """`pick` of a plant's quantity near the end of the fault, of both runs."""

    def both(hit, base):
        return tuple(pick(rig.plant(name, at_s, at_s + 0.05)[0]) for rig in (hit, base))

    return both


def higher(name, by, pick=lambda value: value):
    """At the end of the fault it is higher by at least `by` than without."""

    def bites(hit, base):
        hit_v, base_v = plant(name, pick)(hit, base)
        return hit_v >= base_v + by

    return bites


def back_to(name, tolerance=1e-9):
    """At 9 s it is what it was before the fault."""

    def back(hit):
        return abs(hit.plant(name, 9, 9.1)[0] - hit.plant(name, 2.9, 3)[0]) <= tolerance

    return back


def lowered(name, by, pick=lambda value: value):
    def bites(hit, base):
        hit_v, base_v = plant(name, pick)(hit, base)
        return hit_v <= base_v - by

    return bites


SENSOR = {
    "sensor.open": Row(
        {"target": "inlet_mc"},
        lambda hit, _: set(now(hit, INLET)) == {INVALID},
        back=same_after(INLET),
    ),
    "sensor.short_high": Row(
        {"target": "outlet_mc"},
        lambda hit, _: set(now(hit, OUTLET)) == {150_000},
        back=same_after(OUTLET),
    ),
    "sensor.short_low": Row(
        {"target": ["inlet_mc", "feed_a_mw"]},
        lambda hit, _: set(now(hit, INLET)) == {-55_000} and set(now(hit, FEED_A)) == {0},
        back=same_after(INLET),
    ),
    "sensor.stuck": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: len(set(now(hit, FEED_A))) == 1 and len(set(now(base, FEED_A))) > 20,
        Options(noise=0.01),
        lambda hit: len(set(later(hit, FEED_A))) > 20,
    ),
    "sensor.bias": Row(
        {"target": "inlet_mc", "by": -4000}, shifted(INLET, lambda v: v - 4000),
        back=same_after(INLET),
    ),
    "sensor.gain": Row(
        {"target": "feed_?_mw", "factor": 1.5},
        lambda hit, base: (
            now(hit, FEED_B)[0] == round(1.5 * now(base, FEED_B)[0])
            and now(hit, AMPS_A)[0] == now(base, AMPS_A)[0]
        ),
    ),
    "sensor.drift": Row(
        {"target": "inlet_mc", "per_s": 1000.0},
        lambda hit, base: (
            now(hit, INLET)[0] == now(base, INLET)[0]
            and abs(now(hit, INLET)[-1] - now(base, INLET)[-1] - 2900) <= 1
        ),
        back=same_after(INLET),
    ),
    "sensor.noise": Row(
        {"target": "inlet_mc", "sigma": 200.0},
        lambda hit, base: 100 < pstdev(now(hit, INLET)) < 400 and pstdev(now(base, INLET)) < 60,
        back=same_after(INLET),
    ),
    "sensor.spike": Row(
        {"target": "inlet_mc", "probability": 0.2, "height": 9000},
        lambda hit, base: (
            {a - b for a, b in zip(now(hit, INLET), now(base, INLET), strict=True)}
            == {0, 9000, -9000}
        ),
    ),
    "sensor.quantise": Row(
        {"target": "inlet_mc", "step": 5000}, shifted(INLET, lambda v: v // 5000 * 5000)
    ),
    "sensor.late": Row(
        {"target": "feed_a_mw", "delay_ms": 1000},
        lambda hit, _: now(hit, FEED_A)[:10] == hit.series(FEED_A, 2, 3),
        Options(noise=0.01),
    ),
    "sensor.dropout": Row(
        {"target": "inlet_mc", "period_ms": 1000, "length_ms": 300},
        lambda hit, _: [i for i, v in enumerate(now(hit, INLET)) if v == INVALID]
        == [0, 1, 2, 10, 11, 12, 20, 21, 22],
    ),
    "sensor.absurd": Row({"target": "inlet_mc"}, shifted(INLET, lambda v: 1000 * v)),
    "sensor.swap": Row(
        {"a": "inlet_mc", "b": "outlet_mc"},
        lambda hit, base: (
            now(hit, INLET)[0] == now(base, OUTLET)[0] != now(base, INLET)[0] == now(hit, OUTLET)[0]
        ),
    ),
    "sensor.wrap": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: (
            all((a - b) % 65536 == 0 for a, b in zip(now(hit, FEED_A), now(base, FEED_A),
                                                     strict=True))
            and max(now(hit, FEED_A)) < 32768 < min(now(base, FEED_A))
        ),
    ),
}  # fmt: skip

DATA = {
    "data.feed_power_low": Row(
        {"feed": "a"},
        lambda hit, base: (
            now(hit, FEED_A)[0] == round(0.7 * now(base, FEED_A)[0])
            and now(hit, AMPS_A)[0] == round(0.7 * now(base, AMPS_A)[0])
            and now(hit, FEED_B)[0] == now(base, FEED_B)[0]
        ),
    ),
    "data.load_power_swapped": Row(
        {},
        lambda hit, base: (
            now(hit, LOAD0)[0] == now(base, LOAD1)[0] != now(base, LOAD0)[0]
            and now(hit, LOAD0)[0] + now(hit, LOAD1)[0]
            == now(base, LOAD0)[0] + now(base, LOAD1)[0]
        ),
    ),
    "data.frozen_but_noisy": Row(
        {"target": "feed_a_mw"},
        lambda hit, base: (
            len(set(now(hit, FEED_A))) > 20
            and max(now(hit, FEED_A)) < 1.05 * base.series(FEED_A, 2.9, 3)[0]
            < 0.9 * now(base, FEED_A)[-1]
        ),
        Options(prepare=step_demand(0.9, 3.2)),
    ),
    "data.replayed_day": Row(
        {"ago_s": 2},
        lambda hit, _: now(hit, FEED_A)[:20] == hit.series(FEED_A, 1, 3)
        and now(hit, LOAD0)[:20] == hit.series(LOAD0, 1, 3),
        Options(noise=0.01),
    ),
    "data.time_shifted": Row(
        {"behind_s": 1},
        lambda hit, base: now(hit, LOAD0)[:10] == hit.series(LOAD0, 2, 3)
        and now(hit, FEED_A)[:10] == now(base, FEED_A)[:10],
        Options(noise=0.01),
    ),
    "data.lying_cap": Row(
        {"load": 0},
        lambda hit, base: (
            hit.plant("asked_w", 5.9, 6)[0][0] == base.plant("asked_w", 5.9, 6)[0][0] == 1000.0
            and hit.plant("load_w", 5.9, 6)[0][0] > 1500 > 1100 > base.plant("load_w", 5.9, 6)[0][0]
        ),
        Options(prepare={20: lambda rig: rig.rack.set_cap(0, 1000.0)}),
        lambda hit: hit.plant("load_w", 8.9, 9)[0][0] < 1100,
    ),
}  # fmt: skip


def relay(kind_check, prepare, back=well, **values):
    return Row({"group": 1} | values, kind_check, Options(prepare=prepare), back)


ACTUATOR = {
    "actuator.relay_welded": relay(
        lambda hit, base: closed(hit, 4.5) and not closed(base, 4.5),
        cut_then_close(4, 4),
        lambda hit: not closed(hit, 7),
    ),
    "actuator.relay_open": relay(
        lambda hit, base: not closed(hit, 3.5) and closed(base, 3.5),
        {},
        lambda hit: closed(hit, 6.5),
    ),
    "actuator.relay_slow": relay(
        lambda hit, base: closed(hit, 4.4) and not closed(hit, 4.8) and not closed(base, 4.2),
        cut_then_close(4, 4),
        ms=500,
    ),
    "actuator.relay_bounce": relay(
        lambda hit, base: len({closed(hit, 4.1 + i / 10) for i in range(4)}) == 2
        and not closed(hit, 5.0) and not any(closed(base, 4.1 + i / 10) for i in range(4)),
        cut_then_close(4, 4),
        ms=600,
    ),
    "actuator.fan_stall": Row(
        {"fan": 0},
        lambda hit, base: hit.plant("rpm", 5.9, 6)[0][0] < 0.3 * base.plant("rpm", 5.9, 6)[0][0],
        back=lambda hit: hit.plant("rpm", 9, 9.1)[0][0] > 1000,
    ),
    "actuator.fan_slow": Row(
        {"fan": 0, "ratio": 0.5},
        lambda hit, base: 0.45 < hit.plant("rpm", 5.9, 6)[0][0]
        / base.plant("rpm", 5.9, 6)[0][0] < 0.65,
    ),
    "actuator.fan_tach_lie": Row(
        {"fan": 0, "rpm": 5555},
        lambda hit, _: set(now(hit, ch.IN_FAN0_RPM)) == {5555}
        and hit.plant("rpm", 5, 6)[0][0] != 5555,
        back=lambda hit: later(hit, ch.IN_FAN0_RPM)[-1] != 5555,
    ),
    "actuator.pump_fail": Row(
        {}, lowered("pump_rpm", 3000), PUMPING,
        lambda hit: hit.plant("pump_rpm", 9, 9.1)[0] > 3500,
    ),
    "actuator.pump_slow": Row(
        {"ratio": 0.5},
        lambda hit, base: 0.45 < plant("pump_rpm", float)(hit, base)[0]
        / plant("pump_rpm", float)(hit, base)[1] < 0.6,
        PUMPING,
        lambda hit: hit.plant("pump_rpm", 9, 9.1)[0] > 3500,
    ),
    "actuator.valve_stuck": Row(
        {},
        lambda hit, base: len(set(hit.plant("valve", 3, 6))) == 1 < len(set(base.plant("valve", 3, 6))),
        back=lambda hit: hit.plant("valve", 9, 9.1)[0] > hit.plant("valve", 6, 6.1)[0],
    ),
    "actuator.output_stuck": Row(
        {"target": "fan*_permille", "value": 120},
        lambda hit, _: {each.commands[ch.OUT_FAN0_PERMILLE] for each in hit.during(3.1, 6)} == {120},
        back=lambda hit: hit.seen[-1].commands[ch.OUT_FAN0_PERMILLE] != 120,
    ),
}  # fmt: skip


def feed(i):
    return lambda values: values[i]


POWER = {
    "power.feed_loss": Row(
        {"feed": "b"},
        lambda hit, _: hit.plant("feed_v", 3, 6)[-1][1] == 0
        and hit.plant("feed_w", 3, 6)[-1][0] > 1.8 * hit.plant("feed_w", 2, 3)[-1][0],
        back=lambda hit: hit.plant("feed_v", 9, 9.1)[0][1] == 230,
    ),
    "power.feed_sag": Row(
        {"feed": "a", "to": 0.85},
        lambda hit, base: abs(hit.plant("feed_v", 5, 6)[0][0] - 0.85 * 230) < 1e-6
        and higher("feed_a", 0.5, feed(0))(hit, base),
        back=lambda hit: hit.plant("feed_v", 9, 9.1)[0][0] == 230,
    ),
    "power.phase_loss": Row(
        {"feed": "a", "phase": 2},
        lambda hit, base: abs(hit.plant("feed_v", 5, 6)[0][0] - 230 * 2 / 3) < 1e-6
        and higher("feed_a", 1, feed(0))(hit, base),
        back=lambda hit: hit.plant("feed_v", 9, 9.1)[0][0] == 230,
    ),
    "power.psu_fail": Row(
        {"load": 0, "side": "a"},
        lambda hit, base: lowered("feed_w", 500, feed(0))(hit, base)
        and higher("feed_w", 500, feed(1))(hit, base),
        back=lambda hit: abs(hit.plant("feed_w", 9, 9.1)[0][0] - hit.plant("feed_w", 2, 3)[0][0]) < 300,
    ),
    "power.breaker_trip": Row(
        {"feed": "a"},
        lambda hit, base: hit.plant("tripped", 5, 6)[0] == (True, False)
        and base.plant("tripped", 5, 6)[0] == (False, False),
        back=lambda hit: hit.plant("tripped", 9, 9.1)[0] == (True, False),  # nobody closes it
    ),
    "power.brownout": Row(
        {"dark_ms": 700},
        lambda hit, base: hit.seen[-1].resets == 1 and base.seen[-1].resets == 0
        and not count(hit, TELEMETRY, 3.2, 3.7) and count(base, TELEMETRY, 3.2, 3.7) >= 4,
        back=lambda hit: count(hit, TELEMETRY, 8, 9) >= 9,
    ),
    "power.inrush": Row(
        {"feed": "a", "times": 6.0},
        lambda hit, base: hit.plant("tripped", 3.1, 4)[0][0]
        and not base.plant("tripped", 3.1, 4)[0][0],
        back=lambda hit: hit.plant("tripped", 9, 9.1)[0][0],
    ),
    "power.frequency": Row(
        {"by_mhz": -900, "over_s": 1.0},
        lambda hit, _: hit.series(ch.IN_FREQ_MHZ, 3.4, 3.6)[0] > 49_300
        and hit.series(ch.IN_FREQ_MHZ, 5, 6)[0] == 49_100,
        back=lambda hit: hit.series(ch.IN_FREQ_MHZ, 9, 9.1)[0] == 50_000,
    ),
    "power.bbu_empty": Row(
        {"left": 0.0},
        lambda hit, base: hit.plant("load_w", 5, 6)[-1] == (0, 0, 0, 0)
        and sum(base.plant("load_w", 5, 6)[-1]) > 1000,
        Options(prepare=without_feeds()),
    ),
    "power.bbu_fail": Row(
        {},
        lambda hit, base: hit.plant("load_w", 5, 6)[-1] == (0, 0, 0, 0)
        and base.plant("bbu_w", 5, 6)[-1] > 1000,
        Options(prepare=without_feeds()),
    ),
}  # fmt: skip


THERMAL = {
    "thermal.inlet_rise": Row(
        {"by_k": 6.0}, higher("inlet_c", 5.5), back=back_to("room_c")
    ),
    "thermal.crac_loss": Row(
        {"k_per_min": 10.0},
        lambda hit, base: 0.4 < plant("room_c", float)(hit, base)[0] - 24 < 0.55,
        back=back_to("room_c"),
    ),
    "thermal.blocked_aisle": Row({"share": 0.8}, higher("inlet_c", 0.5)),
    "thermal.filter_clog": Row(
        {"share": 0.9}, higher("outlet_c", 0.2), Options(demand=0.9)
    ),
    "thermal.recirculation": Row({"by": 0.4}, higher("inlet_c", 0.5)),
    "thermal.facility_warm": Row(
        {"by_k": 12.0, "over_s": 1.0}, higher("facility_c", 11.9), back=back_to("facility_c")
    ),
    "thermal.humidity": Row({"to": 0.9}, higher("dew_c", 8), back=back_to("dew_c", 0.01)),
    "thermal.leak": Row(
        {"lpm": 2.0},
        lambda hit, base: higher("leak_l", 0.08)(hit, base)
        and hit.series(ch.IN_LEAK, 5.8, 6)[0] == 1 > base.series(ch.IN_LEAK, 5.8, 6)[0],
        back=lambda hit: len(set(hit.plant("leak_l", 6.2, 9))) == 1,
    ),
    "thermal.flow_blocked": Row(
        {"share": 0.8}, lowered("flow_lpm", 40), PUMPING,
        lambda hit: hit.plant("flow_lpm", 9, 9.1)[0] > 100,
    ),
    "thermal.pump_air": Row(
        {"share": 0.2},
        lambda hit, base: hit.plant("flow_lpm", 3.1, 3.4)[0]
        < 0.7 * base.plant("flow_lpm", 3.1, 3.4)[0],
        PUMPING,
    ),
}  # fmt: skip


LEASED = Options(host="lease")
DAEMON = Options(host="daemon")


def silent(direction):
    return lambda hit, base: not count(hit, TELEMETRY) and count(base, TELEMETRY) >= 28


def still_talks(hit):
    return count(hit, TELEMETRY, 7, 9) >= 19


LINK = {
    "link.drop": Row(
        {"only": ["LOADS"], "direction": "up"},
        lambda hit, _: not count(hit, LOADS) and count(hit, TELEMETRY) >= 28,
        back=lambda hit: count(hit, LOADS, 6.2, 9) >= 27,
    ),
    "link.duplicate": Row(
        {"only": ["TELEMETRY"], "times": 3, "direction": "up"},
        lambda hit, base: count(hit, TELEMETRY) == 3 * count(base, TELEMETRY)
        and count(hit, LOADS) == count(base, LOADS),
        back=still_talks,
    ),
    "link.reorder": Row(
        {"direction": "up", "probability": 0.5, "by_ms": 150},
        lambda hit, base: (seqs := [f.seq for f in hit.frames(3.1, 6)]) != sorted(seqs)
        and (own := [f.seq for f in base.frames(3.1, 6)]) == sorted(own),
        back=still_talks,
    ),
    "link.flip": Row(
        {"only": ["TELEMETRY"], "direction": "up"},
        lambda hit, _: hit.host_stats.crc_errors + hit.host_stats.frame_errors >= 20,
        back=still_talks,
    ),
    "link.truncate": Row(
        {"only": ["TELEMETRY"], "direction": "up", "lost_b": 5},
        lambda hit, base: not count(hit, TELEMETRY) and count(hit, LOADS) >= 28
        and len(hit.bytes_up(3.2, 5.9)) == len(base.bytes_up(3.2, 5.9)) - 27 * 5,
        back=still_talks,
    ),
    "link.merge": Row(
        {"only": ["TELEMETRY"], "direction": "up"},
        lambda hit, _: count(hit, TELEMETRY) + count(hit, LOADS) <= 2,
        back=still_talks,
    ),
    "link.replay": Row(
        {"only": ["TELEMETRY"], "direction": "up", "ago_s": 2},
        lambda hit, base: [t.t_ms for t in telemetry(hit, 3.2, 3.3)]
        == [telemetry(base, 3.2, 3.3)[0].t_ms, telemetry(base, 1.2, 1.3)[0].t_ms],
        back=lambda hit: count(hit, TELEMETRY, 7, 9) <= 21,
    ),
    "link.stranger": Row(
        {"direction": "up"},
        lambda hit, base: len({f.session for f in hit.frames(3.1, 6)}) == 2
        and hit.host_stats.wrong_session >= 28 and not base.host_stats.wrong_session,
        back=lambda hit: len({f.session for f in hit.frames(6.3, 9)}) == 1,
    ),
    "link.babble": Row(
        {"direction": "up", "bytes_per_tick": 30},
        lambda hit, base: len(hit.bytes_up(3, 6)) - len(base.bytes_up(3, 6)) == 30 * 30
        and hit.host_stats.frame_errors > 0 and count(hit, TELEMETRY) >= 28,
        back=lambda hit: len(hit.bytes_up(7, 8)) < 10 * 260,
    ),
    "link.latency": Row(
        {"direction": "up", "ms": 400},
        lambda hit, base: not count(hit, TELEMETRY, 3.1, 3.4)
        and [t.t_ms for t in telemetry(hit, 4.5, 4.6)] == [t.t_ms for t in telemetry(base, 4.1, 4.2)],
        back=still_talks,
    ),
    "link.stall": Row(
        {"direction": "up"},
        lambda hit, _: hit.bytes_up(3.1, 6) == b"" and count(hit, TELEMETRY, 6, 6.6) >= 32,
        back=still_talks,
    ),
    "link.throttle": Row(
        {"direction": "up", "baud": 7200},
        lambda hit, base: len(hit.bytes_up(3.2, 5.8)) <= 72 * 28 < len(base.bytes_up(3.2, 5.8)),
        back=lambda hit: count(hit, TELEMETRY, 8.2, 9.1) >= 9,
    ),
    "link.silence": Row({}, silent("up"), back=still_talks),
    "link.baud_mismatch": Row(
        {"direction": "up"},
        lambda hit, _: len(hit.bytes_up(3.1, 6)) > 500 and not hit.frames(3.1, 6)
        and hit.host_stats.frame_errors + hit.host_stats.crc_errors > 0,
        back=still_talks,
    ),
    "link.echo": Row(
        {},
        lambda hit, base: m.LEASE in {f.type for f in hit.frames(3, 6)}
        and m.LEASE not in {f.type for f in base.frames(3, 6)}
        and hit.host_stats.unexpected > 0,
        Options(host="lease"),
        lambda hit: m.LEASE not in {f.type for f in hit.frames(6.3, 9)},
    ),
    "link.unplug": Row(
        {},
        lambda hit, base: not down_frames(hit, 3.1, 6) and down_frames(base, 3.1, 6),
        DAEMON,
        lambda hit: m.HELLO in {f.type for f in down_frames(hit, 6, 9.1)},
    ),
}  # fmt: skip


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
        {"kib": 160},
        lambda hit, base: telemetry(hit, 5.5, 6)[-1].heap_free
        < telemetry(base, 5.5, 6)[-1].heap_free - 20_000,
        back=lambda hit: telemetry(hit, 8.5, 9)[-1].heap_free
        > telemetry(hit, 5.5, 6)[-1].heap_free + 20_000,
        board=VmBoard,
    ),
    "mcu.clock_drift": Row(
        {"ppm": 50_000},
        lambda hit, base: board_time(hit, 6) - board_time(base, 6) in range(140, 152),
        back=lambda hit: abs(board_time(hit, 9) - board_time(hit, 7) - 2000) <= 1,
    ),
    "mcu.clock_wrap": Row(
        {"before_ms": 1000},
        lambda hit, base: board_time(hit, 3.5) > (1 << 30) - 1000 > board_time(hit, 4.5)
        and hit.seen[-1].resets == 0,
        back=still_talks,
    ),
    "mcu.brownout_loop": Row(
        {"times": 3, "within_ms": 3000, "dark_ms": 200},
        lambda hit, base: hit.during(3.5, 3.6)[0].resets == 1 and hit.seen[-1].resets == 3,
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


def down_frames(rig, from_s, to_s):
    from edge.core import FrameDecoder

    return FrameDecoder().feed(b"\0" + b"".join(each.down for each in rig.during(from_s, to_s)))


TABLE = {**SENSOR, **DATA, **ACTUATOR, **POWER, **THERMAL, **LINK, **MCU, **HOST}
