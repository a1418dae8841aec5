# SPDX-License-Identifier: Apache-2.0
# STM32, written for the NUCLEO-H743ZI2 (1 MB of RAM, littlefs): what differs from the other ports.
# run.py imports this first and starts the watchdog with it, so nothing is imported here that is not
# part of the interpreter.
#
# A pin is 16 * port + number: PA0 is 0, PB0 16, PC0 32, PD0 48; pins_stm32.py has what each can do.
# The timer is a hard ISR. The link has the user USB, the REPL the UART of the ST-LINK.

import os
from time import sleep_ms, ticks_us  # noqa: F401 - for live.py

from machine import (
    ADC,
    DEEPSLEEP_RESET,
    HARD_RESET,
    I2C,
    PWM,
    PWRON_RESET,
    SOFT_RESET,
    UART,
    WDT,
    WDT_RESET,
    Pin,
    Timer,
    disable_irq,
    enable_irq,
    reset,  # noqa: F401 - for live.py
    reset_cause,
    unique_id,
)

from ..compat import ticks_ms  # noqa: F401 - for live.py

NAME = "stm32"
ADC_MV = 3300  # full scale
TX_BYTES = 16  # UART.write() waits for the line: 1.4 ms of 115200 baud
I2C_TIMEOUT_US = 2000  # the default, 50 ms, would let a held clock line stop the tick


def watchdog():
    return WDT(timeout=2000)


# As store/reset.py counts.
def cause():
    known = {PWRON_RESET: 1, HARD_RESET: 2, WDT_RESET: 3, SOFT_RESET: 4, DEEPSLEEP_RESET: 4}
    return known.get(reset_cause(), 0)


def uid():
    return unique_id()


def random(n):
    return os.urandom(n)


def _name(n):
    return "ABCD"[n >> 4] + str(n & 15)


# The level is set before the direction: no glitch.
def output(n, level):
    return Pin(_name(n), Pin.OUT, value=level)


def contact(n):
    return Pin(_name(n), Pin.IN, Pin.PULL_UP)


def bare(n):
    return Pin(_name(n))


# The timer is the second one among the pin's alternate functions (ports/stm32/machine_pwm.c).
def pwm(n, hz, duty_u16):
    return PWM(Pin(_name(n)), freq=hz, duty_u16=duty_u16)


# What makes such a PWM later, with its first duty.
def pwm_later(n, hz):
    return lambda duty_u16: pwm(n, hz, duty_u16)


# For the tick; the ISR has adc_isr().
def adc(n):
    from .guarded import Guarded  # noqa: PLC0415

    return Guarded(ADC(Pin(_name(n))), disable_irq, enable_irq)


def adc_isr(n):
    return ADC(Pin(_name(n)))


# Pins are fixed per bus on this port; pins_stm32.py has them.
def i2c(bus, sda, scl, hz):  # noqa: ARG001
    return I2C(bus, freq=hz, timeout=I2C_TIMEOUT_US)


def uart(bus, tx, rx, baud):  # noqa: ARG001 - fixed as well
    return UART(bus, baud, timeout=0, timeout_char=2, rxbuf=512)


def onewire(n):
    from onewire import OneWire  # noqa: PLC0415

    return OneWire(Pin(_name(n)))


# Falling edges of pin n to an EdgeCounter.
def count(n, counter):
    Pin(_name(n), Pin.IN, Pin.PULL_UP).irq(
        lambda _pin: counter.edge(ticks_us()), Pin.IRQ_FALLING, hard=True
    )


# Call callback(timer) each millisecond from a hard ISR.
def timer(callback):
    return Timer(-1, mode=Timer.PERIODIC, freq=1000, callback=callback, hard=True)


# The link's stream where no UART is wired for it. The REPL leaves this port.
def usb():
    from pyb import USB_VCP  # noqa: PLC0415

    from .streams import Stream  # noqa: PLC0415

    vcp = USB_VCP(0)
    vcp.setinterrupt(-1)
    os.dupterm(None, 1)
    return Stream(vcp, ticks_us, 0, 0)


def radio():
    raise ValueError("link.ble: this board has no radio")
