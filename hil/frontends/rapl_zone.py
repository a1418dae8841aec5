# SPDX-License-Identifier: Apache-2.0
"""One RAPL package with its DRAM: attributes of the kernel's powercap class (intel_rapl_msr).

Documentation/power/powercap/powercap.rst names the files; the numbers are those of a server part.
"""

from pathlib import Path

from hil.frontends.rapl_files import Setting, write_value
from hil.plant.server import LoadSpec

RANGE_UJ = 262_143_328_850
"""max_energy_range_uj: 32 bits of 61.03 uJ (energy unit 2^-14 J); at 10 kW a wrap each 26 s."""

STEP_UW = 125_000
"""Power unit, 2^-3 W: what a limit is rounded down to."""

LONG_US, SHORT_US = 999_424, 2_440
"""Default time windows of the two constraints."""
WINDOW_MIN_US, WINDOW_MAX_US = 976, 27_983_872
"""One time unit, 2^-10 s; the largest that the register holds at that unit, about."""

DRAM_SHARE = 0.12
"""Part of the package's reading that the DRAM sub-domain shows."""

MODE_READ = 0o444


class Zone:
    """A package domain whose power is its load's whole AC draw, and whose limit is a cap on it."""

    def __init__(self, path: Path, index: int, load: LoadSpec) -> None:
        """`path` of intel-rapl:INDEX. Raises OSError."""
        self.path = path
        self._index = index
        self._dram = path / f"intel-rapl:{index}:0"
        self._uj = 0.0
        self._top_uw = int(load.max_w * 1_000_000)
        self._low_uw = int(load.cap_floor_w * 1_000_000)
        self._write_constants()
        self._enabled = Setting(path / "enabled", 1)
        self._limits = [
            Setting(path / f"constraint_{n}_power_limit_uw", self._top_uw) for n in (0, 1)
        ]
        self._windows = [
            Setting(path / f"constraint_{n}_time_window_us", us)
            for n, us in enumerate((LONG_US, SHORT_US))
        ]
        self._cap_w: float | None = None
        self.count(0.0, 0)

    def mend(self) -> None:
        """Make again what somebody has removed; what was set stays set. Raises OSError."""
        self._write_constants()
        for setting in (self._enabled, *self._limits, *self._windows):
            setting.put(setting.value)

    def count(self, watts: float, dt_ms: int) -> None:
        """Add the energy of `watts` over `dt_ms` to the counters, which wrap. Raises OSError."""
        self._uj += watts * dt_ms * 1000.0
        write_value(self.path / "energy_uj", str(int(self._uj) % RANGE_UJ))
        write_value(self._dram / "energy_uj", str(int(self._uj * DRAM_SHARE) % RANGE_UJ))

    def poll(self) -> bool:
        """Take what was written, clamped as the hardware does; whether the cap changed."""
        for setting in self._limits:
            number = setting.poll()
            if number is not None:
                setting.put(self._clamped(number))
        for setting in self._windows:
            number = setting.poll()
            if number is not None:
                setting.put(min(max(number, WINDOW_MIN_US), WINDOW_MAX_US))
        number = self._enabled.poll()
        if number is not None:
            self._enabled.put(min(number, 1))
        cap_w = self._asked_w()
        changed = cap_w != self._cap_w
        self._cap_w = cap_w
        return changed

    @property
    def cap_w(self) -> float | None:
        """The limit in force, W; None if it is off or limits nothing."""
        return self._cap_w

    def _asked_w(self) -> float | None:
        lowest_uw = min(setting.value for setting in self._limits)
        if not self._enabled.value or lowest_uw >= self._top_uw:
            return None
        return lowest_uw / 1_000_000

    def _clamped(self, uw: int) -> int:
        if uw >= self._top_uw:
            return self._top_uw
        return max(uw // STEP_UW * STEP_UW, self._low_uw)

    def _write_constants(self) -> None:
        self._dram.mkdir(parents=True, exist_ok=True)
        texts = {
            "name": f"package-{self._index}",
            "max_energy_range_uj": str(RANGE_UJ),
            "constraint_0_name": "long_term",
            "constraint_1_name": "short_term",
            "constraint_0_max_power_uw": str(self._top_uw),
            "constraint_1_max_power_uw": str(self._top_uw),
        }
        for name, text in texts.items():
            _constant(self.path / name, text)
        _constant(self._dram / "name", "dram")
        _constant(self._dram / "max_energy_range_uj", str(RANGE_UJ))
        _constant(self._dram / "enabled", "0")


def _constant(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    write_value(path, text)
    path.chmod(MODE_READ)
