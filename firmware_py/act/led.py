# SPDX-License-Identifier: Apache-2.0
# The status LED: what a technician reads from it. Patterns of 16 slots of 128 ms (2.048 s, which
# divides 2**30: the wrap of board time does not show); a tick of 100 ms meets every slot. With an
# alarm, state and alarm take turns.
#
#     BOOT      on                   LOCAL  one flash      HOSTED  on with one gap
#     SELFTEST  slow blinking        DEGRADED  two flashes
#     SAFE      fast blinking        MAINT  three flashes
#     in turn with it, on with gaps: two for lockout, three for overrun, four for configuration;
#     or half on, half dark: a fan

from array import array

from ..compat import const

ALARM_NONE = 0
ALARM_LOCKOUT = 1  # a group stays off until CLEAR_SAFE
ALARM_OVERRUN = 2  # ticks were missed
ALARM_CONFIG = 3  # running on the older copy of the configuration
ALARM_FAN = 4  # one has failed

_STATES = const(7)
_SAFE = const(5)

# First slot in the lowest bit: STATE_BOOT .. STATE_SAFE and MAINT, then the alarms.
_PATTERNS = array(
    "H", (0xFFFF, 0x0F0F, 0x0003, 0x3FFF, 0x0033, 0x5555, 0x0333, 0xFFCC, 0xFCCC, 0xCCCC, 0x00FF)
)


# 1: the LED is lit. A state or an alarm that is not in the table shows as SAFE.
def level(now_ms, state, alarm):
    row = state if 0 <= state < _STATES else _SAFE
    if alarm != ALARM_NONE and now_ms >> 11 & 1:
        row = _STATES - 1 + alarm if ALARM_NONE < alarm <= ALARM_FAN else _SAFE
    return _PATTERNS[row] >> (now_ms >> 7 & 15) & 1
