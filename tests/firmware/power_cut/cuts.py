# SPDX-License-Identifier: Apache-2.0
# Power fails at every write to the device, one after the other, and what the board finds at its
# next boot is compared with what it must find. Runs on CPython and in the VM: no annotations, no
# docstrings.
#
# A rig is a file system on a device in RAM:
#     rig.blank()            format the device
#     rig.image()            its contents;  rig.restore(image) puts them back and repairs the supply
#     rig.mount()            the files; raises OSError if nothing can be mounted
#     rig.cut(n, how)        power fails at the n-th write from now: HOW it is left
#     rig.ops                writes so far;  rig.dead: power has failed
#
# A scenario is what is written, in steps of which each must be atomic:
#     name
#     before(files)          an earlier life
#     steps                  functions of (files)
#     state(files)           what a boot finds; writes nothing
#     again(files)           write once more; whether a boot then finds that

from firmware_py.store import copies

HOW = ("before", "half", "noise")  # not begun; half of its bytes done; some bits everywhere done
REPORT = ("scenario", "how", "cuts", "old", "new", "bad")


# The rows of a scenario at several ages, added up.
def survey_ages(rig, scenario, how, ages, twice=False):
    total = [scenario.name, how, 0, 0, 0, 0]
    for age in ages:
        row = survey(rig, scenario, how, age, twice)
        for i in range(2, len(row)):
            total[i] += row[i]
    return total


# One row of REPORT for a scenario: found states, counted. `age`: saves before it, so that the
# file system is about to tidy up. `twice`: at each cut power fails a second time, at each write of
# what the next boot then does.
def survey(rig, scenario, how, age=0, twice=False):
    rig.blank()
    files = rig.mount()
    scenario.before(files)
    for i in range(age):
        copies.save(files, "other", bytes([i]) * 40)
    image = rig.image()
    writes, states = _undisturbed(rig, scenario, image)
    counts = {"old": 0, "new": 0, "bad": 0}
    for n in range(1, writes + 1):
        rig.restore(image)
        done = _until_cut(rig, scenario, n, how)
        broken = rig.image()
        verdict = _verdict(rig, scenario, broken, states[done : done + 2])
        if twice and verdict != "bad" and not _survives(rig, scenario, broken, how):
            verdict = "bad"
        counts[verdict] += 1
    return [scenario.name, how, writes, counts["old"], counts["new"], counts["bad"]]


# (writes of all steps, the state before each step and after the last)
def _undisturbed(rig, scenario, image):
    rig.restore(image)
    files = rig.mount()
    before = rig.ops
    states = [scenario.state(files)]
    for step in scenario.steps:
        step(files)
        states.append(scenario.state(files))
    for i in range(len(scenario.steps)):
        if states[i] == states[i + 1]:
            raise AssertionError(scenario.name + ": a step does nothing")
    return rig.ops - before, states


# Run until power fails at write n; returns the steps that were complete.
def _until_cut(rig, scenario, n, how):
    files = rig.mount()
    rig.cut(n, how)
    done = 0
    try:
        for step in scenario.steps:
            step(files)
            done += 1
    except BaseException:
        if not rig.dead:
            raise
    if not rig.dead:
        raise AssertionError(scenario.name + ": there was no such write")
    return done if done < len(scenario.steps) else done - 1


# "old" or "new" if a boot finds one of `allowed` and can save again, else "bad".
def _verdict(rig, scenario, broken, allowed):
    rig.restore(broken)
    try:
        found = scenario.state(rig.mount())
        if found not in allowed or not scenario.again(rig.mount()):
            return "bad"
        if not scenario.again(rig.mount()):
            return "bad"
    except Exception:
        return "bad"
    return "old" if found == allowed[0] else "new"


# Power fails again, at each write of the next save: a boot finds what it found before or that save.
def _survives(rig, scenario, broken, how):
    rig.restore(broken)
    found = scenario.state(rig.mount())
    scenario.again(rig.mount())
    saved = scenario.state(rig.mount())
    n = 0
    while True:
        n += 1
        rig.restore(broken)
        files = rig.mount()
        rig.cut(n, how)
        try:
            scenario.again(files)
        except BaseException:
            if not rig.dead:
                raise
        if not rig.dead:
            return True
        rig.restore(rig.image())
        if scenario.state(rig.mount()) not in (found, saved):
            return False


# Bytes that look like chance, for HOW "noise"; the same everywhere.
def noise(size):
    made = bytearray(size)
    x = 12345
    for i in range(size):
        x = (x * 1103515 + 12345) & 0x3FFFFFFF
        made[i] = x >> 11 & 0xFF
    return bytes(made)


def half(size):
    return b"\xff" * (size // 2) + bytes(size - size // 2)


# What a NOR flash holds after a program, which only clears bits, or an erase of `old`, of which
# only the bits set in `how` happened.
def programmed(old, data, how=None):
    mask = _bits(data)
    if how is not None:
        mask |= ~_bits(how) & ((1 << 8 * len(data)) - 1)
    return (_bits(old) & mask).to_bytes(len(data), "little")


def erased(old, how):
    return (_bits(old) | _bits(how)).to_bytes(len(old), "little")


def _bits(data):
    return int.from_bytes(bytes(data), "little")
