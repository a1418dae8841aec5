# SPDX-License-Identifier: Apache-2.0
"""`python -m hil.scenario.make_schema` writes hil/scenarios/scenario.schema.json."""

import json
from pathlib import Path

from hil.scenario.defaults import default_catalogue, default_settable
from hil.scenario.schema import scenario_schema

PATH = Path(__file__).resolve().parents[1] / "scenarios" / "scenario.schema.json"


def schema_text() -> str:
    """The file's text."""
    schema = scenario_schema(default_settable(), default_catalogue())
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it."""
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(schema_text(), encoding="utf-8")
    print(f"wrote {PATH}")


if __name__ == "__main__":
    main()
