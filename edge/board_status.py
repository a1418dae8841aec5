# SPDX-License-Identifier: Apache-2.0
"""One look at a board: what it said in a tick, for scripts and for people."""

from typing import Any, NamedTuple

from edge.board_client import BoardClient
from edge.board_events import BOOTS, INTERLOCKS, STATE_NAMES, name_of
from edge.link import events as ev
from edge.link import fields
from firmware_py.channels import MAX_FANS
from firmware_py.link import messages as m

LOOK_S = 0.8
"""COOLING comes each 500 ms, from the boards that have it."""

FLAGS = {
    m.FLAG_LEASE: ("lease", "a host leads"),
    m.FLAG_SENSOR_FAULT: ("sensor_fault", "a sensor is lost"),
    m.FLAG_ARMED: ("armed", "about to shed"),
    m.FLAG_FAN_FLOOR: ("fan_floor", "fans at a fail-safe floor"),
    m.FLAG_LOCKOUT: ("lockout", "a group is locked out after too many sheds: clear it by hand"),
    m.FLAG_CONFIG_FALLBACK: ("config_fallback", "runs on the older copy of its configuration"),
    m.FLAG_WELDED: ("welded", "a relay does not follow"),
    m.FLAG_OVERRUN: ("overrun", "deadlines were missed lately"),
}
"""Word for scripts and text for people by bit of TELEMETRY.flags."""

ADVICE = {
    m.STATE_DEGRADED: "a sensor or relay has failed: see the flags and the journal",
    m.STATE_SAFE: "latched, fans full: remove the cause, then `rackedge board clear`",
    m.STATE_MAINT: "maintenance: fans full",
}
"""What a state means for who stands before the rack."""


class Look(NamedTuple):
    """What came within one look."""

    board: fields.HelloR
    telemetry: fields.Telemetry
    loads: tuple[int, ...]
    cooling: fields.Cooling | None
    """None from a board with one fan and no coolant."""


def look(client: BoardClient) -> Look:
    """Listen for LOOK_S. Raises LinkError if no telemetry comes."""
    telemetry = client.telemetry()
    loads: tuple[int, ...] = ()
    cooling = None
    for event in client.stream(LOOK_S):
        if isinstance(event, ev.Telemetry):
            telemetry = event.values
        elif isinstance(event, ev.Loads):
            loads = event.power_mw
        elif isinstance(event, ev.Cooling):
            cooling = event.values
            break
    return Look(client.board, telemetry, loads, cooling)


def document(seen: Look) -> dict[str, Any]:
    """For scripts: SI units in the keys, null for what has no reading."""
    t = seen.telemetry
    return {
        "board": board_document(seen.board),
        "state": name_of(STATE_NAMES, t.state),
        "flags": [word for bit, (word, _) in FLAGS.items() if t.flags & bit],
        "board_time_s": t.t_ms / 1000,
        "shed_groups": numbers(t.shed),
        "feeds": [
            feed("A", t.feed_a_mw, t.ttt_a_ms, t.theta_a_ppm),
            feed("B", t.feed_b_mw, t.ttt_b_ms, t.theta_b_ppm),
        ],
        "inlet_c": scaled(t.inlet_mc),
        "outlet_c": scaled(t.outlet_mc),
        "fan_ratio": t.fan_permille / 1000,
        "fan_rpm": t.fan_rpm,
        "loads_w": [scaled(mw) for mw in seen.loads],
        "lease": {"held": bool(t.flags & m.FLAG_LEASE), "left_s": t.lease_left_ms / 1000},
        "link": {"refused_frames": t.rx_errors, "dropped_frames": t.tx_dropped},
        "missed_deadlines": t.missed,
        "heap_free_bytes": t.heap_free,
        "cooling": None if seen.cooling is None else cooling_document(seen.cooling),
    }


def board_document(board: fields.HelloR) -> dict[str, Any]:
    """Who answers."""
    return {
        "name": board.tail,
        "firmware": f"{board.fw_major}.{board.fw_minor}.{board.fw_patch}",
        "boot_id": board.boot_id,
        "boot_count": board.boot_count,
        "boot": name_of(BOOTS, board.reset_cause),
        "config_crc": board.config_crc,
        "loads": board.loads,
        "groups": board.groups,
    }


def feed(name: str, power_mw: int, ttt_ms: int, theta_ppm: int) -> dict[str, Any]:
    """A feed and its breaker; time_to_trip_s null: it does not trip at this current."""
    trips = ttt_ms not in (m.NEVER_MS, m.INVALID)
    heat = None if theta_ppm == m.INVALID else theta_ppm / 1e6
    return {
        "name": name,
        "power_w": scaled(power_mw),
        "time_to_trip_s": ttt_ms / 1000 if trips else None,
        "breaker_heat_ratio": heat,
    }


def cooling_document(c: fields.Cooling) -> dict[str, Any]:
    """Coolant, humidity, zones, single fans."""
    fans = (getattr(c, f"fan{n}_rpm") for n in range(MAX_FANS))
    return {
        "pump_ratio": scaled(c.pump_permille),
        "pump_rpm": read(c.pump_rpm),
        "valve_ratio": scaled(c.valve_permille),
        "supply_c": scaled(c.supply_mc),
        "return_c": scaled(c.return_mc),
        "flow_l_min": scaled(c.flow_mlm),
        "pressure_drop_pa": read(c.dp_pa),
        "humidity_ratio": scaled(c.rh_permille),
        "dew_point_c": scaled(c.dew_mc),
        "reservoir_ratio": scaled(c.reservoir_permille),
        "zones_c": [scaled(c.zone1_mc), scaled(c.zone2_mc), scaled(c.zone3_mc)],
        "fans_rpm": [read(rpm) for rpm in fans],
        "failed_fans": numbers(c.failed),
        "latched_interlocks": [name_of(INTERLOCKS, n) for n in numbers(c.latched)],
        "welded_groups": numbers(c.welded),
        "stuck_open_groups": numbers(c.stuck_open),
    }


def read(value: int) -> int | None:
    """None without a reading."""
    return None if value in (m.INVALID, m.NO_U16) else value


def scaled(milli: int) -> float | None:
    """From milli-units; None without a reading."""
    return None if milli in (m.INVALID, m.NO_U16) else milli / 1000


def numbers(mask: int) -> list[int]:
    """Bits that are set; none of a mask without a reading."""
    return [] if mask < 0 or mask == m.NO_U16 else [i for i in range(16) if mask >> i & 1]


# For people


def lines(seen: Look) -> list[tuple[str, str]]:
    """(what, how it is), the important first."""
    t, shown = seen.telemetry, document(seen)
    who = shown["board"]
    state = shown["state"] + (f": {ADVICE[t.state]}" if t.state in ADVICE else "")
    warnings = [text for bit, (_, text) in FLAGS.items() if t.flags & bit and bit != m.FLAG_LEASE]
    warnings += [] if seen.cooling is None else _faults(seen.cooling)
    lease = f"a host leads, for {t.lease_left_ms / 1000:.1f} s more unless it renews"
    off = ",".join(str(g) for g in shown["shed_groups"])
    told = [
        ("board", f"{who['name']}, firmware {who['firmware']}, config {who['config_crc']:08x}"),
        ("started", f"boot {who['boot_count']}, {who['boot']}"),
        ("state", state),
        ("warnings", "; ".join(warnings) or "none"),
        ("shed", f"off: {off} of {who['groups']} groups" if off else "no group is off"),
        ("lease", lease if t.flags & m.FLAG_LEASE else "nobody leads: the board is on its own"),
    ]
    told += [(f"feed {each['name']}", _feed_text(each)) for each in shown["feeds"]]
    told.append(("air", f"inlet {_c(t.inlet_mc)}, outlet {_c(t.outlet_mc)}"))
    told.append(("fans", f"{t.fan_permille / 10:.0f} %, {t.fan_rpm} rpm"))
    if seen.cooling is not None:
        told += _cooling_lines(seen.cooling)
    if seen.loads:
        told.append(("loads", " ".join(_number(mw, 1e6, 2, "") for mw in seen.loads) + " kW"))
    link = f"{t.rx_errors} frames refused, {t.tx_dropped} dropped, {t.missed} deadlines missed"
    return [*told, ("since boot", link)]


def _feed_text(shown: dict[str, Any]) -> str:
    power = "no reading" if shown["power_w"] is None else f"{shown['power_w'] / 1000:.2f} kW"
    trip, heat = shown["time_to_trip_s"], shown["breaker_heat_ratio"]
    text = "breaker holds" if trip is None else f"BREAKER TRIPS in {trip:.1f} s"
    return f"{power}, {text}" + ("" if heat is None else f", heat {100 * heat:.0f} % of rated")


def _cooling_lines(c: fields.Cooling) -> list[tuple[str, str]]:
    told = []
    zones = [(n, mc) for n, mc in enumerate((c.zone1_mc, c.zone2_mc, c.zone3_mc), 1)]
    if any(mc != m.INVALID for _, mc in zones):
        told.append(("zones", ", ".join(f"{n}: {_c(mc)}" for n, mc in zones)))
    speeds = [read(getattr(c, f"fan{n}_rpm")) for n in range(MAX_FANS)]
    if any(rpm is not None for rpm in speeds):
        last = max(n for n, rpm in enumerate(speeds) if rpm is not None)
        each = ("?" if rpm is None else str(rpm) for rpm in speeds[: last + 1])
        told.append(("each fan", " ".join(each) + " rpm"))
    if read(c.pump_permille) is not None:
        flow, pump = _number(c.flow_mlm, 1000, 1, " l/min"), _number(c.pump_rpm, 1, 0, " rpm")
        told.append(("coolant", f"supply {_c(c.supply_mc)}, return {_c(c.return_mc)}, flow {flow}"))
        valve = _number(c.valve_permille, 10, 0, " %")
        told.append(("pump", f"{c.pump_permille / 10:.0f} %, {pump}, valve {valve}"))
        told.append(("reservoir", _number(c.reservoir_permille, 10, 0, " %")))
    if c.dew_mc != m.INVALID:
        told.append(("dew point", f"{_c(c.dew_mc)} at {_number(c.rh_permille, 10, 0, ' %')} RH"))
    return told


def _faults(c: fields.Cooling) -> list[str]:
    bad = [f"fan {n} has failed" for n in numbers(c.failed)]
    bad += [f"interlock {name_of(INTERLOCKS, n)} is latched" for n in numbers(c.latched)]
    bad += [f"relay of group {g} is welded" for g in numbers(c.welded)]
    return bad + [f"relay of group {g} is stuck open" for g in numbers(c.stuck_open)]


def _c(mc: int) -> str:
    return _number(mc, 1000, 1, " °C")


def _number(value: int, scale: float, decimals: int, unit: str) -> str:
    if value in (m.INVALID, m.NO_U16):
        return "no reading"
    return f"{value / scale:.{decimals}f}{unit}"
