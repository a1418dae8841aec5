# SPDX-License-Identifier: Apache-2.0
"""`bench.yaml`: which boards there are, where they are, and what may be done to them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from edge.errors import ConfigError
from edge.link.messages import OWN
from hil.bench.positions import Document, read, refusal
from hil.bench.power import Settings
from hil.options import Options
from hil.ports import CAPABILITIES, STORE

NAME = r"^[a-z][a-z0-9_-]*$"
RESERVED = ("cpython", "micropython", "cortex-m3")
"""Names of devices that need no bench file."""
PREFIX = "tm_"
"""Of what a board offers by telemetry: `tm_feed_a_mw`."""

Name = Annotated[str, Field(pattern=NAME)]


class Selector(Options):
    """Which port: exactly one of these."""

    usb_serial: Annotated[str, Field(min_length=1)] | None = None
    """Serial number that the USB device reports."""
    by_path: Annotated[str, Field(min_length=1)] | None = None
    """Name below /dev/serial/by-path, or a device path: the socket it is plugged into."""
    url: Annotated[str, Field(min_length=1)] | None = None
    """`socket://HOST:PORT`, `rfc2217://HOST:PORT`, or a device path."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [each for each in (self.usb_serial, self.by_path, self.url) if each is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of usb_serial, by_path, url")
        if self.url is not None and self.url.startswith("loop:"):
            raise ValueError("nobody answers behind loop://; give a device path or socket://")
        return self


def _from_hex(value: object) -> object:
    """YAML 1.2 as scenario files have it knows no hexadecimal numbers."""
    if isinstance(value, str) and re.fullmatch("0x[0-9a-fA-F]{1,8}", value):
        return int(value, 16)
    return value


class Identity(Options):
    """What HELLO_R has to say; what is left out is not compared."""

    machine: Annotated[str, Field(pattern=r"^\S+$")]
    uid: Annotated[str, Field(pattern=r"^\S+$")]
    firmware: Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")] | None = None
    config_crc: Annotated[int, BeforeValidator(_from_hex), Field(ge=0, le=0xFFFF_FFFF)] | None = (
        None
    )
    """As `rackedge config compile` prints it, with 0x before it: `0x1f2e3d4c`."""


class Channel(Options):
    """Where a logical signal comes from on this board."""

    source: Annotated[str, Field(alias="from")]
    """`tm_` and a field of TELEMETRY or COOLING (firmware_py/link/messages.py)."""
    scale: float = 1.0

    @field_validator("source")
    @classmethod
    def _offered(cls, source: str) -> str:
        if source not in offered():
            raise ValueError(f"no board offers {source!r}; there are {', '.join(offered())}")
        return source


class Device(Options):
    """One board."""

    transport: Selector
    bus: Selector | None = None
    """Port of the records of board `sim`; without, the board reads a real rack."""
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 115200
    identity: Identity
    power: Settings | None = None
    features: list[Name] = Field(default_factory=list)
    """What the bench cannot see by itself: `store`, and words of your own that scenarios may name
    in their `features`."""
    channels: dict[Name, Channel] = Field(default_factory=dict)
    destructive: bool = False
    """Destructive scenarios may run on it, if the user says so as well."""
    notes: str = ""

    @field_validator("features")
    @classmethod
    def _not_ours(cls, features: list[str]) -> list[str]:
        for word in features:
            if word in CAPABILITIES and word != STORE:
                raise ValueError(f"{word} is not for you to promise: the bench sees it by itself")
        return features


class BenchFile(Options):
    """The whole file."""

    bench: Name
    devices: Annotated[dict[Name, Device], Field(min_length=1)]

    @field_validator("devices")
    @classmethod
    def _names(cls, devices: dict[str, Device]) -> dict[str, Device]:
        for name in RESERVED:
            if name in devices:
                raise ValueError(f"{name} always means the virtual device; choose another name")
        return devices


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench file that was read."""

    file: BenchFile
    document: Document

    def device(self, name: str) -> Device:
        """One of its devices. Raises ConfigError."""
        try:
            return self.file.devices[name]
        except KeyError:
            known = ", ".join(self.file.devices)
            raise ConfigError(
                f"{self.document.path} has no device {name}: it has {known}"
            ) from None

    def where(self, name: str, *key: str) -> str:
        """`file:line` of a device, or of something in it."""
        return self.document.where(("devices", name, *key))

    def check_channels(self, name: str, signals: frozenset[str]) -> None:
        """Raise ConfigError for channels that are none of the run's signals."""
        unknown = [each for each in self.device(name).channels if each not in signals]
        if unknown:
            known = ", ".join(sorted(signals))
            raise ConfigError(
                "\n".join(
                    f"{self.where(name, 'channels', each)}: no signal {each} in this run; "
                    f"there are {known}"
                    for each in unknown
                )
            )


def offered() -> tuple[str, ...]:
    """All that a channel can come from."""
    fields = (*OWN.layout("TELEMETRY").fields, *OWN.layout("COOLING").fields)
    return tuple(PREFIX + each.name for each in fields if each.name != "t_ms")


def load(path: Path) -> Bench:
    """Read a bench file. Raises ConfigError with all mistakes, each as `file:line: key: ...`."""
    document = read(path)
    try:
        return Bench(BenchFile.model_validate(document.data), document)
    except ValidationError as error:
        raise refusal(document, error) from error


def schema() -> dict[str, Any]:
    """JSON Schema of a bench file, for editors."""
    found = BenchFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
