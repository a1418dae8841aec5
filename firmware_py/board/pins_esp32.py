# SPDX-License-Identifier: Apache-2.0
# Host only: what the pins of an ESP32-S3 can do. Sources: ESP32-S3 datasheet, 2.3 (IO pins, ADC),
# 2.6 (pins that the flash and PSRAM of a module use), 3 (strapping), ESP32-S3 technical reference
# manual, 33 (LEDC: 8 channels, 4 timers). UART and I2C come through the GPIO matrix: any pin. What
# the names mean: check_pins.py.

NAME = "ESP32-S3-DevKitC-1"
PINS = tuple(range(22)) + tuple(range(26, 49))
RESERVED = {
    0: "strapping: boot mode",
    3: "strapping: JTAG",
    45: "strapping: voltage of the flash",
    46: "strapping: boot mode",
    19: "USB",
    20: "USB",
    43: "the UART of the REPL",
    44: "the UART of the REPL",
    **dict.fromkeys(range(26, 38), "flash or PSRAM"),
}
WITH_RADIO: dict[int, str] = {}
ADC = tuple(range(1, 21))
ADC_WITH_RADIO = tuple(range(1, 11))  # ADC2 is the radio's
RATIOMETRIC = False  # its own reference: such sensors need a ref_pin

PWM = None  # LEDC through the matrix: any pin, a channel each, frequencies on timers
PWM_CHANNELS = 8
PWM_TIMERS = 4

BUSES = {
    (kind, number, role): None  # any
    for kind, numbers, roles in (("i2c", (0, 1), ("sda", "scl")), ("uart", (1, 2), ("tx", "rx")))
    for number in numbers
    for role in roles
}
RADIO = True
USB_LINK = False  # mp_hal_stdio_poll always says that there is room; a write then waits
EDGES_BY_NUMBER = False

DEFAULT = {
    "ct a": 1,
    "ct b": 2,
    "leak": 4,
    "ref": 5,
    "led": 6,
    "uart.de": 7,
    "i2c.sda": 8,
    "i2c.scl": 9,
    "relay 0": 10,
    "relay 1": 11,
    "relay 2": 12,
    "relay 3": 13,
    "fan_pwm 0": 14,
    "uart.tx": 15,
    "uart.rx": 16,
    "link_uart.tx": 17,
    "link_uart.rx": 18,
    "fan_pwm 1": 21,
    "contact 0": 38,
    "contact 1": 39,
    "contact 2": 40,
    "contact 3": 41,
    "tach 0": 42,
    "tach 1": 47,
    "ds18b20": 48,
}
BUS_NUMBERS = {"i2c": 0, "uart": 2, "link_uart": 1}


def name(pin):
    return f"GPIO{pin}"
