# SPDX-License-Identifier: Apache-2.0
# The module `machine` of a port, and the world behind it: a clock, pins with a log of what happened
# to them in which order, timers that interrupt, a watchdog that bites. In the portable subset: it
# takes the place of the real module on CPython and inside the VM:
#
#     world = fake_machine.World("rp2")
#     sys.modules["machine"] = world.module()
#
# What a port refuses is refused here: hard timers on esp32, the keywords that it does not know.

_MASK = (1 << 30) - 1
WDT_US = 2_000_000


# The watchdog has bitten, the program has asked for a reset, or the test is over. No program
# catches these.
class Bite(BaseException):
    pass


class Reset(BaseException):
    pass


class Stop(BaseException):
    pass


class World:
    def __init__(self, port, cause=1):
        self.port = port
        self.cause = cause
        self.us = 5_000_000
        self.stop_us = 0
        self.pins = {}  # name -> Line
        self.log = []  # (name, what, value): order of all that happened to pins while `logs`
        self.logs = True
        self.adcs = {}  # name -> object with read_u16()
        self.buses = {}  # number of an I2C -> object with its methods
        self.uarts = {}  # number -> object with any(), readinto(), write(), txdone()
        self.timers = []
        self.masked = 0  # interrupts are off
        self.in_isr = False
        self.fed = 0
        self.fed_us = 0
        self.watched = False
        self.resets = 0
        self.every_ms = None  # called each millisecond: the plant

    # Time goes on; interrupts come unless they are off.
    def advance(self, ms):
        for _ in range(ms):
            self.us += 1000
            if self.every_ms is not None:
                self.every_ms()
            if not self.masked and not self.in_isr:
                self.in_isr = True
                for timer in self.timers:
                    timer.callback(timer)
                self.in_isr = False
            if self.watched and self.us - self.fed_us > WDT_US:
                raise Bite
            if self.stop_us and self.us >= self.stop_us:
                raise Stop

    def ticks_ms(self):
        return self.us // 1000 & _MASK

    def ticks_us(self):
        return self.us & _MASK

    def line(self, name):
        if name not in self.pins:
            self.pins[name] = Line(name)
        return self.pins[name]

    def note(self, name, what, value):
        if self.logs:
            self.log.append((name, what, value))

    def module(self):
        return Machine(self)


# One pin of the chip. mode: "" high impedance as after reset, "in", "out", "pwm", "adc".
class Line:
    def __init__(self, name):
        self.name = name
        self.mode = ""
        self.level = 0
        self.duty = 0
        self.hz = 0
        self.pull = 0
        self.seen = 1  # level from outside, while it is an input
        self.handler = None
        self.moved_us = 0  # of the level

    # A falling edge from outside.
    def fall(self):
        if self.handler is not None:
            self.handler(self)


class Machine:
    PWRON_RESET = 1
    HARD_RESET = 2
    WDT_RESET = 3
    DEEPSLEEP_RESET = 4
    SOFT_RESET = 5

    def __init__(self, world):
        self.world = world

        class Pin(_Pin):
            pass

        Pin.world = world
        self.Pin = Pin
        for name in ("ADC", "PWM", "I2C", "UART", "Timer", "WDT"):
            setattr(self, name, _bind(world, globals()["_" + name]))
        self.ADC.ATTN_11DB = 3
        self.Timer.PERIODIC = 1

    def reset_cause(self):
        return self.world.cause

    def unique_id(self):
        return b"\xe6\x61\x01\x02\x03\x04\x05\x06"

    def reset(self):
        self.world.resets += 1
        raise Reset

    def disable_irq(self):
        was = self.world.masked
        self.world.masked = 1
        return was

    def enable_irq(self, state):
        self.world.masked = state


# A class of its own for this world.
def _bind(world, base):
    class Bound(base):
        pass

    Bound.world = world
    return Bound


class _Pin:
    IN = 0
    OUT = 1
    PULL_UP = 2
    IRQ_FALLING = 4

    def __init__(self, name, mode=-1, pull=-1, value=-1):
        if self.world.port == "stm32":
            assert name[0] in "ABCD", name
        else:
            assert 0 <= name <= 48, name
        self.line = self.world.line(name)
        if mode >= 0:
            self.init(mode, pull, value)

    # The level is set before the direction, as on all three ports.
    def init(self, mode=-1, pull=-1, value=-1):
        line = self.line
        if value >= 0:
            self.world.note(line.name, "level", value)
            line.level = value
        line.mode = "out" if mode == self.OUT else "in"
        line.pull = pull
        self.world.note(line.name, line.mode, line.level)

    def __call__(self, value=-1):
        line = self.line
        if value < 0:
            return line.level if line.mode == "out" else line.seen
        assert line.mode == "out", line.name
        if value != line.level:
            line.moved_us = self.world.us
            self.world.note(line.name, "level", value)
        line.level = value
        return value

    def irq(self, handler, trigger, hard=False):
        assert trigger == self.IRQ_FALLING
        if hard and self.world.port == "esp32":
            raise ValueError("hard IRQs are not implemented")
        self.line.handler = handler


class _ADC:
    def __init__(self, pin, atten=0):
        assert atten == 0 or self.world.port == "esp32"
        self._source = self.world.adcs[pin.line.name]
        pin.line.mode = "adc"

    def read_u16(self):
        return self._source.read_u16()


class _PWM:
    def __init__(self, pin, freq=0, duty_u16=0):
        self.line = pin.line
        self.line.mode = "pwm"
        self.line.hz = freq
        self.line.duty = duty_u16
        self.world.note(self.line.name, "pwm", duty_u16)

    def duty_u16(self, value):
        assert self.line.mode == "pwm"
        self.line.duty = value


class _I2C:
    def __init__(self, bus, scl=None, sda=None, freq=0, timeout=50_000):
        assert timeout <= 5000
        assert freq
        self._bus = self.world.buses[bus]

    def readfrom_mem_into(self, address, register, buf):
        self._bus.readfrom_mem_into(address, register, buf)

    def writeto_mem(self, address, register, buf):
        self._bus.writeto_mem(address, register, buf)

    def writeto(self, address, buf):
        return self._bus.writeto(address, buf)

    def readfrom_into(self, address, buf):
        self._bus.readfrom_into(address, buf)


# Whatever lies behind it has the methods.
class _UART:
    def __init__(self, bus, baud, tx=None, rx=None, timeout=-1, timeout_char=0, rxbuf=0, txbuf=0):
        assert timeout == 0  # nothing may wait
        assert rxbuf >= 256
        if self.world.port == "stm32":
            assert tx is None
            assert txbuf == 0  # the port has none
        self._end = self.world.uarts[bus]
        self._end.baud = baud

    def any(self):
        return self._end.any()

    def readinto(self, buf, n):
        return self._end.readinto(buf, n)

    def write(self, buf, n=-1):
        return self._end.write(buf, n)

    def txdone(self):
        return self._end.txdone()


class _Timer:
    def __init__(self, number, mode=0, freq=0, callback=None, hard=False):
        if self.world.port == "esp32":
            if hard:
                raise ValueError("hard Timers are not implemented")
            assert number >= 0  # virtual ones have 10 ms steps there
        else:
            assert number == -1
            assert hard
        assert mode == self.PERIODIC
        assert freq == 1000
        self.callback = callback
        self.world.timers.append(self)


class _WDT:
    def __init__(self, timeout=0):
        assert timeout == WDT_US // 1000
        self.world.watched = True
        self.feed()

    def feed(self):
        self.world.fed += 1
        self.world.fed_us = self.world.us


# A host at the other end of a UART. What the board writes is taken at the line's pace; a host that
# does not read costs nothing on a UART, and the buffer never fills; on USB it does (`stalls`).
class FakeHost:
    def __init__(self, world, buffer=512):
        self.world = world
        self.baud = 115_200
        self.buffer = buffer
        self.stalls = False
        self.waited = 0  # writes that would have waited
        self.out = bytearray(16384)
        self.n = 0
        self._to_board = bytearray(512)
        self._have = 0
        self._free_us = world.us  # the line has sent all

    # Bytes for the board.
    def say(self, data):
        for byte in data:
            self._to_board[self._have] = byte
            self._have += 1

    def any(self):
        return self._have

    def readinto(self, buf, n):
        n = min(n, self._have)
        for i in range(n):
            buf[i] = self._to_board[i]
        for i in range(n, self._have):
            self._to_board[i - n] = self._to_board[i]
        self._have -= n
        return n

    def write(self, buf, n=-1):
        n = len(buf) if n < 0 else n
        byte_us = 10_000_000 // self.baud
        now_us = self.world.us
        waiting = max(self._free_us - now_us, 0) // byte_us
        if self.stalls:
            return None
        if waiting + n > self.buffer:
            self.waited += 1
        self._free_us = max(self._free_us, now_us) + n * byte_us
        if self.n + n > len(self.out):
            self.n = 0
        for i in range(n):
            self.out[self.n + i] = buf[i]
        self.n += n
        return n

    def txdone(self):
        return self.world.us >= self._free_us
