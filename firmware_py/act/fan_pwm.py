# SPDX-License-Identifier: Apache-2.0
# A 4-wire fan's control line: PWM of 25 kHz, 21 to 28 allowed (Intel, 4-Wire PWM Controlled Fans
# Specification 1.3).
#
# The fan pulls its line up, so high impedance means full speed: with a blank chip, in reset, and
# after release(). Open = full speed, a line shorted to ground = the fan's own minimum or a stop,
# which its tach shows; slow and stalled are the tach's as well. The line may be pulled to 5.25 V:
# drive it through an open-collector transistor with a pull-down at its base or gate, and set
# `inverted`: a floating pin leaves the transistor off, which is full speed again.

FREQ_HZ = 25_000


class FanPwm:
    # make(duty_u16): a new PWM on the pin, with duty_u16(value), e.g.
    #     lambda duty: PWM(pin, freq=FREQ_HZ, duty_u16=duty)
    # pin: machine.Pin, with init(mode) and IN. PWM.deinit() is not used: on RP2 it stops the
    # counter that two pins share, and leaves the level where it was.
    def __init__(self, make, pin, inverted):
        self._make = make
        self._pin = pin
        self._flip = 65_535 if inverted else 0
        self._pwm = None
        self._duty = -1
        self.release()

    # permille: 0 .. 1000 of full speed. Touches the hardware on a change only; allocates at the
    # first call after release() at most.
    def write(self, permille):
        duty = (min(max(permille, 0), 1000) * 65_535 + 500) // 1000 ^ self._flip
        if duty == self._duty:
            return
        if self._pwm is None:
            self._pwm = self._make(duty)
        else:
            self._pwm.duty_u16(duty)
        self._duty = duty

    # The pin becomes an input: full speed.
    def release(self):
        self._pwm = None
        self._duty = -1
        self._pin.init(self._pin.IN)
