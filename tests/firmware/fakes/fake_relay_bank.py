# SPDX-License-Identifier: Apache-2.0
# Relays with auxiliary contacts, behind pins or an MCP23017 (DS20001952, registers in the order of
# BANK = 0). A relay follows its output at once unless it is welded or stuck.


class FakePin:
    def __init__(self):
        self.level = 0
        self.writes = 0
        self.held = -1  # stuck at this level

    def __call__(self, level=-1):
        if level >= 0:
            self.writes += 1
            self.level = level
        return self.level if self.held < 0 else self.held


class FakeMcp23017:
    def __init__(self):
        self.registers = bytearray(22)
        self.inputs = 0xFFFF  # levels at pins that are inputs
        self.reset()

    def reset(self):
        for i in range(22):
            self.registers[i] = 0
        self.registers[0] = self.registers[1] = 0xFF

    # With IOCON.BANK = 1 the addresses are others; modelled as far as a driver gets lost in it.
    def banked(self):
        return self.registers[0x0A] & 0x80

    def give(self, register, buf):
        for i in range(len(buf)):
            at = register + i
            if self.banked():
                buf[i] = 0
            elif at & ~1 == 0x12:
                buf[i] = self._pins(at & 1)
            else:
                buf[i] = self.registers[at]

    def take(self, register, buf):
        if self.banked():
            if register == 5:
                self.registers[0x0A] = buf[0]
            return
        for i in range(len(buf)):
            at = register + i
            self.registers[at + 2 if at & ~1 == 0x12 else at] = buf[i]

    def _pins(self, port):
        inputs = self.registers[port]
        level = self.registers[0x14 + port] & ~inputs
        return level | (self.inputs >> 8 * port & inputs)

    # Levels that leave the chip; an input leaves its pull-down: 0.
    def driven(self):
        low = self.registers[0x14] & ~self.registers[0]
        high = self.registers[0x15] & ~self.registers[1]
        return (low | high << 8) & 0xFFFF


# The contacts of relays that are driven by a callable() -> mask.
class FakeContacts:
    def __init__(self):
        self.coils = 0
        self.welded = 0
        self.stuck_open = 0
        self.raises = False

    def read(self):
        if self.raises:
            raise OSError(5)
        return (self.coils | self.welded) & ~self.stuck_open
