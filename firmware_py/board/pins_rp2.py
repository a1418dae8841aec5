# SPDX-License-Identifier: Apache-2.0
# Host only: what the pins of an RP2040 or RP2350A can do, on a Raspberry Pi Pico or Pico 2.
# Sources: RP2040 datasheet, table 2 (GPIO functions) and 4.5.2 (PWM slices), RP2350 datasheet,
# table 8, which has the same functions on these pins; Pico datasheet, 2.1. What the names mean:
# check_pins.py.

NAME = "Raspberry Pi Pico, Pico 2"
PINS = tuple(range(29))
RESERVED = {23: "switches the board's regulator", 24: "sees the board's USB supply"}
WITH_RADIO = {25: "belongs to the radio of a Pico W"}
ADC = (26, 27, 28)
ADC_WITH_RADIO = ADC
RATIOMETRIC = True  # the ADC's reference is the supply of its sensors

# pin: (slice, channel). Pins of one slice share its frequency, pins with both alike share all.
PWM = {pin: ((pin >> 1) & 7, "AB"[pin & 1]) for pin in PINS}
PWM_CHANNELS = 16
PWM_TIMERS = 8

# (kind, number, role): pins
BUSES = {
    ("i2c", 0, "sda"): (0, 4, 8, 12, 16, 20, 28),
    ("i2c", 0, "scl"): (1, 5, 9, 13, 17, 21),
    ("i2c", 1, "sda"): (2, 6, 10, 14, 18, 22, 26),
    ("i2c", 1, "scl"): (3, 7, 11, 15, 19, 27),
    ("uart", 0, "tx"): (0, 12, 16, 28),
    ("uart", 0, "rx"): (1, 13, 17),
    ("uart", 1, "tx"): (4, 8, 20),
    ("uart", 1, "rx"): (5, 9, 21, 25),
}
RADIO = True
USB_LINK = True
EDGES_BY_NUMBER = False

# A map that passes the check: role -> pin.
DEFAULT = {
    "link_uart.tx": 0,
    "link_uart.rx": 1,
    "relay 0": 2,
    "relay 1": 3,
    "i2c.sda": 4,
    "i2c.scl": 5,
    "relay 2": 6,
    "relay 3": 7,
    "uart.tx": 8,
    "uart.rx": 9,
    "uart.de": 10,
    "contact 0": 11,
    "contact 1": 12,
    "contact 2": 13,
    "pump_pwm": 14,
    "contact 3": 15,
    "fan_pwm 0": 16,
    "fan_pwm 1": 17,
    "ds18b20": 18,
    "flow": 19,
    "tach 0": 20,
    "tach 1": 21,
    "led": 22,
    "ct a": 26,
    "ct b": 27,
    "leak": 28,
}
BUS_NUMBERS = {"i2c": 0, "uart": 1, "link_uart": 0}


def name(pin):
    return f"GP{pin}"
