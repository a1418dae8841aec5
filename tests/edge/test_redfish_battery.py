# SPDX-License-Identifier: Apache-2.0
"""The battery shelf's Redfish driver against shelves that tell more, less, or nonsense."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.actuate import make_battery, make_recharge
from edge.actuate.dryrun import DryrunActuator, DryrunBattery
from edge.actuate.redfish import RedfishActuator
from edge.actuate.redfish_battery import RedfishBattery
from edge.config import BbuConfig, parse_config
from edge.errors import ActuatorError, ConfigError
from edge.rack_limit import BbuState
from hil.frontends.http1 import Request, Response
from hil.frontends.http_server import HttpServer

PATH = "/redfish/v1/Chassis/shelf/PowerSubsystem/Batteries/1"
ENERGY_WH = 1_000.0
IDLE = {"ChargeState": "Idle", "Status": {"State": "Enabled", "Health": "OK"}}


class Shelf:
    """Replies with `battery` and `metrics`; bytes are sent as they are."""

    def __init__(self, battery: object, metrics: object, status: int = 200) -> None:
        self.documents = {PATH: battery, f"{PATH}/Metrics": metrics}
        self.status = status
        self.requests: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.requests.append(request)
        document = self.documents.get(request.path)
        if document is None:
            return Response(404, b"{}")
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return Response(self.status, body)


def bbu(url: str, source: str = "", extra: str = "") -> BbuConfig:
    text = f"[bbu]\nenergy_wh = {ENERGY_WH}\npower_w = 9000\nrecharge_w = 900\n{extra}\n"
    text += f'source = {{ kind = "redfish", url = "{url}", chassis = "shelf"{source} }}\n'
    made = parse_config(RACK + text).bbu
    assert made is not None
    return made


RACK = (
    '[rack]\nname = "r"\n[board]\nport = "x"\n[[feeds]]\nname = "A"\nbreaker_a = 63\n'
    '[[loads]]\nname = "n1"\nchannel = 0\nmin_w = 500\nmax_w = 10000\n'
    'actuator = { kind = "dryrun" }\n'
)


@contextmanager
def battery(shelf: Shelf, source: str = "") -> Iterator[RedfishBattery]:
    server = HttpServer(shelf.answer, "127.0.0.1", 0, 0.0)
    made = make_battery(bbu(server.url, source))
    assert isinstance(made, RedfishBattery)
    try:
        yield made
    finally:
        made.close()
        server.close()


def read(battery_document: object, metrics: object) -> BbuState:
    with battery(Shelf(battery_document, metrics)) as made:
        return made.read()


@pytest.mark.parametrize(
    ("resource", "metrics", "stored_mwh"),
    [
        (IDLE, {"StoredEnergyWattHours": {"Reading": 812.5}}, 812_500),
        (IDLE, {"StoredEnergyWattHours": 812}, 812_000),
        (
            IDLE,
            {"StoredEnergyWattHours": {"Reading": 700}, "ChargePercent": {"Reading": 99}},
            700_000,
        ),
        (IDLE, {"ChargePercent": {"Reading": 40}}, 400_000),
        (
            IDLE,
            {"StoredEnergyWattHours": {"Reading": None}, "ChargePercent": {"Reading": 40}},
            400_000,
        ),
        (IDLE | {"CapacityActualWattHours": 800}, {"ChargePercent": {"Reading": 50}}, 400_000),
        (IDLE | {"CapacityActualWattHours": 1_300}, {"ChargePercent": {"Reading": 50}}, 500_000),
        (IDLE | {"CapacityActualWattHours": -1}, {"ChargePercent": {"Reading": 50}}, 500_000),
        (
            IDLE | {"CapacityRatedWattHours": 1_500},
            {"StoredEnergyWattHours": {"Reading": 1_450}},
            1_450_000,
        ),
        ({}, {"StoredEnergyWattHours": {"Reading": 0}}, 0),
    ],
)
def test_stored_energy_is_taken_from_what_the_shelf_tells(
    resource: object, metrics: object, stored_mwh: int
) -> None:
    assert read(resource, metrics) == BbuState(stored_mwh, discharging=False)


@pytest.mark.parametrize(
    ("state", "discharging"),
    [("Discharging", True), ("Charging", False), ("Idle", False), (None, False), (3, False)],
)
def test_only_a_battery_that_says_so_discharges(state: object, discharging: bool) -> None:
    found = read({"ChargeState": state}, {"ChargePercent": {"Reading": 50}})
    assert found.discharging is discharging


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (b'{"StoredEnergyWattHours": {"Reading": NaN}}', "StoredEnergyWattHours nan, not within"),
        (b'{"StoredEnergyWattHours": Infinity}', "StoredEnergyWattHours inf"),
        (b'{"StoredEnergyWattHours": 1' + b"0" * 400 + b"}", "StoredEnergyWattHours inf"),
        ({"StoredEnergyWattHours": {"Reading": -1}}, "StoredEnergyWattHours -1"),
        ({"StoredEnergyWattHours": {"Reading": 1_101}}, "not within 0 to 1100; check bbu.energy"),
        ({"StoredEnergyWattHours": {"Reading": 900_000}}, "StoredEnergyWattHours 900000"),
        ({"ChargePercent": {"Reading": 100.5}}, "ChargePercent 100.5, not within 0 to 100"),
        ({"ChargePercent": {"Reading": -0.1}}, "ChargePercent -0.1"),
        ({"ChargePercent": True}, "tells neither StoredEnergyWattHours nor ChargePercent"),
        ({"ChargePercent": {"Reading": "80"}}, "tells neither"),
        ({}, "tells neither"),
    ],
)
def test_what_cannot_be_true_is_no_reading(metrics: object, said: str) -> None:
    with pytest.raises(ActuatorError, match=said) as caught:
        read(IDLE, metrics)
    assert ";" in str(caught.value)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({"State": "Absent"}, "1 is Absent; insert or enable it"),
        ({"State": "UnavailableOffline"}, "is UnavailableOffline"),
        ({"State": "Enabled", "Health": "Critical"}, "has Health Critical; replace it"),
    ],
)
def test_a_battery_that_would_not_carry_the_rack_is_no_reading(
    status: dict[str, str], said: str
) -> None:
    with pytest.raises(ActuatorError, match=said):
        read({"Status": status}, {"ChargePercent": {"Reading": 50}})


def test_a_battery_that_is_not_there_is_named_with_what_to_check() -> None:
    shelf = Shelf(None, None)
    with (
        battery(shelf) as made,
        pytest.raises(ActuatorError, match=r"Batteries/1 is not there .*; check chassis and batt"),
    ):
        made.read()
    assert [request.path for request in shelf.requests] == [PATH]  # the second is not sent


@pytest.mark.parametrize(("status", "hint"), [(503, "busy"), (401, "password_env"), (302, "log")])
def test_a_refusal_says_what_where_and_what_next(status: int, hint: str) -> None:
    with (
        battery(Shelf(IDLE, {}, status)) as made,
        pytest.raises(ActuatorError, match=rf"GET http://.*HTTP {status}.*{hint}"),
    ):
        made.read()


def test_a_shelf_that_hangs_is_given_up_after_the_timeout() -> None:
    shelf = Shelf(IDLE, {"ChargePercent": 50})
    server = HttpServer(shelf.answer, "127.0.0.1", 0, 0.5)
    made = make_battery(bbu(server.url, ", timeout_s = 0.05"))
    with pytest.raises(ActuatorError, match=r"no answer within 0.05 s"):
        made.read()
    made.close()
    server.close()


def test_another_battery_and_credentials_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELF_PASSWORD", "s3cret")
    shelf = Shelf(None, None)
    other = PATH[:-1] + "B7"
    shelf.documents = {other: IDLE, f"{other}/Metrics": {"ChargePercent": 50}}
    access = ', battery = "B7", username = "admin", password_env = "SHELF_PASSWORD"'
    with battery(shelf, access) as made:
        assert made.read().stored_mwh == 500_000
    assert {r.headers.get("authorization") for r in shelf.requests} == {"Basic YWRtaW46czNjcmV0"}


def test_a_missing_password_is_named_with_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHELF_PASSWORD", raising=False)
    access = ', username = "admin", password_env = "SHELF_PASSWORD"'
    with pytest.raises(ConfigError, match=r"bbu.source.password_env: the environment has no SHELF"):
        make_battery(bbu("http://127.0.0.1:9", access))
    recharge = (
        'actuator = { kind = "redfish", url = "http://h", chassis = "s", '
        'username = "a", password_env = "SHELF_PASSWORD" }'
    )
    with pytest.raises(ConfigError, match=r"bbu.actuator.password_env: the environment has no"):
        make_recharge(bbu("http://127.0.0.1:9", "", recharge))


def test_a_dry_run_touches_neither_source_nor_actuator() -> None:
    shelf = Shelf(IDLE, {"ChargePercent": 50})
    server = HttpServer(shelf.answer, "127.0.0.1", 0, 0.0)
    recharge = f'actuator = {{ kind = "redfish", url = "{server.url}", chassis = "shelf" }}'
    config = bbu(server.url, "", recharge)
    source, actuator = make_battery(config, dry_run=True), make_recharge(config, dry_run=True)
    assert isinstance(source, DryrunBattery)
    assert source.read() == BbuState(1_000_000, discharging=False)
    source.close()
    assert isinstance(actuator, DryrunActuator)
    assert not shelf.requests
    server.close()
    live = make_recharge(config)
    assert isinstance(live, RedfishActuator)
    live.close()
    assert make_recharge(bbu(server.url)) is None
