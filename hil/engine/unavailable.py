# SPDX-License-Identifier: Apache-2.0
"""A case that this device cannot run, found out only once it was there."""

from edge.errors import EdgeError


class Unavailable(EdgeError):
    """A signal or port that the case uses is not there on this device: the case is skipped."""
