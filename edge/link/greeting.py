# SPDX-License-Identifier: Apache-2.0
"""Getting to know a board: HELLO, its answer, its dictionary."""

from edge.core import Frame
from edge.link import fields
from edge.link.diagnosis import Diagnosis
from edge.link.dictionary import DictionaryCache, DictionaryReader
from edge.link.messages import OWN, Dictionary
from edge.link.requests import Request
from firmware_py.link.messages import BODY_MAX, DICT_READ, HELLO

HELLO_PERIOD_MS = 1000
"""Time between HELLOs once the first tries have failed."""


class Greeting:
    """What has to be remembered between start and READY."""

    def __init__(self, owner: int, nonce: int, cache: DictionaryCache) -> None:
        self.diagnosis = Diagnosis(0)
        self.due_ms: int | None = None
        """When to say HELLO again after a board was refused; None while one is on the line."""
        self._owner = owner
        self._nonce = nonce
        self._cache = cache
        self._reader: DictionaryReader | None = None

    def hello(self, *, slowly: bool = False) -> Request:
        """The next HELLO; `slowly` after the first ones have failed.

        Each has a new nonce: a delayed answer to an earlier one is not taken for new.
        """
        self.due_ms = None
        self._nonce = (self._nonce + 1) & 0xFFFF_FFFF
        _type, payload = OWN.pack("HELLO", owner=self._owner, nonce=self._nonce, max_rx=BODY_MAX)
        request = Request("HELLO", HELLO, payload)
        if slowly:
            request.tries, request.wait_ms = 1, HELLO_PERIOD_MS
        return request

    def answered(self, frame: Frame, board: fields.HelloR) -> bool:
        """True if this HELLO_R answers the newest HELLO."""
        return board.nonce == self._nonce and frame.session == board.boot_id & 0xFFFF

    def known(self, board: fields.HelloR) -> Dictionary | None:
        """The board's dictionary, or None: then read it with `read` and `chunk`."""
        self._reader = DictionaryReader(board.dict_crc, board.dict_len)
        return self._cache.get(board.dict_crc, board.dict_len)

    def read(self) -> Request:
        """The request for the next piece of the dictionary."""
        offset, length = self._reading().missing
        _type, payload = OWN.pack("DICT_READ", offset=offset, length=length)
        return Request("DICT_READ", DICT_READ, payload)

    def chunk(self, data: fields.DictData) -> Dictionary | None:
        """Take a piece; the dictionary once complete. Raises ValueError if it cannot be used."""
        reader = self._reading()
        reader.add(data.offset, data.tail)
        if reader.missing[1]:
            return None
        return self._cache.put(reader.crc, reader.compressed)

    def _reading(self) -> DictionaryReader:
        if self._reader is None:
            raise ValueError("no dictionary is being read")
        return self._reader
