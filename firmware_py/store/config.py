# SPDX-License-Identifier: Apache-2.0
# The board's configuration: one JSON object, read once at boot and checked before anything is
# switched. Integers only, in the units of their names. README.md has an example. Needed at boot
# only: main.py drops this module, the settings it made stay.

import json
from array import array
from binascii import crc32

from ..channels import MAX_GROUPS, MAX_LOADS
from .settings import Section, Settings

VERSION = 1
FEEDS = 2

_FEED = (  # key, default (None: required), least, most
    ("rating_ma", None, 10, 250_000),
    ("mnt_ppm", 1_130_000, 1_000_000, 2_000_000),  # IEC 60898-1: 1.13
    ("tau_fast_ms", 4_570, 1_600, 20_000),  # trips in 1 s at 2.55 In from cold
    ("magnetic_ppm", 5_000_000, 2_000_000, 15_000_000),  # lower gate of curve C
    ("nominal_mv", 230_000, 10_000, 500_000),
)
_SHED = (
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
    ("feedback", 0, 0, 1),  # auxiliary contacts are fitted
    ("underfrequency_mhz", 0, 0, 70_000),  # 0: not watched
    ("underfrequency_ms", 500, 100, 10_000),
    ("bbu_shed_permille", 0, 0, 1_000),  # 0: not watched
    ("bbu_restore_permille", 500, 0, 1_000),
)
_COOL = (
    ("setpoint_mc", 38_000, 10_000, 80_000),  # outlet air
    ("kp_permille_k", 40, 0, 1_000),  # permille per K
    ("ki_ppm_k", 67, 0, 5_000),  # 1e-6 of full speed per K and tick; ti 60 s
    ("ff_permille_kw", 0, 0, 1_000),  # permille per kW of load power
    ("inlet_ref_mc", 27_000, 0, 60_000),  # ASHRAE 2021: recommended up to 27 degC
    ("inlet_permille_k", 20, 0, 1_000),  # permille per K above the reference
    ("deadband_mc", 300, 0, 5_000),
    ("slew_up_permille", 50, 1, 1_000),  # per tick
    ("slew_down_permille", 5, 1, 1_000),
    ("min_permille", 300, 0, 1_000),
)
_SECTIONS = {"version", "loads", "groups", "feeds", "shed", "cool"}


# The file is wrong; the message says where and what was expected.
class ConfigError(ValueError):
    pass


# Settings from the file's bytes. Raises ConfigError.
def parse(text):
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ConfigError("not JSON: %s" % error)
    given = _object(document, "config", _SECTIONS)
    _integer(given.get("version", VERSION), "version", VERSION, VERSION)
    made = Settings()
    made.crc = crc32(text)
    groups = _list(given.get("groups"), "groups", 1, MAX_GROUPS)
    made.groups = len(groups)
    made.never = _never(groups)
    loads = _list(given.get("loads"), "loads", 1, MAX_LOADS)
    for i, group in enumerate(loads):
        _integer(group, "loads[%d]" % i, 0, made.groups - 1)
    made.load_group = array("b", loads)
    feeds = _list(given.get("feeds"), "feeds", 1, FEEDS)
    made.feeds = [_section(_FEED, feed, "feeds[%d]" % i) for i, feed in enumerate(feeds)]
    for i, feed in enumerate(made.feeds):
        _small(feed, "feeds[%d]" % i)
    made.shed = _section(_SHED, given.get("shed", {}), "shed")
    made.cool = _section(_COOL, given.get("cool", {}), "cool")
    made.load_share = array("h", [-1] * len(loads))
    made.zones = [made.cool]
    made.fans = [None]
    return made


def _section(table, given, where):
    given = _object(given, where, {row[0] for row in table})
    made = Section()
    for key, default, least, most in table:
        value = given.get(key, default)
        if value is None:
            raise ConfigError(where + "." + key + ": is missing")
        setattr(made, key, _integer(value, where + "." + key, least, most))
    return made


def _never(groups):
    mask = 0
    for g, group in enumerate(groups):
        where = "groups[%d]" % g
        never = _object(group, where, {"never"}).get("never", False)
        if never is not True and never is not False:
            raise ConfigError(where + ".never: must be true or false")
        if never:
            mask |= 1 << g
    return mask


# m is computed as mA * 1000 / trip current in small ints.
def _small(feed, where):
    gate_ma = feed.rating_ma * feed.magnetic_ppm // 1_000_000
    if gate_ma > 1_000_000:
        raise ConfigError(where + ": magnetic gate is above 1000 A; lower rating or magnetic_ppm")


def _object(value, where, known):
    if not isinstance(value, dict):
        raise ConfigError(where + ": must be an object")
    for key in value:
        if key not in known:
            raise ConfigError(
                "%s: unknown key %s; known: %s" % (where, key, ", ".join(sorted(known)))
            )
    return value


def _list(value, where, least, most):
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise ConfigError("%s: must be a list of %d to %d" % (where, least, most))
    return value


def _integer(value, where, least, most):
    if not isinstance(value, int) or value is True or value is False or not least <= value <= most:
        raise ConfigError("%s: must be an integer from %d to %d" % (where, least, most))
    return value
