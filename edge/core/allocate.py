# SPDX-License-Identifier: Apache-2.0
"""Allocation of caps: `native/include/edge_alloc.h`."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge._native import ffi, lib


class Allocator:
    """Caps for a rack: strict priority, weighted max-min, whole-load shed, exact integers.

    `rows` gives per row {load index: coef_ppm}. The caller writes the inputs in place:
    `min_mw`, `request_mw`, `weight` (1..10 000), `step_mw` (>= 1), `class_` (0 is kept longest,
    ..255), all int32[loads], and `limit_mw`, int64[rows] (negative means 0). They start at
    0, 0, 1, 1, 0 and 0.
    """

    def __init__(self, loads: int, rows: Sequence[Mapping[int, int]]) -> None:
        entries = [(load, row[load]) for row in rows for load in sorted(row)]
        starts = [0]
        for row in rows:
            starts.append(starts[-1] + len(row))
        count = len(entries)
        words = lib.edge_alloc_workspace_words(loads, len(rows), count)
        self.loads, self.rows = loads, len(rows)
        self.min_mw: Any = ffi.new("int32_t[]", loads)
        self.request_mw: Any = ffi.new("int32_t[]", loads)
        self.weight: Any = ffi.new("int32_t[]", [1] * loads)
        self.step_mw: Any = ffi.new("int32_t[]", [1] * loads)
        self.class_: Any = ffi.new("int32_t[]", loads)
        self.limit_mw: Any = ffi.new("int64_t[]", len(rows))
        self.grant_mw: Any = ffi.new("int32_t[]", loads)
        """int32[loads], mW, written by solve; 0 if shed."""
        self.shed: Any = ffi.new("uint8_t[]", loads)
        """uint8[loads], 1 if its minimum does not fit."""
        self.binding_row: Any = ffi.new("int32_t[]", loads)
        """int32[loads], the row that refused its next step or its minimum; -1 if none did."""
        # cffi keeps no reference from a struct to what it points at.
        self._owned = {
            "row_start": ffi.new("int32_t[]", starts),
            "entry_load": ffi.new("int32_t[]", [load for load, _ in entries]),
            "entry_coef_ppm": ffi.new("int32_t[]", [coef for _, coef in entries]),
            "limit_mw": self.limit_mw,
            "min_mw": self.min_mw,
            "request_mw": self.request_mw,
            "weight": self.weight,
            "step_mw": self.step_mw,
            "priority": self.class_,
            "grant_mw": self.grant_mw,
            "shed": self.shed,
            "binding_row": self.binding_row,
            "workspace": ffi.new("int64_t[]", words),
        }
        self._alloc = ffi.new(
            "struct edge_alloc *", {"loads": loads, "rows": len(rows), **self._owned}
        )
        if lib.edge_alloc_prepare(self._alloc) < 0:
            row_index = self._alloc.fault
            raise ValueError(f"row {row_index}: not {{load 0..{loads - 1}: coef_ppm >= 0}}")

    def solve(self) -> None:
        """Fill grant_mw, shed and binding_row; ValueError names the load or row at fault."""
        if lib.edge_alloc_solve(self._alloc) < 0:
            raise ValueError(self._explain())

    def change_load(self, load: int) -> None:
        """As solve, faster, after the inputs of this load alone have changed."""
        if lib.edge_alloc_change_load(self._alloc, load) < 0:
            raise ValueError(self._explain())

    def change_limit(self, row: int) -> None:
        """As solve, faster, after the limit of this row alone has changed."""
        if lib.edge_alloc_change_limit(self._alloc, row) < 0:
            raise ValueError(self._explain())

    def _explain(self) -> str:
        index = self._alloc.fault
        if index < 0:
            return f"there are loads 0..{self.loads - 1} and rows 0..{self.rows - 1}"
        if self._alloc.fault_is_row:
            return f"row {index}: limit {self.limit_mw[index]} mW or its minimums are absurd"
        return (
            f"load {index}: min {self.min_mw[index]}, request {self.request_mw[index]}, "
            f"step {self.step_mw[index]} mW, weight {self.weight[index]}, "
            f"class {self.class_[index]}: needs 0 <= min <= request, step >= 1, "
            "weight 1..10000, class 0..255"
        )
