# SPDX-License-Identifier: Apache-2.0
# Host only: what a configuration needs from its wiring: a driver for each channel without which the
# board would stay DEGRADED, or could not do what it is told to; ports for its links; buses that can
# be read within a tick.

_PARTS_US = {  # of a bus at 100 kHz, and at any speed: datasheets and the drivers' head comments
    "ina": (2_400, 200),
    "sht": (700, 100),
    "mcp4725": (600, 100),
    "mcp_relays": (2_300, 200),
    "mcp_contacts": (1_500, 200),
    "meter": (0, 1_000),
    "ds18b20": (0, 1_700),
    "ntc": (0, 200),
    "leak": (0, 200),
    "analog": (0, 200),
}
BUDGET_US = 40_000  # of a tick of 100 ms, as board/wired.py


def check(mistakes, board, wires, made):
    channels = {wire.channel for wire in wires}
    for channel, path, why in _needed(made):
        if channel not in channels:
            mistakes.add("wiring", f"{path} needs a driver for channel {channel}{why}")
    for channel, note in _wished(made):
        if channel not in channels:
            mistakes.notes.append(f"wiring: no driver for {channel}: {note}")
    loads = [i for i in range(len(made["loads"])) if f"load{i}_mw" not in channels]
    if loads:
        mistakes.notes.append(
            f"wiring: no driver for the power of load {', '.join(str(i) for i in loads)}: "
            "their groups are shed by what the feeds show, and hardly ever come back by themselves"
        )
    _relays(mistakes, wires, made)
    _fast(mistakes, wires, made)
    _ports(mistakes, board, wires, made)
    _budget(mistakes, wires)


# (channel, what needs it, why)
def _needed(made):
    for i in range(len(made["feeds"])):
        for unit in ("ma", "mv"):
            yield f"feed_{'ab'[i]}_{unit}", f"feeds[{i}]", ""
    yield "inlet_mc", "air", ""
    yield "leak", "shed", ": a rope, or a jumper of its end-of-line resistor"
    for i in range(len(made["zones"])):
        yield ("outlet_mc" if i == 0 else f"zone{i}_mc"), f"zones[{i}]", ""
    for i, fan in enumerate(made["fans"]):
        yield f"fan{i}_permille", f"fans[{i}]", ""
        if fan["max_rpm"]:
            yield f"fan{i}_rpm", f"fans[{i}].max_rpm", "; 0: no tach"
    for shed in made["shed"]:
        if shed["underfrequency_mhz"]:
            yield "freq_mhz", "shed.underfrequency_mhz", "; 0: off"
        if shed["bbu_shed_permille"]:
            yield "bbu_permille", "shed.bbu_shed_permille", "; 0: off"
    for liquid in made["liquid"]:
        yield from _coolant(liquid)


def _coolant(liquid):
    for channel in ("supply_mc", "return_mc", "rh_permille", "dew_air_mc", "pump_permille"):
        yield channel, "liquid", ""
    yield ("dp_pa" if liquid["pump_on"] else "flow_mlm"), "liquid.pump_on", ""
    if liquid["reservoir_empty_permille"]:
        yield "reservoir_permille", "liquid.reservoir_empty_permille", "; 0: off"
    if liquid["pump_rpm_full"]:
        yield "pump_rpm", "liquid.pump_rpm_full", "; 0: no tach"


# (channel, what it is without it)
def _wished(made):
    for i in range(len(made["feeds"])):
        yield f"feed_{'ab'[i]}_mw", "a bad current is believed sooner"
    for _ in made["liquid"]:
        yield "valve_permille", "the facility water is not controlled"
    yield "state", "no status LED"


# Every group that may be shed has a relay; all relays are of one kind, and so are the contacts.
def _relays(mistakes, wires, made):
    groups = range(len(made["groups"]))
    relays = [wire for wire in wires if wire.driver == "relay"]
    contacts = [wire for wire in wires if wire.driver == "contact"]
    for rows, expander, what in (
        (relays, "mcp_relays", "relay"),
        (contacts, "mcp_contacts", "contact"),
    ):
        others = [wire for wire in wires if wire.driver == expander]
        for wire in others if rows else others[1:]:
            mistakes.add(wire.path, f"beside another {what} driver: one expander, or pins")
        for wire in rows[1:]:
            if wire.get("inverted") != rows[0].get("inverted"):
                mistakes.add(f"{wire.path}.inverted", f"must be as in {rows[0].path}: one kind")
        if others:
            continue
        have = {wire.get("group") for wire in rows}
        for g in groups:
            shed = not made["groups"][g]["never"]
            if what == "relay" and shed and g not in have:
                mistakes.add("wiring", f"groups[{g}] needs a relay; never: true if it has none")
            feedback = any(shed["feedback"] for shed in made["shed"])
            if what == "contact" and feedback and g not in have:
                mistakes.add(
                    "wiring", f"shed.feedback needs a contact of groups[{g}]; 0: none are fitted"
                )


# The fast path sees what its clamps can show: 1.65 V of peak.
def _fast(mistakes, wires, made):
    permille = max(shed["fast_permille"] or 0 for shed in made["shed"])
    if not permille:
        return
    for wire in wires:
        feed = {"feed_a_ma": 0, "feed_b_ma": 1}.get(wire.channel, 9)
        if wire.driver == "ct" and feed < len(made["feeds"]):
            rating_ma, ppm = (made["feeds"][feed][key] for key in ("rating_ma", "magnetic_ppm"))
            peak_ma = (rating_ma or 0) * (ppm or 0) // 1_000_000 * permille // 1000 * 1414 // 1000
            if peak_ma > wire.get("ma_per_v") * 3 // 2:
                mistakes.add(
                    f"{wire.path}.ma_per_v",
                    f"the clamp ends at {wire.get('ma_per_v') * 3 // 2} mA, shed.fast_permille "
                    f"means {peak_ma} mA of peak; take a larger clamp or lower it",
                )
    clamps = {wire.channel for wire in wires if wire.driver == "ct"}
    for i in range(len(made["feeds"])):
        channel = f"feed_{'ab'[i]}_ma"
        if channel not in clamps:
            mistakes.add(
                "wiring", f"shed.fast_permille needs driver ct for channel {channel}; 0: off"
            )
    for wire in wires:
        if wire.driver == "mcp_relays":
            mistakes.notes.append(
                f"{wire.path}: behind a bus relays open between two bytecodes, not in the interrupt"
            )


def _ports(mistakes, board, wires, made):
    by_driver = {wire.driver: wire for wire in wires}
    bus = by_driver.get("link_uart")
    for link in made["link"]:
        if link["ble"] and not board.RADIO:
            mistakes.add("link.ble", f"{board.NAME} has no radio; must be 0")
        if link["mode"] and bus is None:
            mistakes.add("link.mode", "RS-485 needs a row with driver link_uart")
        elif link["mode"] and bus.get("de") < 0:
            mistakes.add(f"{bus.path}.de", "RS-485 needs the pin of the driver enable")
        elif not link["mode"] and bus is None and not board.USB_LINK:
            mistakes.add(
                "link",
                f"needs a row with driver link_uart: on {board.NAME} a write to USB waits for a "
                "host that does not read",
            )
        elif not link["mode"] and bus is None:
            mistakes.notes.append(
                "link: over USB; on boards with one USB port the REPL gives way to it"
            )
    slave = by_driver.get("modbus_uart")
    if made["modbus"] and slave is None:
        mistakes.add("modbus", "needs a row with driver modbus_uart")
    if slave is not None and not made["modbus"]:
        mistakes.add(slave.path, "needs a section modbus with the address")
    if slave is not None and slave.get("de") < 0:
        mistakes.add(f"{slave.path}.de", "RS-485 needs the pin of the driver enable")


# Time on the buses of one tick. What serves loads only takes turns, the rest must fit.
def _budget(mistakes, wires):
    hz = {wire.get("bus"): wire.get("hz") for wire in wires if wire.driver == "i2c"}
    spent = {}
    for wire in wires:
        if wire.driver in _PARTS_US:
            scaled_us, fixed_us = _PARTS_US[wire.driver]
            us = scaled_us * 100_000 // (hz.get(wire.get("bus")) or 100_000) + fixed_us
            where = wire.get("pin") or (wire.get("bus"), wire.get("address") or wire.get("unit"))
            device = (wire.driver, where)
            essential = spent.get(device, (False,))[0] or not wire.channel.startswith("load")
            spent[device] = essential, us
    first_us = sum(us for essential, us in spent.values() if essential)
    all_us = sum(us for _, us in spent.values())
    if first_us > BUDGET_US:
        mistakes.add(
            "wiring",
            f"reading takes {first_us // 1000} ms of each tick, {BUDGET_US // 1000} are there; "
            "raise hz of the I2C or use fewer devices",
        )
    elif all_us > BUDGET_US:
        turns = -(-(all_us - first_us) // (BUDGET_US - first_us))
        mistakes.notes.append(f"wiring: each load is read every {turns} ticks: raise hz of the I2C")
