# SPDX-License-Identifier: Apache-2.0
# The pointer that says which application slot, /a or /b, loader.py starts: boot.0 and boot.1, two
# copies of 4 bytes {slot, tries, state, 0} with seq and CRC (copies.py).
#
#     update: write all files of the idle slot, manifest() last; stale() must be empty;
#             start_trial(), reset
#     boot:   the loader counts a try down before it starts a slot on trial
#     app:    after its self-test, mark_good(); a slot that never gets there loses to the other

from binascii import crc32

from .copies import load, save

NAME = "boot"
TRIAL = 1
GOOD = 2
TRIES = 3
BYTES = 4


# (slot, tries, state), or None if neither copy is valid.
def read(files):
    payload, _, _ = load(files, NAME, BYTES)
    if payload is None or len(payload) != BYTES or payload[0] > 1:
        return None
    return payload[0], payload[1], payload[2]


# The next boot tries this slot, and so up to `tries` boots. Raises OSError.
def start_trial(files, slot, tries=TRIES):
    save(files, NAME, bytes((slot, tries, TRIAL, 0)), BYTES)


# The slot that runs has passed its self-test. True if that had to be written. Raises OSError.
def mark_good(files, running):
    if read(files) == (running, 0, GOOD):
        return False
    save(files, NAME, bytes((running, 0, GOOD, 0)), BYTES)
    return True


# The slot's file `manifest`: its CRC, then CRC and path of each file. `crcs`: (path, crc32) pairs.
def manifest(crcs):
    rows = b""
    for path, crc in crcs:
        rows += b"%08x %s\n" % (crc, path.encode())
    return b"%08x\n" % crc32(rows) + rows


# Sources that would win over the bytecode beside them (foo.py over foo.mpy): what an update
# leaves of an earlier one. `listing`: os.ilistdir or what yields (name, kind, ...) like it.
def stale(listing, folder):
    found = []
    names = [(row[0], row[1]) for row in listing(folder)]
    for name, kind in names:
        path = folder + "/" + name
        if kind == 0x4000:
            found += stale(listing, path)
        elif name.endswith(".py") and (name[:-3] + ".mpy", 0x8000) in names:
            found.append(path)
    return found
