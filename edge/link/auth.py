# SPDX-License-Identifier: Apache-2.0
"""The host's side of authenticated requests (firmware_py/PROTOCOL.md, "Authentication")."""

import hashlib
import hmac
import struct
from pathlib import Path

from edge.errors import ConfigError, LinkAuthError
from firmware_py.link import messages as m

KEY_BYTES = 32
"""Length of a board's key."""

NONCE_BYTES = 16
PROOF_BYTES = MAC_BYTES = 8

LABEL = b"rackedge link v1"
"""Separates this use of the key from any other."""

OPEN = (m.HELLO, m.DICT_READ, m.TIME, m.PING, m.CHALLENGE, m.JOURNAL_READ)
"""Requests that change nothing: sent without a MAC, so that they work in any case."""

_HEADER = struct.Struct("<BBHH")


def read_key(path: Path) -> bytes:
    """Key of a board from a file: 64 hexadecimal digits, or 32 bytes as they are.

    Raises ConfigError that names the file and says what to do.
    """
    try:
        data = path.read_bytes()
        readable_by_all = path.stat().st_mode & 0o007
    except OSError as bad:
        raise ConfigError(f"key file {path}: {bad.strerror}; give the key of this board") from None
    if readable_by_all:
        raise ConfigError(f"key file {path} is open to every user: chmod 600 {path}")
    if len(data) == KEY_BYTES:
        return data
    try:
        key = bytes.fromhex(data.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigError(
            f"key file {path}: needs 64 hexadecimal digits or 32 bytes; copy the key of this board "
            "again, or make one with `rackedge board key new`"
        )
    return key


class Authenticator:
    """One board's key, and the session under it. `nonce` names 16 random bytes per run."""

    def __init__(self, key: bytes, nonce: bytes) -> None:
        """Raises ValueError for a key that is not 32 or a nonce that is not 16 bytes."""
        if len(key) != KEY_BYTES or len(nonce) != NONCE_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes and a nonce {NONCE_BYTES}")
        self._key = key
        self._random = nonce
        self._challenges = 0
        self._nonce = nonce
        self._session_key: bytes | None = None
        self._counter = 0

    @property
    def established(self) -> bool:
        """True while requests can be sealed."""
        return self._session_key is not None

    def challenge(self) -> bytes:
        """Payload of the next CHALLENGE; each has a nonce of its own."""
        self._challenges += 1
        count = struct.pack("<I", self._challenges)
        self._nonce = hashlib.sha256(self._random + count).digest()[:NONCE_BYTES]
        return self._nonce

    def answered(self, boot_id: int, answer: bytes) -> None:
        """Take the payload of CHALLENGE_R. Raises LinkAuthError if the board's key is another."""
        self.forget()
        if len(answer) < NONCE_BYTES + PROOF_BYTES:
            raise LinkAuthError("the board's challenge is cut short; update the firmware")
        board, proof = answer[:NONCE_BYTES], answer[NONCE_BYTES : NONCE_BYTES + PROOF_BYTES]
        message = LABEL + struct.pack("<I", boot_id) + board + self._nonce
        key = hmac.digest(self._key, message, "sha256")
        if not hmac.compare_digest(proof, hmac.digest(key, b"board", "sha256")[:PROOF_BYTES]):
            raise LinkAuthError(
                "the board holds another key than this host; give this host the key of this "
                "board, or write the key to the board again"
            )
        self._session_key, self._counter = key, 0

    def forget(self) -> None:
        """The board has rebooted, or asks for a new challenge."""
        self._session_key = None

    def seal(self, type_: int, seq: int, session: int, payload: bytes) -> bytes:
        """Payload with counter and MAC behind it, for a frame with the flag AUTH."""
        if self._session_key is None:
            raise LinkAuthError("no authenticated session with the board yet; connect first")
        self._counter += 1
        header = _HEADER.pack(m.VERSION << 4 | m.AUTH, type_, seq, session)
        signed = payload + struct.pack("<I", self._counter)
        return signed + hmac.digest(self._session_key, header + signed, "sha256")[:MAC_BYTES]
