# SPDX-License-Identifier: Apache-2.0
# The file a board starts with. Until real boards have their own, it starts the board `sim`:
#     MICROPYPATH=CHECKOUT micropython -X heapsize=192k -m firmware_py.main CONFIG.bin
#         [--boot-id N] [--boot-count N] [--uid TEXT] [--link TTY]

import sys


# The board named by argv. Raises ValueError or OSError.
def board(argv):
    from .boot import make  # noqa: PLC0415

    made = make(argv)
    if sys.implementation.name == "micropython":  # no heap to spare for what ran once
        for name in list(sys.modules):
            if name.startswith("firmware_py"):  # what still runs holds its own module
                del sys.modules[name]
    return made


# Run that board until its host goes; returns the exit code.
def run(argv):
    try:
        made = board(argv)
    except (ValueError, OSError) as error:
        sys.stderr.write("firmware: %s: %s\n" % (argv[0] if argv else "no config", error))
        return 2
    made.run()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
