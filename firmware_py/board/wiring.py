# SPDX-License-Identifier: Apache-2.0
# From the rows of settings.wiring to drivers, at boot; live.py drops this module then. Outputs come
# first, each with its safe level before its direction. A bus is made once; a device that serves
# several channels is one driver. Only the drivers that rows name are imported.
#
# A row: channel (outputs from OUT_AT on), driver, the driver's numbers in the order of
# store/schema_wiring.py. `config compile` has checked them; what does not fit all the same raises
# here, before the first tick.

from .. import channels as ch
from .wired import ATTRIBUTES, Wired


class Builder:
    # off_mask: groups that stay off from the start.
    def __init__(self, port, settings, off_mask):
        self.port = port
        self.settings = settings
        self.wired = Wired(port.ticks_us)
        self._rows = settings.wiring
        self._buses = {}
        self._made = {}  # what several rows share -> its driver
        self._outputs(off_mask)
        for essential in (True, False):
            for row in self._rows:
                if (row[0] < ch.IN_LOAD0_MW) == essential and row[0] < ch.N_IN:
                    self._input(row)
            if essential:
                self.wired.essential = len(self.wired.drivers)
        self.wired.seal()

    def rows(self, *drivers):
        return [row for row in self._rows if row[1] in drivers]

    # ---- outputs ----

    def _outputs(self, off_mask):
        from .wiring_out import bank, outputs  # noqa: PLC0415

        self.wired.bank = bank(self, off_mask)
        outputs(self)

    # ---- buses ----

    def i2c(self, bus):
        if ("i2c", bus) not in self._buses:
            for row in self.rows(1):
                if row[2] == bus:
                    made = self.port.i2c(bus, row[3], row[4], row[5])
                    self._buses["i2c", bus] = made
        return self._buses["i2c", bus]

    # The Modbus master on a UART.
    def master(self, bus):
        if ("uart", bus) not in self._buses:
            from ..sense.modbus_master import Master  # noqa: PLC0415

            for row in self.rows(2):
                if row[2] == bus:
                    uart = self.port.uart(bus, row[3], row[4], row[6])
                    de = self.port.output(row[5], 0) if row[5] >= 0 else None
                    made = self._buses["uart", bus] = Master(uart, row[6], de)
                    if de is not None:
                        self.wired.masters.append(made)
        return self._buses["uart", bus]

    # pin alone, or with a second one that sees half of the supply.
    def line(self, pin, ref_pin):
        from ..sense.adc import AdcLine  # noqa: PLC0415

        if ref_pin >= 0 and ("ref", ref_pin) not in self._buses:
            self._buses["ref", ref_pin] = self.port.adc(ref_pin)
        return AdcLine(self.port.adc(pin), self._buses.get(("ref", ref_pin)))

    # ---- inputs ----

    def _input(self, row):
        number = row[1]
        if number in (12, 22):  # contacts are read by the relays
            return
        key = _key(row)
        index = -1
        if number == 7:
            index = self._probe_of(row)
        if key not in self._made:
            from .wiring_in import make  # noqa: PLC0415

            self._made[key] = len(self.wired.drivers)
            self.wired.drivers.append(make(self, row))
        tap = (self._made[key], row[0], _attribute(row), index)
        for number in tap:
            self.wired.taps.append(number)

    # Place of a thermometer among those on its pin.
    def _probe_of(self, row):
        same = [other for other in self.rows(7) if other[2] == row[2]]
        return same.index(row)


# Rows with the same key are one device.
def _key(row):
    if row[1] in (3, 4, 8):  # meter, ina, sht: bus and address
        return row[1], row[2], row[3]
    if row[1] == 7:
        return row[1], row[2]
    return tuple(row)


# Number of the attribute that a channel is read from.
def _attribute(row):
    channel, number = row[0], row[1]
    if number in (3, 4):
        if channel == ch.IN_FREQ_MHZ:
            return ATTRIBUTES.index("mhz")
        if channel in (ch.IN_FEED_A_MA, ch.IN_FEED_B_MA):
            return ATTRIBUTES.index("ma")
        volts = channel in (ch.IN_FEED_A_MV, ch.IN_FEED_B_MV)
        return ATTRIBUTES.index("mv" if volts else "mw")
    if number == 8 and channel == ch.IN_RH_PERMILLE:
        return ATTRIBUTES.index("rh_permille")
    names = {5: "ma", 6: "mc", 7: "mc", 8: "mc", 9: "rpm", 10: "mlm", 11: "wet", 19: "value"}
    return ATTRIBUTES.index(names[number])


# The feed that a channel belongs to; loads count as feed A.
def feed_of(row):
    return row[0] & 1 if row[0] <= ch.IN_FEED_B_MV else 0


def build(port, settings, off_mask=0):
    return Builder(port, settings, off_mask).wired
