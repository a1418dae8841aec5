# SPDX-License-Identifier: Apache-2.0
# A pin and its PWM. Runs on the VM too.


class FakePin:
    IN = 0

    def __init__(self):
        self.mode = ""  # "pwm" or "in"; blank: never touched, high impedance

    def init(self, mode):
        assert mode == self.IN
        self.mode = "in"


class FakePwm:
    def __init__(self, pin, duty):
        pin.mode = "pwm"
        self._pin = pin
        self.duty = duty
        self.writes = 1

    def duty_u16(self, duty):
        assert self._pin.mode == "pwm"
        assert 0 <= duty <= 65_535
        self.duty = duty
        self.writes += 1


# A pin with what FanPwm needs: pins.make(duty) gives a new PWM on it.
class FakeFanLine:
    def __init__(self):
        self.pin = FakePin()
        self.pwm = None
        self.made = 0

    def make(self, duty):
        self.made += 1
        self.pwm = FakePwm(self.pin, duty)
        return self.pwm

    # 0 .. 65535: how long the MCU's pin is high; -1: high impedance.
    def level(self):
        return self.pwm.duty if self.pin.mode == "pwm" else -1
