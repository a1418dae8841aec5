# SPDX-License-Identifier: Apache-2.0
"""`rackedge check`: what a configuration means, or everything that is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edge.config import (
        BbuConfig,
        Config,
        DryrunActuator,
        FeedConfig,
        RedfishActuator,
    )

PIPE_COLUMNS = 200
"""Width of the tables when nobody's window limits it: lines are not broken."""


def check(
    config: Annotated[Path, typer.Option(help="The rack.toml to check.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Print what a rack.toml means, or every mistake in it; touches no port and no BMC."""
    from edge.config import load_config  # noqa: PLC0415 - pydantic

    loaded = load_config(config)
    if as_json:
        import json  # noqa: PLC0415

        print(json.dumps(document(loaded), indent=2))
    else:
        print_tables(loaded)


def document(config: "Config") -> dict[str, object]:
    """The configuration with all defaults, and what follows from it."""
    from edge.rows import rack_rows  # noqa: PLC0415 - see check

    written = config.model_dump(mode="json")
    feeds = [
        {
            "name": feed.name,
            "rating_w": feed.rating_w,
            "continuous_w": feed.continuous_w,
            "target_w": target_w(config, feed),
        }
        for feed in config.feeds
    ]
    return {
        "config": written,
        "feeds": feeds,
        "rows": [{"name": row.name, "kind": row.kind} for row in rack_rows(config)],
        "loads_max_w": sum(x.max_w for x in config.loads),
    }


def target_w(config: "Config", feed: "FeedConfig") -> float:
    """What the caps on a feed may sum to without overdraft, W."""
    limit_w = feed.rating_w if feed.limit_w is None else min(feed.rating_w, feed.limit_w)
    return limit_w * config.control.target_ratio


def print_tables(config: "Config") -> None:
    """Feeds and loads for people, on stdout."""
    from rich.console import Console  # noqa: PLC0415
    from rich.markup import escape  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    from edge.rows import rack_rows  # noqa: PLC0415 - see check

    board = config.board
    feeds = Table("feed", "rating W", "for hours W", "caps may use W", "curve", box=None)
    for feed in config.feeds:
        limits_w = (feed.rating_w, feed.continuous_w, target_w(config, feed))
        watts = (f"{w:.0f}" for w in limits_w)
        feeds.add_row(escape(feed.name), *watts, "points" if feed.curve_points else feed.curve)
    loads = Table("load", "class", "weight", "min W", "max W", "group", "feeds", "cap", box=None)
    for load in config.loads:
        limits = (f"{load.min_w:g}", f"{load.max_w:g}")
        ranks = (str(load.priority), str(load.weight))
        shares = " ".join(f"{f.name} {config.share(load, f):.0%}" for f in config.feeds)
        texts = (escape(shares), escape(device(load.actuator)))
        loads.add_row(escape(load.name), *ranks, *limits, str(load.group), *texts)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PIPE_COLUMNS)
    key = "no key" if board.key_file is None else f"key {board.key_file}"
    head = f"rack {config.rack.name}: board at {board.port}, {board.baud} Bd, {key}"
    console.print(head, markup=False, soft_wrap=True)
    console.print(feeds)
    console.print(loads)
    control = config.control
    overdraft = "off"
    if control.overdraft_fraction:
        overdraft = f"while a reaction takes {control.overdraft_fraction:.0%} of the time to trip"
    console.print(f"a dead feed: {control.redundancy}; overdraft: {overdraft}", markup=False)
    if config.bbu is not None:
        console.print(battery(config.bbu), markup=False, soft_wrap=True)
    names = ", ".join(row.name for row in rack_rows(config))
    console.print(f"rows that caps have to fit: {names}", markup=False)


def battery(bbu: "BbuConfig") -> str:
    """The battery shelf in one line."""
    source = bbu.source
    read: str = source.kind
    if source.kind == "redfish":
        read = f"redfish {source.url.rstrip('/')} {source.chassis} battery {source.battery}"
    recharge = "is not controlled" if bbu.actuator is None else f"by {device(bbu.actuator)}"
    return (
        f"battery: {bbu.energy_wh:g} Wh, up to {bbu.power_w:g} W for {bbu.ride_through_s:g} s, "
        f"read from {read}; recharge of up to {bbu.recharge_w:g} W {recharge}"
    )


def device(actuator: "DryrunActuator | RedfishActuator") -> str:
    """How power is set, in one word and its address."""
    if actuator.kind == "redfish":
        return f"redfish {actuator.url.rstrip('/')} {actuator.chassis}"
    return actuator.kind
