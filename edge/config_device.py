# SPDX-License-Identifier: Apache-2.0
"""What `rack.toml` says of the devices behind a load or the battery shelf."""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

CONTROLS = r"\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
"""C0, C1, and what is invisible or turns the direction of text: they would falsify a log line."""


def bmc_url(text: str) -> str:
    """An address that every request can be built on, as written. Raises ValueError if not.

    Non-ASCII host names are refused instead of being turned into IDNA: who needs one can write
    its xn-- form, and nobody is sent to a host that only looks right.
    """
    parts = urlsplit(text)  # ValueError if a bracket of an IPv6 address is missing
    host, port = parts.hostname or "", parts.port  # ValueError above 65535, or not a number
    if not re.fullmatch(r"https?://[!-~]+", text) or parts.scheme not in {"http", "https"}:
        raise ValueError("scheme or characters")
    if parts.path not in {"", "/"} or any(mark in text for mark in "?#@\\"):
        raise ValueError("more than host and port")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError("port")
    if "[" in parts.netloc:
        if "%" in host or not re.fullmatch(r"\[[^]]+\](:\d+)?", parts.netloc):
            raise ValueError("brackets")
        IPv6Address(host)
    elif re.fullmatch(r"[\d.]+", host):
        IPv4Address(host)
    elif not HOST.fullmatch(host):
        raise ValueError("host")
    return text


HOST = re.compile(
    r"(?!.{254})(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.(?!\.|$)[a-z0-9_]"
    r"(?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?"
)
"""Host name (RFC 1123 and `_`), lower case."""


PATH_PART = r"^[^/\s?#]+$"
"""One segment of a Redfish path."""


class Section(BaseModel):
    """A table of the file: unknown keys, coerced types, NaN and infinity are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class RedfishAccess(Section):
    """A Redfish service, one chassis of it, and who we are there."""

    url: Annotated[str, AfterValidator(bmc_url)]
    chassis: Annotated[str, Field(min_length=1, pattern=PATH_PART)]
    username: str | None = None
    password_env: str | None = None
    """Name of the environment variable with the password; secrets never stand in the file."""
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    verify_tls: bool = True


class DryrunActuator(Section):
    """Records caps and changes nothing."""

    kind: Literal["dryrun"]


class RedfishActuator(RedfishAccess):
    """A BMC that speaks Redfish."""

    kind: Literal["redfish"]
    shape: Literal["auto", "environment", "control", "power"] = "auto"


class DryrunBattery(Section):
    """A shelf that is always full: for tests, and to see what the daemon would do."""

    kind: Literal["dryrun"]


class RedfishBattery(RedfishAccess):
    """A Redfish Battery resource (schema 2021.2) below the chassis' PowerSubsystem."""

    kind: Literal["redfish"]
    battery: Annotated[str, Field(min_length=1, pattern=PATH_PART)] = "1"
    """Id of the Battery resource that stands for the whole shelf."""
