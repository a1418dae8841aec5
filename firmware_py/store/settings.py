# SPDX-License-Identifier: Apache-2.0
# The configuration as the stages read it; config.py fills it.


# One attribute per key of a table in schema.py, an int.
class Section:
    pass


class Settings:
    def __init__(self):
        self.crc = 0  # of the compiled file: which configuration this is
        self.board = self.name = ""
        self.groups = 0
        self.never = 0  # bit g: group g is never shed
        self.load_group = None  # array('b'): group of each load
        self.load_share = None  # array('h'): permille of its power on feed A, -1 unknown
        self.feeds = None  # list of Sections, as zones and fans
        self.shed = None
        self.air = None
        self.zones = None
        self.fans = None  # .zones bit z: it cools zone z
        self.liquid = None  # None: not there
        self.link = None
        self.modbus = None  # None: not there
        self.wiring = None  # array('i') each: channel (outputs from OUT_AT on), driver, its numbers
