# SPDX-License-Identifier: Apache-2.0
# RP2040 and RP2350: what differs from the other ports. run.py imports this first and starts the
# watchdog with it, so nothing is imported here that is not part of the interpreter.
#
# A pin is its GPIO number; pins_rp2.py has what each can do. The timer is a hard ISR. USB: one CDC,
# which the REPL has; a link over it takes its place while the program runs.

import os
from time import sleep_ms, ticks_us  # noqa: F401 - for live.py

from machine import (
    ADC,
    I2C,
    PWM,
    PWRON_RESET,
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

NAME = "rp2"
ADC_MV = 3300  # full scale
TX_BYTES = 512  # that UART.write() takes without waiting
I2C_TIMEOUT_US = 2000  # the default, 50 ms, would let a held clock line stop the tick


def watchdog():
    return WDT(timeout=2000)


# As store/reset.py counts. machine.reset() reports a watchdog's (micropython #19409), a brown-out
# and the RUN pin report a power-on.
def cause():
    return {PWRON_RESET: 1, WDT_RESET: 3}.get(reset_cause(), 0)


def uid():
    return unique_id()


def random(n):
    return os.urandom(n)


# The level is set before the direction: no glitch.
def output(n, level):
    return Pin(n, Pin.OUT, value=level)


def contact(n):
    return Pin(n, Pin.IN, Pin.PULL_UP)


def bare(n):
    return Pin(n)


def pwm(n, hz, duty_u16):
    return PWM(Pin(n), freq=hz, duty_u16=duty_u16)


# What makes such a PWM later, with its first duty.
def pwm_later(n, hz):
    return lambda duty_u16: pwm(n, hz, duty_u16)


# For the tick; the ISR has adc_isr().
def adc(n):
    from .guarded import Guarded  # noqa: PLC0415

    return Guarded(ADC(Pin(n)), disable_irq, enable_irq)


def adc_isr(n):
    return ADC(Pin(n))


def i2c(bus, sda, scl, hz):
    return I2C(bus, sda=Pin(sda), scl=Pin(scl), freq=hz, timeout=I2C_TIMEOUT_US)


def uart(bus, tx, rx, baud):
    return UART(bus, baud, tx=Pin(tx), rx=Pin(rx), timeout=0, rxbuf=512, txbuf=TX_BYTES)


def onewire(n):
    from onewire import OneWire  # noqa: PLC0415

    return OneWire(Pin(n))


# Falling edges of pin n to an EdgeCounter.
def count(n, counter):
    Pin(n, Pin.IN, Pin.PULL_UP).irq(
        lambda _pin: counter.edge(ticks_us()), Pin.IRQ_FALLING, hard=True
    )


# Call callback(timer) each millisecond from a hard ISR.
def timer(callback):
    return Timer(-1, mode=Timer.PERIODIC, freq=1000, callback=callback, hard=True)


# The link's stream where no UART is wired for it.
def usb():
    from .stdio import Stdio  # noqa: PLC0415

    return Stdio()


def radio():
    import bluetooth  # noqa: PLC0415 - Pico W only

    return bluetooth
