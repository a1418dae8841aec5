# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_py.compat import ticks_add
from firmware_py.store import intent as i
from firmware_py.store import reset as r
from firmware_py.store.copies import save
from firmware_py.store.intent import Intent
from firmware_py.store.reset import booted, safe_boot
from tests.firmware.power_cut.lfs import Rig
from tests.firmware.power_cut.memory import Cut, Files

DAY_MS = 86_400_000

CAUSES = (r.CAUSE_UNKNOWN, r.CAUSE_POWER_ON, r.CAUSE_PIN, r.CAUSE_WATCHDOG, r.CAUSE_SOFT)
KINDS = {  # intent: what each of CAUSES then means
    0: (r.BOOT_FIRST, r.BOOT_FIRST, r.BOOT_FIRST, r.BOOT_WATCHDOG, r.BOOT_FIRST),
    i.RUNNING: (
        r.BOOT_WATCHDOG,  # Portenta says nothing after a watchdog reset
        r.BOOT_POWER_LOSS,
        r.BOOT_POWER_LOSS,
        r.BOOT_WATCHDOG,
        r.BOOT_CRASH,
    ),
    i.RESET: (r.BOOT_REQUESTED,) * 5,  # rp2 says watchdog after machine.reset()
    i.UPDATE: (r.BOOT_REQUESTED,) * 5,
    i.POWER_DOWN: (r.BOOT_REQUESTED,) * 5,
    i.CRASHED: (r.BOOT_CRASH,) * 5,
    99: (r.BOOT_FIRST, r.BOOT_FIRST, r.BOOT_FIRST, r.BOOT_WATCHDOG, r.BOOT_FIRST),
}


@pytest.mark.parametrize("intent", KINDS)
@pytest.mark.parametrize("n", range(len(CAUSES)))
def test_what_a_boot_is_comes_from_intent_first_and_cause_second(intent, n):
    assert r.classify(CAUSES[n], intent) == KINDS[intent][n]


def boots(files, n, cause=r.CAUSE_WATCHDOG):
    for _ in range(n):
        found = Intent(files)
        booted(found, cause)
    return found


def test_a_reset_is_known_as_what_it_was():
    files = Files()
    assert booted(Intent(files), r.CAUSE_POWER_ON) == r.BOOT_FIRST
    assert booted(Intent(files), r.CAUSE_POWER_ON) == r.BOOT_POWER_LOSS
    assert Intent(files).request(i.RESET, 0, 0)
    assert booted(Intent(files), r.CAUSE_WATCHDOG) == r.BOOT_REQUESTED
    assert booted(Intent(files), r.CAUSE_WATCHDOG) == r.BOOT_WATCHDOG
    Intent(files).request(i.CRASHED, 0, 0)
    assert booted(Intent(files), r.CAUSE_SOFT) == r.BOOT_CRASH
    assert Intent(files).boot_count == 5


def test_latches_and_heat_outlive_a_reset():
    files = Files()
    found = boots(files, 1)
    found.note(3, 0x8001, 0x8000)
    assert found.flush(0, 1_000_000, 250_000)
    again = Intent(files)
    booted(again, r.CAUSE_WATCHDOG)
    for found in (again, Intent(files)):
        assert (found.safe_reason, found.off_mask, found.locked_mask) == (3, 0x8001, 0x8000)
        assert (found.heat_a_ppm, found.heat_b_ppm) == (1_000_000, 250_000)
        assert not found.damaged


def test_nothing_is_written_while_nothing_latched_changes():
    files = Files()
    found = boots(files, 1)
    found.note(0, 0b11, 0)
    assert found.flush(0, 5, 5)
    files.opened.clear()
    for now_ms in range(0, 100_000, 100):
        found.note(0, 0b11, 0)
        assert not found.flush(now_ms, now_ms, now_ms)
    assert files.opened == []


def test_safe_is_written_at_once_even_when_masks_have_used_up_the_wear():
    found = boots(Files(), 1)
    for n in range(100):
        found.note(0, n & 1, 0)
        found.flush(0, 0, 0)
    found.note(0, 0, 0)
    assert not found.flush(0, 0, 0)
    found.note(5, 0, 0)
    assert found.flush(0, 0, 0)
    assert Intent(found.files).safe_reason == 5


def test_a_group_that_goes_off_is_written_at_once_even_when_the_wear_is_used_up():
    found = boots(Files(), 1)
    writes = 0
    for n in range(400):
        off = 1 << n % 7
        found.note(0, off, off & 0b11)
        writes += found.flush(0, 0, 0)
        kept = Intent(found.files)
        assert kept.off_mask & off == off
        assert kept.locked_mask & off == off & 0b11
    assert writes <= 16 + 7


def test_a_mask_that_had_to_wait_is_written_later():
    found = boots(Files(), 1)
    for n in range(101):
        found.note(0, n & 1 or 0b1000, 0)
        found.flush(0, 0, 0)
    assert not found.flush(119_999, 0, 0)
    assert found.flush(120_000, 0, 0)
    assert Intent(found.files).off_mask == 0b1000


def test_boots_that_do_not_last_end_in_a_safe_boot():
    files = Files()
    assert not safe_boot(boots(files, r.LOOP_BOOTS))
    assert safe_boot(boots(files, 1))
    assert boots(files, 300).unstable == 255


def test_a_boot_that_lasts_ends_the_loop():
    files = Files()
    found = boots(files, 9)
    found.stable()
    assert found.flush(0, 0, 0)
    found.stable()
    assert not found.flush(0, 0, 0)
    assert not safe_boot(boots(files, r.LOOP_BOOTS))


def test_resets_that_a_host_asked_for_are_no_loop():
    files = Files()
    for _ in range(20):
        found = boots(files, 1)
        found.request(i.RESET, 0, 0)
    assert not safe_boot(boots(files, 1))


def test_a_damaged_copy_is_told_and_what_is_older_is_used():
    files = Files()
    boots(files, 2)
    files.data["intent.1"][20] ^= 1
    found = Intent(files)
    assert (found.damaged, found.boot_count) == (True, 1)
    assert booted(found, r.CAUSE_WATCHDOG) == r.BOOT_WATCHDOG


@pytest.mark.parametrize("payload", [b"", b"\1" * 19, b"\2" * 20, b"\1" * 64])
def test_a_record_of_another_version_is_none(payload):
    files = Files()
    save(files, "intent", payload)
    found = Intent(files)
    assert (found.intent, found.safe_reason, found.boot_count) == (0, 0, 0)


def test_a_flash_that_fails_stops_neither_boot_nor_tick():
    files = Files()
    boots(files, 1)
    files.full = True
    found = Intent(files)
    assert booted(found, r.CAUSE_WATCHDOG) == r.BOOT_WATCHDOG
    found.note(1, 0, 0)
    assert not found.flush(0, 0, 0)
    assert not found.request(i.RESET, 0, 0)
    assert found.errors == 3
    found.intent = i.RUNNING
    files.full = False
    assert found.flush(0, 0, 0)
    assert Intent(files).safe_reason == 1


def erases(actions):
    rig = Rig(64)
    rig.blank()
    files = rig.mount()
    rig.flash.erases[:] = [0] * 64
    actions(files)
    return sum(rig.flash.erases)


def test_a_host_that_toggles_a_group_all_day_wears_little():
    def toggle(files):
        found = Intent(files)
        booted(found, r.CAUSE_POWER_ON)
        for n in range(DAY_MS // 30_000):
            found.note(0, n & 1, 0)
            found.flush(ticks_add(0, n * 30_000), 0, 0)

    assert 40 <= erases(toggle) <= 90


def test_a_boot_loop_wears_little():
    assert erases(lambda files: boots(files, 500)) <= 60


steps = st.lists(
    st.tuples(st.sampled_from(("note", "boot", "reset")), st.integers(0, 3), st.integers(0, 90)),
    max_size=12,
)


@settings(max_examples=100, deadline=None)
@given(steps)
def test_a_latch_that_was_written_is_there_after_any_cuts(what):
    files = Files()
    latched = {0}  # what a boot may find
    for action, reason, budget in what:
        found = Intent(files)
        assert found.safe_reason in latched
        latched = {found.safe_reason}
        files.budget = budget
        try:
            if action == "note":
                latched.add(reason)
                found.note(reason, 0, 0)
                if found.flush(0, 0, 0):
                    latched = {reason}
            elif action == "boot":
                booted(found, r.CAUSE_WATCHDOG)
            else:
                found.request(i.RESET, 0, 0)
        except Cut:
            pass
        files.budget = None
    assert Intent(files).safe_reason in latched
