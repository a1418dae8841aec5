# SPDX-License-Identifier: Apache-2.0
# The compiled configuration, read once at boot. `rackedge config compile` has checked ranges and
# meanings; here only what damage or another version can break is checked, and that every value
# is a small int. Needed at boot only: main.py drops this module, the settings it made stay.
#
# Little-endian: magic, u8 format, u8 schema, u16 length of the body, u32 crc32 of all else; then
# the body: sections in the order of layout.SECTIONS, each u8 id, u8 index, u16 count, and count
# int32 values in the order of its keys (text: count bytes of UTF-8).
#
# An older schema has fewer keys at the end of a section: they get their defaults, which mean "as
# before". A newer schema is refused: what this firmware does not know may be a limit or an
# interlock, and running without one that somebody has ordered is worse than to stay with the
# configuration that the board already has. compile.py marks a file with the oldest schema that
# can say it, so only files that use something new are refused.

import struct
from array import array
from binascii import crc32

from .layout import CHANNELS, SCHEMA, SECTIONS
from .settings import Section, Settings

MAGIC = b"RKCF"
FORMAT = 1
HEAD_BYTES = 12
_SMALL = 1 << 30  # small ints of a 32-bit board: -2**30 .. 2**30 - 1


# The file cannot be used; the message says why.
class ConfigError(ValueError):
    pass


# Settings from the file's bytes. Raises ConfigError.
def parse(data):
    made = Settings()
    made.crc = _check_head(data)
    at = HEAD_BYTES
    found = {}  # type: ignore[var-annotated]
    for number, name, least, most, keys, added in SECTIONS:
        rows = found[name] = []
        while at < len(data) and data[at] == number:
            if at + 4 > len(data) or data[at + 1] != len(rows):
                raise ConfigError("section %s: is out of order" % name)
            count = data[at + 2] | data[at + 3] << 8
            at += 4
            size = count if keys is None else 4 * count
            if at + size > len(data):
                raise ConfigError("section %s: is cut off" % name)
            rows.append(_row(data[at : at + size], name, keys, added))
            at += size
        if not least <= len(rows) <= most:
            raise ConfigError("section %s: %d, not %d to %d" % (name, len(rows), least, most))
    if at != len(data):
        raise ConfigError("section %d: is unknown or out of order" % data[at])
    _fill(made, found)
    return made


# The file's crc.
def _check_head(data):
    if len(data) < HEAD_BYTES or data[:4] != MAGIC:
        raise ConfigError("is not a compiled configuration: run rackedge config compile")
    form, schema, length, crc = struct.unpack("<BBHI", data[4:HEAD_BYTES])
    if form != FORMAT:
        raise ConfigError("has format %d, this firmware reads %d" % (form, FORMAT))
    if schema > SCHEMA:
        raise ConfigError(
            "uses keys of schema %d, this firmware knows %d: update it first" % (schema, SCHEMA)
        )
    if length != len(data) - HEAD_BYTES or crc32(data[HEAD_BYTES:], crc32(data[:8])) != crc:
        raise ConfigError("is damaged: length or checksum is wrong")
    return crc


# Text, a wire's numbers, or a Section with one attribute per key.
def _row(raw, name, keys, added):
    if keys is None:
        try:
            return str(raw, "utf-8")
        except ValueError:  # also UnicodeError
            raise ConfigError("section %s: is not UTF-8" % name)
    values = struct.unpack("<%di" % (len(raw) // 4), raw)
    for value in values:
        if not -_SMALL <= value < _SMALL:
            raise ConfigError("section %s: %d is too large" % (name, value))
    if name == "wiring":
        return _wire(values)
    names = keys.split()
    missing = len(names) - len(values)
    if not 0 <= missing <= len(added):
        raise ConfigError("section %s: %d values, not %d" % (name, len(values), len(names)))
    made = Section()
    for i in range(len(names)):
        setattr(made, names[i], values[i] if i < len(values) else added[i - len(names)])
    return made


def _wire(values):
    if len(values) < 2 or not 0 <= values[0] < len(CHANNELS):
        raise ConfigError("section wiring: a channel is unknown")
    made = array("i", values)
    made[0] = CHANNELS[values[0]]
    return made


def _fill(made, found):
    made.board = found["board"][0]
    made.name = found["name"][0]
    made.groups = len(found["groups"])
    for g in range(made.groups):
        made.never |= (found["groups"][g].never != 0) << g
    for load in found["loads"]:
        if not 0 <= load.group < made.groups or not -1 <= load.share_a_permille <= 1000:
            raise ConfigError("section loads: a group or a share does not exist")
    made.load_group = array("b", [load.group for load in found["loads"]])
    made.load_share = array("h", [load.share_a_permille for load in found["loads"]])
    for name in ("feeds", "zones", "fans", "wiring"):
        setattr(made, name, found[name])
    for name in ("shed", "air", "liquid", "link", "modbus"):
        setattr(made, name, found[name][0] if found[name] else None)
