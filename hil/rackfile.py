# SPDX-License-Identifier: Apache-2.0
"""The two files an emulated rack needs, written from the plant's own numbers.

`rack_toml` is what a person would write for `rackedge run`; `board_json` is the controller's
configuration. Both go through the same readers as a real rack's.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from edge.errors import ConfigError
from hil.plant.bbu import BbuSpec
from hil.plant.breaker import Curve
from hil.plant.feeds import FeedSpec
from hil.plant.liquid import LiquidSpec
from hil.plant.server import LoadSpec
from hil.plant.spec import RackSpec

SHELF = "bbu"
"""Redfish chassis of the battery shelf."""

BBU_SHED_PERMILLE = 300
"""The board sheds below this charge: it has to be known before the shelf gives up."""

Table = Mapping[str, Any]


def rack_toml(
    spec: RackSpec,
    port: str,
    redfish_url: str,
    control: str | Table = "",
    state_file: str = "rack.state",
    limits: Table | None = None,
    priority: Sequence[int] = (),
) -> str:
    """`rack.toml` for the emulated rack; loads are capped through its Redfish front-end.

    `control`, `limits`: the file's sections of that name, as lines or as a table. `priority`: the
    loads' classes, dealt out in turn; none: all in the first. The rack has
    just been switched on: nothing of the hours rule (NEC 210.20(A)) is used up. The battery shelf
    is the chassis SHELF. Raises ConfigError for a value that TOML does not have.
    """
    lines = [
        f'[rack]\nname = "emulated"\nstate_file = {json.dumps(state_file)}\n',
        f"[board]\nport = {json.dumps(port)}\n",
    ]
    lines += [_feed_toml(feed) for feed in spec.feeds]
    lines.append(f"[control]\n{control if isinstance(control, str) else _table(control)}\n")
    if limits:
        lines.append(f"[limits]\n{_table(limits)}\n")
    if spec.bbu is not None:
        lines.append(_bbu_toml(spec.bbu, redfish_url))
    for number in range(len(spec.loads)):
        of = priority[number % len(priority)] if priority else 0
        lines.append(_load_toml(spec, number, redfish_url, of))
    return "\n".join(lines)


def _feed_toml(feed: FeedSpec) -> str:
    text = (
        f'[[feeds]]\nname = "{feed.name}"\nbreaker_a = {feed.rating_a:.3f}\n'
        f"voltage_v = {feed.voltage_v:.1f}\nphases = {feed.phases}\nbefore_w = 0.0\n"
    )
    if feed.curve.letter != Curve().letter:
        text += f'curve = "{feed.curve.family}"\n'
    if feed.ambient_c is not None:
        text += f"ambient_c = {feed.ambient_c:.1f}\ncalibrated_c = {feed.curve.reference_c:.1f}\n"
    return text


def _load_toml(spec: RackSpec, number: int, redfish_url: str, priority: int) -> str:
    load = spec.loads[number]
    a, b = spec.feeds[0].name, spec.feeds[1].name
    shares = [(a, round(load.share_a, 4)), (b, round(1 - load.share_a, 4))]
    feeds = ", ".join(f"{name} = {share:.4f}" for name, share in shares if share > 0)
    text = (
        f'[[loads]]\nname = "{load.name}"\nchannel = {number}\n'
        f"group = {load.group}\n"
        f"min_w = {load.cap_floor_w:.1f}\nmax_w = {load.max_w:.1f}\n"
        f"feeds = {{ {feeds} }}\n"
    )
    if priority:
        text += f"priority = {priority}\n"
    if load.phase is not None:
        phases = ", ".join(f"{name} = {load.phase}" for name, share in shares if share > 0)
        text += f"phases = {{ {phases} }}\n"
    return text + (
        f'actuator = {{ kind = "redfish", url = "{redfish_url}", chassis = "{load.name}" }}\n'
    )


def _bbu_toml(bbu: BbuSpec, redfish_url: str) -> str:
    shelf = f'kind = "redfish", url = "{redfish_url}", chassis = "{SHELF}"'
    return (
        f"[bbu]\nenergy_wh = {bbu.energy_wh:.1f}\npower_w = {bbu.power_w:.1f}\n"
        f"recharge_w = {max(bbu.recharge_w, 0.1):.1f}\nefficiency = {bbu.efficiency:.4f}\n"
        f"source = {{ {shelf} }}\nactuator = {{ {shelf} }}\n"
    )


def _table(table: Table) -> str:
    return "\n".join(f"{key} = {_value(key, value)}" for key, value in table.items())


def _value(key: str, value: object) -> str:
    if isinstance(value, bool | int | str):
        return json.dumps(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    raise ConfigError(f"{key} = {value!r}: give a text, a finite number, true or false")


def board_document(
    spec: RackSpec, never_shed: Sequence[int] = (), overrides: Table | None = None
) -> dict[str, Any]:
    """The controller's configuration as a document (firmware_py/store/schema.py).

    `overrides` is laid over it key by key, lists item by item. What they say is not checked here:
    the firmware's own compiler refuses it, and names the key.
    """
    document: dict[str, Any] = {
        "version": 2,
        "loads": [_load(load) for load in spec.loads],
        "groups": [
            {"never": group in never_shed}
            for group in range(1 + max(load.group for load in spec.loads))
        ],
        "feeds": [_feed(feed) for feed in spec.feeds],
        "air": {"design_w": max(round(spec.air_w), 100)},
        "fans": [{"max_rpm": round(spec.fans.max_rpm)} for _ in range(spec.fans.count)],
    }
    if spec.air.zones > 1:
        document["zones"] = [{} for _ in range(spec.air.zones)]
    shed = _shed(spec)
    if shed:
        document["shed"] = shed
    if spec.liquid is not None:
        document["liquid"] = _liquid(spec.liquid)
    for key, value in (overrides or {}).items():
        document[key] = _laid_over(document[key], value) if key in document else value
    return document


def board_json(
    spec: RackSpec, never_shed: Sequence[int] = (), overrides: Table | None = None
) -> str:
    """The controller's configuration, as JSON; see `board_document`."""
    return json.dumps(board_document(spec, never_shed, overrides), indent=1)


def _load(load: LoadSpec) -> dict[str, int]:
    return {"group": load.group, "share_a_permille": round(load.share_a * 1000)}


def _feed(feed: FeedSpec) -> dict[str, int]:
    """The breaker as the board guards it: on the fast edge of its band, at its ambient."""
    made = {"rating_ma": int(feed.hot_a * 1000), "nominal_mv": int(feed.voltage_v * 1000)}
    fast = Curve.of(feed.curve.letter)
    if fast != Curve():
        made["mnt_ppm"] = round(fast.mnt * 1_000_000)
        made["tau_fast_ms"] = int(fast.tau_s * 1000)
        made["magnetic_ppm"] = round(fast.magnetic_in * 1_000_000)
    return made


def _shed(spec: RackSpec) -> dict[str, int]:
    made = {}
    if spec.relays.feedback:
        made["feedback"] = 1
    if spec.bbu is not None:
        made["bbu_shed_permille"] = BBU_SHED_PERMILLE
    return made


def _liquid(loop: LiquidSpec) -> dict[str, int]:
    full_lpm = math.sqrt(loop.head_pa / (loop.pump_pa_lpm2 + loop.system_pa_lpm2))
    return {
        "flow_full_mlm": round(full_lpm * 1000),
        "dp_full_pa": round(loop.system_pa_lpm2 * full_lpm * full_lpm),
        "pump_rpm_full": round(loop.pump_rpm),
        "valve_rangeability": round(loop.rangeability),
        "valve_ff_permille": min(round(1000 / math.log(loop.rangeability)), 1000),
    }


def _laid_over(base: Any, over: Any) -> Any:
    if isinstance(base, dict) and isinstance(over, Mapping):
        merged = dict(base)
        for key, value in over.items():
            merged[key] = _laid_over(base[key], value) if key in base else value
        return merged
    if isinstance(base, list) and isinstance(over, list):
        both = [_laid_over(one, other) for one, other in zip(base, over, strict=False)]
        return both + base[len(over) :] + over[len(base) :]
    return over
