# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.hil.planted [--bug NAME]... [--jobs N] [--json] [--write]`.

Exit code 0: all bugs are seen. 1: some survived. 2: the sound firmware does not pass, so nothing
counts.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hil.session import LIBRARY
from tests.hil.planted import table
from tests.hil.planted.bug import Bug
from tests.hil.planted.bugs import BUGS, BY_NAME
from tests.hil.planted.search import Found, Pool


def main() -> int:
    """See above."""
    options = _options()
    bugs: Sequence[Bug] = [BY_NAME[name] for name in options.bug] or BUGS
    if options.unseen:
        seen = table.killers()
        bugs = [bug for bug in bugs if bug.name not in seen]
    pool = Pool(options.jobs, options.scenarios)
    try:
        unsound = [] if options.trust else pool.sound()
        for trouble in unsound:
            print(f"sound firmware: {trouble}", file=sys.stderr)
        if unsound:
            print("nothing counts until the sound firmware passes", file=sys.stderr)
            return 2
        found = list(_told(pool.bugs(bugs, options.intended), options.write))
    finally:
        pool.close()
    killed = {each.bug: each.kill for each in found if each.kill is not None}
    if options.json:
        json.dump(_document(found), sys.stdout, indent=1)
        print()
    ratio = 100 * len(killed) / max(len(bugs), 1)
    print(f"{len(killed)} of {len(bugs)} planted bugs are seen: {ratio:.0f} %", file=sys.stderr)
    return 0 if len(killed) == len(bugs) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.hil.planted", description=__doc__)
    parser.add_argument("--bug", action="append", default=[], choices=sorted(BY_NAME))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="one document on stdout")
    parser.add_argument("--write", action="store_true", help="record killers.json and README.md")
    parser.add_argument("--intended", action="store_true", help="only cases that cover the bug")
    parser.add_argument("--unseen", action="store_true", help="only bugs without a recorded case")
    parser.add_argument("--trust", action="store_true", help="do not run the sound firmware first")
    parser.add_argument("--scenarios", type=Path, default=LIBRARY, help="another library")
    return parser.parse_args()


def _told(results: Iterable[Found], write: bool) -> Iterable[Found]:
    for each in results:
        if each.kill is not None:
            if write:  # at once: a search that is cut short has not been for nothing
                table.write({each.bug: each.kill})
            print(
                f"{each.bug}: {each.kill.case}: {each.kill.check} ({each.kill.detail})",
                file=sys.stderr,
            )
        elif each.trouble:
            print(f"{each.bug}: NOT PLANTED, seen at once: {each.trouble}", file=sys.stderr)
        else:
            print(f"{each.bug}: SURVIVED {each.runs} runs", file=sys.stderr)
        sys.stderr.flush()
        yield each


def _document(found: Iterable[Found]) -> dict[str, object]:
    rows = [each._asdict() | {"kill": each.kill and each.kill._asdict()} for each in found]
    return {"bugs": rows, "killed": sum(each.kill is not None for each in found), "of": len(rows)}


if __name__ == "__main__":
    sys.exit(main())
