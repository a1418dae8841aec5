# SPDX-License-Identifier: Apache-2.0
"""The firmware against MicroPython's own stubs: no name, attribute or argument that boards lack."""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from firmware_py.make_mpy import host_only

ROOT = Path(__file__).resolve().parents[2]
STUBS = ("micropython-rp2-stubs", "micropython-stdlib-stubs")
HOST_ONLY = "|".join(
    f"/{path.stem}[.]py$" for path in (ROOT / "firmware_py").rglob("*.py") if host_only(path)
)

CONFIG = """[mypy]
python_version = 3.11
mypy_path = {stubs}
custom_typeshed_dir = {stubs}
cache_dir = {cache}
follow_imports = silent
follow_imports_for_stubs = True
no_site_packages = True
check_untyped_defs = True
exclude = {exclude}
"""


@pytest.fixture(scope="module")
def stubs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stub distributions alone in one directory: they replace the standard library's."""
    directory = tmp_path_factory.mktemp("stubs")
    for name in STUBS:
        for file in metadata.distribution(name).files or ():
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                target = directory / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    return directory


def check(stubs: Path, what: Path) -> subprocess.CompletedProcess[str]:
    config = stubs / "mypy.ini"
    config.write_text(CONFIG.format(stubs=stubs, cache=stubs / "cache", exclude=HOST_ONLY))
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), str(what)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
        check=False,
    )


def test_firmware_uses_only_what_micropython_has(stubs: Path) -> None:
    result = check(stubs, ROOT / "firmware_py")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "line",
    [
        "import time\nx = time.monotonic_ns()\n",
        "from machine import Pin\nPin(1).toggel()\n",
        "import dataclasses\n",
    ],
)
def test_the_check_sees_what_boards_lack(stubs: Path, tmp_path: Path, line: str) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(line)
    result = check(stubs, wrong)
    assert result.returncode == 1, result.stdout
    assert "wrong.py:" in result.stdout
