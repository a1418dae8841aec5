# SPDX-License-Identifier: Apache-2.0
"""The firmware against MicroPython's own stubs: no name, attribute or argument that boards lack.

Once per port: what all boards carry, and that port's own module of board/.
"""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from firmware_py.make_mpy import host_only

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("rp2", "esp32", "stm32")
HOST_ONLY = {path for path in (ROOT / "firmware_py").rglob("*.py") if host_only(path)}

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


@pytest.fixture(scope="module", params=PORTS)
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A port's stubs and those of its standard library alone in a directory of its name."""
    directory = tmp_path_factory.mktemp("stubs") / str(request.param)
    for name in (f"micropython-{request.param}-stubs", "micropython-stdlib-stubs"):
        for file in metadata.distribution(name).files or ():
            if file.suffix == ".pyi" or file.name == "VERSIONS":
                target = directory / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), target)
    return directory


def check(stubs: Path, *what: Path) -> subprocess.CompletedProcess[str]:
    others = {ROOT / f"firmware_py/board/{name}.py" for name in PORTS if name != stubs.name}
    excluded = "|".join(
        f"{path.parent.name}/{path.stem}[.]py$" for path in sorted(HOST_ONLY | others)
    )
    config = stubs / "mypy.ini"
    config.write_text(CONFIG.format(stubs=stubs, cache=stubs / "cache", exclude=excluded))
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", str(config), *map(str, what)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=100,
        check=False,
    )


def test_firmware_uses_only_what_this_port_has(port: Path) -> None:
    result = check(port, ROOT / "firmware_py")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_check_sees_what_boards_lack(port: Path, tmp_path: Path) -> None:
    """In its own port's module and elsewhere."""
    lines = {
        "clock.py": "import time\nx = time.monotonic_ns()\n",
        "pin.py": "from machine import Pin\nPin(1).toggel()\n",
        "package.py": "import dataclasses\n",
        "timer.py": "from machine import Timer\nTimer(1, hertz=3)\n",
        "port.py": (ROOT / f"firmware_py/board/{port.name}.py")
        .read_text()
        .replace("..compat", "firmware_py.compat")
        .replace("freq=hz, duty_u16", "freq=hz, duty_u17"),
    }
    for name, text in lines.items():
        (tmp_path / name).write_text(text)
    result = check(port, *(tmp_path / name for name in lines))
    assert result.returncode == 1, result.stdout
    for name in lines:
        assert f"{name}:" in result.stdout, result.stdout


ONLY = {"rp2": "import rp2", "esp32": "import esp32", "stm32": "import pyb"}
"""What one port has and the others lack."""


def test_a_module_of_another_port_is_not_known(port: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("\n".join(ONLY.values()) + "\n")
    result = check(port, wrong)
    assert result.returncode == 1
    assert len([line for line in result.stdout.splitlines() if "error:" in line]) == 2
