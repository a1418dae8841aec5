# SPDX-License-Identifier: Apache-2.0
# DS18B20 thermometers on one 1-Wire bus (Maxim, data sheet DS18B20 Rev 6).
#
# `bus`: reset(), readbit(), readbyte(), writebyte() as onewire.OneWire has them. All four return
# small ints or a bool; none allocates (read() of that class would). One tick moves 3 bytes: 1.7 ms
# of the wait loops of _onewire (560 us per byte written, 400 per byte read, 960 per reset). A
# scratchpad takes 7 ticks, a conversion 0.75 s, so n sensors are read every 1.1 + 0.7 n seconds.
#
# Traps: a bus held low answers every reset and reads as a scratchpad of zeros, whose CRC is right;
# 85.000 degC is what the chip holds before its first conversion and after each brown-out. It is
# believed only near the last reading. Parasitic power is not supported: such a sensor would brown
# out in the conversion, so it is asked for and refused.
#
# Fault to value: open, short, late, absurd: INVALID after the second failure in a row; one alone
# is repeated and changes nothing. A sensor that is late or parasitic takes its whole bus with it:
# its bit hides those of the others. A spike: held once (spike.py). Stuck and drift: a frozen or
# slowly wrong value has a right CRC; sense/ compares.

from array import array

from ..compat import const, ticks_add, ticks_diff
from ..link.wire import INVALID
from .spike import Spike

_BYTES = const(3)  # per tick
_FAMILY = const(0x28)
_MATCH_ROM = const(0x55)
_SKIP_ROM = const(0xCC)
_CONVERT = const(0x44)
_READ_PAD = const(0xBE)
_WRITE_PAD = const(0x4E)
_READ_POWER = const(0xB4)
_PAD_BYTES = const(9)
_CONFIG_AT = const(4)  # in the scratchpad
_POWER_ON = const(0x0550)  # 85.000 degC
_POWER_ON_NEAR_MC = const(2_000)
_LEAST_MC = const(-55_000)
_MOST_MC = const(125_000)
_STEP_MC = const(10_000)  # between two readings; a probe follows air with more than 10 s
_FAILS = const(2)  # in a row: then INVALID
_PAUSE_MS = const(3000)  # between two polls: then all readings are stale

_CRC8 = bytes.fromhex("009d23be46db65f88c11af32ca57e974")  # x8 + x5 + x4 + 1, by nibbles

_SETUP = const(0)  # write the resolution to all
_POWER = const(1)
_START = const(2)
_WAIT = const(3)
_READ = const(4)
_REST = const(5)


class Ds18b20:
    # roms: 8 bytes each, as a scan at provisioning showed them; bits: 9 .. 12 (62 .. 500 m degC
    # per step); period_ms: from conversion to conversion, at least.
    def __init__(self, bus, roms, bits=12, period_ms=2000):
        self._bus = bus
        self._roms = roms
        self._config = (bits - 9) << 5 | 0x1F
        self._mask = ~((1 << (12 - bits)) - 1)  # undefined bits of lower resolutions
        self._convert_ms = 750 >> (12 - bits)  # tCONV, max
        self._late_ms = self._convert_ms * 5 // 4 + 100
        self._period_ms = period_ms
        self._buf = bytearray(10)  # to send
        self._pad = bytearray(_PAD_BYTES)
        self._n_tx = self._n_rx = self._at = 0
        self._which = 0  # sensor
        self._due_ms = self._start_ms = self._seen_ms = 0
        self._spike = [Spike(_STEP_MC) for _ in roms]
        self._fails = bytearray(len(roms))
        self.errors = 0
        self.mc = array("i", [INVALID] * len(roms))
        self._cycle = _SETUP  # what the next cycle begins with
        self._begin(_SETUP)

    def poll(self, now_ms):
        if ticks_diff(now_ms, self._seen_ms) > _PAUSE_MS:
            self._all_failed(_FAILS)
        self._seen_ms = now_ms
        try:
            if self._phase == _WAIT:
                self._wait(now_ms)
            elif self._phase == _REST:
                if max(self._fails) or ticks_diff(now_ms, self._due_ms) >= 0:
                    self._begin(self._cycle)
            elif self._move():
                self._next(now_ms)
        except OSError:  # a bus behind a bridge
            self._lost()

    # Send command (and data) of a phase after a reset; then read.
    def _begin(self, phase):
        buf = self._buf
        self._phase = phase
        self._at = -1
        buf[0] = _SKIP_ROM
        self._n_tx = 2
        self._n_rx = 0
        if phase == _SETUP:
            buf[1] = _WRITE_PAD
            buf[2] = buf[3] = 0  # alarm limits, not used
            buf[4] = self._config
            self._n_tx = 5
        elif phase == _READ:
            rom = self._roms[self._which]
            buf[0] = _MATCH_ROM
            for i in range(8):
                buf[1 + i] = rom[i]
            buf[9] = _READ_PAD
            self._n_tx = 10
            self._n_rx = _PAD_BYTES
        else:
            buf[1] = _CONVERT if phase == _START else _READ_POWER

    # A slice of the exchange; True after the last one.
    def _move(self):
        bus = self._bus
        at = self._at
        if at < 0:
            if bus.reset():
                bus.writebyte(self._buf[0])
                self._at = 1
            else:
                self._lost()
            return False
        end = self._n_tx + self._n_rx
        for _ in range(_BYTES):
            if at < self._n_tx:
                bus.writebyte(self._buf[at])
            elif at < end:
                self._pad[at - self._n_tx] = bus.readbyte()
            at += 1
        self._at = at
        return at >= end

    # The exchange of a phase is complete.
    def _next(self, now_ms):
        phase = self._phase
        if phase == _SETUP:
            self._begin(_POWER)
        elif phase == _POWER:
            if self._bus.readbit():
                self._cycle = _START
                self._begin(_START)
            else:  # parasitic, or held low
                self._lost()
        elif phase == _START:
            self._phase = _WAIT
            self._start_ms = now_ms
        else:
            self._take(self._which)

    # Sensors hold the bus low in read slots while they convert.
    def _wait(self, now_ms):
        waited_ms = ticks_diff(now_ms, self._start_ms)
        if waited_ms >= self._convert_ms:
            if self._bus.readbit():
                self._which = 0
                self._begin(_READ)
            elif waited_ms > self._late_ms:
                self._lost()

    def _take(self, i):
        torn = crc8(self._pad) != 0
        mc = INVALID if torn else self._value(i)
        if mc != INVALID:
            self._fails[i] = 0
            self.mc[i] = self._spike[i].take(mc)
        else:
            self.errors += 1
            self._failed(i, 1)
            if torn and self._fails[i] < _FAILS:
                self._begin(_READ)  # the chip still has it
                return
        self._which += 1
        if self._which < len(self._roms):
            self._begin(_READ)
        else:
            self._phase = _REST
            self._due_ms = ticks_add(self._start_ms, self._period_ms)

    # m degC of the scratchpad just read, INVALID if it is not to be believed.
    def _value(self, i):
        pad = self._pad
        if pad[_CONFIG_AT] != self._config:  # zeros, or a brown-out that restored the EEPROM's
            self._cycle = _SETUP
            return INVALID
        raw = pad[0] | pad[1] << 8
        raw = (raw ^ 0x8000) - 0x8000
        last_mc = self.mc[i]
        if raw == _POWER_ON and not (
            last_mc != INVALID and abs(last_mc - 85_000) <= _POWER_ON_NEAR_MC
        ):
            return INVALID
        mc = (raw & self._mask) * 125 // 2
        return mc if _LEAST_MC <= mc <= _MOST_MC else INVALID

    def _failed(self, i, times):
        self._fails[i] = min(self._fails[i] + times, _FAILS)
        if self._fails[i] >= _FAILS:
            self.mc[i] = self._spike[i].take(INVALID)

    def _all_failed(self, times):
        for i in range(len(self._roms)):
            self._failed(i, times)

    # Nobody answers: all of them again from the start.
    def _lost(self):
        self.errors += 1
        self._all_failed(1)
        self._begin(_SETUP)


# The ROM of a sensor from its serial number, two ints of 24 bits: as a configuration holds it.
def rom_of(high, low):
    rom = bytearray(8)
    rom[0] = _FAMILY
    for i in range(3):
        rom[1 + i] = low >> 8 * i & 0xFF
        rom[4 + i] = high >> 8 * i & 0xFF
    rom[7] = crc8(memoryview(rom)[:7])
    return rom


# The CRC of bytes; 0 over bytes that end with theirs.
def crc8(data):
    crc = 0
    for byte in data:
        crc ^= byte
        crc = crc >> 4 ^ _CRC8[crc & 15]
        crc = crc >> 4 ^ _CRC8[crc & 15]
    return crc
