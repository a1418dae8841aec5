# SPDX-License-Identifier: Apache-2.0
# Host only: a compiled configuration as the JSON that compiles to the same bytes.

from .config import ConfigError, parse
from .migrate import VERSION
from .schema import BOARDS, LIST, ONE, OPTIONAL, SECTIONS
from .wires import document_of


# The document, with every key. Raises ConfigError.
def document(binary):
    read = parse(binary)
    if read.board not in BOARDS:
        raise ConfigError(f"board {read.board!r} is unknown to this version")
    made = {"version": VERSION, "board": read.board, "name": read.name}
    made["loads"] = [
        {"group": group, "share_a_permille": share}
        for group, share in zip(read.load_group, read.load_share, strict=True)
    ]
    made["groups"] = [{"never": bool(read.never >> g & 1)} for g in range(read.groups)]
    for name, _, shape, rows, _, _ in SECTIONS:
        if name in made:
            continue
        value = getattr(read, name)
        if shape == LIST:
            made[name] = [_object(rows, item) for item in value]
        elif shape in (ONE, OPTIONAL) and value is not None:
            made[name] = _object(rows, value)
    for fan in made["fans"]:
        fan["zones"] = [z for z in range(len(made["zones"])) if fan["zones"] >> z & 1]
    made["wiring"] = [document_of(row) for row in read.wiring]
    return made


def _object(rows, section):
    return {row[0]: getattr(section, row[0]) for row in rows}
