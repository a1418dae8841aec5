# SPDX-License-Identifier: Apache-2.0
# An I2C bus with register devices, as machine.I2C shows it. A device has .take(register, buf) for a
# write and .give(register, buf) for a read.


class FakeI2c:
    def __init__(self):
        self._devices = {}
        self.fault = ""  # "nak": nobody answers; "low", "high": the data line is stuck
        self.transfers = 0

    def attach(self, address, device):
        self._devices[address] = device

    def _reach(self, address):
        self.transfers += 1
        if self.fault == "nak" or address not in self._devices:
            raise OSError(19)
        return self._devices[address]

    def readfrom_mem_into(self, address, register, buf):
        device = self._reach(address)
        if self.fault:
            for i in range(len(buf)):
                buf[i] = 0xFF if self.fault == "high" else 0
            return
        device.give(register, buf)

    def writeto_mem(self, address, register, buf):
        device = self._reach(address)
        if not self.fault:
            device.take(register, buf)
