# SPDX-License-Identifier: Apache-2.0
# Relays, fans, pump, valve and LED of a board, for wiring.py.

from .. import channels as ch
from ..store.layout import OUT_AT

_FAN_HZ = 25_000  # Intel, 4-Wire PWM Controlled Fans Specification 1.3

# Drivers of store/schema_wiring.py
_CONTACT = 12
_RELAY = 13
_LED = 14
_FAN_PWM = 15
_MCP4725 = 16
_PWM_OUT = 17
_MCP_RELAYS = 18
_MCP_CONTACTS = 22


# The relays; groups of off_mask are off from the start. None without relays.
def bank(builder, off_mask):
    from ..act.relays import PinPort, RelayBank  # noqa: PLC0415

    port = builder.port
    groups = builder.settings.groups
    all_mask = (1 << groups) - 1
    boot_mask = all_mask & ~off_mask
    expanders = builder.rows(_MCP_RELAYS)
    if expanders:
        from ..act.mcp23017 import McpRelays  # noqa: PLC0415

        row = expanders[0]
        made = McpRelays(builder.i2c(row[2]), row[3], row[4])
        builder.wired.slow_relays = True
        return RelayBank(made, all_mask, boot_mask, _contacts(builder, groups))
    pins = [None] * groups
    inverted = 0
    fitted = 0
    for row in builder.rows(_RELAY):
        group, pin, inverted = row[2], row[3], row[4]
        pins[group] = port.output(pin, (boot_mask >> group & 1) ^ inverted)
        fitted |= 1 << group
    if not fitted:
        return None
    return RelayBank(PinPort(pins, inverted), fitted, boot_mask, _contacts(builder, groups))


def _contacts(builder, groups):
    expanders = builder.rows(_MCP_CONTACTS)
    if expanders:
        from ..act.mcp23017 import McpContacts  # noqa: PLC0415

        return McpContacts(builder.i2c(expanders[0][2]), expanders[0][3])
    rows = builder.rows(_CONTACT)
    if not rows:
        return None
    from ..act.relays import PinPort  # noqa: PLC0415

    pins = [None] * groups
    for row in rows:
        pins[row[2]] = builder.port.contact(row[3])
    return PinPort(pins, rows[0][4])


# Everything else that is set.
def outputs(builder):
    wired = builder.wired
    for row in builder.rows(_FAN_PWM, _MCP4725, _PWM_OUT):
        made = _drive(builder, row)
        out = row[0] - OUT_AT
        if out == ch.OUT_PUMP_PERMILLE:
            wired.pump = made
        elif out == ch.OUT_VALVE_PERMILLE:
            wired.valve = made
        else:
            wired.fans[out - ch.OUT_FAN0_PERMILLE] = made
        if row[1] == _MCP4725:
            wired.polled.append(made)
    for row in builder.rows(_LED):
        wired.led_flip = row[3]
        wired.led = builder.port.output(row[2], 1 ^ row[3])


def _drive(builder, row):
    port = builder.port
    if row[1] == _FAN_PWM:
        from ..act.fan_pwm import FanPwm  # noqa: PLC0415

        return FanPwm(port.pwm_later(row[2], _FAN_HZ), port.bare(row[2]), row[3])
    from ..act.analog_out import Mcp4725, PwmOut  # noqa: PLC0415

    if row[1] == _MCP4725:
        return Mcp4725(builder.i2c(row[2]), row[3], row[4], row[5], row[6])
    safe = row[3] + (row[4] - row[3]) * row[5] // 1000
    return PwmOut(port.pwm(row[2], row[6], safe), row[3], row[4], row[5])
