# SPDX-License-Identifier: Apache-2.0
"""How a board `sim` is started, again and again: its command line (firmware_py/boot.py)."""

import hashlib
import secrets
import shutil
import tempfile
import weakref
from pathlib import Path

from edge.errors import ConfigError
from firmware_py.link.auth import NONCE_BYTES
from firmware_py.store import reset
from hil.drivers.boardfile import read_binary

BOOT_ID_MASK = 0xFFFF_FFFF


class Launch:
    """One board's boots. Owns a scratch folder with the compiled configuration."""

    def __init__(
        self,
        config: Path,
        *,
        store: Path | None = None,
        key: bytes | None = None,
        uid: str = "0001",
        boot_id: int = 1,
        boot_count: int = 1,
        link: str | None = None,
        drawn: bool = False,
    ) -> None:
        """`boot_id` and `boot_count` are of the first boot. Raises ConfigError.

        With `drawn`, boot ids and nonces are random, as a board draws them; else the same run gives
        the same bytes.
        """
        self.boots = 0
        """Boots so far."""
        flash = None if store is None else _folder(store)
        binary = read_binary(config)
        self._config = config
        self.folder = Path(tempfile.mkdtemp(prefix="rackedge-board-"))
        # Also without close(): a board in this process holds nothing else worth closing.
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.binary = self.folder / "board.bin"
        self.binary.write_bytes(binary)
        self._boot_id = boot_id
        self._drawn = drawn
        self._boot_count = boot_count
        self._key = key
        self._fixed = ["--uid", uid]
        if link is not None:
            self._fixed += ["--link", str(Path(link).absolute())]
        if flash is not None:
            self._fixed += ["--store", str(flash)]

    def arguments(self, cause: int = reset.CAUSE_POWER_ON) -> list[str]:
        """The command line of the next boot; cause: firmware_py.store.reset.CAUSE_*."""
        if self._drawn:
            self._boot_id = secrets.randbits(32)
        elif self.boots:
            self._boot_id = _after(self._boot_id)
        boot_id, boot_count = self._boot_id, self._boot_count + self.boots
        self.boots += 1
        boot = ["--boot-id", str(boot_id), "--boot-count", str(boot_count), "--cause", str(cause)]
        if self._key:
            boot += ["--key", self._key.hex(), "--nonce", self._nonce(boot_id).hex()]
        return [str(self.binary), *self._fixed, *boot]

    def _nonce(self, boot_id: int) -> bytes:
        if self._drawn:
            return secrets.token_bytes(NONCE_BYTES)
        return hashlib.sha256(b"%d %d" % (boot_id, self.boots)).digest()[:NONCE_BYTES]

    def named(self, text: str) -> str:
        """`text` of the board with the name of the file that a person wrote."""
        return text.replace(str(self.binary), str(self._config))

    def close(self) -> None:
        """Remove the scratch folder."""
        self._remove()


def _after(boot_id: int) -> int:
    """The next boot's id; its low half, the session, is never 0 (link.commands.BoardInfo)."""
    following = (boot_id | 1 if not boot_id & 0xFFFF else boot_id) + 1
    return (following if following & 0xFFFF else following + 1) & BOOT_ID_MASK


def _folder(store: Path) -> Path:
    try:
        store.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{store} cannot be the board's flash ({error.strerror}): give a folder that is yours"
        ) from error
    return store.absolute()
