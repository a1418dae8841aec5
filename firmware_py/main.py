# SPDX-License-Identifier: Apache-2.0
# The file a board starts with. Until real boards have their own, it starts the board `sim`:
#     MICROPYPATH=CHECKOUT micropython -X heapsize=192k -m firmware_py.main CONFIG.json
#         [--boot-id N] [--boot-count N] [--uid TEXT] [--link TTY]

import sys

from .app import App
from .board import sim
from .link.commands import BoardInfo
from .store.config import ConfigError, parse

_NUMBERS = ("--boot-id", "--boot-count")
_TEXTS = ("--uid", "--link")


# Run the board named by argv until its host goes; returns the exit code.
def run(argv):
    try:
        path, options = _options(argv)
        with open(path, "rb") as file:
            config = parse(file.read())
    except (ConfigError, OSError) as error:
        sys.stderr.write("firmware: %s: %s\n" % (argv[0] if argv else "no config", error))
        return 2
    name = "sim " + options.get("--uid", "0001")
    info = BoardInfo(name, options.get("--boot-id", 1), options.get("--boot-count", 1))
    if "--link" in options:
        from .board.sim_live import Live  # noqa: PLC0415 - costs heap only where it is used

        Live(sim.Records(App(config, info)), options["--link"]).run()
    else:
        sim.run_virtual(sim.virtual(config, info))
    return 0


def _options(argv):
    options = {}
    for i in range(1, len(argv), 2):
        key = argv[i]
        if key not in _NUMBERS + _TEXTS or i + 1 == len(argv):
            raise ConfigError(
                "option %s: known, each with a value: %s" % (key, " ".join(_NUMBERS + _TEXTS))
            )
        options[key] = int(argv[i + 1]) if key in _NUMBERS else argv[i + 1]
    if not argv:
        raise ConfigError("give the path of the board's JSON configuration")
    return argv[0], options


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
