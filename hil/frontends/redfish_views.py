# SPDX-License-Identifier: Apache-2.0
"""The Redfish documents of a chassis: three views of one power limit."""

from collections.abc import Sequence
from urllib.parse import quote

from hil.frontends.redfish_limit import Chassis, Document, Limit

ROOT = "/redfish/v1"


def service_view(view: str, names: Sequence[str]) -> Document:
    """Service root or chassis collection."""
    if view == "Root":
        return {
            "@odata.id": f"{ROOT}/",
            "@odata.type": "#ServiceRoot.v1_16_1.ServiceRoot",
            "Id": "RootService",
            "Name": "Emulated rack",
            "RedfishVersion": "1.20.0",
            "Chassis": {"@odata.id": f"{ROOT}/Chassis"},
        }
    return {
        "@odata.id": f"{ROOT}/Chassis",
        "@odata.type": "#ChassisCollection.ChassisCollection",
        "Name": "Chassis Collection",
        "Members": [{"@odata.id": f"{ROOT}/Chassis/{name}"} for name in names],
        "Members@odata.count": len(names),
    }


def chassis_view(view: str, chassis: Chassis, limit: Limit, watts: float) -> Document:
    """One resource of a chassis; `watts` is its present draw."""
    base = f"{ROOT}/Chassis/{quote(chassis.name, safe='')}"
    return _VIEWS[view](base, chassis, limit, watts)


def _chassis(base: str, chassis: Chassis, _limit: Limit, _watts: float) -> Document:
    return {
        "@odata.id": base,
        "@odata.type": "#Chassis.v1_25_1.Chassis",
        "Id": chassis.name,
        "Name": chassis.name,
        "ChassisType": "RackMount",
        "PowerState": "On",
        "Power": {"@odata.id": f"{base}/Power"},
        "Controls": {"@odata.id": f"{base}/Controls"},
        "EnvironmentMetrics": {"@odata.id": f"{base}/EnvironmentMetrics"},
    }


def _power(base: str, chassis: Chassis, limit: Limit, watts: float) -> Document:
    return {
        "@odata.id": f"{base}/Power",
        "@odata.type": "#Power.v1_7_3.Power",
        "Id": "Power",
        "Name": "Power",
        "PowerControl": [
            {
                "@odata.id": f"{base}/Power#/PowerControl/0",
                "MemberId": "0",
                "Name": "Server Power Control",
                "PowerConsumedWatts": round(watts, 1),
                "PowerCapacityWatts": chassis.max_w,
                "PowerMetrics": limit.metrics(),
                "PowerLimit": {
                    "LimitInWatts": limit.watts,
                    "LimitException": limit.exception,
                    "CorrectionInMs": limit.correction_ms,
                },
            }
        ],
    }


def _controls(base: str, _chassis: Chassis, _limit: Limit, _watts: float) -> Document:
    return {
        "@odata.id": f"{base}/Controls",
        "@odata.type": "#ControlCollection.ControlCollection",
        "Name": "Controls",
        "Members": [{"@odata.id": f"{base}/Controls/PowerLimit"}],
        "Members@odata.count": 1,
    }


def _control(base: str, chassis: Chassis, limit: Limit, watts: float) -> Document:
    return {
        "@odata.id": f"{base}/Controls/PowerLimit",
        "@odata.type": "#Control.v1_5_1.Control",
        "Id": "PowerLimit",
        "Name": "Chassis power limit",
        "ControlType": "Power",
        "SetPointUnits": "W",
        "SetPoint": limit.watts,
        "SettingMin": chassis.min_w,
        "SettingMax": chassis.max_w,
        "AllowableMin": chassis.min_w,
        "AllowableMax": chassis.max_w,
        "ControlMode": limit.mode,
        "Sensor": {"Reading": round(watts, 1)},
    }


def _environment(base: str, chassis: Chassis, limit: Limit, watts: float) -> Document:
    return {
        "@odata.id": f"{base}/EnvironmentMetrics",
        "@odata.type": "#EnvironmentMetrics.v1_3_2.EnvironmentMetrics",
        "Id": "EnvironmentMetrics",
        "Name": "Environment metrics",
        "PowerWatts": {"Reading": round(watts, 1)},
        "PowerLimitWatts": {
            "DataSourceUri": f"{base}/Controls/PowerLimit",
            "SetPoint": limit.watts,
            "ControlMode": limit.mode,
            "AllowableMin": chassis.min_w,
            "AllowableMax": chassis.max_w,
        },
    }


_VIEWS = {
    "Chassis": _chassis,
    "Power": _power,
    "Controls": _controls,
    "Controls/PowerLimit": _control,
    "EnvironmentMetrics": _environment,
}
