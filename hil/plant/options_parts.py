# SPDX-License-Identifier: Apache-2.0
"""Sections of a scenario's rack; where a default has a source, the plant's own spec names it."""

from typing import Annotated, Literal

from pydantic import Field

from hil.options import Options

Ratio = Annotated[float, Field(ge=0, le=1)]


class BreakerOptions(Options):
    """The branch breakers."""

    curve: Annotated[
        Literal["B", "C", "D", "UL489_C", "UL489_D", "MCCB", "GG"],
        Field(description="Family: IEC 60898-1 B, C, D; UL 489; IEC 60947-2 MCCB; gG fuse"),
    ] = "C"
    edge: Annotated[
        Literal["fast", "slow"],
        Field(description="Edge of the tripping band: fast trips first, slow last"),
    ] = "fast"
    ambient_c: Annotated[
        float | None, Field(ge=-40, le=70, description="Air at the breaker, degC; derates it")
    ] = None


class PsuOptions(Options):
    """Power supplies."""

    efficiency: Annotated[
        Literal["bronze", "silver", "gold", "platinum", "titanium"],
        Field(description="80 PLUS class, 230 V internal redundant"),
    ] = "titanium"
    sharing_error: Annotated[
        float,
        Field(ge=0, le=0.1, description="Error of droop sharing between A and B, part of max_w"),
    ] = 0.0


class CapOptions(Options):
    """How a power cap takes hold."""

    dead_time_s: Annotated[float, Field(ge=0, le=60, description="From request to limiter, s")] = (
        0.2
    )
    tau_s: Annotated[
        float, Field(gt=0, le=60, description="Time constant of the limit's way, s")
    ] = 0.25


class InrushOptions(Options):
    """What a load takes when it is switched on."""

    times: Annotated[float, Field(ge=0, le=40, description="RMS current over that at max_w")] = 4.0
    for_ms: Annotated[int, Field(ge=1, le=100, description="Length, ms")] = 20


class ThrottleOptions(Options):
    """How servers defend themselves against heat."""

    inlet_c: Annotated[float, Field(ge=20, le=80, description="Inlet where it begins")] = 42.0
    plate_c: Annotated[float, Field(ge=30, le=110, description="Cold plate, the same")] = 70.0
    band_k: Annotated[
        float, Field(gt=0, le=40, description="Kelvin from no limit to the cap floor")
    ] = 8.0


class RelayOptions(Options):
    """Contactors of the groups."""

    operate_ms: Annotated[int, Field(ge=0, le=5000, description="From command to contact, ms")] = 20
    feedback: Annotated[bool, Field(description="Auxiliary contacts are wired to the board")] = True


class BbuOptions(Options):
    """Battery shelf."""

    energy_wh: Annotated[float, Field(gt=0, le=1e6, description="Usable when full, Wh")] = 6_000.0
    power_w: Annotated[float, Field(gt=0, le=1e6, description="Highest discharge, W")] = 90_000.0
    recharge_w: Annotated[
        float, Field(ge=0, le=1e6, description="Highest recharge at the feeds, W")
    ] = 4_000.0
    efficiency: Annotated[
        float, Field(gt=0.5, le=1, description="Energy at the loads over energy from the cells")
    ] = 0.95
    charge_efficiency: Annotated[
        float, Field(gt=0.5, le=1, description="Energy into the cells over energy from the feeds")
    ] = 0.95
    start: Annotated[Ratio, Field(description="Charge at the start")] = 1.0


class MeterOptions(Options):
    """Meters of feeds and loads, sensors of temperature; the default is exact."""

    class_percent: Annotated[
        float,
        Field(ge=0, le=5, description="Class (IEC 62053-21: 0.5, 1, 2); 0: exact, from the seed"),
    ] = 0.0
    quantum_mw: Annotated[
        int, Field(ge=1, le=1_000_000, description="Step of power readings, mW")
    ] = 1
    quantum_ma: Annotated[
        int, Field(ge=1, le=100_000, description="Step of current readings, mA")
    ] = 1
    temperature_k: Annotated[
        float, Field(ge=0, le=5, description="Error of a temperature sensor, half-width, K")
    ] = 0.0
    noise: Annotated[
        float, Field(ge=0, le=0.2, description="Half-width of the noise of a reading, relative")
    ] = 0.0


class FanOptions(Options):
    """The fan wall."""

    count: Annotated[int, Field(ge=1, le=8, description="Fans")] = 4
    max_rpm: Annotated[float, Field(ge=100, le=60_000, description="At full duty, rpm")] = 6_000.0
    power_ratio: Annotated[
        float,
        Field(ge=0, le=0.3, description="Power of all at full speed over their heat"),
    ] = 0.015
    design_rise_k: Annotated[
        float, Field(ge=3, le=60, description="Outlet over inlet at full load and speed, K")
    ] = 14.0
    tau_s: Annotated[float, Field(gt=0, le=60, description="Speed follows duty, s")] = 1.5
    operating_ratio: Annotated[
        float,
        Field(gt=0, lt=1, description="Fan curve: pressure at the working point over no-flow"),
    ] = 0.5


class LiquidOptions(Options):
    """The coolant loop."""

    share: Annotated[Ratio, Field(description="Of the servers' DC power, to plates")] = 0.8
    facility_c: Annotated[float, Field(ge=1, le=60, description="Facility water, degC")] = 18.0
    head_pa: Annotated[
        float, Field(gt=0, le=2e6, description="Pump head at no flow and full speed, Pa")
    ] = 330_000.0
    system_pa_lpm2: Annotated[
        float, Field(gt=0, le=1e4, description="Loop resistance, Pa per (l/min)^2")
    ] = 12.2
    pump_rpm: Annotated[float, Field(ge=100, le=30_000, description="At full speed, rpm")] = 4_000.0
    pump_efficiency: Annotated[
        float, Field(ge=0.1, le=1, description="Hydraulic over electric power")
    ] = 0.5
    reservoir_l: Annotated[float, Field(gt=0, le=1000, description="Reservoir, l")] = 12.0
    plate_w_k: Annotated[
        float, Field(gt=0, le=1e6, description="Plates to coolant at design flow, W/K")
    ] = 3_000.0
    exchanger_w_k: Annotated[
        float, Field(gt=0, le=1e6, description="Coolant to facility water at design flow, W/K")
    ] = 14_000.0
    water_lpm: Annotated[
        float, Field(gt=0, le=10_000, description="Facility flow, valve open, l/min")
    ] = 130.0
    rangeability: Annotated[float, Field(ge=2, le=200, description="Of the valve")] = 40.0
    travel_s: Annotated[float, Field(gt=0, le=600, description="Valve's full stroke, s")] = 45.0
