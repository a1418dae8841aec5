# SPDX-License-Identifier: Apache-2.0
# The file a board starts with. Until real boards have their own, it starts the board `sim`:
#     MICROPYPATH=CHECKOUT micropython -X heapsize=192k -m firmware_py.main CONFIG.json
#         [--boot-id N] [--boot-count N] [--uid TEXT] [--link TTY]

import sys

from .board import sim
from .link.commands import BoardInfo

_NUMBERS = ("--boot-id", "--boot-count")
_TEXTS = ("--uid", "--link")


# Run the board named by argv until its host goes; returns the exit code.
def run(argv):
    try:
        options = _options(argv)
        settings = _settings(argv[0])
    except (ValueError, OSError) as error:
        sys.stderr.write("firmware: %s: %s\n" % (argv[0] if argv else "no config", error))
        return 2
    name = "sim " + options.get("--uid", "0001")
    info = BoardInfo(name, options.get("--boot-id", 1), options.get("--boot-count", 1))
    link = options.get("--link")
    if link is None:
        sim.run_virtual(sim.virtual(settings, info))
    else:
        from .board.sim_live import Live  # noqa: PLC0415 - costs heap only where it is used

        Live(settings, info, link).run()
    return 0


# Settings of a file. A board has no heap to spare for the code that checked them.
def _settings(path):
    from .store.config import parse  # noqa: PLC0415

    with open(path, "rb") as file:
        settings = parse(file.read())
    if sys.implementation.name == "micropython":
        del sys.modules["firmware_py.store.config"]
        delattr(sys.modules["firmware_py.store"], "config")
    return settings


def _options(argv):
    if not argv:
        raise ValueError("give the path of the board's JSON configuration")
    options = {}
    for i in range(1, len(argv), 2):
        key = argv[i]
        if key not in _NUMBERS + _TEXTS or i + 1 == len(argv):
            known = " ".join(_NUMBERS + _TEXTS)
            raise ValueError("option %s: known, each with a value: %s" % (key, known))
        options[key] = int(argv[i + 1]) if key in _NUMBERS else argv[i + 1]
    return options


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
