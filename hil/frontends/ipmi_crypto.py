# SPDX-License-Identifier: Apache-2.0
"""Cipher suites 3 and 17 of IPMI 2.0: HMAC and AES-CBC-128 (sections 13.28 to 13.32)."""

import hmac
import os
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from hil.frontends.ipmi_packet import AUTHENTICATED, ENCRYPTED

BLOCK = 16
NEXT_HEADER = 0x07
HEADER = 4
"""RMCP header, which integrity does not cover, B."""


class Suite(NamedTuple):
    """One cipher suite: algorithm numbers of section 13.28, digest, length of a code."""

    number: int
    auth: int
    integrity: int
    confidentiality: int
    digest: str
    code_bytes: int
    constants: tuple[int, ...]
    """Lengths of the constants that K1 and K2 are made of, as clients have them."""


SUITES = (Suite(3, 1, 1, 1, "sha1", 12, (20,)), Suite(17, 3, 4, 1, "sha256", 16, (20, 32)))
"""Section 13.32 writes the constants with 20 bytes; for SHA-256 ipmitool keeps to that, and
python-ipmi makes them as long as the digest. The client's first packet tells."""


class Keys:
    """What protects an open session: K1 for integrity, K2 for secrecy (section 13.32)."""

    def __init__(self, suite: Suite, session_key: bytes, constant_bytes: int) -> None:
        """`constant_bytes` of the constants that the keys are made of."""
        self._suite = suite
        self._k1 = hmac.digest(session_key, b"\x01" * constant_bytes, suite.digest)
        self._aes = AES(hmac.digest(session_key, b"\x02" * constant_bytes, suite.digest)[:BLOCK])

    def seal(self, packet: bytes) -> bytes:
        """Add integrity data to a wrapped packet."""
        pad = -(len(packet) - HEADER + 2) % 4
        packet += b"\xff" * pad + bytes((pad, NEXT_HEADER))
        return packet + self._code(packet[HEADER:])

    def is_genuine(self, packet: bytes) -> bool:
        """Whether the code at the end of a packet is that of the rest."""
        length = self._suite.code_bytes
        return hmac.compare_digest(self._code(packet[HEADER:-length]), packet[-length:])

    def encrypt(self, plain: bytes) -> bytes:
        """IV and blocks; the pad counts 1, 2, 3 ... and ends with its length."""
        pad = -(len(plain) + 1) % BLOCK
        plain += bytes(range(1, pad + 1)) + bytes((pad,))
        start = os.urandom(BLOCK)
        encryptor = Cipher(self._aes, CBC(start)).encryptor()
        return start + encryptor.update(plain) + encryptor.finalize()

    def decrypt(self, secret: bytes) -> bytes | None:
        """The reverse; None if it is not whole blocks with a pad."""
        if len(secret) < 2 * BLOCK or len(secret) % BLOCK:
            return None
        decryptor = Cipher(self._aes, CBC(secret[:BLOCK])).decryptor()
        plain = decryptor.update(secret[BLOCK:]) + decryptor.finalize()
        pad = plain[-1]
        return plain[: -pad - 1] if pad < BLOCK else None

    def _code(self, data: bytes) -> bytes:
        return hmac.digest(self._k1, data, self._suite.digest)[: self._suite.code_bytes]


PROTECTED = ENCRYPTED | AUTHENTICATED
"""Flags of every packet of an open session: both suites do both."""
