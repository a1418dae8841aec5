# SPDX-License-Identifier: Apache-2.0
"""The capping problems of the benchmark `allocate`: sites as trees, and with feeds and N-1."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from edge.core import Allocator

WHOLE = 1_000_000
SHAPES = {
    72: (1, 1, 2, 3, 12),
    1_152: (2, 4, 4, 3, 12),
    12_672: (8, 8, 6, 3, 11),
    100_800: (20, 10, 14, 3, 12),
}
"""Loads -> rows of racks per site, PDUs per row, racks per PDU, phases per rack, loads a phase."""


@dataclass(frozen=True, slots=True)
class Problem:
    """min_mw, request_mw, priority: one per load; begin, end, coef_ppm, limit_mw: one per row."""

    min_mw: Any
    request_mw: Any
    priority: Any
    begin: Any
    end: Any
    coef_ppm: Any
    limit_mw: Any

    @property
    def loads(self) -> int:
        return len(self.request_mw)

    def matrix(self) -> Any:
        """Rows as a sparse matrix, share of each load."""
        lengths = self.end - self.begin
        starts = np.concatenate([[0], np.cumsum(lengths)])
        columns = np.arange(starts[-1]) + np.repeat(self.begin - starts[:-1], lengths)
        shares = np.repeat(self.coef_ppm / WHOLE, lengths)
        return sparse.csr_matrix((shares, columns, starts), shape=(len(lengths), self.loads))

    def allocator(self) -> Allocator:
        rows = [
            dict.fromkeys(range(begin, end), coef)
            for begin, end, coef in zip(
                self.begin.tolist(), self.end.tolist(), self.coef_ppm.tolist(), strict=True
            )
        ]
        made = Allocator(self.loads, rows)
        made.min_mw[0 : self.loads] = self.min_mw.tolist()
        made.request_mw[0 : self.loads] = self.request_mw.tolist()
        made.class_[0 : self.loads] = self.priority.tolist()
        made.limit_mw[0 : len(rows)] = self.limit_mw.tolist()
        return made

    def excess_mw(self, grant_mw: Any) -> float:
        """The most by which a row is exceeded; not above 0 if none is."""
        return float(np.max(self.matrix() @ np.asarray(grant_mw, float) - self.limit_mw))


def _ranges(shape: tuple[int, ...], begin: int = 0) -> list[tuple[int, int, int]]:
    """Depth, begin, end of a node and of all below it, the outer first."""
    size = int(np.prod(shape))
    found = [(len(shape), begin, begin + size)]
    if len(shape) > 1:
        for child in range(shape[0]):
            found += _ranges(shape[1:], begin + child * (size // shape[0]))
    return found


def site(loads: int, seed: int = 1) -> Problem:
    """Random demand of 200 to 1200 W, 3 classes, every limit 72 to 92 % of the demand below."""
    rng = np.random.default_rng(seed)
    request_mw = rng.integers(200, 1_201, loads) * 1_000
    min_mw = rng.integers(50, 151, loads) * 1_000
    priority = rng.integers(0, 3, loads)
    ranges = np.array(_ranges(SHAPES[loads]))
    begin, end = ranges[:, 1], ranges[:, 2]
    below = np.concatenate([[0], np.cumsum(request_mw)])
    limit_mw = ((below[end] - below[begin]) * rng.uniform(0.72, 0.92, len(begin))).astype(int)
    whole = np.full(len(begin), WHOLE)
    return Problem(min_mw, request_mw, priority, begin, end, whole, limit_mw)


def with_feeds(loads: int, seed: int = 1) -> Problem:
    """The same site, each rack on feeds A and B; each must carry the rack alone (N-1)."""
    tree = site(loads, seed)
    depth = np.array(_ranges(SHAPES[loads]))[:, 0]
    racks = np.flatnonzero(depth == 2)
    rng = np.random.default_rng(seed + 1)
    begin = np.concatenate([tree.begin, *[tree.begin[racks]] * 4])
    end = np.concatenate([tree.end, *[tree.end[racks]] * 4])
    halves = np.full(len(racks), WHOLE // 2)
    coef = np.concatenate([tree.coef_ppm, halves, halves, halves * 2, halves * 2])
    rack_mw = tree.limit_mw[racks]
    feeds = [(rack_mw * rng.uniform(0.45, 0.6, len(racks))).astype(int) for _ in "AB"]
    survivors = [(rack_mw * rng.uniform(0.85, 1.1, len(racks))).astype(int) for _ in "AB"]
    limit_mw = np.concatenate([tree.limit_mw, *feeds, *survivors])
    return Problem(tree.min_mw, tree.request_mw, tree.priority, begin, end, coef, limit_mw)
