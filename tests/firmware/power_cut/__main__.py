# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.firmware.power_cut`: the table for firmware_py/README.md, as Markdown."""

from tests.firmware.power_cut import cuts, lfs, on_vm, scenarios

_AGES = range(20)
"""Saves before; enough for littlefs to tidy up once in each scenario."""


def _littlefs():
    rig = lfs.Rig()
    return [
        cuts.survey_ages(rig, scenario, how, _AGES)
        for scenario in (*scenarios.ALL, scenarios.NAIVE)
        for how in cuts.HOW
    ]


def _cells(rows, name):
    """'bad of cuts' over all of cuts.HOW."""
    bad = sum(row[5] for row in rows if row[0] == name)
    return f"{bad} of {sum(row[2] for row in rows if row[0] == name)}"


def main():
    systems = {
        "littlefs 2": _littlefs(),
        "VM, VfsLfs2": on_vm.rows("lfs2", *_AGES),
        "VM, VfsFat on flash": on_vm.rows("fat", 0),
        "VM, VfsFat, whole sectors": on_vm.rows("card", 0),
    }
    print(f"| bad states of cuts | {' | '.join(systems)} |")
    print("|---" * (len(systems) + 1) + "|")
    for scenario in (*scenarios.ALL, scenarios.NAIVE):
        cells = [_cells(rows, scenario.name) for rows in systems.values()]
        print(f"| {scenario.name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
