# SPDX-License-Identifier: Apache-2.0
# MCP23017 (DS20001952) as a port of relays.RelayBank: 16 outputs, or 16 inputs with pull-ups for
# auxiliary contacts to ground. After a reset all its pins are inputs, which drops every relay of
# an active-high board; a read notices that and sets it up again. Nothing here allocates.

from ..compat import const

_IODIR = const(0x00)  # A, B follows; addresses with IOCON.BANK = 0
_GPINTENB = const(0x05)  # with BANK = 1 this is IOCON: 0 there brings BANK = 0 back
_GPPU = const(0x0C)
_GPIO = const(0x12)
_OLAT = const(0x14)


class _Chip:
    isr_safe = 0

    def __init__(self, i2c, address, flip):
        self._i2c = i2c
        self._address = address
        self._flip = 0xFFFF if flip else 0
        self._one = bytearray(1)
        self._two = bytearray(2)

    def _put(self, register, value):
        two = self._two
        two[0] = value & 0xFF
        two[1] = value >> 8
        self._i2c.writeto_mem(self._address, register, two)

    def _get(self, register):
        two = self._two
        self._i2c.readfrom_mem_into(self._address, register, two)
        return two[0] | two[1] << 8

    def _bank_0(self):
        self._one[0] = 0
        self._i2c.writeto_mem(self._address, _GPINTENB, self._one)


# 16 outputs; active_low: a low pin is a relay that is on.
class McpRelays(_Chip):
    def __init__(self, i2c, address, active_low=0):
        super().__init__(i2c, address, active_low)
        self._mask = 0

    # The latch first: pins that become outputs have their level at once.
    def write(self, mask):
        self._mask = mask
        self._bank_0()
        self._put(_OLAT, (mask ^ self._flip) & 0xFFFF)
        self._put(_IODIR, 0)

    # What the relays see: an input drives none of them.
    def read(self):
        if self._get(_IODIR) != 0:
            return ~self._mask & 0xFFFF  # nothing is as commanded: makes the bank write again
        return self._get(_OLAT) ^ self._flip


# 16 inputs; a closed contact pulls its pin low.
class McpContacts(_Chip):
    def __init__(self, i2c, address):
        super().__init__(i2c, address, 1)

    def read(self):
        if self._get(_GPPU) != 0xFFFF or self._get(_IODIR) != 0xFFFF:
            self._bank_0()
            self._put(_IODIR, 0xFFFF)
            self._put(_GPPU, 0xFFFF)
        return self._get(_GPIO) ^ self._flip
