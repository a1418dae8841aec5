# SPDX-License-Identifier: Apache-2.0
"""MicroPython's `bluetooth` module as far as a peripheral uses it, and a central to talk to it.

Semantics from docs/library/bluetooth.rst: an attribute keeps only as much as its buffer holds, a
buffer that appends is emptied by gatts_read, notifications are cut to MTU - 3, gatts_notify raises
OSError when the stack has no memory.
"""

import errno
import uuid


class UUID:
    def __init__(self, text):
        self.value = uuid.UUID(text)

    def __bytes__(self):
        return self.value.bytes[::-1]  # little-endian, as it is advertised


class BLE:
    def __init__(self):
        self.settings = {}
        self.handler = None
        self.services = None
        self.advertised = []
        self.disconnected = []
        self.notified = []  # (connection, attribute, bytes)
        self.room = 10**6  # notifications the stack takes before it is out of memory
        self.mtu = {}
        self._values = {}
        self._buffers = {}

    def active(self, on):
        self.settings["active"] = on

    def config(self, **settings):
        self.settings |= settings

    def irq(self, handler):
        self.handler = handler

    def gatts_register_services(self, services):
        self.services = services
        handles = iter(range(10, 100))
        made = tuple(tuple(next(handles) for _ in chars) for _uuid, chars in services)
        for handle in (h for service in made for h in service):
            self._values[handle], self._buffers[handle] = b"", (20, False)
        return made

    def gatts_set_buffer(self, handle, length, append=False):
        self._buffers[handle] = (length, append)

    def gatts_read(self, handle):
        value = self._values[handle]
        if self._buffers[handle][1]:
            self._values[handle] = b""
        return value

    def gatts_notify(self, connection, handle, data):
        if self.room == 0:
            raise OSError(errno.ENOMEM)
        self.room -= 1
        self.notified.append((connection, handle, bytes(data)[: self.mtu[connection] - 3]))

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        assert interval_us
        assert connectable
        assert len(adv_data) <= 31
        assert len(resp_data) <= 31
        self.advertised.append((bytes(adv_data), bytes(resp_data)))

    def gap_disconnect(self, connection):
        self.disconnected.append(connection)
        self.leave(connection)

    # The central's side.

    def connect(self, connection):
        self.mtu[connection] = 23
        self.handler(1, (connection, 0, b"\1\2\3\4\5\6"))

    def exchange_mtu(self, connection, mtu):
        self.mtu[connection] = min(mtu, self.settings["mtu"])
        self.handler(21, (connection, self.mtu[connection]))

    def write(self, connection, handle, data):
        length, append = self._buffers[handle]
        held = self._values[handle] if append else b""
        self._values[handle] = (held + data)[:length]
        self.handler(3, (connection, handle))

    def leave(self, connection):
        self.handler(2, (connection, 0, b"\1\2\3\4\5\6"))


class Bluetooth:
    """The module itself: one radio."""

    UUID = UUID

    def __init__(self):
        self.radio = BLE()

    def BLE(self):  # noqa: N802
        return self.radio
