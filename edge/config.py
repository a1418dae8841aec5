# SPDX-License-Identifier: Apache-2.0
"""Reads `rack.toml` and finds every mistake in it at once.

`load_config` either returns a frozen `Config` that the rest of the daemon can trust, or raises
one ConfigError listing all problems, one per line, each as
`file: section.key: what is wrong; what to do`.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from edge.config_device import (
    DryrunActuator,
    DryrunBattery,
    RedfishActuator,
    RedfishBattery,
    Section,
)
from edge.config_message import explain, unknown
from edge.config_model import (
    MAX_FEEDS,
    BbuConfig,
    BoardConfig,
    Config,
    ControlConfig,
    FeedConfig,
    LimitsConfig,
    LoadConfig,
    RackConfig,
    feed_share,
)
from edge.errors import ConfigError
from edge.link.auth import read_key

__all__ = [
    "BbuConfig",
    "BoardConfig",
    "Config",
    "ControlConfig",
    "DryrunActuator",
    "DryrunBattery",
    "FeedConfig",
    "LimitsConfig",
    "LoadConfig",
    "RackConfig",
    "RedfishActuator",
    "RedfishBattery",
    "load_config",
    "parse_config",
]

SHARE_TOLERANCE = 0.001
"""Shares written with three decimals may miss 1 by this much; they are used as written."""

OPTIONAL: dict[str, type[Section]] = {"bbu": BbuConfig}
"""Sections that are about hardware not every rack has."""

SINGLE: dict[str, tuple[type[Section], bool]] = {
    "rack": (RackConfig, True),
    "board": (BoardConfig, True),
    "control": (ControlConfig, False),
    "limits": (LimitsConfig, False),
}
"""Sections written once: model, and whether the file must have it."""

MANY: dict[str, type[Section]] = {"feeds": FeedConfig, "loads": LoadConfig}

SectionT = TypeVar("SectionT", bound=Section)


def load_config(path: str | Path) -> Config:
    """Read and check a rack file.

    Raises ConfigError with every problem found, one per line.
    """
    return parse_config(_read_text(Path(path)), str(path))


def parse_config(text: str, source: str = "rack.toml") -> Config:
    """Check the text of a rack file; `source` names it in messages and relative paths start there.

    Raises ConfigError with every problem found, one per line.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not valid TOML: {error}; fix the syntax there") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError(f"{source}: a value cannot be read: {error}; correct it") from None
    except RecursionError:
        raise ConfigError(f"{source}: tables or arrays are nested too deeply; flatten") from None
    check = _Checker(document, Path(source).parent)
    if check.problems:
        raise ConfigError("\n".join(f"{source}: {problem}" for problem in check.problems))
    return Config(
        rack=check.require("rack", RackConfig),
        board=check.require("board", BoardConfig),
        feeds=tuple(check.feeds),
        loads=tuple(check.loads),
        control=check.require("control", ControlConfig),
        limits=check.require("limits", LimitsConfig),
        bbu=check.require("bbu", BbuConfig) if "bbu" in check.single else None,
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; give the path of a rack.toml") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a directory; give the path of a rack.toml") from None
    except PermissionError:
        raise ConfigError(f"{path}: not readable; check its owner and mode") from None
    except UnicodeDecodeError as bad:
        line = bad.object[: bad.start].count(b"\n") + 1
        raise ConfigError(f"{path}: line {line}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check the path") from None


class _Checker:
    """Parses each section by itself, so that one mistake does not hide the others."""

    def __init__(self, document: dict[str, object], directory: Path) -> None:
        self.problems: list[str] = []
        self._directory = directory
        self.single: dict[str, Section] = {}
        for name in document:
            if name not in SINGLE and name not in MANY and name not in OPTIONAL:
                self._add(name, unknown(name, [*SINGLE, *OPTIONAL, *MANY]))
        for name, (model, required) in SINGLE.items():
            self._single(name, model, document.get(name, None if required else {}))
        for name, model in OPTIONAL.items():
            if name in document:
                self._single(name, model, document[name])
        self.feeds = self._many("feeds", FeedConfig, document.get("feeds"))
        self.loads = self._many("loads", LoadConfig, document.get("loads"))
        self._check_key()
        self._check_feeds()
        self._check_memory()
        self._check_loads()
        self._check_bands()
        self._check_minimums(document)
        self._check_limits()
        self._check_bbu()

    def require(self, name: str, model: type[SectionT]) -> SectionT:
        """The parsed section; only asked for when there was no problem."""
        section = self.single[name]
        assert isinstance(section, model)  # noqa: S101 - SINGLE says so
        return section

    def _add(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")

    def _single(self, name: str, model: type[Section], raw: object) -> None:
        if raw is None:
            self._add(name, f"missing; add a [{name}] section")
        elif not isinstance(raw, dict):
            self._add(name, f"is not a section; write [{name}]")
        else:
            parsed = self._parse(model, raw, name)
            if parsed is not None:
                self.single[name] = parsed

    def _many(self, name: str, model: type[SectionT], raw: object) -> list[SectionT]:
        if not isinstance(raw, list) or not raw:
            self._add(name, f"none given; add at least one [[{name}]] section")
            return []
        parsed = []
        for index, item in enumerate(raw):
            where = f"{name}[{index}]"
            if not isinstance(item, dict):
                self._add(where, f"is not a section; write [[{name}]]")
                continue
            if isinstance(item.get("name"), str):
                where += f" ({repr(item['name'])[1:-1]})"  # control characters are escaped
            one = self._parse(model, item, where)
            if one is not None:
                parsed.append(one)
        return parsed

    def _parse(self, model: type[SectionT], raw: object, where: str) -> SectionT | None:
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                self._add(*explain(detail, model, where))
            return None

    def _check_key(self) -> None:
        """The path becomes one that is good from any working directory."""
        board = self.single.get("board")
        if not isinstance(board, BoardConfig) or board.key_file is None:
            return
        path = self._directory.absolute() / board.key_file
        try:
            read_key(path)
        except ConfigError as bad:
            self._add("board.key_file", str(bad))
        self.single["board"] = board.model_copy(update={"key_file": str(path)})

    def _check_feeds(self) -> None:
        if len(self.feeds) > MAX_FEEDS:
            self._add(
                "feeds", f"{len(self.feeds)} given; keep the {MAX_FEEDS} that the board meters"
            )
        self._unique("feeds", "name", (feed.name for feed in self.feeds))

    def _check_memory(self) -> None:
        rack = self.single.get("rack")
        if not isinstance(rack, RackConfig) or rack.state_file is not None:
            return
        for feed in self.feeds:
            if feed.before_w is not None and feed.continuous_ratio < 1:
                self._add(
                    f"feeds ({feed.name}).before_w",
                    "without rack.state_file each restart would believe it; set rack.state_file "
                    "or leave before_w out",
                )

    def _check_loads(self) -> None:
        self._unique("loads", "name", (load.name for load in self.loads))
        self._unique("loads", "channel", (load.channel for load in self.loads))
        self._unique("loads", "actuator", self._chassis_of_loads())
        for load in self.loads:
            self._check_load(load, f"loads ({load.name})")

    def _check_load(self, load: LoadConfig, where: str) -> None:
        if load.min_w > load.max_w:
            self._add(f"{where}.min_w", f"{load.min_w:g} is above max_w {load.max_w:g}; lower it")
        known = [feed.name for feed in self.feeds]
        for name in load.feeds:
            if name not in known:
                self._add(f"{where}.feeds.{name}", unknown(name, known, "feed"))
        self._check_phases(load, where)
        total = sum(load.feeds.values())
        if load.feeds and abs(total - 1) > SHARE_TOLERANCE:
            self._add(f"{where}.feeds", f"shares sum to {total:g}; make them sum to 1")

    def _check_phases(self, load: LoadConfig, where: str) -> None:
        phases = {feed.name: feed.phases for feed in self.feeds}
        for name, phase in load.phases.items():
            if name not in phases:
                self._add(f"{where}.phases.{name}", unknown(name, list(phases), "feed"))
            elif phase > phases[name]:
                self._add(
                    f"{where}.phases.{name}",
                    f"feed {name} has no phase {phase}; use 1 to {phases[name]}",
                )

    def _check_bands(self) -> None:
        control = self.single.get("control")
        if not isinstance(control, ControlConfig):
            return
        if not control.release_ratio < control.target_ratio < control.cap_ratio:
            self._add(
                "control",
                f"bands are not ordered (release_ratio {control.release_ratio:g}, target_ratio "
                f"{control.target_ratio:g}, cap_ratio {control.cap_ratio:g}); "
                "make release < target < cap",
            )
        if control.hungry_ratio * (1 + control.headroom_ratio) <= 1:
            self._add(
                "control.hungry_ratio",
                f"{control.hungry_ratio:g} with headroom_ratio {control.headroom_ratio:g} makes "
                "every load look limited; raise one until hungry_ratio x (1 + headroom) > 1",
            )

    def _check_minimums(self, document: dict[str, object]) -> None:
        control = self.single.get("control")
        written = document.get("loads")
        complete = isinstance(written, list) and len(self.loads) == len(written)
        if not isinstance(control, ControlConfig) or not complete:
            return
        for feed in self.feeds:
            shares = (feed_share(load, feed.name, len(self.feeds)) for load in self.loads)
            need = sum(s * load.min_w for s, load in zip(shares, self.loads, strict=True))
            limit_w = feed.rating_w if feed.limit_w is None else min(feed.rating_w, feed.limit_w)
            may = min(feed.continuous_w, limit_w * control.target_ratio)
            if need > may:
                self._add(
                    f"feeds ({feed.name})",
                    f"the minimums of its loads sum to {need:.0f} W, above the {may:.0f} W that "
                    "target_ratio and continuous_ratio allow; lower min_w, move loads or raise "
                    "the limit",
                )

    def _check_limits(self) -> None:
        limits = self.single.get("limits")
        if not isinstance(limits, LimitsConfig):
            return
        need = sum(load.min_w for load in self.loads)
        for key in ("contract_w", "cooling_w", "site_floor_w", "demand_w"):
            may = getattr(limits, key)
            if may is not None and may < need:
                self._add(
                    f"limits.{key}",
                    f"{may:g} W is below the {need:g} W that the minimums of the loads sum to; "
                    "raise it or lower min_w",
                )

    def _check_bbu(self) -> None:
        bbu = self.single.get("bbu")
        if not isinstance(bbu, BbuConfig) or not isinstance(bbu.actuator, RedfishActuator):
            return
        chassis = _chassis(bbu.actuator)
        if chassis in self._chassis_of_loads():
            self._add("bbu.actuator", f"{chassis} caps a load too; give the shelf its own chassis")

    def _chassis_of_loads(self) -> list[str]:
        bmc = (load.actuator for load in self.loads)
        return [_chassis(each) for each in bmc if isinstance(each, RedfishActuator)]

    def _unique(self, section: str, key: str, values: Iterable[object]) -> None:
        seen: set[object] = set()
        for value in values:
            if value in seen:
                self._add(f"{section}.{key}", f"{value} is given twice; make each one different")
            seen.add(value)


def _chassis(actuator: RedfishActuator) -> str:
    return f"{actuator.url.rstrip('/')} {actuator.chassis}"
