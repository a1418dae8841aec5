# SPDX-License-Identifier: Apache-2.0
# The streams of a board, at boot: its link, BLE and the Modbus slave, as the configuration wants
# them. Only those in use are imported.

from ..compat import const

_LINK_UART = const(20)  # drivers of store/schema_wiring.py
_MODBUS_UART = const(21)
_BITS = const(10)  # of a byte on a line that is not a bus
_BUS_BITS = const(11)


def _row(settings, driver):
    for row in settings.wiring:
        if row[1] == driver:
            return row
    return None


# Give live its link, radio and slave.
def links(live, settings):
    live.link = _link(live, settings.link, _row(settings, _LINK_UART))
    if settings.link.ble:
        live.radio = _radio(live)
    if settings.modbus is not None:
        live.slave = _slave(live, settings.modbus, _row(settings, _MODBUS_UART))


def _link(live, link, row):
    port = live.port
    if row is None:
        return port.usb()
    uart = port.uart(row[2], row[3], row[4], link.baud)
    if link.mode == 0:
        from .streams import Stream  # noqa: PLC0415

        return Stream(uart, port.ticks_us, _BITS * 1_000_000 // link.baud, port.TX_BYTES)
    from .bus import BusLink  # noqa: PLC0415

    return BusLink(_pair(port, uart, row, link.baud), link.baud, live.app.outbox, port.ticks_us)


def _pair(port, uart, row, baud):
    from .bus import Pair  # noqa: PLC0415

    de = port.output(row[5], 0)
    return Pair(uart, port.ticks_us, _BUS_BITS * 1_000_000 // baud, port.TX_BYTES, de)


# BLE is a stream of its own: its own frames, its own endpoint on the same board.
def _radio(live):
    from ..link.ble import Ble  # noqa: PLC0415
    from .radio import Radio  # noqa: PLC0415

    app = live.app
    return Radio(app, Ble(live.port.radio(), app.state.info.name))


def _slave(live, modbus, row):
    from ..link.modbus_registers import Registers  # noqa: PLC0415
    from ..link.modbus_slave import ModbusSlave, silence_us  # noqa: PLC0415
    from .bus import SlaveBus  # noqa: PLC0415

    port = live.port
    app = live.app
    telemetry = app.telemetry
    telemetry.always = True
    cooling = telemetry.cooling
    registers = Registers(
        app.state,
        telemetry.main.body,
        telemetry.loads.body,
        None if cooling is None else cooling.frame.body,
    )
    slave = ModbusSlave(registers, modbus.address, silence_us(modbus.baud), modbus.writes != 0)
    pair = _pair(port, port.uart(row[2], row[3], row[4], modbus.baud), row, modbus.baud)
    return SlaveBus(pair, modbus.baud, slave, port.ticks_us)
