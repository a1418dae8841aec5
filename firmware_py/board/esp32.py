# SPDX-License-Identifier: Apache-2.0
# ESP32-S3: what differs from the other ports. run.py imports this first and starts the watchdog
# with it, so nothing is imported here that is not part of the interpreter.
#
# A pin is its GPIO number; pins_esp32.py has what each can do. There is no hard timer: its callback
# runs between two bytecodes, so the 20 ms of the fast path do not hold while the port is busy in C
# (a flash erase, the radio). USB stays the REPL's: the link has a UART.

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
    reset,  # noqa: F401 - for live.py
    reset_cause,
    unique_id,
)

from ..compat import ticks_ms  # noqa: F401 - for live.py

NAME = "esp32"
ADC_MV = 3100  # full scale of 12 dB on the S3 (ESP32-S3 datasheet 1.8, table 5-5)
TX_BYTES = 512  # that UART.write() takes without waiting
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


# Its own reference: ratio-metric sensors need a ref_pin (sense/adc.py).
def adc(n):
    return ADC(Pin(n), atten=ADC.ATTN_11DB)


adc_isr = adc  # the timer does not interrupt a conversion


def i2c(bus, sda, scl, hz):
    return I2C(bus, sda=Pin(sda), scl=Pin(scl), freq=hz, timeout=I2C_TIMEOUT_US)


def uart(bus, tx, rx, baud):
    return UART(bus, baud, tx=Pin(tx), rx=Pin(rx), timeout=0, rxbuf=512, txbuf=TX_BYTES)


def onewire(n):
    from onewire import OneWire  # noqa: PLC0415

    return OneWire(Pin(n))


# Falling edges of pin n to an EdgeCounter; a soft ISR on this port.
def count(n, counter):
    Pin(n, Pin.IN, Pin.PULL_UP).irq(lambda _pin: counter.edge(ticks_us()), Pin.IRQ_FALLING)


# Call callback(timer) each millisecond. Hardware timer 0: virtual ones have steps of 10 ms.
def timer(callback):
    return Timer(0, mode=Timer.PERIODIC, freq=1000, callback=callback)


# A write to USB waits up to 500 ms for a host that does not read (ports/esp32/usb.c), and polling
# does not tell: the tick would stop.
def usb():
    raise ValueError("wiring: the link needs a row with driver link_uart")


def radio():
    import bluetooth  # noqa: PLC0415

    return bluetooth
