# SPDX-License-Identifier: Apache-2.0
"""The base of everything that a person writes in YAML for the bench."""

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Strict: unknown keys are refused, values are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
