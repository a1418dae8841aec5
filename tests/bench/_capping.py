# SPDX-License-Identifier: Apache-2.0
"""The capping problems of the benchmark `allocate`: sites as trees, and with feeds and N-1."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from edge.core import Allocator

WHOLE = 1_000_000
RACK_DEPTH = 2
"""A rack is two levels above a load."""
SHAPES = {
    72: (1, 1, 2, 3, 12),
    1_152: (2, 4, 4, 3, 12),
    12_672: (8, 8, 6, 3, 11),
    100_800: (20, 10, 14, 3, 12),
}
"""Loads -> rows of racks per site, PDUs per row, racks per PDU, phases per rack, loads a phase."""


@dataclass(frozen=True, slots=True)
class Problem:
    """min_mw, request_mw, priority: one per load; limit_mw: one per row; shares: rows by loads.

    `begin`, `end`: the range of loads of each row, where rows are a tree; else None.
    """

    min_mw: Any
    request_mw: Any
    priority: Any
    limit_mw: Any
    shares: Any
    begin: Any = None
    end: Any = None

    @property
    def loads(self) -> int:
        return len(self.request_mw)

    def allocator(self) -> Allocator:
        starts, loads = self.shares.indptr.tolist(), self.shares.indices.tolist()
        coefs = np.rint(self.shares.data * WHOLE).astype(int).tolist()
        rows = [
            dict(zip(loads[first:last], coefs[first:last], strict=True))
            for first, last in pairwise(starts)
        ]
        made = Allocator(self.loads, rows)
        made.min_mw[0 : self.loads] = self.min_mw.tolist()
        made.request_mw[0 : self.loads] = self.request_mw.tolist()
        made.class_[0 : self.loads] = self.priority.tolist()
        made.limit_mw[0 : len(rows)] = self.limit_mw.tolist()
        return made

    def excess_mw(self, grant_mw: Any) -> float:
        """The most by which a row is exceeded; 0 if none is."""
        coefs = self.shares.copy()
        coefs.data = np.rint(coefs.data * WHOLE).astype(np.int64)
        return max(0.0, float(np.max(coefs @ grant_mw - self.limit_mw * WHOLE))) / WHOLE


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
    lengths = end - begin
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.arange(starts[-1]) + np.repeat(begin - starts[:-1], lengths)
    shape = (len(begin), loads)
    shares = sparse.csr_matrix((np.ones(starts[-1]), columns, starts), shape=shape)
    return Problem(min_mw, request_mw, priority, limit_mw, shares, begin, end)


def with_feeds(loads: int, seed: int = 1) -> Problem:
    """The same site, each rack on feeds A and B: most loads draw from both, evenly or 60 to 40,
    some from one. What each feed carries is a row, and what it carries if the other dies now."""
    tree = site(loads, seed)
    rng = np.random.default_rng(seed + 1)
    depth = np.array(_ranges(SHAPES[loads]))[:, 0]
    racks = tree.shares[np.flatnonzero(depth == RACK_DEPTH)]
    of_a = rng.choice([0.5, 0.5, 0.5, 0.4, 0.6, 1.0, 0.0], loads)
    in_shares = [of_a, 1 - of_a, (of_a > 0).astype(float), (of_a < 1).astype(float)]
    feeds = [sparse.csr_matrix(racks.multiply(share)) for share in in_shares]
    for feed in feeds:
        feed.eliminate_zeros()
        feed.sort_indices()
    limits = [
        (feed @ tree.request_mw * rng.uniform(0.75, 0.95, racks.shape[0])).astype(int)
        for feed in feeds
    ]
    return replace(
        tree,
        limit_mw=np.concatenate([tree.limit_mw, *limits]),
        shares=sparse.csr_matrix(sparse.vstack([tree.shares, *feeds])),
        begin=None,
        end=None,
    )
