# SPDX-License-Identifier: Apache-2.0
"""Values to payload and back, by the dictionary in force.

A host starts with its own table (`OWN`, from firmware_py/link/messages.py). A board whose
dictionary has another CRC sends its own; from then on `Dictionary.from_board` reads that board's
payloads. Rows and fields are only ever appended, so

- an id that the dictionary does not have raises `UnknownMessageError`,
- bytes after the known fields are ignored,
- a field that an older board lacks reads as `fields.INVALID`,
- a payload shorter than the format raises `ShortPayloadError`.
"""

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from edge.link.fields import INVALID, RECORDS
from firmware_py.link.messages import MESSAGES, PAYLOAD_MAX

DICTIONARY_BYTES_MAX = 1 << 18
"""Longest accepted dictionary text, bytes. Ours is about 2 kB; more is a defect or an attack."""

TAILS = ("", "bytes", "text", "i32")


class UnknownMessageError(Exception):
    """The dictionary in force has no such message id."""


class ShortPayloadError(Exception):
    """The payload does not hold what its message format needs."""


class Message(NamedTuple):
    """One decoded payload."""

    name: str
    values: Any
    """A record of `edge.link.fields`, or a dict for a message only the board knows."""


class Field(NamedTuple):
    """One value of a message: name, unit and wire scale."""

    name: str
    unit: str
    scale: float


class Layout:
    """How one message lies in its payload. Raises ValueError if the row makes no sense."""

    def __init__(self, id_: int, name: str, format_: str, fields: Sequence[Field], tail: str):
        self.id = id_
        self.name = name
        self.fields = tuple(fields)
        self.tail = tail
        try:
            self._struct = struct.Struct(format_)
        except struct.error as bad:
            raise ValueError(f"message {name}: format {format_!r}: {bad}") from None
        if not format_.startswith("<") or tail not in TAILS or self._struct.size > PAYLOAD_MAX:
            raise ValueError(f"message {name}: format {format_!r} or tail {tail!r} not understood")
        if len(self._struct.unpack(bytes(self._struct.size))) != len(self.fields):
            raise ValueError(f"message {name}: format {format_!r} has not one value per field")
        self._record = _record_maker(name, [field.name for field in fields], tail)

    def pack(self, values: dict[str, Any]) -> bytes:
        """Payload bytes. Raises ValueError that names the field at fault."""
        names = [field.name for field in self.fields]
        tail = values.get("tail", b"")
        if set(values) - {"tail"} != set(names):
            raise ValueError(f"{self.name} takes {', '.join(names) or 'nothing'}; got {values}")
        try:
            return self._struct.pack(*(values[name] for name in names)) + _pack_tail(tail)
        except struct.error as bad:
            raise ValueError(f"{self.name}({values}): {bad}") from None

    def unpack(self, payload: bytes) -> Any:
        """Record of the payload's values. Raises ShortPayloadError."""
        size = self._struct.size
        if len(payload) < size:
            raise ShortPayloadError(f"{self.name}: {len(payload)} bytes, needs {size}")
        values = self._struct.unpack_from(payload)
        if self.tail:
            return self._record((*values, _unpack_tail(self.tail, payload[size:])))
        return self._record(values)


def _pack_tail(tail: bytes | str | Sequence[int]) -> bytes:
    if isinstance(tail, str):
        return tail.encode()
    return tail if isinstance(tail, bytes) else struct.pack(f"<{len(tail)}i", *tail)


def _unpack_tail(kind: str, data: bytes) -> bytes | str | tuple[int, ...]:
    if kind == "i32":
        if len(data) % 4:
            raise ShortPayloadError(f"{len(data)} bytes are no array of int32")
        return struct.unpack(f"<{len(data) // 4}i", data)
    return data.decode("utf-8", "replace") if kind == "text" else data


def _record_maker(name: str, names: Sequence[str], tail: str) -> Callable[[Iterable[Any]], Any]:
    """Function from wire values to the host's record, or to a dict if the host has none."""
    sent = [*names, "tail"] if tail else list(names)
    record: Any = RECORDS.get(name)
    if record is None:
        return lambda values: dict(zip(sent, values, strict=True))
    if tuple(sent) == record._fields:
        make: Callable[[Iterable[Any]], Any] = record._make
        return make
    defaults = {field: record._field_defaults.get(field, INVALID) for field in record._fields}

    def by_name(values: Iterable[Any]) -> Any:
        known = {k: v for k, v in zip(sent, values, strict=True) if k in defaults}
        return record(**(defaults | known))

    return by_name


class Dictionary:
    """All messages of one firmware, by id and by name."""

    def __init__(self, rows: Iterable[Sequence[Any]]):
        """Rows as in `firmware_py.link.messages.MESSAGES`. Raises ValueError."""
        layouts = [_layout(row) for row in rows]
        self._by_id = {layout.id: layout for layout in layouts}
        self._by_name = {layout.name: layout for layout in layouts}
        if not len(layouts) == len(self._by_id) == len(self._by_name):
            raise ValueError("a message id or name occurs twice")

    @classmethod
    def from_board(cls, compressed: bytes) -> "Dictionary":
        """Dictionary out of the zlib-JSON that a board sends.

        Raises ValueError if it cannot be read or gives one of our fields another meaning: then no
        value of this board can be trusted.
        """
        inflate = zlib.decompressobj()
        try:
            text = inflate.decompress(compressed, DICTIONARY_BYTES_MAX)
            rows = json.loads(text)
        except (zlib.error, ValueError, RecursionError) as bad:
            raise ValueError(f"not zlib-compressed JSON ({bad})") from None
        theirs = cls(rows if isinstance(rows, list) else [rows])
        _check_append_only(theirs)
        return theirs

    def layout(self, name: str) -> Layout:
        """Layout of a message. Raises UnknownMessageError."""
        layout = self._by_name.get(name)
        if layout is None:
            raise UnknownMessageError(name)
        return layout

    def names(self) -> tuple[str, ...]:
        """Names of all messages, in the order of the table."""
        return tuple(self._by_name)

    def pack(self, name: str, **values: Any) -> tuple[int, bytes]:
        """(type, payload) of a message. Raises UnknownMessageError or ValueError."""
        layout = self.layout(name)
        return layout.id, layout.pack(values)

    def unpack(self, type_: int, payload: bytes) -> Message:
        """Decode a payload. Raises UnknownMessageError or ShortPayloadError."""
        layout = self._by_id.get(type_)
        if layout is None:
            raise UnknownMessageError(f"0x{type_:02x}")
        return Message(layout.name, layout.unpack(payload))


def _layout(row: Sequence[Any]) -> Layout:
    try:
        id_, name, _way, format_, fields, tail, *_later = row
        id_, fields = int(id_), [_field(field) for field in fields]
    except (TypeError, ValueError) as bad:
        raise ValueError(f"row {row!r} is not a message: {bad}") from None
    return Layout(id_, str(name), str(format_), fields, str(tail))


def _field(row: Sequence[Any]) -> Field:
    name, unit, scale, *_later = row
    return Field(str(name), str(unit), scale)


def _check_append_only(theirs: Dictionary) -> None:
    for name in OWN.names():
        ours = OWN.layout(name)
        try:
            other = theirs.layout(name)
        except UnknownMessageError:
            continue
        shared = min(len(ours.fields), len(other.fields))
        same = ours.id == other.id and ours.tail == other.tail
        if not same or ours.fields[:shared] != other.fields[:shared]:
            raise ValueError(f"its message {name} contradicts ours")


OWN = Dictionary(MESSAGES)
"""The table this host was built with."""
