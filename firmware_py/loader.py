# SPDX-License-Identifier: Apache-2.0
# The file main.py at a board's root. It starts the application of slot /a or /b, whichever the
# pointer (store/slots.py) names, and the other one if that cannot be started. It needs nothing
# else on the board, writes nothing but the pointer's count of tries, and is not part of an update.
# A slot that is not there finds the firmware of a ROMFS partition, which lies on sys.path as /rom.
#
#     good            that slot, else the other
#     trial, tries    count one down, that slot, else the other
#     trial, no tries left, or the count cannot be written: the other slot, else that one
#     no valid pointer: a, else b
#
# Cannot be started: a file that differs from the slot's manifest, or anything raised by importing
# ENTRY or by its main(slot), be it a wrong .mpy, a syntax error or too little memory. If both fail
# the last error goes to the REPL, where a technician can help; no pin has been touched, and
# hardware is safe with a blank chip. No watchdog runs yet, for the same technician: ENTRY starts it
# before it imports anything else.

import gc
import sys
from binascii import crc32
from struct import pack, unpack

ENTRY = "firmware_py.run"  # has main(slot), which does not return
_HEAD = b"RKE\x01"
_BYTES = 20  # magic 4 | seq u32 | length u32 = 4 | slot, tries, state, 0 | crc32 (copies.py)
_TRIAL = 1


# (slot, tries, state, seq, copy) of the newest valid pointer, or None.
def pointer(root, opener=open):
    best = None
    for copy in (0, 1):
        try:
            with opener("%s/boot.%d" % (root, copy), "rb") as file:
                data = file.read(_BYTES + 1)
        except OSError:
            continue
        if len(data) != _BYTES or data[:4] != _HEAD or data[12] > 1:
            continue
        seq, length, crc = unpack("<II", data[4:12]) + unpack("<I", data[16:])
        if length != 4 or crc32(data[:16], crc32(b"boot")) != crc:
            continue
        if best is None or 0 < ((seq - best[3]) & 0xFFFFFFFF) < 0x80000000:
            best = (data[12], data[13], data[14], seq, copy)
    return best


# Count one try down, in the copy that is not the newest. False if that did not work.
def count_down(root, found, opener=open):
    slot, tries, state, seq, copy = found
    seq = (seq + 1) & 0xFFFFFFFF
    data = _HEAD + pack("<II", seq, 4) + bytes((slot, tries - 1, state, 0))
    try:
        with opener("%s/boot.%d" % (root, 1 - copy), "wb") as file:
            file.write(data + pack("<I", crc32(data, crc32(b"boot"))))
    except OSError:
        return False
    return pointer(root, opener) == (slot, tries - 1, state, seq, 1 - copy)


# The slot to start first; a try is counted down.
def choose(root, opener=open):
    found = pointer(root, opener)
    if found is None:
        return 0
    slot = found[0]
    if found[2] == _TRIAL and (found[1] == 0 or not count_down(root, found, opener)):
        return 1 - slot
    return slot


# The files that the manifest (slots.py) lists are as it says, and no source, which would win, lies
# beside bytecode. Reading a truncated .mpy never ends (read_uint past the end of the file, the
# stack of micropython #13672), so an import alone is no test. Without a manifest: no check.
def whole(path):
    try:
        with open(path + "/manifest", "rb") as file:
            lines = file.read().split(b"\n", 1)
    except OSError:
        return True
    if len(lines) != 2 or lines[0] != b"%08x" % crc32(lines[1]):
        return False
    for line in lines[1].split(b"\n")[:-1]:
        name = path + "/" + line[9:].decode()
        if line[:8] != b"%08x" % _crc_of(name):
            return False
        if name.endswith(".mpy") and _crc_of(name[:-3] + "py") >= 0:
            return False
    return True


# -1 if it is not there.
def _crc_of(path):
    piece = bytearray(512)
    crc = 0
    try:
        with open(path, "rb") as file:
            n = file.readinto(piece)
            while n:
                crc = crc32(piece if n == 512 else piece[:n], crc)
                n = file.readinto(piece)
    except OSError:
        return -1
    return crc


# Import and run a slot's application, which finds its own modules only.
def start(root, slot, entry=ENTRY):
    path = root + "/" + "ab"[slot]
    if not whole(path):
        raise ValueError("differs from its manifest")
    sys.path.insert(0, path)
    try:
        __import__(entry)
        sys.modules[entry].main(slot)
    finally:
        sys.path.remove(path)


# Start one of the slots; raises what the second one raised.
def boot(root="", entry=ENTRY):
    slot = choose(root)
    try:
        return start(root, slot, entry)
    except Exception as error:
        sys.stderr.write("slot %s: %s: %s\n" % ("ab"[slot], type(error).__name__, error))
    package = entry.split(".")[0]
    for name in list(sys.modules):
        if name.split(".")[0] == package:
            del sys.modules[name]
    gc.collect()
    return start(root, 1 - slot, entry)


if __name__ == "__main__":
    boot()
