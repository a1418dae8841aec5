# SPDX-License-Identifier: Apache-2.0
# From the command line to a board that is ready to run. Needed once: main.py drops this module.

from .board import sim
from .link.commands import BoardInfo
from .store.config import parse

_NUMBERS = ("--boot-id", "--boot-count")
_TEXTS = ("--uid", "--link")
_NAME_MAX = 104  # far within a HELLO_R


# The board named by argv. Raises ValueError or OSError.
def make(argv):
    if not argv:
        raise ValueError("give the path of the board's compiled configuration")
    options = _options(argv)
    with open(argv[0], "rb") as file:
        settings = parse(file.read())
    if settings.board != "sim":
        raise ValueError("the configuration is for board %s, this one is sim" % settings.board)
    name = "sim " + options.get("--uid", "0001")
    if len(name.encode()) > _NAME_MAX:
        raise ValueError("--uid is too long: at most %d bytes" % (_NAME_MAX - 4))
    info = BoardInfo(name, options.get("--boot-id", 1), options.get("--boot-count", 1))
    link = options.get("--link")
    if link is None:
        return sim.virtual(settings, info)
    from .board.sim_live import Live  # noqa: PLC0415 - costs heap only where it is used

    return Live(settings, info, link)


def _options(argv):
    options = {}
    for i in range(1, len(argv), 2):
        key = argv[i]
        if key not in _NUMBERS + _TEXTS or i + 1 == len(argv):
            known = " ".join(_NUMBERS + _TEXTS)
            raise ValueError("option %s: known, each with a value: %s" % (key, known))
        options[key] = int(argv[i + 1]) if key in _NUMBERS else argv[i + 1]
    return options
