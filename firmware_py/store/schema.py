# SPDX-License-Identifier: Apache-2.0
# Host only: every key of a board's configuration, its default and its range. make_layout.py
# writes from it what a board needs to read the compiled form: names in order, no ranges.
#
# A row is (key, default, least, most) or (key, default, least, most, since).
#   default  None: required. One outside least..most is also allowed: 0 for "off", -1 "unknown".
#   since    the schema that appended the key; absent: FIRST. A released table only grows at its
#            end, and the default of an appended key means "as before": then a file that does not
#            use it still is one of the older schema, and older firmware takes it.

from ..channels import MAX_FANS, MAX_GROUPS, MAX_LOADS, MAX_ZONES
from .schema_air import AIR, FAN, ZONE
from .schema_liquid import LIQUID

FIRST = 2  # schema 1 was JSON on the board
SCHEMA = 2

MAX_FEEDS = 2
MAX_WIRES = 64
TEXT_MAX = 60  # bytes of UTF-8

BOARDS = ("sim", "rp2", "esp32", "stm32")

LOAD = (
    ("group", None, 0, MAX_GROUPS - 1),
    ("share_a_permille", -1, 0, 1_000),  # of its power that feed A carries; -1: unknown
)
GROUP = (("never", False, False, True),)  # never shed
FEED = (
    ("rating_ma", None, 10, 250_000),
    ("mnt_ppm", 1_130_000, 1_000_000, 2_000_000),  # IEC 60898-1: 1.13
    ("tau_fast_ms", 4_570, 1_600, 20_000),  # trips in 1 s at 2.55 In from cold
    ("magnetic_ppm", 5_000_000, 2_000_000, 15_000_000),  # lower gate of curve C
    ("nominal_mv", 230_000, 10_000, 500_000),
)
SHED = (
    ("ttt_ms", 1_000, 200, 60_000),  # shed below this time-to-trip; a relay needs 200
    ("feed_loss_ttt_ms", 3_000, 200, 60_000),  # the same, the moment the other feed has gone
    ("hard_permille", 800, 300, 1_000),  # of the magnetic gate: shed without confirmation
    ("fit_permille", 980, 500, 1_000),  # of Mnt * In: what the current must fall to
    ("settle_ms", 300, 100, 5_000),  # until a shed shows in the current
    ("outlet_max_mc", 55_000, 20_000, 90_000),
    ("overtemp_step_ms", 30_000, 1_000, 600_000),  # one more group each, while too hot
    ("min_off_ms", 30_000, 0, 3_600_000),
    ("stagger_ms", 5_000, 100, 600_000),  # between two restores
    ("restore_permille", 1_000, 300, 1_130),  # of the rating: what a restore may fill
    ("margin_permille", 100, 0, 1_000),  # on top of the group's last draw
    ("boot_ms", 90_000, 0, 3_600_000),  # after a restore its last draw stays reserved
    ("lockout_count", 3, 1, 200),  # sheds within the window that lock a group out
    ("lockout_window_ms", 600_000, 1_000, 86_400_000),
    ("underfrequency_mhz", 0, 45_000, 60_000),  # mains below it sheds; ENTSO-E: 49 Hz; 0: off
    ("underfrequency_ms", 500, 100, 60_000),  # below it for so long
    ("bbu_shed_permille", 0, 1, 1_000),  # battery charge below it sheds; 0: off
    ("bbu_restore_permille", 500, 1, 1_000),  # restores wait for this charge
    ("feedback", 0, 0, 1),  # 1: the relays have auxiliary contacts, wired to be read
    ("welded_ms", 500, 100, 10_000),  # a contact that has not followed by then is welded or stuck
    ("fast_permille", 0, 300, 1_000),  # of the magnetic gate: sheds outside the tick; 0: off
    ("fast_blank_ms", 5, 1, 1_000),  # a peak shorter than this is inrush
)
LINK = (
    ("mode", 0, 0, 1),  # 0 stream (USB, UART, TCP), 1 RS-485 half duplex
    ("baud", 115_200, 1_200, 3_000_000),
    ("address", 1, 1, 247),  # on RS-485
    ("ble", 0, 0, 1),  # 1: the same bytes also over BLE
)
MODBUS = (  # a slave of its own port
    ("address", None, 1, 247),  # Modbus over serial line V1.02, 2.2
    ("baud", 19_200, 1_200, 115_200),  # the default of V1.02, 3.2
    ("writes", 0, 0, 1),  # 0: read-only
)

# section, and keys of which each must be below the next; 0 is "off" and in nobody's way.
ORDER = (
    ("shed", "bbu_shed_permille", "bbu_restore_permille"),
    ("air", "stall_permille", "slow_permille", "fast_permille"),
)

# JSON shape of a section.
LIST = "list"  # of objects
ONE = "one"  # an object, {} if it is absent
OPTIONAL = "optional"  # an object, or the feature is absent
TEXT = "text"
WIRES = "wires"

# name, id in the file, shape, rows, least and most objects. Ids are never used again.
SECTIONS = (
    ("board", 1, TEXT, (), 1, 1),
    ("name", 2, TEXT, (), 1, 1),
    ("loads", 3, LIST, LOAD, 1, MAX_LOADS),
    ("groups", 4, LIST, GROUP, 1, MAX_GROUPS),
    ("feeds", 5, LIST, FEED, 1, MAX_FEEDS),
    ("shed", 6, ONE, SHED, 1, 1),
    ("air", 7, ONE, AIR, 1, 1),
    ("zones", 8, LIST, ZONE, 1, MAX_ZONES),
    ("fans", 9, LIST, FAN, 1, MAX_FANS),
    ("liquid", 10, OPTIONAL, LIQUID, 0, 1),
    ("link", 11, ONE, LINK, 1, 1),
    ("modbus", 12, OPTIONAL, MODBUS, 0, 1),
    ("wiring", 13, WIRES, (), 0, MAX_WIRES),
)
SHAPES = {row[0]: row[2] for row in SECTIONS}


# The schema that brought a key.
def since(row):
    return row[4] if len(row) > 4 else FIRST
