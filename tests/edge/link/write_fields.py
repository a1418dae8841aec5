# SPDX-License-Identifier: Apache-2.0
"""Write edge/link/fields.py from the message table: `python -m tests.edge.link.write_fields`."""

from pathlib import Path

from firmware_py.link.messages import MESSAGES

TARGET = Path(__file__).parents[3] / "edge" / "link" / "fields.py"

HEAD = '''# SPDX-License-Identifier: Apache-2.0
"""One record type a message, typed for the host.

Generated from firmware_py/link/messages.py by `python -m tests.edge.link.write_fields`; a test
compares. A field that an older board does not send yet has the value INVALID.
"""

from typing import NamedTuple

from firmware_py.link.messages import INVALID as _INVALID

INVALID: int = _INVALID
'''
WAY = {"h": "host to board", "b": "board to host", "hb": "both ways"}
TAILS = {
    "bytes": 'tail: bytes = b""',
    "text": 'tail: str = ""',
    "i32": "tail: tuple[int, ...] = ()",
}


def class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def comment(field: str, unit: str) -> str:
    ignore = "  # type: ignore[assignment]" if hasattr(tuple, field) else ""
    return ignore + (f"  # {unit}" if unit else "")


def render() -> str:
    parts = [HEAD]
    for id_, name, way, _format, fields, tail in MESSAGES:
        doc = f'    """{name} 0x{id_:02x}, {WAY[way]}."""\n'
        lines = [
            f"    {field}: int = INVALID" + comment(field, unit) for field, unit, _scale in fields
        ]
        lines += [f"    {TAILS[tail]}"] if tail else []
        parts.append(f"class {class_name(name)}(NamedTuple):\n{doc}\n" + "\n".join(lines) + "\n")
    rows = "\n".join(f'    "{row[1]}": {class_name(row[1])},' for row in MESSAGES)
    parts.append(
        "RECORDS: dict[str, type[tuple[object, ...]]] = {\n" + rows + "\n}\n"
        '"""Record type by message name."""\n'
    )
    return "\n\n".join(parts[:-1]) + "\n\n" + parts[-1]


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
