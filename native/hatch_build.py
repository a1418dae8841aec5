# SPDX-License-Identifier: Apache-2.0
"""Build hook: the wheel carries the compiled core, under one abi3 tag per platform."""

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CoreBuildHook(BuildHookInterface):
    """Compile the core before the files of a wheel (also an editable one) are collected."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Build and declare edge/_native.abi3.so, which .gitignore would leave out."""
        core: Path = runpy.run_path(str(Path(self.root, "native", "build.py")))["build"]()
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(core.relative_to(self.root).as_posix())
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{platform}"
