# SPDX-License-Identifier: Apache-2.0
import json
import struct
import zlib

import pytest

from firmware_py.link import dictionary, make_wire
from firmware_py.link import messages as m
from firmware_py.link.commands import BoardInfo
from tests.firmware.rig import BOOT_ID, OWNER, SESSION, Rig, frame, unpack
from tests.firmware.rig import wire as framed

ACKED = "ACK"


@pytest.fixture
def rig():
    rig = Rig()
    rig.run(10)
    return rig


def refusal(answer):
    name, values, _ = answer
    assert name == "ERR"
    return values["code"], values["detail"]


def test_silent_before_hello_then_telemetry_and_loads_every_tick(rig):
    assert rig.frames == []
    rig.hello()
    rig.run(5)
    kinds = [body[1] for body in rig.frames if body[1] in (m.TELEMETRY, m.LOADS)]
    assert kinds == [m.TELEMETRY, m.LOADS] * 5


@pytest.mark.parametrize("boot_id", [0, 0xABCD0000])
def test_no_session_is_the_zero_of_a_hello(boot_id):
    assert BoardInfo("sim 0001", boot_id).boot_id == boot_id + 1


def test_hello_tells_who_the_board_is(rig):
    name, values, tail = rig.hello()
    assert name == "HELLO_R"
    assert values["nonce"] == 99
    assert (values["boot_id"], values["boot_count"]) == (BOOT_ID, 3)
    assert (values["loads"], values["groups"]) == (8, 4)
    assert values["config_crc"] == rig.config.crc
    assert values["dict_crc"] == zlib.crc32(dictionary.DICT)
    assert tail == b"sim 0001"


def test_hello_keeps_lease_and_sheds(rig):
    rig.hosted()
    rig.request(m.SHED, "H", 0b1000)
    rig.run(2)
    rig.hello()
    rig.run(2)
    assert rig.off == 0b1000
    assert rig.app.lease.held


def test_answers_carry_resp_seq_and_session(rig):
    rig.hello()
    (answer,) = rig.step(frame(m.PING, 0xBEEF, b"abc"))
    flags, kind, seq, session = struct.unpack_from("<BBHH", answer)
    assert (flags & 15, kind, seq, session) == (m.RESP, m.ACK, 0xBEEF, SESSION)
    assert unpack(answer)[1] == {"request": m.PING, "detail": 3}


@pytest.mark.parametrize(
    ("request_", "code", "detail"),
    [
        ({"kind": 0x7F}, m.ERR_UNKNOWN, 0),
        ({"kind": m.TELEMETRY}, m.ERR_UNKNOWN, 0),
        ({"kind": m.LEASE, "fmt": "I", "values": (1,)}, m.ERR_LENGTH, 0),
        ({"kind": m.PING, "session": SESSION ^ 1}, m.ERR_SESSION, 0),
        ({"kind": m.PING, "flags": m.AUTH}, m.ERR_AUTH, m.AUTH_NO_KEY),
        ({"kind": m.CHALLENGE}, m.ERR_AUTH, m.AUTH_NO_KEY),
        ({"kind": m.CONFIG_READ, "fmt": "HB", "values": (0, 9)}, m.ERR_AUTH, m.AUTH_NO_KEY),
        ({"kind": m.JOURNAL_READ, "fmt": "I", "values": (0,)}, m.ERR_UNKNOWN, 0),
        ({"kind": m.LEASE, "fmt": "IH", "values": (1, 499)}, m.ERR_RANGE, 1),
        ({"kind": m.LEASE, "fmt": "IH", "values": (1, 30_001)}, m.ERR_RANGE, 1),
        ({"kind": m.DICT_READ, "fmt": "HB", "values": (60_000, 9)}, m.ERR_RANGE, 0),
        ({"kind": m.SHED, "fmt": "H", "values": (0b1000,)}, m.ERR_NO_LEASE, 0),
        ({"kind": m.FAN_FLOOR, "fmt": "H", "values": (500,)}, m.ERR_NO_LEASE, 0),
        ({"kind": m.CLEAR_SAFE, "fmt": "B", "values": (0,)}, m.ERR_NO_LEASE, 0),
    ],
    ids=str,
)
def test_refusals(rig, request_, code, detail):
    rig.hello()
    kind, fmt = request_.pop("kind"), request_.pop("fmt", "")
    answer = rig.request(kind, fmt, *request_.pop("values", ()), **request_)
    assert refusal(answer) == (code, detail)
    assert answer[1]["request"] == kind


@pytest.mark.parametrize(
    ("request_", "code", "detail"),
    [
        ((m.SHED, "H", 0b10000), m.ERR_RANGE, 0),  # there is no group 4
        ((m.FAN_FLOOR, "H", 1001), m.ERR_RANGE, 0),
        ((m.CLEAR_SAFE, "B", 0), m.ERR_STATE, m.STATE_HOSTED),
    ],
)
def test_refusals_under_a_lease(rig, request_, code, detail):
    rig.hosted()
    assert refusal(rig.request(*request_)) == (code, detail)


def test_second_owner_is_told_how_long_to_wait(rig):
    rig.hello()
    rig.lease(3000)
    rig.run(5)
    assert refusal(rig.lease(3000, owner=OWNER + 1)) == (m.ERR_BUSY, 2500)
    assert refusal(rig.lease(0, owner=OWNER + 1)) == (m.ERR_BUSY, 2500)
    assert rig.lease(0)[0] == ACKED
    assert rig.lease(3000, owner=OWNER + 1)[0] == ACKED


def test_retry_is_answered_alike_and_executed_once(rig):
    rig.hosted()
    release = frame(m.LEASE, 77, struct.pack("<IH", OWNER, 0))
    answers = [b for b in rig.step(release * 3) if b[0] & m.RESP]
    answers += [b for b in rig.step(release) if b[0] & m.RESP]
    assert len(answers) == 4
    assert len(set(answers)) == 1
    rig.run(10)
    assert [e["reason"] for e in rig.events(m.EV_LEASE)] == [1, 3]


def test_shed_takes_what_it_may_of_a_mask_with_never_shed_groups(rig):
    rig.request(m.LEASE, "IH", 7, 3000)
    kind, values, _ = rig.request(m.SHED, "H", 0b1001)
    assert kind == "ACK"
    assert values["detail"] == 0b1000


def test_duplicate_never_executes_a_command_twice(rig):
    rig.hosted()
    shed = frame(m.SHED, 500, struct.pack("<H", 0b1000))
    rig.step(shed)
    rig.app.lease.shed_off = 0b0100  # as if a later decision had changed it
    (answer,) = [b for b in rig.step(shed) if b[0] & m.RESP]
    assert unpack(answer)[1] == {"request": m.SHED, "detail": 0b1000}
    assert rig.app.lease.shed_off == 0b0100


def test_same_seq_with_other_bytes_is_a_new_request(rig):
    rig.hosted()
    rig.step(frame(m.SHED, 500, struct.pack("<H", 0b1000)))
    rig.step(frame(m.SHED, 500, struct.pack("<H", 0b0100)))
    assert rig.app.lease.shed_off == 0b0100


def test_hello_of_a_restarted_host_forgets_the_cached_answer(rig):
    rig.hosted()
    shed = frame(m.SHED, 500, struct.pack("<H", 0b1000))
    rig.step(shed)
    rig.hello()
    rig.app.lease.shed_off = 0
    rig.step(shed)
    assert rig.app.lease.shed_off == 0b1000


def test_other_protocol_version_is_dropped_but_its_hello_is_told(rig):
    def of_version_2(kind):
        body = bytearray(struct.pack("<BBHH", 2 << 4, kind, 5, 0) + bytes(10))
        return framed(bytes(body + struct.pack("<I", zlib.crc32(bytes(body)))))

    assert rig.step(of_version_2(m.PING)) == []
    (answer,) = rig.step(of_version_2(m.HELLO))
    assert refusal(unpack(answer)) == (m.ERR_VERSION, m.VERSION)
    assert rig.app.endpoint.rx_errors() == 2


@pytest.mark.parametrize("flag", [m.RESP, m.EVENT])
def test_echo_of_our_own_frames_is_counted_not_answered(rig, flag):
    rig.hello()
    assert rig.step(frame(m.PING, 1, flags=flag)) == []
    assert rig.app.endpoint.rx_errors() == 1


def test_dictionary_read_by_offset_gives_the_messages(rig):
    _, hello, _ = rig.hello()
    data = b""
    while len(data) < hello["dict_len"]:
        name, values, tail = rig.request(m.DICT_READ, "HB", len(data), 200)
        assert (name, values["offset"]) == ("DICT_DATA", len(data))
        assert tail
        data += tail
    assert json.loads(zlib.decompress(data)) == json.loads(json.dumps(m.MESSAGES))


def test_dictionary_is_fresh():
    assert zlib.decompress(dictionary.DICT) == make_wire.dictionary_json()
    assert zlib.crc32(dictionary.DICT) == dictionary.DICT_CRC


def test_fields_that_a_newer_host_appends_are_ignored(rig):
    rig.hosted()
    assert rig.request(m.SHED, "HI", 0b1000, 12345)[0] == "ACK"
    assert rig.app.lease.shed_off == 0b1000


def test_small_host_gets_small_dictionary_chunks(rig):
    rig.request(m.HELLO, "IIH", OWNER, 1, 64, session=0)
    answers = rig.step(frame(m.DICT_READ, 9, struct.pack("<HB", 0, 255)))
    assert max(len(a) + m.CRC_BYTES for a in answers) <= 64


def test_time_is_the_clock_of_telemetry(rig):
    rig.hosted()
    _, values, _ = rig.request(m.TIME, "Q", 123456789)
    rig.run(1)
    assert values["host_us"] == 123456789
    assert values["rx_us"] == values["tx_us"] == rig.sent("TELEMETRY")[-1]["t_ms"] * 1000


def test_event_frames_share_one_counter_without_gaps(rig):
    rig.hosted()
    rig.run(20)
    seqs = [int.from_bytes(b[2:4], "little") for b in rig.frames if b[0] & m.EVENT]
    assert seqs == list(range(len(seqs)))
