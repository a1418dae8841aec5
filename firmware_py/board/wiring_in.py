# SPDX-License-Identifier: Apache-2.0
# One input driver from its row, for wiring.py. Each is imported only where a row names it.

from .wiring import feed_of

_W_MOST = 600_000  # what a meter can mean (sense/meter_values.py)


# By the numbers of store/schema_wiring.py.
def make(builder, row):
    return _MAKERS[row[1]](builder, row)


# A feed carries at most twice its rating on three phases for long enough to count.
def _meter(builder, row):
    from ..sense.meter import Meter  # noqa: PLC0415
    from ..sense.meter_maps import MAPS  # noqa: PLC0415

    feeds = builder.settings.feeds
    feed = feeds[feed_of(row) % len(feeds)]
    most_w = 6 * (feed.rating_ma // 10) * (feed.nominal_mv // 10) // 10_000
    most_w = min(max(most_w, 1000), _W_MOST)
    return Meter(builder.master(row[2]), row[3], MAPS[row[4]], feed.nominal_mv, most_w)


def _ina(builder, row):
    from ..sense.ina2xx import Ina2xx  # noqa: PLC0415

    return Ina2xx(builder.i2c(row[2]), row[3], row[5], row[4], row[6], row[7])


def _ct(builder, row):
    from ..sense.ct import CtClamp  # noqa: PLC0415

    ua = max(row[3] * builder.port.ADC_MV // 4096, 1)
    clamp = CtClamp(ua)
    wired = builder.wired
    wired.ua.append(ua)
    wired.adcs.append(builder.port.adc_isr(row[2]))
    wired.clamps.append(clamp)
    wired.feeds.append(feed_of(row))
    return clamp


def _ntc(builder, row):
    from ..sense import ntc_tables as t  # noqa: PLC0415
    from ..sense.ntc import Ntc  # noqa: PLC0415

    tables = (t.NTC10K_B3435_10K, t.NTC10K_B3950_10K, t.NTC10K_B3977_10K)
    return Ntc(builder.line(row[2], row[4]), tables[row[3]])


def _ds18b20(builder, row):
    from ..sense.ds18b20 import Ds18b20, crc8  # noqa: PLC0415

    bus = builder.port.onewire(row[2])
    roms = []
    for other in builder.rows(7):
        if other[2] == row[2]:
            roms.append(_rom(bus, other[3], other[4], crc8))
    return Ds18b20(bus, roms)


# Family, serial number with its low byte first, CRC. 0, 0: the only one that answers now; if none
# does, a number that nobody has.
def _rom(bus, high, low, crc8):
    if high == low == 0:
        found = [rom for rom in bus.scan() if rom[0] == 0x28]
        if len(found) == 1:
            return found[0]
    rom = bytearray(8)
    rom[0] = 0x28
    for i in range(3):
        rom[1 + i] = low >> 8 * i & 0xFF
        rom[4 + i] = high >> 8 * i & 0xFF
    for crc in range(256):
        rom[7] = crc
        if crc8(rom) == 0:
            break
    return rom


def _sht(builder, row):
    from ..sense.sht import Sht  # noqa: PLC0415

    return Sht(builder.i2c(row[2]), row[3], row[4])


def _tach(builder, row):
    from ..sense.tach import Tach  # noqa: PLC0415

    return Tach(_counter(builder, row[2]), row[3])


def _flow(builder, row):
    from ..sense.flow import Flow  # noqa: PLC0415

    return Flow(_counter(builder, row[2]), row[3], row[4])


def _counter(builder, pin):
    from ..sense.tach import EdgeCounter  # noqa: PLC0415

    counter = EdgeCounter()
    builder.port.count(pin, counter)
    return counter


def _leak(builder, row):
    from ..sense.leak import Leak  # noqa: PLC0415

    return Leak(builder.line(row[2], row[7]), row[3], row[4], row[5], row[6])


def _analog(builder, row):
    from ..sense.analog import Analog  # noqa: PLC0415

    return Analog(builder.line(row[2], row[7]), row[3], row[4], row[5], row[6])


_MAKERS = {
    3: _meter,
    4: _ina,
    5: _ct,
    6: _ntc,
    7: _ds18b20,
    8: _sht,
    9: _tach,
    10: _flow,
    11: _leak,
    19: _analog,
}
