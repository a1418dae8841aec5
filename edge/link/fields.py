# SPDX-License-Identifier: Apache-2.0
"""One record type a message, typed for the host.

Generated from firmware_py/link/messages.py by `python -m tests.edge.link.write_fields`; a test
compares. A field that an older board does not send yet has the value INVALID.
"""

from typing import NamedTuple

from firmware_py.link.messages import INVALID as _INVALID

INVALID: int = _INVALID


class Hello(NamedTuple):
    """HELLO 0x00, host to board."""

    owner: int = INVALID  # id
    nonce: int = INVALID
    max_rx: int = INVALID  # B


class HelloR(NamedTuple):
    """HELLO_R 0x01, board to host."""

    nonce: int = INVALID
    boot_id: int = INVALID  # id
    boot_count: int = INVALID
    reset_cause: int = INVALID  # enum
    max_rx: int = INVALID  # B
    dict_crc: int = INVALID  # crc32
    dict_len: int = INVALID  # B
    config_crc: int = INVALID  # crc32
    loads: int = INVALID
    groups: int = INVALID
    fw_major: int = INVALID
    fw_minor: int = INVALID
    fw_patch: int = INVALID
    tail: str = ""


class DictRead(NamedTuple):
    """DICT_READ 0x02, host to board."""

    offset: int = INVALID  # B
    length: int = INVALID  # B


class DictData(NamedTuple):
    """DICT_DATA 0x03, board to host."""

    offset: int = INVALID  # B
    tail: bytes = b""


class Time(NamedTuple):
    """TIME 0x04, host to board."""

    host_us: int = INVALID  # us


class TimeR(NamedTuple):
    """TIME_R 0x05, board to host."""

    host_us: int = INVALID  # us
    rx_us: int = INVALID  # us
    tx_us: int = INVALID  # us


class Lease(NamedTuple):
    """LEASE 0x06, host to board."""

    owner: int = INVALID  # id
    ttl_ms: int = INVALID  # ms


class Ack(NamedTuple):
    """ACK 0x07, board to host."""

    request: int = INVALID  # type
    detail: int = INVALID


class Err(NamedTuple):
    """ERR 0x08, board to host."""

    request: int = INVALID  # type
    code: int = INVALID  # enum
    detail: int = INVALID


class Ping(NamedTuple):
    """PING 0x09, host to board."""

    tail: bytes = b""


class Log(NamedTuple):
    """LOG 0x0a, board to host."""

    level: int = INVALID  # enum
    tail: str = ""


class Telemetry(NamedTuple):
    """TELEMETRY 0x10, board to host."""

    t_ms: int = INVALID  # ms
    state: int = INVALID  # enum
    flags: int = INVALID  # bits
    shed: int = INVALID  # bits
    feed_a_mw: int = INVALID  # mW
    feed_b_mw: int = INVALID  # mW
    ttt_a_ms: int = INVALID  # ms
    ttt_b_ms: int = INVALID  # ms
    theta_a_ppm: int = INVALID  # ppm
    theta_b_ppm: int = INVALID  # ppm
    inlet_mc: int = INVALID  # mC
    outlet_mc: int = INVALID  # mC
    fan_permille: int = INVALID  # permille
    fan_rpm: int = INVALID  # rpm
    lease_left_ms: int = INVALID  # ms
    missed: int = INVALID
    rx_errors: int = INVALID
    tx_dropped: int = INVALID
    heap_free: int = INVALID  # B


class Loads(NamedTuple):
    """LOADS 0x11, board to host."""

    tail: tuple[int, ...] = ()


class BoardEvent(NamedTuple):
    """BOARD_EVENT 0x12, board to host."""

    t_ms: int = INVALID  # ms
    code: int = INVALID  # enum
    group: int = INVALID
    reason: int = INVALID  # enum
    count: int = INVALID  # type: ignore[assignment]
    arg: int = INVALID


class Shed(NamedTuple):
    """SHED 0x20, host to board."""

    off: int = INVALID  # bits


class FanFloor(NamedTuple):
    """FAN_FLOOR 0x21, host to board."""

    permille: int = INVALID  # permille


class ClearSafe(NamedTuple):
    """CLEAR_SAFE 0x22, host to board."""

    reason: int = INVALID  # enum


class Cooling(NamedTuple):
    """COOLING 0x13, board to host."""

    pump_permille: int = INVALID  # permille
    valve_permille: int = INVALID  # permille
    supply_mc: int = INVALID  # mC
    return_mc: int = INVALID  # mC
    flow_mlm: int = INVALID  # ml/min
    dp_pa: int = INVALID  # Pa
    rh_permille: int = INVALID  # permille
    dew_mc: int = INVALID  # mC
    pump_rpm: int = INVALID  # rpm
    latched: int = INVALID  # bits
    failed: int = INVALID  # bits
    welded: int = INVALID  # bits
    stuck_open: int = INVALID  # bits
    zone1_mc: int = INVALID  # mC
    zone2_mc: int = INVALID  # mC
    zone3_mc: int = INVALID  # mC
    reservoir_permille: int = INVALID  # permille
    fan0_rpm: int = INVALID  # rpm
    fan1_rpm: int = INVALID  # rpm
    fan2_rpm: int = INVALID  # rpm
    fan3_rpm: int = INVALID  # rpm
    fan4_rpm: int = INVALID  # rpm
    fan5_rpm: int = INVALID  # rpm
    fan6_rpm: int = INVALID  # rpm
    fan7_rpm: int = INVALID  # rpm


class Challenge(NamedTuple):
    """CHALLENGE 0x23, host to board."""

    tail: bytes = b""


class ChallengeR(NamedTuple):
    """CHALLENGE_R 0x24, board to host."""

    tail: bytes = b""


class Maint(NamedTuple):
    """MAINT 0x25, host to board."""

    ttl_ms: int = INVALID  # ms


class Reset(NamedTuple):
    """RESET 0x26, host to board."""

    reason: int = INVALID  # enum


class ConfigBegin(NamedTuple):
    """CONFIG_BEGIN 0x27, host to board."""

    length: int = INVALID  # B
    crc: int = INVALID  # crc32


class ConfigData(NamedTuple):
    """CONFIG_DATA 0x28, host to board."""

    offset: int = INVALID  # B
    tail: bytes = b""


class ConfigCommit(NamedTuple):
    """CONFIG_COMMIT 0x29, host to board."""

    when: int = INVALID  # enum


class ConfigRead(NamedTuple):
    """CONFIG_READ 0x2a, host to board."""

    offset: int = INVALID  # B
    length: int = INVALID  # B


class ConfigR(NamedTuple):
    """CONFIG_R 0x2b, board to host."""

    offset: int = INVALID  # B
    total: int = INVALID  # B
    crc: int = INVALID  # crc32
    tail: bytes = b""


class JournalRead(NamedTuple):
    """JOURNAL_READ 0x2c, host to board."""

    seq: int = INVALID


class JournalData(NamedTuple):
    """JOURNAL_DATA 0x2d, board to host."""

    oldest: int = INVALID
    end: int = INVALID
    next: int = INVALID
    tail: bytes = b""


RECORDS: dict[str, type[tuple[object, ...]]] = {
    "HELLO": Hello,
    "HELLO_R": HelloR,
    "DICT_READ": DictRead,
    "DICT_DATA": DictData,
    "TIME": Time,
    "TIME_R": TimeR,
    "LEASE": Lease,
    "ACK": Ack,
    "ERR": Err,
    "PING": Ping,
    "LOG": Log,
    "TELEMETRY": Telemetry,
    "LOADS": Loads,
    "BOARD_EVENT": BoardEvent,
    "SHED": Shed,
    "FAN_FLOOR": FanFloor,
    "CLEAR_SAFE": ClearSafe,
    "COOLING": Cooling,
    "CHALLENGE": Challenge,
    "CHALLENGE_R": ChallengeR,
    "MAINT": Maint,
    "RESET": Reset,
    "CONFIG_BEGIN": ConfigBegin,
    "CONFIG_DATA": ConfigData,
    "CONFIG_COMMIT": ConfigCommit,
    "CONFIG_READ": ConfigRead,
    "CONFIG_R": ConfigR,
    "JOURNAL_READ": JournalRead,
    "JOURNAL_DATA": JournalData,
}
"""Record type by message name."""
