# SPDX-License-Identifier: Apache-2.0
"""pytest plugin: the tests meet the compiled core that RACKEDGE_TEST_CORE names.

    RACKEDGE_TEST_CORE=/tmp/x/_native.abi3.so python -m pytest -p tests.native.mutation.use_core

With RACKEDGE_TEST_EXAMPLES=N, hypothesis tries at most N examples, always the same ones, and
does not shrink: whether a test fails is all that is asked.
"""

import importlib.util
import os
import sys
from importlib.machinery import ExtensionFileLoader

from hypothesis import Phase, settings

NAME = "edge._native"


def _load(path: str) -> None:
    loader = ExtensionFileLoader(NAME, path)
    spec = importlib.util.spec_from_loader(NAME, loader)
    # Calls are bound when first made: see judge.py.
    sys.setdlopenflags(os.RTLD_LAZY)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules[NAME] = module


_load(os.environ["RACKEDGE_TEST_CORE"])


def pytest_collection_modifyitems(items) -> None:
    """Hypothesis has no switch that overrules the number which a test states."""
    examples = int(os.environ.get("RACKEDGE_TEST_EXAMPLES", "0"))
    for item in items if examples else ():
        function = getattr(item, "obj", None)
        stated = getattr(function, "_hypothesis_internal_use_settings", None)
        if stated is not None:
            function._hypothesis_internal_use_settings = settings(
                stated,
                max_examples=min(stated.max_examples, examples),
                phases=(Phase.explicit, Phase.generate),
                derandomize=True,
                database=None,
            )
