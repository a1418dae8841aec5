# SPDX-License-Identifier: Apache-2.0
# Host only: whether a board has what its configuration wires: every mistake at once, each with its
# place. store/compile.py calls check() for all boards but `sim`. check_needs.py says what else a
# configuration must have.
#
# A board's pins are a module pins_BOARD.py:
#
#     PINS, RESERVED {pin: why}, WITH_RADIO {pin: why}   those there are, those that are taken
#     ADC, ADC_WITH_RADIO                  pins that measure
#     PWM {pin: (timer, channel)} or None  None: any pin; PWM_CHANNELS, PWM_TIMERS of them
#     BUSES {(kind, number, role): pins}   None: any pin
#     RADIO, USB_LINK                      there is one; the link may be USB
#     RATIOMETRIC                          the ADC's reference is its sensors' supply
#     EDGES_BY_NUMBER                      pins of the same number share one edge interrupt
#     name(pin), DEFAULT {role: pin}, BUS_NUMBERS

from ..store.schema_wiring import CHANNELS, DRIVERS, PINS
from . import check_needs, pins_esp32, pins_rp2, pins_stm32

BOARDS = {"rp2": pins_rp2, "esp32": pins_esp32, "stm32": pins_stm32}
FAN_HZ = 25_000
_ANALOG = ("ct", "ntc", "leak", "analog")
_EDGES = ("tach", "flow")
_UARTS = ("uart", "link_uart", "modbus_uart")
_ON_I2C = ("ina", "sht", "mcp4725", "mcp_relays", "mcp_contacts")
_BY_NUMBER = {row[0]: (name, row[2]) for name, row in DRIVERS.items()}


# A row of `wiring` by names. at: its place in the list.
class Wire:
    def __init__(self, at, row):
        self.at = at
        self.path = f"wiring[{at}]"
        self.channel = "" if row[0] is None else CHANNELS[row[0]][0]
        self.driver, rows = _BY_NUMBER[row[1]]
        self.values = {rows[i][0]: row[2 + i] for i in range(len(rows))}

    def get(self, key):
        return self.values.get(key)

    # Pins that are used, by their keys.
    def pins(self):
        used = {key: self.values.get(key) for key in PINS}
        return {key: pin for key, pin in used.items() if pin is not None and pin >= 0}

    def hz(self):
        if self.driver == "fan_pwm":
            return FAN_HZ
        return self.get("hz") if self.driver == "pwm_out" else None


# made: the sections of a document (store/sections.py). Rows with mistakes of their own are passed
# over.
def check(mistakes, made):
    board = BOARDS.get(made["board"][0])
    if board is None:
        return
    wires = [Wire(i, row) for i, row in enumerate(made["wiring"]) if row and None not in row[2:]]
    radio = any(link["ble"] for link in made["link"])
    for wire in wires:
        _pins(mistakes, board, wire, radio)
    _pwm(mistakes, board, wires)
    _edges(mistakes, board, wires)
    _buses(mistakes, board, wires)
    _devices(mistakes, wires)
    _values(mistakes, board, wires)
    check_needs.check(mistakes, board, wires, made)


def _pins(mistakes, board, wire, radio):
    for key, pin in wire.pins().items():
        where = f"{wire.path}.{key}"
        why = board.RESERVED.get(pin) or (board.WITH_RADIO.get(pin) if radio else None)
        if pin not in board.PINS:
            mistakes.add(where, f"{board.NAME} has no pin {pin}; take another")
        elif why:
            mistakes.add(where, f"{board.name(pin)} is not free: {why}; take another")
        elif key == "ref_pin" or (key == "pin" and wire.driver in _ANALOG):
            able = board.ADC_WITH_RADIO if radio else board.ADC
            if pin not in able:
                mistakes.add(where, f"{board.name(pin)} has no ADC{_also(board, able)}")
        elif wire.hz() and board.PWM is not None and pin not in board.PWM:
            mistakes.add(where, f"{board.name(pin)} has no PWM{_also(board, board.PWM)}")


def _also(board, pins):
    free = [board.name(pin) for pin in sorted(pins) if pin not in board.RESERVED]
    return "; these have: " + " ".join(free)


# Timers with one frequency for all of their channels.
def _pwm(mistakes, board, wires):
    users = [wire for wire in wires if wire.hz()]
    timers, channels = {}, {}
    for wire in users:
        where, pin, hz = f"{wire.path}.pin", wire.get("pin"), wire.hz()
        if board.PWM is None:
            timers.setdefault(hz, hz)
            continue
        if pin not in board.PWM:
            continue
        timer, channel = board.PWM[pin]
        first = channels.setdefault((timer, channel), wire)
        if first is not wire and first.get("pin") != pin:
            mistakes.add(
                where,
                f"{board.name(pin)} is the same PWM channel, {timer}{channel}, as "
                f"{first.path}.pin; take another pin",
            )
            continue
        first = timers.setdefault(timer, wire)
        if first.hz() != hz:
            mistakes.add(
                where,
                f"{board.name(pin)} is on PWM timer {timer}, which runs at {first.hz()} Hz for "
                f"{first.path}, not at {hz}; take a pin of another timer",
            )
    if len(users) > board.PWM_CHANNELS:
        mistakes.add("wiring", f"{len(users)} PWM outputs, the chip has {board.PWM_CHANNELS}")
    if len(timers) > board.PWM_TIMERS:
        mistakes.add("wiring", f"{len(timers)} PWM frequencies, the chip has {board.PWM_TIMERS}")


def _edges(mistakes, board, wires):
    lines = {}
    for wire in wires:
        if not board.EDGES_BY_NUMBER or wire.driver not in _EDGES:
            continue
        pin = wire.get("pin")
        first = lines.setdefault(pin & 15, wire)
        if first.get("pin") != pin:
            mistakes.add(
                f"{wire.path}.pin",
                f"{board.name(pin)} shares its interrupt with {board.name(first.get('pin'))} of "
                f"{first.path}; take a pin with another number",
            )


# Bus pins are of one instance, an instance is used once, and what is on it has it.
def _buses(mistakes, board, wires):
    taken = {}
    for wire in wires:
        kind = "uart" if wire.driver in _UARTS else wire.driver
        if kind not in ("i2c", "uart"):
            continue
        bus = wire.get("bus")
        first = taken.setdefault((kind, bus), wire)
        if first is not wire:
            mistakes.add(f"{wire.path}.bus", f"{kind} {bus} is used by {first.path} too")
        known = sorted(number for k, number, _ in board.BUSES if k == kind)
        if bus not in known:
            numbers = ", ".join(str(number) for number in sorted(set(known)))
            mistakes.add(f"{wire.path}.bus", f"there is no free {kind} {bus}; known: {numbers}")
            continue
        for role in ("sda", "scl") if kind == "i2c" else ("tx", "rx"):
            able = board.BUSES.get((kind, bus, role))
            pin = wire.get(role)
            if able is not None and pin not in able:
                names = " ".join(board.name(each) for each in able)
                mistakes.add(
                    f"{wire.path}.{role}",
                    f"{board.name(pin)} is not {role} of {kind} {bus}; these are: {names}",
                )
    for wire in wires:
        for kind, drivers in (("i2c", _ON_I2C), ("uart", ("meter",))):
            bus = wire.get("bus")
            if wire.driver in drivers and getattr(taken.get((kind, bus)), "driver", "") != kind:
                mistakes.add(f"{wire.path}.bus", f"no row says which pins {kind} {bus} has")


# Rows for one device say the same about it, and two devices do not share an address.
def _devices(mistakes, wires):
    devices = {}
    for wire in wires:
        if wire.driver not in (*_ON_I2C, "meter"):
            continue
        kind = "uart" if wire.driver == "meter" else "i2c"
        address = wire.get("unit" if wire.driver == "meter" else "address")
        first = devices.setdefault((kind, wire.get("bus"), address), wire)
        if first.driver != wire.driver:
            mistakes.add(f"{wire.path}.address", f"{address} is the {first.driver} of {first.path}")
        for key in wire.values:
            if first.driver == wire.driver and first.get(key) != wire.get(key):
                mistakes.add(
                    f"{wire.path}.{key}",
                    f"{first.path} says {first.get(key)} for the same device",
                )


# Numbers of a driver that must fit each other.
def _values(mistakes, board, wires):
    alone = {}
    for wire in wires:
        get = wire.get
        if wire.driver == "flow" and get("most") * get("k") // 6_000_000 + 1 > 2_000:
            mistakes.add(f"{wire.path}.most", "is above 2000 pulses per second; lower most or k")
        if wire.driver == "analog" and get("high_u16") < get("low_u16") + 1024:
            mistakes.add(f"{wire.path}.high_u16", "must be at least 1024 above low_u16")
        if wire.driver == "leak" and not get("short_ohm") < get("wet_ohm") < get("cut_ohm"):
            mistakes.add(f"{wire.path}.wet_ohm", "must lie between short_ohm and cut_ohm")
        if wire.driver in ("ntc", "leak", "analog"):
            if not board.RATIOMETRIC and get("ref_pin") < 0:
                mistakes.notes.append(
                    f"{wire.path}.ref_pin: without it {board.NAME} measures against its own "
                    "reference: some per cent off"
                )
        if wire.driver == "ds18b20":
            alone.setdefault(get("pin"), []).append(wire)
    for same in alone.values():
        for wire in same:
            if wire.get("rom_high") == wire.get("rom_low") == 0:
                if len(same) > 1:
                    mistakes.add(f"{wire.path}.rom_low", "several on this pin: give the number")
                else:
                    mistakes.notes.append(
                        f"{wire.path}: found by a search at boot only; give rom_high, rom_low"
                    )
