# SPDX-License-Identifier: Apache-2.0
"""The two files an emulated rack needs, written from the plant's own numbers.

`rack_toml` is what a person would write for `rackedge run`; `board_json` is the controller's
configuration. Both go through the same readers as a real rack's.
"""

import json
from collections.abc import Sequence

from hil.plant.spec import RackSpec


def rack_toml(
    spec: RackSpec, port: str, redfish_url: str, control: str = "", state_file: str = "rack.state"
) -> str:
    """`rack.toml` for the emulated rack; loads are capped through its Redfish front-end.

    `control`: lines of the file's [control] section. The rack has just been switched on: nothing
    of the hours rule (NEC 210.20(A)) is used up.
    """
    lines = [
        f'[rack]\nname = "emulated"\nstate_file = {json.dumps(state_file)}\n',
        f"[board]\nport = {json.dumps(port)}\n",
    ]
    lines += [
        f'[[feeds]]\nname = "{feed.name}"\nbreaker_a = {feed.rating_a:.3f}\n'
        f"voltage_v = {feed.voltage_v:.1f}\nphases = {feed.phases}\nbefore_w = 0.0\n"
        for feed in spec.feeds
    ]
    lines.append(f"[control]\n{control}\n")
    for number, load in enumerate(spec.loads):
        lines.append(
            f'[[loads]]\nname = "{load.name}"\nchannel = {number}\n'
            f"group = {load.group}\n"
            f"min_w = {load.cap_floor_w:.1f}\nmax_w = {load.max_w:.1f}\n"
            f"feeds = {{ {spec.feeds[0].name} = {load.share_a:.4f}, "
            f"{spec.feeds[1].name} = {1 - load.share_a:.4f} }}\n"
            f'actuator = {{ kind = "redfish", url = "{redfish_url}", chassis = "{load.name}" }}\n'
        )
    return "\n".join(lines)


def board_json(spec: RackSpec, never_shed: Sequence[int] = ()) -> str:
    """The controller's configuration, as JSON (firmware_py/store/schema.py)."""
    groups = 1 + max(load.group for load in spec.loads)
    document = {
        "version": 2,
        "loads": [
            {"group": load.group, "share_a_permille": round(load.share_a * 1000)}
            for load in spec.loads
        ],
        "groups": [{"never": group in never_shed} for group in range(groups)],
        "feeds": [
            {"rating_ma": int(feed.rating_a * 1000), "nominal_mv": int(feed.voltage_v * 1000)}
            for feed in spec.feeds
        ],
        "air": {"design_w": round(sum(load.max_w for load in spec.loads))},
        "fans": [{"max_rpm": round(spec.fans.max_rpm)}],
    }
    return json.dumps(document, indent=1)
