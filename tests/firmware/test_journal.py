# SPDX-License-Identifier: Apache-2.0
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.compat import ticks_add
from firmware_py.link import messages as m
from firmware_py.store import journal as journal_module
from firmware_py.store import journal_scan
from firmware_py.store.folder import Folder
from firmware_py.store.journal import FIRST_BURST, GAP, RECORD, REFILL_MS, Journal
from firmware_py.store.journal_scan import fields, read
from firmware_py.store.wear import Wear
from tests.firmware.power_cut.lfs import Rig
from tests.firmware.power_cut.memory import Cut, Files
from tests.firmware.small import Small, SmallArray
from tests.firmware.vm import run_script

DAY_MS = 86_400_000
SEGMENT = 10 * RECORD


def opened(files, segments=4):
    return Journal(files, 7, segments, SEGMENT)


def append(journal, *args):
    """Events with these args, each in an append of its own; wear is not the subject."""
    for arg in args:
        journal._wear.left = 9
        journal.put(3, 1, 2, arg)
        assert journal.flush(0) == 1


def args(journal, seq=0, n=1000):
    return [fields(record)[2] for record in read(journal, seq, n)]


def seqs(journal, seq=0, n=1000):
    return [fields(record)[0] for record in read(journal, seq, n)]


def test_an_event_comes_back_as_it_was_put():
    files = Files()
    journal = opened(files)
    journal.t_low, journal.t_high = 0x5678, 0x1234
    journal.put(9, 4, 2, -70_000)
    assert journal.flush(0) == 1
    assert [fields(r) for r in read(opened(files), 0, 9)] == [
        (1, 0x12345678, -70_000, 7, 9, 4, 2, 1)
    ]


def test_a_record_is_24_bytes_of_which_the_last_are_their_crc():
    files = Files()
    append(opened(files), -2)
    head = struct.pack("<IIiHBBBBH", 1, 0, -2, 7, 3, 1, 2, 0, 1)
    assert len(files.data["journal.0"]) == RECORD == journal_scan.RECORD == 24
    assert files.data["journal.0"][:20] == head


def test_events_that_came_together_keep_their_order():
    files = Files()
    journal = opened(files)
    for arg in range(8):
        journal.put(arg + 1, 0, 0, arg)
    assert journal.flush(0, 5) == 5
    assert journal.flush(0, 5) == 3
    assert args(opened(files)) == list(range(8))


def test_an_event_that_still_waits_is_counted_and_not_repeated():
    journal = opened(Files())
    for i in range(500):
        journal.put(6, 7, i & 1, i)  # lost, back, lost, back
    assert journal.waiting == 2
    journal.flush(0)
    rows = [fields(record) for record in read(journal, 0, 9)]
    assert [(row[6], row[2], row[7]) for row in rows] == [(0, 498, 250), (1, 499, 250)]


def test_the_count_stops_at_its_end():
    journal = opened(Files())
    for i in range(70_000):
        journal.put(6, 0, 0, i)
    journal.flush(0)
    assert fields(read(journal, 0, 1)[0])[7] == 0xFFFF


def test_what_finds_no_room_is_counted_in_a_gap_at_its_place():
    files = Files()
    journal = Journal(files, 7)
    for i in range(40):
        journal.put(i + 1, 0, 0, i)
    journal.flush(0, 30)
    journal.put(200, 0, 0, 777)
    for i in range(40):
        journal.put(i + 1, 1, 0, 0)
    while journal.flush(0):
        pass
    rows = [fields(record) for record in read(Journal(files, 7), 0, 99)]
    codes = [row[4] for row in rows]
    assert codes == [*range(1, 32), GAP, 200, *range(1, 29), GAP]
    assert [row[2] for row in rows if row[4] == GAP] == [9, 12]


def test_after_a_boot_it_goes_on_where_it_ended():
    files = Files()
    for boot in range(37):
        append(opened(files), boot)
    assert args(opened(files)) == list(range(37))
    assert seqs(opened(files)) == list(range(1, 38))


def test_the_oldest_segment_gives_way():
    files = Files()
    journal = opened(files)
    append(journal, *range(95))
    assert args(journal) == args(opened(files)) == list(range(60, 95))
    assert sorted(files.data) == [f"journal.{i}" for i in range(4)]
    assert max(map(len, files.data.values())) == SEGMENT


def test_reading_starts_anywhere_and_goes_on_over_segments():
    journal = opened(Files())
    append(journal, *range(95))
    assert seqs(journal, 68, 5) == [68, 69, 70, 71, 72]
    assert seqs(journal, 1, 2) == [61, 62]
    assert seqs(journal, 96) == []
    assert seqs(Journal(Files(), 1), 0) == []


def test_the_link_reads_rows():
    files = Files()
    journal = opened(files)
    journal.t_low, journal.t_high = 0x5678, 0x1234
    for _ in range(300):
        journal.put(3, 1, 2, -9)
    journal.flush(0)
    append(journal, *range(94))
    rows = journal_scan.Rows(opened(files))
    assert (rows.oldest, rows.end) == (61, 96)
    row = bytearray(20)
    assert rows.read_into(95, row, 2)
    assert struct.unpack(m.JOURNAL_ROW, row[2:]) == (95, 0x12345678, 7, 3, 1, 2, 1, 93)
    assert not rows.read_into(60, row, 2)
    assert not rows.read_into(96, row, 2)
    files.data["journal.1"][3] ^= 1
    assert not rows.read_into(91, row, 2)
    assert rows.read_into(92, row, 2)


def test_a_row_tells_a_count_up_to_255():
    files = Files()
    journal = opened(files)
    for _ in range(300):
        journal.put(3, 1, 2, -9)
    journal.flush(0)
    row = bytearray(18)
    assert journal_scan.Rows(journal).read_into(1, row, 0)
    assert struct.unpack(m.JOURNAL_ROW, row)[6:] == (255, -9)
    assert journal_scan.JOURNAL_ROW == m.JOURNAL_ROW


def test_the_boot_opens_each_segment_once():
    files = Files()
    append(opened(files), *range(95))
    files.opened.clear()
    opened(files)
    assert files.opened == [(f"journal.{i}", "rb") for i in range(4)]


def test_a_last_record_that_was_cut_off_is_no_event():
    files = Files()
    append(opened(files), 1, 2, 3)
    del files.data["journal.0"][-1]
    journal = opened(files)
    assert args(journal) == [1, 2]
    append(journal, 4)  # not behind the rest of it
    assert args(opened(files)) == [1, 2, 4]


@pytest.mark.parametrize("at", range(30))
def test_a_damaged_record_is_left_out_and_the_others_stay(at):
    files = Files()
    append(opened(files), *range(30))
    files.data[f"journal.{at // 10}"][at % 10 * RECORD + 5] ^= 0x10
    journal = opened(files)
    append(journal, 30)
    assert args(opened(files)) == [i for i in range(31) if i != at]


@pytest.mark.parametrize("content", [b"", b"\xff" * 240, bytes(9999), b"#!", b"A" * 24])
@pytest.mark.parametrize("segment", range(4))
def test_a_foreign_segment_is_no_event_and_no_end(segment, content):
    files = Files()
    append(opened(files), *range(35))
    kept = [i for i in range(35) if i // 10 != segment]
    files.data[f"journal.{segment}"] = bytearray(content)
    journal = opened(files)
    assert args(journal) == kept
    append(journal, *range(100, 112))
    assert args(opened(files))[-12:] == list(range(100, 112))


def test_the_sequence_goes_round():
    files = Files()
    journal = opened(files)
    journal.next_seq = 0xFFFFFFF0
    append(journal, *range(33))
    again = opened(files)
    assert again.next_seq == 0x11
    assert args(again, 0xFFFFFFF0) == list(range(33))


def test_an_append_that_fails_keeps_its_events():
    files = Files()
    journal = opened(files)
    append(journal, 1)
    files.full = True
    journal.put(3, 1, 2, 2)
    assert journal.flush(0) == 0
    assert (journal.waiting, journal.errors) == (1, 1)
    files.full = False
    assert journal.flush(0) == 1
    assert args(opened(files)) == [1, 2]


def test_on_real_files(tmp_path):
    append(opened(Folder(str(tmp_path))), *range(35))
    assert args(opened(Folder(str(tmp_path)))) == list(range(35))


def test_wear_is_a_burst_and_then_a_pace():
    wear = Wear(3, 1000)
    now = (1 << 30) - 2500  # the clock goes round
    assert [wear.take(now) for _ in range(4)] == [True, True, True, False]
    assert not wear.take(ticks_add(now, 999))
    assert wear.take(ticks_add(now, 1000))
    assert [wear.take(ticks_add(now, 3999)) for _ in range(3)] == [True, True, False]
    assert wear.take(ticks_add(now, 4000))
    assert [wear.take(ticks_add(now, 90_000)) for _ in range(4)] == [True, True, True, False]


def test_wear_after_more_than_half_the_clock_is_rested():
    wear = Wear(2, 1000)
    assert wear.take(0)
    assert wear.take(0)
    assert wear.take((1 << 29) + 5)
    assert wear.take((1 << 29) + 5)
    assert not wear.take((1 << 29) + 5)


def worst_days(days, blocks):
    """Events of 20 kinds never stop: (erases per block, appends, most erases in one append)."""
    rig = Rig(blocks)
    rig.blank()
    journal = Journal(rig.mount(), 1)
    erases = rig.flash.erases
    erases[:] = [0] * blocks
    appends = worst = now_ms = 0
    for _ in range(days * DAY_MS // 60_000):
        now_ms = ticks_add(now_ms, 60_000)
        for kind in range(20):
            journal.put(1 + kind % 10, kind, 1, now_ms & 0xFFFF)
        before = sum(erases)
        appends += journal.flush(now_ms) > 0
        worst = max(worst, sum(erases) - before)
    return erases, appends, worst


def test_the_worst_day_costs_304_appends_and_no_more_erases():
    """On littlefs as rp2 has it; no append erases more than 2 blocks (90 ms, 800 at worst)."""
    erases, appends, worst = worst_days(1, blocks=64)
    assert DAY_MS // REFILL_MS + FIRST_BURST == 304
    assert 300 <= appends <= 304
    assert 250 <= sum(erases) <= 304
    assert worst <= 2


def test_wear_is_even():
    """So the worst block of a 128 KiB file system lasts 100,000 / 13 days: 21 years."""
    erases, _, _ = worst_days(5, blocks=32)
    assert max(erases) <= 1.6 * sum(erases) / len(erases)
    assert max(erases) <= 5 * 13
    assert min(erases) >= 5 * 3


events = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 4)),
        st.tuples(st.just("flush"), st.integers(1, 12)),
        st.tuples(st.just("cut"), st.integers(0, 300)),
        st.tuples(st.just("boot"), st.just(0)),
        st.tuples(st.just("harm"), st.integers(0, 99_999)),
    ),
    max_size=40,
)


class Life:
    """`durable`: args that a flush has promised, oldest first; `ever`: all that were put."""

    def __init__(self):
        self.files = Files()
        self.ever = []
        self.durable = []
        self.harmed = False
        self.boot(0)

    def boot(self, _):
        self.journal = opened(self.files)
        self.waiting = []

    def put(self, n):
        for _ in range(n):
            self.ever.append(len(self.ever))
            if self.journal.waiting < 20:
                self.journal.put(self.ever[-1] % 199 + 1, 0, 0, self.ever[-1])
                self.waiting.append(self.ever[-1])

    def flush(self, budget):
        self.journal._wear.left = 9
        n = self.journal.flush(0, budget)
        self.durable += self.waiting[:n]
        del self.waiting[:n]

    def cut(self, budget):
        self.files.budget = budget
        try:
            self.flush(99)
            self.files.budget = None
        except Cut:
            self.files.budget = None
            self.boot(0)
            # what of the append reached the flash is durable now
            self.durable += [arg for arg in args(self.journal) if arg not in self.durable]

    def harm(self, where):
        names = sorted(name for name, data in self.files.data.items() if data)
        if names:
            data = self.files.data[names[where % len(names)]]
            data[where // 7 % len(data)] ^= 1 + where % 255
            self.harmed = True


@settings(max_examples=150, deadline=None)
@given(events)
def test_no_life_makes_or_loses_an_event(what):
    life = Life()
    for action, argument in what:
        getattr(life, action)(argument)
    found = args(opened(life.files))
    assert found == sorted(set(found))
    assert set(found) <= set(life.ever)
    if not life.harmed:
        assert found == life.durable[len(life.durable) - len(found) :]
        assert len(found) >= min(len(life.durable), 20)  # but for the segment that gives way


def test_put_stays_in_small_ints(monkeypatch):
    monkeypatch.setattr(journal_module, "array", SmallArray)
    journal = opened(Files())
    journal.t_low = journal.t_high = Small(0xFFFF)
    for arg in (-(1 << 30), (1 << 30) - 1):
        for i in range(50):
            journal.put(Small(255), Small(205 + i), Small(255), Small(arg))
    assert journal.waiting == 32
    assert [journal.flush(0) for _ in range(4)] == [10, 10, 10, 2]


def test_put_and_an_idle_flush_allocate_nothing():
    assert run_script("tests/firmware/vm_store.py") == {"allocated": 0, "waiting": 32}
