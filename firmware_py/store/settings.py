# SPDX-License-Identifier: Apache-2.0
# The configuration as the stages read it; config.py fills it.


# One attribute per key of a table in config.py.
class Section:
    pass


class Settings:
    def __init__(self):
        self.crc = 0  # crc32 of the file
        self.groups = 0
        self.never = 0  # bit g: group g is never shed
        self.load_group = None  # array('b'): group of each load
        self.feeds = []  # Sections
        self.load_share = None  # array('h'): permille of its power on feed A, -1 not known
        self.zones = []  # Sections
        self.fans = []
        self.liquid = None
        self.shed = None
        self.cool = None
