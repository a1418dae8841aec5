# SPDX-License-Identifier: Apache-2.0
"""Redfish resources without a socket: one limit, three views."""

import json

import pytest

from hil.frontends.http1 import Request
from hil.frontends.redfish import RedfishService
from hil.frontends.redfish_limit import Chassis

BASE = "/redfish/v1/Chassis/node 1"
POWER, CONTROL, METRICS = (
    f"{BASE}/{v}" for v in ("Power", "Controls/PowerLimit", "EnvironmentMetrics")
)
VIEWS = (POWER, CONTROL, METRICS)


def limit_body(path, watts):
    if path == POWER:
        return {"PowerControl": [{"PowerLimit": {"LimitInWatts": watts}}]}
    return {"SetPoint": watts} if path == CONTROL else {"PowerLimitWatts": {"SetPoint": watts}}


def limit_of(path, document):
    if path == POWER:
        return document["PowerControl"][0]["PowerLimit"]["LimitInWatts"]
    return document["SetPoint"] if path == CONTROL else document["PowerLimitWatts"]["SetPoint"]


class Bench:
    """A service over two servers, called without a socket."""

    def __init__(self, **options):
        self.watts = [4321.04, 5000.0]
        self.caps = []
        self.service = RedfishService(
            [Chassis("node 1", 3000, 10_000), Chassis("n2", 3000, 10_000)],
            self.watts.__getitem__,
            lambda index, watts: self.caps.append((index, watts)),
            **options,
        )

    def call(self, method, path, body=None, **headers):
        raw = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return self.service.handle(Request(method, path.replace(" ", "%20"), named, raw))

    def get(self, path):
        response = self.call("GET", path)
        assert response.status == 200
        return json.loads(response.body)


@pytest.fixture
def bench():
    return Bench()


def message_ids(response):
    info = json.loads(response.body)["error"]["@Message.ExtendedInfo"]
    return [entry["MessageId"].split(".")[-1] for entry in info]


def test_every_link_from_the_root_leads_to_a_resource_that_names_itself(bench):
    seen, todo = set(), ["/redfish/v1/"]
    while todo:
        path = todo.pop()
        if path in seen or "#" in path:
            continue
        seen.add(path)
        document = bench.get(path)
        assert document["@odata.id"] == path
        todo += links(document)
    assert {path.replace(" ", "%20") for path in VIEWS} <= seen
    assert len(seen) == 2 + 2 * 5


def links(node):
    if isinstance(node, dict):
        own = [node["@odata.id"]] if "@odata.id" in node else []
        return own + [link for child in node.values() for link in links(child)]
    return [link for child in node for link in links(child)] if isinstance(node, list) else []


@pytest.mark.parametrize("path", VIEWS)
def test_a_reading_is_the_draw_of_the_rack(bench, path):
    text = json.dumps(bench.get(path))
    assert "4321.0" in text
    bench.watts[0] = 777.0
    assert "777.0" in json.dumps(bench.get(path))


@pytest.mark.parametrize("written", VIEWS)
def test_one_limit_is_seen_by_all_views_and_reaches_the_rack(bench, written):
    assert [limit_of(path, bench.get(path)) for path in VIEWS] == [None] * 3
    response = bench.call("PATCH", written, limit_body(written, 4200))
    assert (response.status, response.body) == (204, b"")
    assert [limit_of(path, bench.get(path)) for path in VIEWS] == [4200] * 3
    assert bench.get(CONTROL)["ControlMode"] == "Automatic"
    assert bench.caps == [(0, 4200)]
    assert bench.service.limit_w(0) == 4200
    assert bench.service.limit_w(1) is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        *((path, limit_body(path, None)) for path in VIEWS),
        (CONTROL, {"ControlMode": "Disabled"}),
        (METRICS, {"PowerLimitWatts": {"ControlMode": "Disabled"}}),
    ],
)
def test_a_limit_can_be_taken_off(bench, path, body):
    bench.call("PATCH", POWER, limit_body(POWER, 4200))
    assert bench.call("PATCH", path, body).status == 204
    assert bench.caps[-1] == (0, None)
    assert bench.get(CONTROL)["ControlMode"] == "Disabled"
    assert limit_of(METRICS, bench.get(METRICS)) is None


def test_exception_and_correction_are_kept_and_do_not_write_a_cap():
    bench = Bench(limit_exception="HardPowerOff")
    body = {"PowerControl": [{"PowerLimit": {"CorrectionInMs": 50}}]}
    assert bench.call("PATCH", POWER, body).status == 204
    limit = bench.get(POWER)["PowerControl"][0]["PowerLimit"]
    assert limit == {"LimitInWatts": None, "LimitException": "HardPowerOff", "CorrectionInMs": 50}
    body = {"PowerControl": [{"PowerLimit": {"LimitException": "LogEventOnly"}}]}
    assert bench.call("PATCH", POWER, body).status == 204
    assert bench.get(POWER)["PowerControl"][0]["PowerLimit"]["LimitException"] == "LogEventOnly"
    assert bench.caps == []
    assert bench.service.caps_written == 0


def test_power_metrics_cover_the_readings_served(bench):
    for watts in (4000.0, 6000.0, 5000.0):
        bench.watts[0] = watts
        metrics = bench.get(POWER)["PowerControl"][0]["PowerMetrics"]
    assert metrics == {
        "MinConsumedWatts": 4000.0,
        "MaxConsumedWatts": 6000.0,
        "AverageConsumedWatts": 5000.0,
    }


@pytest.mark.parametrize(
    ("path", "body", "message_id"),
    [
        *((path, b"{", "MalformedJSON") for path in VIEWS),
        (POWER, b"", "MalformedJSON"),
        (POWER, b"[" * 16000, "MalformedJSON"),
        (POWER, b'{"a":"\xff"}', "MalformedJSON"),
        (POWER, b"[]", "PropertyValueTypeError"),
        (POWER, {}, "PropertyMissing"),
        (POWER, {"PowerLimit": 1}, "PropertyUnknown"),
        (POWER, {"PowerControl": {}}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": []}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [7]}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [{"PowerConsumedWatts": 1}]}, "PropertyUnknown"),
        (POWER, {"PowerControl": [{"PowerLimit": None}]}, "PropertyValueTypeError"),
        (POWER, {"PowerControl": [{"PowerLimit": {}}]}, "PropertyMissing"),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"LimitException": "Off"}}]},
            "PropertyValueNotInList",
        ),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"LimitException": None}}]},
            "PropertyValueNotInList",
        ),
        (
            POWER,
            {"PowerControl": [{"PowerLimit": {"CorrectionInMs": -1}}]},
            "PropertyValueOutOfRange",
        ),
        (CONTROL, {"SetPoint": 4000, "Name": "x"}, "PropertyUnknown"),
        (CONTROL, {"ControlMode": "Manual"}, "PropertyValueNotInList"),
        (CONTROL, {"ControlMode": "Automatic"}, "PropertyMissing"),
        (METRICS, {"PowerWatts": {}}, "PropertyUnknown"),
        (METRICS, {"PowerLimitWatts": 4000}, "PropertyValueTypeError"),
        *((path, limit_body(path, 2999), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, 99_999), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, 10**400), "PropertyValueOutOfRange") for path in VIEWS),
        *((path, limit_body(path, "4000"), "PropertyValueTypeError") for path in VIEWS),
        *((path, limit_body(path, True), "PropertyValueTypeError") for path in VIEWS),
        *((path, limit_body(path, float("nan")), "PropertyValueTypeError") for path in VIEWS),
    ],
)
def test_a_bad_patch_is_refused_with_the_reason_and_changes_nothing(bench, path, body, message_id):
    response = bench.call("PATCH", path, body)
    assert (response.status, message_ids(response)) == (400, [message_id])
    assert bench.caps == []
    assert limit_of(path, bench.get(path)) is None


def test_etags_change_with_the_limit_and_not_with_the_reading(bench):
    def etag(path):
        return dict(bench.call("GET", path).headers)["ETag"]

    first = etag(POWER)
    bench.watts[0] = 1.0
    assert etag(CONTROL) == first
    response = bench.call("PATCH", METRICS, limit_body(METRICS, 4000))
    assert dict(response.headers)["ETag"] == etag(POWER) != first


def test_if_match_guards_a_patch(bench):
    old = dict(bench.call("GET", POWER).headers)["ETag"]
    body = limit_body(POWER, 4000)
    assert bench.call("PATCH", POWER, body, If_Match=old).status == 204
    refused = bench.call("PATCH", POWER, limit_body(POWER, 5000), If_Match=old)
    assert (refused.status, message_ids(refused)) == (412, ["PreconditionFailed"])
    assert bench.caps == [(0, 4000)]
    new = dict(bench.call("GET", POWER).headers)["ETag"]
    assert bench.call("PATCH", POWER, body, If_Match=f'"zz", {new}').status == 204
    assert bench.call("PATCH", POWER, body, If_Match="*").status == 204


def test_a_service_may_insist_on_if_match():
    bench = Bench(require_etag=True)
    assert bench.call("PATCH", POWER, limit_body(POWER, 4000)).status == 428
    assert bench.caps == []
    etag = dict(bench.call("GET", POWER).headers)["ETag"]
    assert bench.call("PATCH", POWER, limit_body(POWER, 4000), If_Match=etag).status == 204


def test_a_service_may_answer_a_patch_with_the_resource():
    bench = Bench(patch_reply=200)
    response = bench.call("PATCH", CONTROL, limit_body(CONTROL, 4000))
    assert response.status == 200
    assert json.loads(response.body)["SetPoint"] == 4000


@pytest.mark.parametrize(
    "path", ["/", "/redfish/v1/Systems", f"{BASE}x", f"{BASE}/Power/x", "/%ff"]
)
def test_an_unknown_path_is_404(bench, path):
    assert bench.call("GET", path).status == 404


def test_a_trailing_slash_and_a_query_do_not_matter(bench):
    assert bench.get(POWER + "/") == bench.get(POWER + "?$select=PowerControl")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("POST", POWER, "GET, PATCH"), ("DELETE", METRICS, "GET, PATCH"), ("PATCH", BASE, "GET")],
)
def test_other_methods_are_405_and_say_what_is_allowed(bench, method, path, allow):
    response = bench.call(method, path, {})
    assert response.status == 405
    assert dict(response.headers)["Allow"] == allow


def test_injected_faults_hit_one_chassis_the_given_number_of_times(bench):
    bench.service.fail(0, 503, times=2)
    other = "/redfish/v1/Chassis/n2/Power"
    assert [bench.call("GET", path).status for path in (POWER, other, POWER, POWER)] == [
        503,
        200,
        503,
        200,
    ]


def test_requests_and_caps_are_counted(bench):
    bench.get(POWER)
    bench.call("PATCH", POWER, limit_body(POWER, 4000))
    bench.call("PATCH", POWER, b"{")
    assert (bench.service.requests, bench.service.caps_written) == (3, 1)
