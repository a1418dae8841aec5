# SPDX-License-Identifier: Apache-2.0
"""Bytes of IPMI over LAN: RMCP, the session wrappers of 1.5 and 2.0, and the message in them.

IPMI 2.0 rev. 1.1, sections 13.1 to 13.8. What is no such packet parses to None.
"""

import struct
from typing import NamedTuple

RMCP_IPMI = b"\x06\x00\xff\x07"
RMCP_ASF = b"\x06\x00\xff\x06"
ASF_IANA = b"\x00\x00\x11\xbe"
PING, PONG = 0x80, 0x40
PACKET_MAX = 1024
"""Longer packets are not looked at, B."""

FORMAT_NONE, FORMAT_2 = 0x00, 0x06
"""AuthType: none (sessionless 1.5), and RMCP+."""

IPMI_MESSAGE, OPEN_REQUEST, OPEN_RESPONSE, RAKP1, RAKP2, RAKP3, RAKP4 = (
    0x00,
    0x10,
    0x11,
    0x12,
    0x13,
    0x14,
    0x15,
)
"""Payload types."""
ENCRYPTED, AUTHENTICATED = 0x80, 0x40


class Wrapped(NamedTuple):
    """One packet of RMCP+, or a sessionless one of 1.5 (`old`)."""

    kind: int
    """Payload type with its flags."""
    session: int
    sequence: int
    payload: bytes
    trailer: bytes
    """Integrity data: pad, pad length, next header, code."""
    old: bool = False


class Message(NamedTuple):
    """A request to the BMC."""

    netfn: int
    command: int
    data: bytes
    to: int
    sender: int
    sequence_lun: int
    lun: int


def parse(packet: bytes) -> Wrapped | None:
    """Take the session wrapper off."""
    if len(packet) > PACKET_MAX or not packet.startswith(RMCP_IPMI) or len(packet) < 14:
        return None
    if packet[4] == FORMAT_NONE:
        sequence, session, length = struct.unpack_from("<IIB", packet, 5)
        payload = packet[14 : 14 + length]
        whole = len(payload) == length and session == 0
        return Wrapped(IPMI_MESSAGE, 0, sequence, payload, b"", old=True) if whole else None
    if packet[4] != FORMAT_2 or len(packet) < 16:
        return None
    kind, session, sequence, length = struct.unpack_from("<BIIH", packet, 5)
    end = 16 + length
    if len(packet) < end:
        return None
    return Wrapped(kind, session, sequence, packet[16:end], packet[end:])


def wrap(kind: int, session: int, sequence: int, payload: bytes, old: bool = False) -> bytes:
    """Put a payload into its session header; integrity data is the session's to add."""
    if old:
        return RMCP_IPMI + struct.pack("<BIIB", FORMAT_NONE, 0, 0, len(payload)) + payload
    head = struct.pack("<BBIIH", FORMAT_2, kind, session, sequence, len(payload))
    return RMCP_IPMI + head + payload


def parse_message(payload: bytes) -> Message | None:
    """A request with both checksums right (section 13.8)."""
    if len(payload) < 7 or sum(payload[:3]) & 0xFF or sum(payload[3:]) & 0xFF:
        return None
    to, netfn_lun, _, sender, sequence_lun, command = payload[:6]
    if netfn_lun >> 2 & 1:  # a response
        return None
    return Message(netfn_lun >> 2, command, payload[6:-1], to, sender, sequence_lun, netfn_lun & 3)


def reply(request: Message, code: int, data: bytes = b"") -> bytes:
    """The response to a request."""
    netfn_lun = (request.netfn | 1) << 2 | request.sequence_lun & 3
    head = bytes((request.sender, netfn_lun))
    sequence_lun = request.sequence_lun & 0xFC | request.lun
    body = bytes((request.to, sequence_lun, request.command, code)) + data
    return head + checksum(head) + body + checksum(body)


def checksum(data: bytes) -> bytes:
    """Two's complement: data and checksum add up to 0."""
    return bytes((-sum(data) & 0xFF,))


def pong(packet: bytes) -> bytes | None:
    """The answer to an RMCP presence ping (section 13.2.4); None if it is none."""
    if len(packet) < 12 or not packet.startswith(RMCP_ASF + ASF_IANA) or packet[8] != PING:
        return None
    supported = ASF_IANA + bytes(4) + b"\x81\x00" + bytes(6)  # IPMI, ASF 1.0
    return RMCP_ASF + ASF_IANA + bytes((PONG, packet[9], 0, len(supported))) + supported
