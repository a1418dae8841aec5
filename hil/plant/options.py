# SPDX-License-Identifier: Apache-2.0
"""What a scenario says of its rack."""

from typing import Annotated

from pydantic import Field

from hil.options import Options


class RackOptions(Options):
    """The plant, as people describe a rack."""

    loads: Annotated[int, Field(ge=1, le=32)] = 8
