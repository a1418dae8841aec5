# SPDX-License-Identifier: Apache-2.0
"""Values to payload and back, by our dictionary, an older one and a newer one."""

import json
import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.link import fields
from edge.link.messages import OWN, Dictionary, ShortPayloadError, UnknownMessageError
from firmware_py.link import messages as m

from . import write_fields


def board_rows() -> list:
    return json.loads(json.dumps(m.MESSAGES))


def compressed(rows) -> bytes:
    return zlib.compress(json.dumps(rows).encode())


def test_records_follow_the_message_table():
    formatted = write_fields.TARGET.read_text(encoding="utf-8")
    assert formatted == write_fields.render(), "run python -m tests.edge.link.write_fields"


def values_of(layout) -> st.SearchStrategy:
    """Every value the wire format of a layout can carry."""
    codes = {"B": (0, 2**8), "H": (0, 2**16), "I": (0, 2**32), "Q": (0, 2**64)}
    codes["i"] = (-(2**31), 2**31)
    row = next(row for row in m.MESSAGES if row[1] == layout.name)
    ranges = [codes[code] for code in row[3].removeprefix("<")]
    ints = {
        field.name: st.integers(low, high - 1)
        for field, (low, high) in zip(layout.fields, ranges, strict=True)
    }
    tails = {
        "bytes": st.binary(max_size=100),
        "text": st.text(max_size=30),
        "i32": st.lists(st.integers(-(2**31), 2**31 - 1), max_size=32).map(tuple),
    }
    return st.fixed_dictionaries(ints | ({"tail": tails[layout.tail]} if layout.tail else {}))


@given(data=st.data())
def test_what_is_packed_is_unpacked_for_every_message(data):
    layout = OWN.layout(data.draw(st.sampled_from(OWN.names())))
    values = data.draw(values_of(layout))
    type_, payload = OWN.pack(layout.name, **values)
    message = OWN.unpack(type_, payload)
    assert message.name == layout.name
    assert message.values._asdict() == values


@given(type_=st.integers(0, 255), payload=st.binary(max_size=230))
def test_any_payload_gives_a_message_or_one_of_two_errors(type_, payload):
    with suppress(UnknownMessageError, ShortPayloadError):
        assert OWN.unpack(type_, payload).name in OWN.names()


def test_bytes_after_the_known_fields_are_ignored():
    type_, payload = OWN.pack("ACK", request=5, detail=-7)
    assert OWN.unpack(type_, payload + b"later") == OWN.unpack(type_, payload)


def test_load_array_with_a_torn_value_is_refused():
    with pytest.raises(ShortPayloadError):
        OWN.unpack(m.LOADS, bytes(7))


def test_field_an_older_board_lacks_reads_as_invalid():
    rows = board_rows()
    telemetry = next(row for row in rows if row[1] == "TELEMETRY")
    telemetry[3], telemetry[4] = telemetry[3][:-1], telemetry[4][:-1]
    older = Dictionary.from_board(compressed(rows))
    size = struct.calcsize(telemetry[3])
    values = older.unpack(m.TELEMETRY, bytes(range(size))).values
    assert values.t_ms == 0x03020100
    assert values.heap_free == fields.INVALID


def test_field_only_a_newer_board_has_is_passed_over():
    rows = board_rows()
    ack = next(row for row in rows if row[1] == "ACK")
    ack[3], ack[4] = ack[3] + "H", [*ack[4], ["took_ms", "ms", 1]]
    newer = Dictionary.from_board(compressed(rows))
    message = newer.unpack(m.ACK, struct.pack("<BiH", 6, 3, 9))
    assert message.values == fields.Ack(request=6, detail=3)


def test_message_only_a_newer_board_has_is_read_by_its_own_row():
    row = [0x30, "COOLANT", "b", "<Hi", [["flow_mlps", "mL/s", 1], ["supply_mc", "mC", 1]], ""]
    newer = Dictionary.from_board(compressed([*board_rows(), row]))
    message = newer.unpack(0x30, struct.pack("<Hi", 12, -4))
    assert message == ("COOLANT", {"flow_mlps": 12, "supply_mc": -4})


def changed(name, index, value) -> list:
    rows = board_rows()
    next(row for row in rows if row[1] == name)[index] = value
    return rows


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (changed("ACK", 0, 0x55), "contradicts"),
        (changed("LOADS", 5, "bytes"), "contradicts"),
        (changed("ACK", 4, [["request", "type", 1], ["detail", "W", 1]]), "contradicts"),
        (changed("ACK", 4, [["request", "type", 10], ["detail", "", 1]]), "contradicts"),
        (changed("ACK", 3, "<B"), "one value per field"),
        (changed("ACK", 3, "<Zi"), "format"),
        (changed("ACK", 3, ">Bi"), "not understood"),
        (changed("ACK", 3, "<B99999999xi"), "not understood"),
        (changed("LOG", 5, "float"), "not understood"),
        ([*board_rows(), board_rows()[0]], "twice"),
        ([[1, 2]], "not a message"),
        ({"messages": 1}, "not a message"),
        (7, "not a message"),
    ],
)
def test_dictionary_that_makes_no_sense_or_contradicts_ours_is_refused(rows, says):
    with pytest.raises(ValueError, match=says):
        Dictionary.from_board(compressed(rows))


@pytest.mark.parametrize(
    "data", [b"", b"no zlib", zlib.compress(b"[1,"), zlib.compress(b"[" * 9999)]
)
def test_dictionary_that_is_no_json_is_refused(data):
    with pytest.raises(ValueError, match="JSON"):
        Dictionary.from_board(data)


def test_dictionary_that_explodes_when_unpacked_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        Dictionary.from_board(zlib.compress(b'["' + bytes(1 << 24).replace(b"\0", b"x") + b'"]'))


@given(data=st.binary(max_size=300))
def test_any_board_dictionary_gives_a_dictionary_or_value_error(data):
    for candidate in (data, zlib.compress(data)):
        with pytest.raises(ValueError, match=r"."):
            Dictionary.from_board(candidate)
