# SPDX-License-Identifier: Apache-2.0
"""All planted bugs, in the order of the table."""

from tests.hil.planted import bugs_board, bugs_cool, bugs_link, bugs_shed
from tests.hil.planted.bug import Bug

BUGS: tuple[Bug, ...] = (*bugs_link.BUGS, *bugs_shed.BUGS, *bugs_cool.BUGS, *bugs_board.BUGS)
BY_NAME = {bug.name: bug for bug in BUGS}
