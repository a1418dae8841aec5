# SPDX-License-Identifier: Apache-2.0
# What a board writes, as scenarios of cuts.py. Runs on CPython and in the VM.

from firmware_py import loader
from firmware_py.store import copies, intent, journal_scan, reset, slots
from firmware_py.store.journal import RECORD, Journal

_OLD = bytes(range(256)) * 3
_NEW = b"\x5a" * 1000
_LONG = bytes(range(250)) * 12
_SEGMENTS = 4
_SEGMENT_BYTES = 100 * RECORD  # too long for littlefs to keep in its directory


class Scenario:
    def __init__(self, name, before, steps, state, again):
        self.name = name
        self.before = before
        self.steps = steps
        self.state = state
        self.again = again


# How one does it without copies, to see that the harness notices: an empty name in between.
def _overwrite(files):
    with files.open("config.0", "wb") as file:
        file.write(b"")
    copies.save(files, "config", _NEW)


def _nothing(files):
    pass


def _config(files):
    payload, _, _ = copies.load(files, "config")
    return None if payload is None else bytes(payload)


def _save(payload):
    def step(files):
        copies.save(files, "config", payload)

    return step


def _save_two(files):
    copies.save(files, "config", b"the first of all")
    copies.save(files, "config", _OLD)


# As over the link: 200 bytes a message.
def _save_long(files):
    writer = copies.Writer(files, "config", len(_LONG))
    for at in range(0, len(_LONG), 200):
        writer.append(_LONG[at : at + 200])
    writer.commit()


def _save_again(files):
    copies.save(files, "config", b"again")
    return _config(files) == b"again"


def _journal(files):
    return Journal(files, 7, _SEGMENTS, _SEGMENT_BYTES)


def _append(n):
    def step(files):
        events = _journal(files)
        for i in range(n):
            events.put(1, i, 0, events.next_seq + i)
        if events.flush(0) != n:
            raise OSError("append")

    return step


def _fill(records):
    def before(files):
        events = _journal(files)
        k = 0
        while k < records:
            n = min(30, records - k, 100 - k % 100)
            for i in range(n):
                events.put(1, i, 0, k + i)
            events._wear.left = 9
            if events.flush(0) != n:
                raise OSError("fill")
            k += n

    return before


def _records(files):
    events = _journal(files)
    found = []
    for record in journal_scan.read(events, 0, 1000):
        found.append(journal_scan.fields(record)[:3])
    return found


def _append_again(files):
    events = _journal(files)
    seq = events.next_seq
    events.put(3, 1, 2, 12345)
    if events.flush(0) != 1 or events.errors:
        return False
    found = journal_scan.read(_journal(files), seq, 5)
    return len(found) == 1 and journal_scan.fields(found[0])[2] == 12345


def _latched(files):
    found = intent.Intent(files)
    return found.intent, found.safe_reason, found.off_mask, found.boot_count, found.heat_a_ppm


def _boot(files):
    reset.booted(intent.Intent(files), reset.CAUSE_POWER_ON)


def _boot_twice(files):
    _boot(files)
    _boot(files)


def _latch(files):
    found = intent.Intent(files)
    found.note(found.safe_reason + 1, 0b1010, 0b10)
    if not found.flush(0, 812_345, 7):
        raise OSError("latch")


def _reset(files):
    if not intent.Intent(files).request(intent.RESET, 1, 2):
        raise OSError("reset")


def _latch_again(files):
    before = intent.Intent(files).safe_reason
    _latch(files)
    return intent.Intent(files).safe_reason == before + 1


def _opener(files):
    return lambda path, mode: files.open(path[1:], mode)


# What the app reads and what the loader reads, which must be the same.
def _pointer(files):
    found = loader.pointer("", _opener(files))
    found = None if found is None else found[:3]
    return found if found == slots.read(files) else ("loader and slots differ", found)


def _good_a(files):
    slots.mark_good(files, 1)
    slots.mark_good(files, 0)


def _try_b(files):
    slots.start_trial(files, 1)


def _trial_b(files):
    _good_a(files)
    _try_b(files)


def _count_down(files):
    if loader.choose("", _opener(files)) != 1:
        raise OSError("count down")


def _b_is_good(files):
    if not slots.mark_good(files, 1):
        raise OSError("mark good")


def _switch_again(files):
    slots.start_trial(files, 1, 9)
    return _pointer(files) == (1, 9, slots.TRIAL)


NAIVE = Scenario("no second copy", _save(_OLD), [_overwrite], _config, _save_again)

ALL = (
    Scenario("config, first save", _nothing, [_save(_NEW)], _config, _save_again),
    Scenario("config, save", _save_two, [_save(_NEW)], _config, _save_again),
    Scenario("config in chunks", _save_two, [_save_long], _config, _save_again),
    Scenario("journal, first append", _nothing, [_append(5)], _records, _append_again),
    Scenario("journal, append", _fill(70), [_append(5)], _records, _append_again),
    # the 100th record ends a segment; the ring is full, so the next append takes the oldest's place
    Scenario("journal, rotate", _fill(390), [_append(10), _append(7)], _records, _append_again),
    Scenario("intent, boot", _boot_twice, [_boot], _latched, _latch_again),
    Scenario("intent, latch and reset", _boot_twice, [_latch, _reset], _latched, _latch_again),
    Scenario("slot switch", _good_a, [_try_b], _pointer, _switch_again),
    Scenario("loader counts down", _trial_b, [_count_down] * 3, _pointer, _switch_again),
    Scenario("slot is good", _trial_b, [_b_is_good], _pointer, _switch_again),
)
