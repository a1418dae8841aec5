# SPDX-License-Identifier: Apache-2.0
"""Collects every mistake of every scenario file, so that all are told at once."""

import difflib
from collections.abc import Iterable

from edge.errors import ConfigError
from hil.scenario.model import Where

MOST = 100
"""Problems that are told; of more, only how many."""
MOST_NAMES = 12
"""Names that are listed when none is near."""


class Problems:
    """Lines `file:line: path.to.key: what is wrong; what to write`, each once, in their order."""

    def __init__(self) -> None:
        self._lines: dict[str, tuple[int, int]] = {}
        self._files: dict[str, int] = {}

    def add(self, where: Where | str, path: str, what: str) -> None:
        """One problem; `path` may be empty."""
        text = f"{where}: {path}: {what}" if path else f"{where}: {what}"
        file, line = (where.file, where.line) if isinstance(where, Where) else (where, 0)
        place = self._files.setdefault(file, len(self._files)), line
        self._lines["".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)] = place

    def __len__(self) -> int:
        """Problems so far."""
        return len(self._lines)

    def error(self) -> ConfigError:
        """All of them as one error."""
        lines = sorted(self._lines, key=self._lines.__getitem__)
        if len(lines) > MOST:
            lines[MOST:] = [f"and {len(lines) - MOST} more problems: correct these first"]
        return ConfigError("\n".join(lines))


def near(name: str, known: Iterable[str], otherwise: str = "use one of") -> str:
    """The advice for a name that is not known: the nearest that is, or what there is."""
    names = sorted(set(known))
    close = difflib.get_close_matches(name[:80], names, n=2, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(f'`{each}`' for each in close)}?"
    if not names:
        return f"{otherwise}: there are none"
    rest = f", ... ({len(names)} in all)" if len(names) > MOST_NAMES else ""
    return f"{otherwise}: {', '.join(names[:MOST_NAMES])}{rest}"


def shown(value: object) -> str:
    """A value as it may stand in a message: short, printable."""
    if value is None or isinstance(value, bool):
        return "nothing" if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
