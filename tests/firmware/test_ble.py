# SPDX-License-Identifier: Apache-2.0
"""The link over BLE: any cut of the stream, any MTU, a stack without room, centrals that go."""

import struct
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.link import ble
from firmware_py.link import messages as m
from firmware_py.link.codec import Decoder
from tests.firmware.fake_bluetooth import Bluetooth
from tests.firmware.keyed import Board
from tests.firmware.rig import OWNER, bodies, frame, unpack

PEER = 64


class Peripheral:
    """A board on BLE and the one central that talks to it."""

    def __init__(self, mtu=None):
        self.bluetooth = Bluetooth()
        self.radio = self.bluetooth.radio
        self.board = Board(key=None)
        self.ble = ble.Ble(self.bluetooth, "rackedge 0001")
        ((self.out, self.in_),) = ((10, 11),)
        self.rx = bytearray(512)
        self.decoder = Decoder()
        self.step()
        if mtu is not None:
            self.connect(mtu)

    def connect(self, mtu=247, peer=PEER):
        self.radio.connect(peer)
        if mtu > 23:
            self.radio.exchange_mtu(peer, mtu)
        self.decoder = Decoder()

    def write(self, data, peer=PEER):
        """As a central does: cut to what one write carries."""
        size = self.radio.mtu[peer] - 3
        for at in range(0, len(data), size):
            self.radio.write(peer, self.in_, data[at : at + size])

    def step(self):
        self.ble.step(self.board.outbox)
        n = self.ble.read(self.rx)
        self.board.endpoint.receive(self.rx, n, 0)
        self.ble.step(self.board.outbox)

    def heard(self):
        """Frames notified since the last call."""
        self.step()
        notified, self.radio.notified = self.radio.notified, []
        assert {handle for _, handle, _ in notified} <= {self.out}
        return bodies(b"".join(data for *_, data in notified), self.decoder)

    def ask(self, kind, payload=b"", seq=1):
        self.write(frame(kind, seq, payload, self.board.session))
        return [unpack(body)[0] for body in self.heard()]


HELLO = struct.pack("<IIH", OWNER, 5, 240)


def test_advertises_its_service_and_name():
    one = Peripheral()
    ((adv, resp),) = one.radio.advertised
    assert adv[:3] == b"\x02\x01\x06"  # general discoverable, no BR/EDR
    assert adv[3:5] == b"\x11\x07"
    assert uuid.UUID(bytes=adv[5:][::-1]) == uuid.UUID(ble.SERVICE)
    assert resp == b"\x0e\x09rackedge 0001"
    assert one.radio.settings == {"active": True, "gap_name": "rackedge 0001", "mtu": 247}


def test_service_has_one_way_in_and_one_way_out():
    ((service, (out, in_)),) = Peripheral().radio.services
    assert service.value == uuid.UUID(ble.SERVICE)
    assert (out[0].value, out[1]) == (uuid.UUID(ble.FROM_BOARD), 0x10)
    assert (in_[0].value, in_[1]) == (uuid.UUID(ble.TO_BOARD), 0x0C)


@pytest.mark.parametrize("mtu", [23, 24, 50, 100, 185, 247, 512])
def test_requests_and_answers_pass_at_any_mtu(mtu):
    one = Peripheral(mtu)
    assert one.ask(m.HELLO, HELLO) == ["HELLO_R"]
    found = one.ask(m.DICT_READ, struct.pack("<HB", 0, 255), 2)
    found += one.ask(m.PING, bytes(200), 3)
    for _ in range(3):
        found += [unpack(body)[0] for body in one.heard()]
    assert found == ["DICT_DATA", "ACK"]
    assert one.decoder.errors == 0


def test_longest_answer_is_one_notification_at_the_full_mtu():
    one = Peripheral(247)
    one.ask(m.HELLO, HELLO)
    one.write(frame(m.DICT_READ, 2, struct.pack("<HB", 0, 255), one.board.session))
    one.step()
    assert len(one.radio.notified) == 1
    assert [unpack(b)[0] for b in one.heard()] == ["DICT_DATA"]


def test_a_stack_without_room_makes_frames_wait_not_the_board():
    one = Peripheral(23)
    one.ask(m.HELLO, HELLO)
    one.radio.room = 2
    one.write(frame(m.DICT_READ, 2, struct.pack("<HB", 0, 255), one.board.session))
    for _ in range(5):
        one.step()
    assert len(one.radio.notified) == 2
    assert one.ble.refused >= 3
    one.radio.room = 100
    found = []
    for _ in range(5):
        found += one.heard()
    assert [unpack(b)[0] for b in found] == ["DICT_DATA"]
    assert one.decoder.errors == 0


def test_a_step_sends_a_bounded_number_of_chunks():
    one = Peripheral(23)
    one.step()
    one.board.outbox.n = 1000
    one.board.outbox.buf[:1000] = b"\1" * 1000
    one.ble.step(one.board.outbox)
    assert len(one.radio.notified) == 6


def test_disconnect_in_mid_frame_leaves_nothing_behind():
    one = Peripheral(23)
    one.ask(m.HELLO, HELLO)
    whole = frame(m.PING, 2, bytes(50), one.board.session)
    one.write(whole[:30])
    one.radio.room = 1
    one.write(frame(m.DICT_READ, 3, struct.pack("<HB", 0, 99), one.board.session))
    one.step()
    one.radio.leave(PEER)
    one.step()
    assert not one.ble.connected()
    assert len(one.radio.advertised) == 2
    one.radio.room = 100
    one.radio.notified = []
    one.connect(247, peer=PEER + 1)
    one.write(frame(m.HELLO, 1, HELLO, 0), peer=PEER + 1)
    assert [unpack(b)[0] for b in one.heard()] == ["HELLO_R"]
    assert one.decoder.errors == 0


def test_what_a_new_central_writes_before_the_loop_sees_it_is_kept():
    one = Peripheral(100)
    one.write(b"\xaa" * 40)  # of the old one, not read yet
    one.radio.leave(PEER)
    one.connect(100, peer=7)
    one.write(frame(m.HELLO, 1, HELLO, 0), peer=7)
    assert [unpack(b)[0] for b in one.heard()] == ["HELLO_R"]
    assert one.board.endpoint.rx_errors() == 0


def test_a_second_central_is_turned_away_and_not_heard():
    one = Peripheral(100)
    one.radio.connect(9)
    one.radio.write(9, one.in_, frame(m.HELLO, 1, HELLO, 0))
    one.radio.gatts_read(one.in_)
    assert one.heard() == []
    assert one.radio.disconnected == [9]
    assert one.ble.connected()
    assert one.ask(m.HELLO, HELLO) == ["HELLO_R"]
    assert len(one.radio.advertised) == 1


def test_writes_longer_than_the_attribute_or_the_ring_cost_frames_only():
    one = Peripheral(247)
    one.radio.write(PEER, one.in_, b"\1" * 2000)  # the stack keeps 512
    for _ in range(4):
        one.radio.write(PEER, one.in_, b"\1" * 500)
    assert one.ble.overruns > 0
    for _ in range(5):
        one.step()
    one.write(b"\0" + frame(m.HELLO, 1, HELLO, 0))
    assert [unpack(b)[0] for b in one.heard()] == ["HELLO_R"]


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([23, 40, 247]),
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 300), st.integers(0, 3)),
        min_size=1,
        max_size=12,
    ),
)
def test_any_cut_of_the_stream_gives_the_same_answers(mtu, asked):
    one = Peripheral(mtu)
    seqs = []
    for seq, (size, cut, room) in enumerate(asked, 1):
        data = frame(m.PING, seq, bytes(size), one.board.session)
        for at in range(0, len(data), cut):
            one.radio.write(PEER, one.in_, data[at : at + cut])
            if room:
                one.radio.room = room
                one.step()
        one.radio.room = 10**6
        for _ in range(6):
            seqs += [int.from_bytes(b[2:4], "little") for b in one.heard()]
    assert seqs == list(range(1, len(asked) + 1))
    assert one.decoder.errors == one.board.endpoint.rx_errors() == 0
