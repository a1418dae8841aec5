# SPDX-License-Identifier: Apache-2.0
"""What has been judged, a line a mutant, so that a long run can be broken off and taken up.

A fate holds as long as the file that is changed does; a header that it includes may not change
in between. Tests may: pass `again` to judge anew what none had noticed.
"""

import hashlib
import json
from pathlib import Path

from tests.native.mutation.core import NATIVE
from tests.native.mutation.judge import Fate
from tests.native.mutation.mutants import Mutant

NOT_NOTICED = (Fate.OPEN, Fate.SURVIVED)


class State:
    """Remembers in `path`, or nowhere if that is None."""

    def __init__(self, path: Path | None, *, again: bool = False) -> None:
        self._path = path
        self._sources: dict[str, str] = {}
        self._known: dict[str, Fate] = {}
        lines = path.read_text().splitlines() if path is not None and path.exists() else []
        for line in lines:
            row = json.loads(line)
            self._known[row["mutant"]] = Fate[row["fate"]]
        if again:
            kept = {key: each for key, each in self._known.items() if each not in NOT_NOTICED}
            self._known = kept

    def of(self, mutant: Mutant) -> Fate | None:
        """What became of it, or None."""
        return self._known.get(self._name(mutant))

    def keep(self, mutant: Mutant, fate: Fate) -> None:
        """Written at once."""
        name = self._name(mutant)
        self._known[name] = fate
        if self._path is not None:
            row = {"mutant": name, "fate": fate.name}
            with self._path.open("a") as file:
                file.write(json.dumps(row) + "\n")

    def _name(self, mutant: Mutant) -> str:
        if mutant.file not in self._sources:
            source = (NATIVE / "src" / mutant.file).read_bytes()
            self._sources[mutant.file] = hashlib.sha256(source).hexdigest()[:16]
        place = f"{mutant.start}:{mutant.end}:{mutant.text}"
        return f"{mutant.file}:{self._sources[mutant.file]}:{place}"
