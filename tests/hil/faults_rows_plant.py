# SPDX-License-Identifier: Apache-2.0
"""Rows of the fault table: what the board drives, supply, room and coolant."""

from firmware_py import channels as ch
from tests.hil.faults_look import TELEMETRY, Row, count, later, now, well
from tests.hil.faults_rig import Options


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
        lambda hit, base: len(set(hit.plant("valve", 3, 6))) == 1
        and len(set(base.plant("valve", 3, 6))) > 1,
        back=lambda hit: hit.plant("valve", 9, 9.1)[0] > hit.plant("valve", 6, 6.1)[0],
    ),
    "actuator.output_stuck": Row(
        {"target": "fan*_permille", "value": 120},
        lambda hit, _: {e.commands[ch.OUT_FAN0_PERMILLE] for e in hit.during(3.1, 6)} == {120},
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
        back=lambda hit: hit.plant("feed_w", 9, 9.1)[0][0] > hit.plant("feed_w", 2, 3)[0][0] - 300,
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
