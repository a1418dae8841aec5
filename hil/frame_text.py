# SPDX-License-Identifier: Apache-2.0
"""What the bytes of a FrameEntry mean: for a person on one line, for a program as JSON.

Bytes are decoded again when somebody asks, so that hours of frames cost a run no more than
their bytes.
"""

import threading
from typing import Any

from edge.core.frame import Frame, FrameDecoder
from edge.link.messages import OWN, ShortPayloadError, UnknownMessageError
from firmware_py.link import messages
from firmware_py.link.messages import INVALID, NEVER_MS
from hil.frames import body_of
from hil.verdict import FrameEntry

HEX_SHOWN = 24
"""Bytes of a tail or of garbage that a line shows."""
TYPES = {row[0]: row[1] for row in messages.MESSAGES}


def _names(prefix: str) -> dict[int, str]:
    names = {key: value for key, value in vars(messages).items() if key.startswith(prefix)}
    return {value: key.removeprefix(prefix) for key, value in names.items()}


STATES = _names("STATE_")
"""Names of TELEMETRY.state: BOOT, SELFTEST, LOCAL, HOSTED, DEGRADED, SAFE, MAINT."""
EVENTS = _names("EV_")
"""Names of BOARD_EVENT.code."""
_SHEDS = _names("SHED_")
_WORDS = {
    ("TELEMETRY", "state"): STATES,
    ("BOARD_EVENT", "code"): EVENTS,
    ("ERR", "code"): {k: v for k, v in _names("ERR_").items() if v != "MAX"},
    ("ERR", "request"): TYPES,
    ("ACK", "request"): TYPES,
}
_SPECIAL = {INVALID: "invalid", NEVER_MS: "never"}
_FLAGS = ((messages.RESP, "RESP"), (messages.AUTH, "AUTH"), (messages.EVENT, "EVENT"))


class _Scratch(threading.local):
    """A decoder per thread: it is dear to make, and whole runs leave nothing behind in it."""

    def __init__(self) -> None:
        self.decoder = FrameDecoder()


_scratch = _Scratch()


def frame_of(entry: FrameEntry) -> Frame | None:
    """Header and payload; None if the bytes are no intact frame."""
    frames = _scratch.decoder.feed(b"\0" + entry.raw + b"\0")
    return frames[0] if frames else None


def values_of(frame: Frame) -> dict[str, Any] | None:
    """Values by field name as they are on the wire; None if the message is not known."""
    try:
        values = OWN.unpack(frame.type, body_of(frame)).values
    except (UnknownMessageError, ShortPayloadError):
        return None
    return dict(values) if isinstance(values, dict) else dict(values._asdict())


def line_of(entry: FrameEntry) -> str:
    """`TELEMETRY seq 12 state=LOCAL feed_a_mw=1200000 …`, for a person."""
    frame = frame_of(entry)
    return _line(entry, frame, None if frame is None else values_of(frame))


def _line(entry: FrameEntry, frame: Frame | None, values: dict[str, Any] | None) -> str:
    if frame is None:
        what = "damaged frame" if entry.name == "crc" else "no frame"
        return f"{entry.name} {len(entry.raw)} bytes, {what}: {_hex(entry.raw)}"
    if values is None:
        return f"{entry.name} type 0x{frame.type:02x} seq {frame.seq} {_hex(frame.payload)}".strip()
    words = (f"{key}={_word(entry.name, key, value, values)}" for key, value in values.items())
    return " ".join((f"{entry.name} seq {frame.seq}", *words))


def document_of(entry: FrameEntry) -> dict[str, object]:
    """One line of serial.jsonl. A reading that is not valid is null."""
    out: dict[str, object] = {
        "t_ms": entry.t_ms,
        "dir": "up" if entry.up else "down",
        "name": entry.name,
    }
    frame, values = frame_of(entry), None
    if frame is not None:
        out["type"], out["seq"], out["session"] = frame.type, frame.seq, frame.session
        out["flags"] = [name for bit, name in _FLAGS if frame.flags & bit]
        values = values_of(frame)
        if values is not None:
            out["values"] = {key: _plain(value) for key, value in values.items()}
    out["text"] = _line(entry, frame, values)
    out["hex"] = entry.raw.hex()
    return out


def event_line(values: Any) -> str:
    """A BOARD_EVENT (fields.BoardEvent) for a person: `SHED group 2, reason BREAKER, arg 812`."""
    code = EVENTS.get(values.code, f"code {values.code}")
    if values.code == messages.EV_STATE:
        old, new = STATES.get(values.group, values.group), STATES.get(values.reason, values.reason)
        return f"STATE {old} to {new}"
    reason = values.reason
    if values.code == messages.EV_SHED:
        reason = _SHEDS.get(reason, reason)
    return f"{code} group {values.group}, reason {reason}, arg {values.arg}"


def _word(message: str, key: str, value: Any, values: dict[str, Any]) -> str:
    if isinstance(value, bytes):
        return _hex(value)
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, tuple):
        return "[" + " ".join(_number(each) for each in value) + "]"
    if message == "BOARD_EVENT" and key == "reason":
        names = {messages.EV_SHED: _SHEDS, messages.EV_STATE: STATES}.get(values["code"], {})
    elif message == "BOARD_EVENT" and key == "group" and values["code"] == messages.EV_STATE:
        names = STATES
    else:
        names = _WORDS.get((message, key), {})
    return names.get(value) or _number(value)


def _number(value: int) -> str:
    return _SPECIAL.get(value) or str(value)


def _plain(value: Any) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return None if value == INVALID and not isinstance(value, str) else value


def _hex(data: bytes) -> str:
    return data[:HEX_SHOWN].hex(" ") + (" …" if len(data) > HEX_SHOWN else "")
