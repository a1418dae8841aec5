# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.bench NAME [--json] [--quick]`."""

import argparse
import importlib
import pkgutil
import sys

from rich.console import Console

import tests.bench
from tests.bench import _table


def names() -> list[str]:
    """Every benchmark there is: the public modules of this package."""
    found = pkgutil.iter_modules(tests.bench.__path__)
    return sorted(m.name for m in found if not m.name.startswith(("_", "test_")))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("name", metavar="NAME", help=", ".join(names()))
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes, for CI")
    args = parser.parse_args(argv)
    if args.name not in names():
        print(f"no benchmark {args.name!r}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    report = importlib.import_module(f"tests.bench.{args.name}").run(quick=args.quick)
    if args.json:
        print(_table.to_json(report))
    else:
        _table.show(report, Console())
    return 0


if __name__ == "__main__":
    sys.exit(main())
