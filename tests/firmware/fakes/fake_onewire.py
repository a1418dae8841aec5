# SPDX-License-Identifier: Apache-2.0
# A 1-Wire bus with DS18B20s: the API of onewire.OneWire, bits as the chip sends them. Runs on the
# VM too and allocates nothing in a call. `busy_us` adds up what _onewire's wait loops take.
#
# Faults of the bus: "open" (nobody answers), "short" (held low), "error" (a bridge raises).

_POWER_ON = 0x0550


class FakeDs18b20:
    # mc: what it will measure next; a power cycle is power_on().
    def __init__(self, rom, mc):
        self.rom = rom
        self.mc = mc
        self.late_ms = 0  # added to a conversion
        self.gone = False
        self.parasitic = False
        self.brown_out = False  # the conversion resets the chip
        self.flip = -1  # bit of the next scratchpad that is sent wrongly, once
        self.eeprom_config = 0x7F
        self.pad = bytearray(9)
        self.power_on()

    def power_on(self):
        self.pad[:] = b"\x50\x05\x4b\x46\x7f\xff\x0c\x10\x00"
        self.pad[4] = self.eeprom_config
        self.seal()
        self.ready_ms = 0
        self.converting = False
        self.selected = False
        self.reply = 0  # 1: scratchpad, 2: conversion, 3: power supply

    def seal(self):
        crc = 0
        for i in range(8):
            byte = self.pad[i]
            for _ in range(8):
                mix = (crc ^ byte) & 1
                crc = crc >> 1 ^ (0x8C if mix else 0)
                byte >>= 1
        self.pad[8] = crc

    def start(self, now_ms):
        self.ready_ms = now_ms + (750 >> (3 - (self.pad[4] >> 5 & 3))) + self.late_ms
        self.converting = True

    def finish(self, now_ms):
        if not self.converting or now_ms < self.ready_ms:
            return
        self.converting = False
        if self.brown_out:
            self.power_on()
            return
        raw = self.mc * 2 // 125
        raw &= ~((1 << (3 - (self.pad[4] >> 5 & 3))) - 1)
        self.pad[0] = raw & 0xFF
        self.pad[1] = raw >> 8 & 0xFF
        self.seal()

    def bit(self, n):
        if self.reply == 1 and n < 72:
            value = self.pad[n >> 3] >> (n & 7) & 1
            if n == self.flip:
                self.flip = -1
                value ^= 1
            return value
        if self.reply == 2:
            return 0 if self.converting else 1
        if self.reply == 3:
            return 0 if self.parasitic else 1
        return 1


class FakeOneWire:
    def __init__(self, *devices):
        self.devices = devices
        self.strange = 0  # bytes that no command takes
        self.conversions = 0
        self.now_ms = 0
        self.fault = ""
        self.busy_us = 0
        self._stage = 0  # 0: ROM command, 1 .. 8: ROM bytes, 9: function, 10 ..: data
        self._bits = 0  # read since the function
        self._command = 0

    def _check(self):
        if self.fault == "error":
            raise OSError(5)

    def reset(self, required=False):
        self._check()
        self.busy_us += 960
        self._stage = 0
        if self.fault == "short":
            return True
        there = False
        for device in self.devices:
            device.finish(self.now_ms)
            device.selected = False
            device.reply = 0
            if not device.gone and self.fault != "open":
                there = True
        return there

    def writebyte(self, value):
        self._check()
        self.busy_us += 560
        if self.fault:
            return
        stage = self._stage
        for device in self.devices:
            if device.gone:
                continue
            if stage == 0:
                device.selected = value in (0xCC, 0x55)
            elif stage < 9:
                if device.rom[stage - 1] != value:
                    device.selected = False
            elif device.selected:
                self._function(device, stage, value)
        if stage == 0 and value == 0xCC:
            self._stage = 9
        else:
            self._stage = stage + 1
        self._bits = 0

    def _function(self, device, stage, value):
        if stage == 9:
            self._command = value
            device.finish(self.now_ms)
            if value == 0x44:
                self.conversions += 1
                device.start(self.now_ms)
            device.reply = 1 if value == 0xBE else 2 if value == 0x44 else 3 if value == 0xB4 else 0
        elif self._command == 0x4E and stage < 13:
            device.pad[stage - 8] = value | 0x1F if stage == 12 else value
            device.seal()
        else:
            self.strange += 1

    def readbit(self):
        self._check()
        self.busy_us += 50
        if self.fault == "short":
            return 0
        value = 1
        for device in self.devices:
            device.finish(self.now_ms)
            if device.selected and not device.gone and self.fault != "open":
                value &= device.bit(self._bits)
        self._bits += 1
        return value

    def readbyte(self):
        value = 0
        for i in range(8):
            value |= self.readbit() << i
        return value

    def readinto(self, buf):
        for i in range(len(buf)):
            buf[i] = self.readbyte()
