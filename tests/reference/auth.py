# SPDX-License-Identifier: Apache-2.0
"""Authentication of link v1 by the standard library alone: what board and host must agree with."""

import hashlib
import hmac
import struct

LABEL = b"rackedge link v1"


def board_nonce(boot_nonce: bytes, challenge: int) -> bytes:
    """Nonce of the n-th CHALLENGE since boot, counted from 1."""
    return hashlib.sha256(boot_nonce + struct.pack("<I", challenge)).digest()[:16]


def session_key(key: bytes, boot_id: int, board: bytes, host: bytes) -> bytes:
    return hmac.digest(key, LABEL + struct.pack("<I", boot_id) + board + host, "sha256")


def proof(session: bytes) -> bytes:
    return hmac.digest(session, b"board", "sha256")[:8]


def seal(session: bytes, header: bytes, payload: bytes, counter: int) -> bytes:
    """Counter and MAC, which follow the payload."""
    count = struct.pack("<I", counter)
    return count + hmac.digest(session, header + payload + count, "sha256")[:8]
