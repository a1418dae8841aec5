# SPDX-License-Identifier: Apache-2.0
# Host only: what the pins of a NUCLEO-H743ZI2 can do, ports A to D. Sources: STM32H743 datasheet
# DS12110, table 9 and 10 to 13 (alternate functions, ADC), UM2407 (the board). Bus pins are those
# that MicroPython's board definition fixes; the timer of a pin is the one that its machine.PWM
# takes, the second among the alternate functions. What the names mean: check_pins.py.

NAME = "NUCLEO-H743ZI2"

_PORTS = "ABCD"


def _pin(text):
    return 16 * _PORTS.index(text[1]) + int(text[2:])


def _pins(text):
    return tuple(_pin(each) for each in text.split())


PINS = tuple(range(64))
RESERVED = {
    _pin(text): why
    for texts, why in (
        ("PA9 PA10 PA11 PA12", "USB"),
        ("PA13 PA14", "debugger"),
        ("PD8 PD9", "the UART of the REPL, ST-LINK"),
        ("PC14 PC15", "32 kHz crystal"),
        ("PA1 PA2 PA7 PC1 PC4 PC5 PB13", "Ethernet, soldered to its chip"),
    )
    for text in texts.split()
}
WITH_RADIO: dict[int, str] = {}
ADC = _pins("PA0 PA3 PA4 PA5 PA6 PB0 PB1 PC0")
ADC_WITH_RADIO = ADC
RATIOMETRIC = True

PWM = {
    _pin(text): (timer, channel)
    for text, timer, channel in (
        ("PA0", 5, 1),
        ("PA3", 5, 4),
        ("PA5", 2, 1),
        ("PA6", 13, 1),
        ("PA8", 1, 1),
        ("PA15", 2, 1),
        ("PB0", 3, 3),
        ("PB1", 3, 4),
        ("PB3", 2, 2),
        ("PB4", 3, 1),
        ("PB5", 3, 2),
        ("PB6", 4, 1),
        ("PB7", 4, 2),
        ("PB8", 4, 3),
        ("PB9", 4, 4),
        ("PB10", 2, 3),
        ("PB11", 2, 4),
        ("PB14", 12, 1),
        ("PB15", 12, 2),
        ("PC6", 8, 1),
        ("PC7", 8, 2),
        ("PC8", 8, 3),
        ("PC9", 8, 4),
        ("PD12", 4, 1),
        ("PD13", 4, 2),
        ("PD14", 4, 3),
        ("PD15", 4, 4),
    )
}
PWM_CHANNELS = 32
PWM_TIMERS = 12

BUSES = {
    ("i2c", 1, "scl"): _pins("PB8"),
    ("i2c", 1, "sda"): _pins("PB9"),
    ("uart", 2, "tx"): _pins("PD5"),
    ("uart", 2, "rx"): _pins("PD6"),
    ("uart", 5, "tx"): _pins("PB6"),
    ("uart", 5, "rx"): _pins("PB12"),
    ("uart", 6, "tx"): _pins("PC6"),
    ("uart", 6, "rx"): _pins("PC7"),
}
RADIO = False
USB_LINK = True
EDGES_BY_NUMBER = True  # one interrupt per pin number: PA3 and PD3 exclude each other

DEFAULT = {
    role: _pin(text)
    for role, text in (
        ("ct a", "PA3"),
        ("ct b", "PC0"),
        ("leak", "PB1"),
        ("i2c.scl", "PB8"),
        ("i2c.sda", "PB9"),
        ("link_uart.tx", "PD5"),
        ("link_uart.rx", "PD6"),
        ("uart.tx", "PC6"),
        ("uart.rx", "PC7"),
        ("uart.de", "PC8"),
        ("modbus_uart.tx", "PB6"),
        ("modbus_uart.rx", "PB12"),
        ("modbus_uart.de", "PA15"),
        ("relay 0", "PB10"),
        ("relay 1", "PB11"),
        ("relay 2", "PC10"),
        ("relay 3", "PC11"),
        ("contact 0", "PB2"),
        ("contact 1", "PB3"),
        ("contact 2", "PB4"),
        ("contact 3", "PB5"),
        ("fan_pwm 0", "PD12"),
        ("fan_pwm 1", "PD13"),
        ("pump_pwm", "PB15"),
        ("tach 0", "PD0"),
        ("tach 1", "PD1"),
        ("flow", "PC9"),
        ("ds18b20", "PC12"),
        ("led", "PB14"),
    )
}
BUS_NUMBERS = {"i2c": 1, "uart": 6, "link_uart": 2, "modbus_uart": 5}


def name(pin):
    return f"P{_PORTS[pin >> 4]}{pin & 15}"
