# SPDX-License-Identifier: Apache-2.0
import binascii
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.store import copies
from firmware_py.store.folder import Folder, after
from tests.firmware.power_cut.memory import Cut, Files

LATE = 0xFFFFFFFF


def saved(*payloads):
    files = Files()
    for payload in payloads:
        copies.save(files, "config", payload)
    return files


def file(name, seq, payload):
    """A copy, byte by byte as copies.py describes it."""
    head = b"RKE\x01" + struct.pack("<II", seq, len(payload))
    crc = binascii.crc32(name.encode() + head + payload)
    return bytearray(head + payload + struct.pack("<I", crc))


def test_the_last_saved_payload_is_the_one_that_loads():
    files = saved(b"one", b"two", b"three")
    assert copies.load(files, "config") == (b"three", 3, False)


def only(*known):
    """A firmware that can run on these."""

    def accept(payload):
        if bytes(payload) not in known:
            raise ValueError(f"{bytes(payload)} is not known")

    return accept


def test_a_newer_payload_that_this_firmware_cannot_use_gives_way_to_the_older_one():
    files = saved(b"one", b"two")
    assert copies.load(files, "config", accept=only(b"one", b"two")) == (b"two", 2, False)
    assert copies.load(files, "config", accept=only(b"one")) == (b"one", 1, True)
    with pytest.raises(ValueError, match=r"one.*is not known"):
        copies.load(files, "config", accept=only())
    assert copies.load(Files(), "config", accept=only()) == (None, 0, False)


def test_an_empty_payload_is_a_payload():
    assert copies.load(saved(b""), "config") == (b"", 1, False)


def test_nothing_saved_is_nothing_and_not_damage():
    assert copies.load(Files(), "config") == (None, 0, False)


def test_names_do_not_meet():
    files = saved(b"config")
    copies.save(files, "intent", b"intent")
    assert copies.load(files, "config")[0] == b"config"
    assert copies.load(files, "intent")[0] == b"intent"


def test_the_bytes_are_those_of_the_description():
    files = saved(b"one", b"two")
    assert files.data == {
        "config.0": file("config", 1, b"one"),
        "config.1": file("config", 2, b"two"),
    }


def test_on_real_files(tmp_path):
    folder = Folder(str(tmp_path))
    copies.save(folder, "config", b"one")
    copies.save(folder, "config", b"two")
    assert copies.load(folder, "config") == (b"two", 2, False)
    (tmp_path / "config.1").write_bytes(b"")
    (tmp_path / "config.1").unlink()
    (tmp_path / "config.1").mkdir()  # no file at all
    assert copies.load(folder, "config") == (b"one", 1, True)


def test_a_save_never_touches_the_newest_copy():
    files = saved(b"one", b"two")
    newest = bytes(files.data["config.1"])
    copies.save(files, "config", b"three")
    assert bytes(files.data["config.1"]) == newest


def test_a_save_repairs_the_damaged_copy_and_not_the_good_one():
    files = saved(b"one", b"two")
    files.data["config.1"][13] ^= 1
    copies.save(files, "config", b"three")
    assert copies.load(files, "config") == (b"three", 2, False)
    files.data["config.1"][13] ^= 1
    assert copies.load(files, "config") == (b"one", 1, True)


@pytest.mark.parametrize("seq", [0x3FFFFFFF, 0x7FFFFFFF, 0x80000000, LATE])
def test_the_sequence_goes_round(seq):
    files = Files()
    files.data["config.0"] = file("config", seq, b"now")
    files.data["config.1"] = file("config", (seq - 1) & LATE, b"before")
    assert copies.load(files, "config") == (b"now", seq, False)
    copies.save(files, "config", b"after")
    assert copies.load(files, "config") == (b"after", (seq + 1) & LATE, False)
    copies.save(files, "config", b"later")
    assert copies.load(files, "config") == (b"later", (seq + 2) & LATE, False)


@pytest.mark.parametrize(
    ("a", "b", "later"),
    [
        (2, 1, True),
        (1, 2, False),
        (1, 1, False),
        (0, LATE, True),
        (LATE, 0, False),
        (1 << 31, 0, 0),
    ],
)
def test_order_on_the_circle(a, b, later):
    assert after(a, b) == later


def _cut_short(data):
    del data[-1]


def _too_long(data):
    data.append(0)


def _foreign(data):
    data[:] = b"#!/bin/sh\nexit 0\n# and so on and on"


def _absurd_length(data):
    data[8:12] = b"\xff\xff\xff\x7f"


def _other_format(data):
    data[3] = 2


def _erased(data):
    data[:] = b"\xff" * len(data)


def _zeros(data):
    data[:] = bytes(len(data))


def _one_byte(data):
    del data[1:]


@pytest.mark.parametrize(
    "harm",
    [_cut_short, _too_long, _foreign, _absurd_length, _other_format, _erased, _zeros, _one_byte],
)
def test_a_damaged_copy_never_wins_and_is_reported(harm):
    files = saved(b"old" * 40, b"new" * 40)
    harm(files.data["config.1"])
    assert copies.load(files, "config") == (b"old" * 40, 1, True)
    harm(files.data["config.0"])
    assert copies.load(files, "config") == (None, 0, True)
    copies.save(files, "config", b"again")
    assert copies.load(files, "config")[0] == b"again"


def test_a_copy_under_another_name_is_not_believed():
    files = saved(b"config")
    files.data["boot.0"] = files.data["config.0"]
    assert copies.load(files, "boot") == (None, 0, True)


def test_a_payload_longer_than_asked_for_is_damage():
    assert copies.load(saved(b"x" * 65), "config", 64) == (None, 0, True)
    with pytest.raises(ValueError, match="65 bytes, at most 64"):
        copies.save(Files(), "config", b"x" * 65, 64)


def test_an_empty_file_is_a_copy_that_was_never_written():
    files = saved(b"one")
    files.data["config.1"] = bytearray()
    assert copies.load(files, "config") == (b"one", 1, False)


def test_a_payload_in_pieces_counts_at_its_commit_and_not_before():
    files = saved(b"old")
    writer = copies.Writer(files, "config", 300)
    for _ in range(3):
        assert copies.load(files, "config")[0] == b"old"
        writer.append(b"x" * 100)
    assert copies.load(files, "config")[0] == b"old"
    assert writer.commit() == 2
    assert copies.load(files, "config") == (b"x" * 300, 2, False)


def test_a_transfer_that_ends_early_or_goes_too_far_never_counts():
    files = saved(b"old")
    writer = copies.Writer(files, "config", 10)
    writer.append(b"123")
    with pytest.raises(ValueError, match="7 bytes are missing"):
        writer.commit()
    with pytest.raises(ValueError, match="more than was announced"):
        writer.append(b"45678901")
    writer.abort()
    writer.abort()
    with pytest.raises(ValueError, match="ended"):
        writer.append(b"4567890")
    assert copies.load(files, "config") == (b"old", 1, True)


def test_a_full_file_system_leaves_the_newest_copy():
    files = saved(b"one", b"two")
    files.full = True
    with pytest.raises(OSError, match="full"):
        copies.save(files, "config", b"three")
    assert copies.load(files, "config")[0] == b"two"


def test_a_save_that_does_not_read_back_does_not_count():
    files = saved(b"one", b"two")

    class Forgetful:
        def open(self, name, mode):
            if mode == "rb" and name == "config.0" and len(files.data[name]) == 19:
                files.data[name][14] ^= 4  # flash that did not take a bit
            return files.open(name, mode)

    assert copies.load(Forgetful(), "config")[0] == b"two"
    with pytest.raises(OSError, match="5"):
        copies.save(Forgetful(), "config", b"thr")
    assert copies.load(files, "config")[0] == b"two"


actions = st.lists(
    st.one_of(
        st.tuples(st.just("save"), st.binary(max_size=40)),
        st.tuples(st.just("pieces"), st.lists(st.binary(max_size=9), max_size=4)),
        st.tuples(st.just("give up"), st.binary(max_size=20)),
        st.tuples(st.just("cut"), st.tuples(st.binary(max_size=40), st.integers(0, 60))),
        st.tuples(
            st.just("harm"), st.tuples(st.integers(0, 1), st.integers(0, 99), st.integers(1, 255))
        ),
    ),
    max_size=8,
)


class Life:
    """What may be found: the last committed payload, or one whose commit was cut off."""

    def __init__(self):
        self.files = Files()
        self.ever = {None}
        self.may = {None}
        self.harmed = False

    def wrote(self, payload):
        self.ever.add(payload)
        self.may = {payload}

    def save(self, payload):
        copies.save(self.files, "config", payload)
        self.wrote(payload)
        self.harmed = False

    def pieces(self, pieces):
        writer = copies.Writer(self.files, "config", sum(map(len, pieces)))
        for piece in pieces:
            writer.append(piece)
        writer.commit()
        self.wrote(b"".join(pieces))

    def give_up(self, part):
        writer = copies.Writer(self.files, "config", len(part) + 1)
        writer.append(part)
        writer.abort()

    def cut(self, what):
        payload, budget = what
        self.files.budget = budget
        try:
            copies.save(self.files, "config", payload)
            self.wrote(payload)
        except Cut:
            self.ever.add(payload)
            self.may.add(payload)
        self.files.budget = None

    def harm(self, what):
        copy, at, bits = what
        data = self.files.data.get(f"config.{copy}")
        if data:
            data[at % len(data)] ^= bits
            self.harmed = True


@settings(max_examples=250, deadline=None)
@given(actions)
def test_no_life_makes_a_payload_that_was_never_saved(what):
    life = Life()
    for action, argument in what:
        getattr(life, action.replace(" ", "_"))(argument)
        payload, _, fell_back = copies.load(life.files, "config")
        found = None if payload is None else bytes(payload)
        assert found in life.ever
        if not any(action == "harm" for action, _ in what):
            assert found in life.may
        elif found not in life.may:
            assert fell_back or life.harmed
