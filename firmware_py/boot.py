# SPDX-License-Identifier: Apache-2.0
# From the command line to a `sim` board that is ready to run. Needed once: main.py drops this
# module.

from .board import sim
from .link.commands import BoardInfo
from .store.config import parse

_NUMBERS = ("--boot-id", "--boot-count", "--cause")
_TEXTS = ("--uid", "--link", "--key", "--nonce", "--store")
_NAME_MAX = 104  # far within a HELLO_R
_CAUSE_POWER_ON = 1  # store.reset.CAUSE_POWER_ON


# The board named by argv. Raises ValueError or OSError.
def make(argv):
    if not argv:
        raise ValueError("give the path of the board's compiled configuration")
    options = _options(argv)
    name = "sim " + options.get("--uid", "0001")
    if len(name.encode()) > _NAME_MAX:
        raise ValueError("--uid is too long: at most %d bytes" % (_NAME_MAX - 4))
    keeper = _keeper(options)
    settings = _settings(argv[0], keeper)
    count = options.get("--boot-count", 1)
    kind = 0
    if keeper is not None:
        count = keeper.intent.boot_count
        kind = keeper.kind
    key = bytes.fromhex(options.get("--key", ""))
    nonce = bytes.fromhex(options.get("--nonce", ""))
    info = BoardInfo(name, options.get("--boot-id", 1), count, kind, nonce)
    link = options.get("--link")
    if link is None:
        return sim.virtual(settings, info, keeper, key)
    from .board.sim_live import Live  # noqa: PLC0415 - costs heap only where it is used

    return Live(settings, info, link, keeper, key)


# A folder that outlives this process is this board's flash.
def _keeper(options):
    if "--store" not in options:
        return None
    from .store.folder import Folder  # noqa: PLC0415
    from .store.keeper import Keeper  # noqa: PLC0415

    return Keeper(Folder(options["--store"]), options.get("--cause", _CAUSE_POWER_ON), "sim")


# The configuration that was pushed to this board, else the file it was started with.
def _settings(path, keeper):
    data = b"" if keeper is None else keeper.config()
    if not data:
        with open(path, "rb") as file:
            data = file.read()
    settings = parse(data)
    if settings.board != "sim":
        raise ValueError("is for board %s, this one is sim" % settings.board)
    return settings


def _options(argv):
    options = {}
    for i in range(1, len(argv), 2):
        key = argv[i]
        if key not in _NUMBERS + _TEXTS or i + 1 == len(argv):
            known = " ".join(_NUMBERS + _TEXTS)
            raise ValueError("option %s: known, each with a value: %s" % (key, known))
        options[key] = int(argv[i + 1]) if key in _NUMBERS else argv[i + 1]
    return options
