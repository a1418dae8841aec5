# SPDX-License-Identifier: Apache-2.0
# The link's byte stream over BLE: a GATT service with one characteristic to write to and one that
# notifies, as UARTs over BLE are (128-bit UUIDs of our own). What a frame is does not matter here:
# writes and notifications cut the stream anywhere. bluetooth: MicroPython's module of that name,
# on boards that have it; needs micropython >= 1.20.
#
# The interrupt copies and flags; everything else happens in step(), which the loop calls in its
# slack. A second central is turned away: a link has one host.
#
# Out go chunks of the same length, mtu - 3: what is left of the last one is filled with zeros,
# which are delimiters with nothing between them. So no slice is made for each notification.

from struct import pack

from ..compat import const

SERVICE = "7b1e0001-6f2c-4e5d-9c3a-52616b656467"
TO_BOARD = "7b1e0002-6f2c-4e5d-9c3a-52616b656467"  # write, with or without response
FROM_BOARD = "7b1e0003-6f2c-4e5d-9c3a-52616b656467"  # notify

_CONNECT = const(1)  # _IRQ_CENTRAL_CONNECT and so on, docs/library/bluetooth.rst
_DISCONNECT = const(2)
_WRITE = const(3)
_MTU = const(21)
_F_WRITE = const(0x0C)  # FLAG_WRITE | FLAG_WRITE_NO_RESPONSE
_F_NOTIFY = const(0x10)
_MTU_LEAST = const(23)  # Core specification, vol. 3 part F, 3.2.8
MTU = 247  # a longest frame, 243 bytes, is one notification
_ATTRIBUTE_MAX = const(512)  # longest value of an attribute, same place, 3.2.9
_ADVERTISE_US = const(250_000)
_BURST = const(6)  # chunks in one step, so that it stays short
RING = 1024


class Ble:
    def __init__(self, bluetooth, name):
        self.overruns = 0  # bytes that came while the ring was full
        self.refused = 0  # times the stack had no room for a chunk
        self._ring = bytearray(RING)
        self._head = 0  # written by the interrupt
        self._tail = 0  # read up to here, by read()
        self._start = 0  # head at the last connect: nothing older is read
        self._peer = -1  # connection handle
        self._mtu = _MTU_LEAST  # agreed by the peer
        self._fresh = False  # a connect that step() has not seen yet
        self._strangers = []  # connections to end
        self._advertise = True
        self._chunk = bytearray(_MTU_LEAST - 3)
        self._held = 0  # bytes of the stream in _chunk that are still to be taken by the stack
        ble = self._ble = bluetooth.BLE()
        ble.active(True)
        ble.config(gap_name=name, mtu=MTU)
        ble.irq(self._irq)
        uuid = bluetooth.UUID
        uart = (uuid(SERVICE), ((uuid(FROM_BOARD), _F_NOTIFY), (uuid(TO_BOARD), _F_WRITE)))
        ((self._out, self._in),) = ble.gatts_register_services((uart,))
        ble.gatts_set_buffer(self._in, _ATTRIBUTE_MAX, True)
        # 31 bytes: flags and the service; the name goes into the scan response
        self._adv = b"\x02\x01\x06\x11\x07" + bytes(uuid(SERVICE))
        short = name.encode()[:29]
        self._resp = pack("BB", len(short) + 1, 9) + short

    # Runs between any two lines of the loop.
    def _irq(self, event, data):
        if event == _WRITE:
            if data[0] == self._peer and data[1] == self._in:
                self._copy(self._ble.gatts_read(self._in))
        elif event == _MTU:
            if data[0] == self._peer:
                self._mtu = data[1]
        elif event == _CONNECT:
            if self._peer >= 0:
                self._strangers.append(data[0])
            else:
                self._peer = data[0]
                self._mtu = _MTU_LEAST
                self._start = self._head
                self._fresh = True
        elif event == _DISCONNECT and data[0] == self._peer:
            self._peer = -1
            self._advertise = True

    def _copy(self, data):
        head = self._head
        for byte in data:
            after = (head + 1) % RING
            if after == self._tail:
                self.overruns += 1
            else:
                self._ring[head] = byte
                head = after
        self._head = head

    def connected(self):
        return self._peer >= 0

    # Bytes that have come into rx; how many. Allocates nothing.
    def read(self, rx):
        if self._fresh:
            return 0  # step() first
        tail = self._tail
        n = 0
        while tail != self._head and n < len(rx):
            rx[n] = self._ring[tail]
            tail = (tail + 1) % RING
            n += 1
        self._tail = tail
        return n

    # Advertise, welcome a new central, and hand frames from the outbox to the stack.
    def step(self, outbox):
        while self._strangers:
            self._ble.gap_disconnect(self._strangers.pop())
        if self._fresh:
            self._fresh = False
            self._tail = self._start
            self._held = 0
            outbox.clear()  # a new link starts with nothing old
        if self._peer < 0:
            self._held = 0
            if self._advertise:
                self._advertise = False
                self._ble.gap_advertise(_ADVERTISE_US, self._adv, resp_data=self._resp)
            return
        self._resize()
        for _ in range(_BURST):
            if not self._held:
                self._fill(outbox)
            if not self._held or not self._notify():
                return

    # A chunk of another length once the MTU is known, but not while one waits.
    def _resize(self):
        room = min(self._mtu, MTU) - 3
        if not self._held and len(self._chunk) != room:
            self._chunk = bytearray(room)

    def _fill(self, outbox):
        chunk = self._chunk
        n = self._held = min(outbox.n, len(chunk))
        for i in range(n):
            chunk[i] = outbox.buf[i]
        for i in range(n, len(chunk)):
            chunk[i] = 0
        if n:
            outbox.sent(n)

    # False if the stack has no room: the chunk waits for the next step.
    def _notify(self):
        try:
            self._ble.gatts_notify(self._peer, self._out, self._chunk)
        except OSError:
            self.refused += 1
            return False
        self._held = 0
        return True
