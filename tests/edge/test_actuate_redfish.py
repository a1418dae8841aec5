# SPDX-License-Identifier: Apache-2.0
"""The Redfish actuator against the closed-loop front-end and against odd BMCs, on loopback."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from edge.actuate import make_actuator, make_actuators
from edge.actuate.base import Actuator
from edge.actuate.redfish import RedfishActuator
from edge.config import Config, parse_config
from edge.config import RedfishActuator as RedfishConfig
from edge.errors import ActuatorError, ConfigError
from hil.frontends.http1 import DROP, Request, Response
from hil.frontends.http_server import HttpServer
from hil.frontends.redfish import RedfishServer, RedfishService
from hil.frontends.redfish_limit import Chassis

CAPS = list[tuple[int, float | None]]


@contextmanager
def bmc(**options: object) -> Iterator[tuple[RedfishService, str, CAPS]]:
    caps: CAPS = []
    service = RedfishService(
        [Chassis("n1", 500, 10_000)],
        lambda _index: 1_234.0,
        lambda index, watts: caps.append((index, watts)),
        **options,  # type: ignore[arg-type]
    )
    with RedfishServer(service) as server:
        yield service, server.url, caps


@contextmanager
def actuator(url: str, **options: object) -> Iterator[RedfishActuator]:
    config = RedfishConfig(kind="redfish", url=url, chassis="n1", **options)  # type: ignore[arg-type]
    made = RedfishActuator("n1", config)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("shape", ["auto", "environment", "control", "power"])
@pytest.mark.parametrize("patch_reply", [200, 204])
def test_a_cap_arrives_in_every_shape(shape: str, patch_reply: int) -> None:
    with bmc(patch_reply=patch_reply) as (service, url, caps), actuator(url, shape=shape) as made:
        applied = made.apply(4_000.9)
        assert applied.requested_w == 4_000
        assert applied.enforced_w == 4_000  # the first write is always read back
        assert caps == [(0, 4_000)]
        assert service.limit_w(0) == 4_000


def test_an_acknowledgement_alone_does_not_claim_to_be_enforced() -> None:
    with bmc(patch_reply=204) as (service, url, _), actuator(url) as made:
        made.apply(4_000)
        before = service.requests
        assert made.apply(5_000).enforced_w is None
        assert service.requests == before + 1
        assert made.verify(5_000).enforced_w == 5_000


def test_a_body_in_the_reply_is_the_read_back() -> None:
    with bmc(patch_reply=200) as (service, url, _), actuator(url) as made:
        made.apply(4_000)
        before = service.requests
        assert made.apply(5_000).enforced_w == 5_000
        assert service.requests == before + 1


@pytest.mark.parametrize("shape", ["auto", "environment", "control", "power"])
def test_a_power_off_exception_is_disarmed_before_the_first_cap(shape: str) -> None:
    with bmc(limit_exception="HardPowerOff") as (service, url, _):
        exceptions: list[str] = []
        original = service._on_cap
        service._on_cap = lambda index, watts: (
            exceptions.append(service._limits[index].exception),
            original(index, watts),
        )
        with actuator(url, shape=shape) as made:
            made.apply(4_000)
        assert exceptions == ["LogEventOnly"]


def test_an_etag_changed_by_somebody_else_is_read_again_and_the_cap_retried() -> None:
    with bmc(require_etag=True) as (service, url, caps), actuator(url) as made:
        made.apply(4_000)
        with actuator(url) as other:
            other.apply(6_000)
        made.apply(5_000)
        assert caps == [(0, 4_000), (0, 6_000), (0, 5_000)]
        assert service.limit_w(0) == 5_000


def test_reading_tells_power_and_limit() -> None:
    with bmc() as (_, url, _caps), actuator(url) as made:
        assert made.read().requested_w is None
        made.apply(4_000)
        reading = made.read()
        assert reading.power_w == 1_234
        assert reading.requested_w == 4_000


def test_verify_notices_another_controller() -> None:
    with bmc() as (_, url, _caps), actuator(url) as made, actuator(url) as other:
        made.apply(4_000)
        other.apply(6_000)
        with pytest.raises(ActuatorError, match=r"holds 6000.0 W instead of 4000 W"):
            made.verify(4_000)


@pytest.mark.parametrize(("status", "hint"), [(503, "busy"), (500, "log"), (403, "right")])
def test_a_refusal_says_what_where_and_what_next(status: int, hint: str) -> None:
    with bmc() as (service, url, _), actuator(url) as made:
        made.apply(4_000)
        service.fail(0, status)
        with pytest.raises(ActuatorError, match=rf"PATCH http://.*HTTP {status}.*injected.*{hint}"):
            made.apply(5_000)
        assert made.apply(5_000).enforced_w == 5_000  # read back again after a failure


def test_a_cap_out_of_range_is_refused_with_the_bmcs_own_words() -> None:
    with (
        bmc() as (_, url, _caps),
        actuator(url) as made,
        pytest.raises(ActuatorError, match=r"HTTP 400: .+; check min_w and max_w"),
    ):
        made.apply(20_000)


def test_a_connection_dropped_once_is_made_anew() -> None:
    with bmc() as (service, url, _), actuator(url) as made:
        made.apply(4_000)
        service.fail(0, DROP, times=1)
        made.apply(5_000)
        assert service.limit_w(0) == 5_000


def test_a_bmc_that_is_not_there_is_named() -> None:
    with bmc() as (_, url, _caps):
        pass
    with (
        actuator(url) as made,
        pytest.raises(ActuatorError, match=r"GET http://127.*; check the BMC's address"),
    ):
        made.apply(4_000)


def test_a_bmc_that_hangs_is_given_up_after_the_timeout() -> None:
    service = RedfishService([Chassis("n1", 500, 10_000)], lambda _i: 0.0, lambda _i, _w: None)
    with (
        RedfishServer(service, latency_s=0.5) as server,
        actuator(server.url, timeout_s=0.05) as made,
        pytest.raises(ActuatorError, match=r"no answer within 0.05 s; check the BMC"),
    ):
        made.apply(4_000)


def test_an_unknown_chassis_is_an_error_with_the_paths_tried() -> None:
    with bmc() as (_, url, _caps):
        config = RedfishConfig(kind="redfish", url=url, chassis="n9")
        made = RedfishActuator("n9", config)
        with pytest.raises(ActuatorError, match=r"tried EnvironmentMetrics, Controls/PowerLimit"):
            made.apply(4_000)
        made.close()


@contextmanager
def odd_bmc(answer: Callable[[Request], Response]) -> Iterator[str]:
    server = HttpServer(answer, "127.0.0.1", 0, 0.0)
    try:
        yield server.url
    finally:
        server.close()


def reply(status: int, document: object) -> Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status, body, (("Content-Type", "application/json"),))


@pytest.mark.parametrize("body", [b"<html>login</html>", b"[1, 2]", b"\xff\xfe", b"[" * 100_000])
def test_a_web_server_that_is_no_bmc_is_said_to_be_none(body: bytes) -> None:
    with (
        odd_bmc(lambda _request: reply(200, body)) as url,
        actuator(url) as made,
        pytest.raises(ActuatorError, match="not a JSON object; is this a Redfish BMC"),
    ):
        made.apply(4_000)


def test_a_reply_without_end_is_cut_off() -> None:
    with (
        odd_bmc(lambda _request: reply(200, b" " * (3 << 20))) as url,
        actuator(url) as made,
        pytest.raises(ActuatorError, match="above 1 MiB"),
    ):
        made.apply(4_000)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"PowerLimitWatts": None, "PowerControl": []},
        {"PowerControl": "none"},
        {"PowerControl": [{"PowerLimit": None}]},
    ],
)
def test_resources_without_a_limit_are_no_shape(document: object) -> None:
    with (
        odd_bmc(lambda _request: reply(200, document)) as url,
        actuator(url) as made,
        pytest.raises(ActuatorError, match="no power limit below"),
    ):
        made.apply(4_000)


def test_a_bmc_that_insists_on_power_off_is_never_capped() -> None:
    power = {"PowerControl": [{"PowerLimit": {"LimitException": "HardPowerOff"}}]}
    patched: list[str] = []

    def answer(request: Request) -> Response:
        if request.method == "PATCH":
            patched.append(request.path)
            return reply(400, {})
        return reply(200, power | {"PowerLimitWatts": {"SetPoint": None}})

    with (
        odd_bmc(answer) as url,
        actuator(url) as made,
        pytest.raises(ActuatorError, match="LimitException is HardPowerOff"),
    ):
        made.apply(4_000)
    assert patched == ["/redfish/v1/Chassis/n1/Power"]


def test_credentials_go_out_as_basic_auth(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: set[str] = set()

    def answer(request: Request) -> Response:
        seen.add(request.headers.get("authorization", ""))
        return reply(200, {"PowerLimitWatts": {"SetPoint": 4_000}})

    monkeypatch.setenv("BMC_PASSWORD", "s3cret")
    with (
        odd_bmc(answer) as url,
        actuator(url, username="admin", password_env="BMC_PASSWORD") as made,
    ):
        made.apply(4_000)
    assert seen == {"Basic YWRtaW46czNjcmV0"}


def test_a_missing_password_is_a_mistake_in_the_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BMC_PASSWORD", raising=False)
    with (
        pytest.raises(ConfigError, match="the environment has no BMC_PASSWORD; set it"),
        actuator("http://127.0.0.1:1", username="admin", password_env="BMC_PASSWORD"),
    ):
        pass


def rack(url: str) -> Config:
    return parse_config(
        '[rack]\nname = "r"\n[board]\nport = "x"\n[[feeds]]\nname = "A"\nbreaker_a = 63\n'
        '[[loads]]\nname = "n1"\nchannel = 0\nmin_w = 500\nmax_w = 10000\n'
        f'actuator = {{ kind = "redfish", url = "{url}", chassis = "n1" }}\n'
        '[[loads]]\nname = "n2"\nchannel = 1\nmin_w = 500\nmax_w = 10000\n'
        'actuator = { kind = "dryrun" }\n'
    )


def close(actuators: list[Actuator]) -> None:
    for each in actuators:
        each.close()


def test_a_dry_run_touches_no_bmc() -> None:
    with bmc() as (service, url, _):
        made = make_actuators(rack(url), dry_run=True)
        assert [each.apply(4_000).enforced_w for each in made] == [4_000, 4_000]
        assert service.requests == 0
        close(made)


def test_each_load_gets_the_actuator_it_asks_for() -> None:
    with bmc() as (_, url, caps):
        made = make_actuators(rack(url))
        assert [type(each).__name__ for each in made] == ["RedfishActuator", "DryrunActuator"]
        made[0].apply(4_000)
        assert caps == [(0, 4_000)]
        close(made)


def test_a_dry_run_still_notices_a_cap_it_was_not_told() -> None:
    made = make_actuator(rack("http://127.0.0.1:1").loads[1])
    made.apply(4_000)
    assert made.read().enforced_w == 4_000
    with pytest.raises(ActuatorError, match=r"cap is 4000.*not 5000 W"):
        made.verify(5_000)
