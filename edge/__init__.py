# SPDX-License-Identifier: Apache-2.0
"""rackedge on the host: link to the board, cap decisions, actuators, command line."""

__version__ = "0.1.0"
