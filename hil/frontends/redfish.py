# SPDX-License-Identifier: Apache-2.0
"""Closed-loop Redfish: a PATCHed limit really lowers the simulated draw.

One limit per chassis, seen by the three shapes that BMCs have: Power (DSP0268 Power v1),
Controls/PowerLimit (Control v1) and EnvironmentMetrics (PowerLimitWatts). The service is a
function from request to response; `RedfishServer` puts it behind a real HTTP socket.
"""

import json
import math
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Self
from urllib.parse import quote, unquote

from hil.frontends.base import Answer
from hil.frontends.http1 import DROP, Request, Response
from hil.frontends.http_server import HttpServer
from hil.frontends.redfish_battery import VIEWS as BATTERY_VIEWS
from hil.frontends.redfish_battery import BatteryShelf, battery_view
from hil.frontends.redfish_limit import Chassis, Document, Limit
from hil.frontends.redfish_patch import Refusal, parse_patch
from hil.frontends.redfish_views import ROOT, chassis_view, service_view
from hil.plant.rack import Rack
from hil.plant.server import LoadSpec
from hil.plant.spec import RackSpec

JSON_TYPE = ("Content-Type", "application/json")

WRITABLE = frozenset(("Power", "Controls/PowerLimit", "EnvironmentMetrics"))


@dataclass(slots=True)
class _Fault:
    status: int
    times: int


class _Target(NamedTuple):
    """Where a path leads: a view, and the chassis it belongs to (-1: none)."""

    view: str
    chassis: int


class RedfishService:
    """Chassis resources over `read(index) -> W` and `on_cap(index, W or None)`.

    `require_etag`: a PATCH without If-Match is refused with 428. `patch_reply`: 204, or 200 with
    the changed resource as body. `limit_exception`: what stands in LimitException at the start;
    real BMCs come with HardPowerOff, so a client has to set it. `shelf` becomes one more chassis.

    `answers` may be changed at any time, by chassis, the shelf's last. error: HTTP 500. slow: the
    answer comes after `slow_s`, or if that is None the connection is closed without one, as a
    client in virtual time cannot wait. ignore: a limit is acknowledged and not applied.
    """

    def __init__(
        self,
        chassis: Sequence[Chassis],
        read: Callable[[int], float],
        on_cap: Callable[[int, float | None], None],
        *,
        require_etag: bool = False,
        patch_reply: int = 204,
        limit_exception: str = "NoAction",
        shelf: BatteryShelf | None = None,
        slow_s: float | None = None,
    ) -> None:
        self.slow_s = slow_s
        self.require_etag = require_etag
        self.patch_reply = patch_reply
        self.requests = 0
        self.caps_written = 0
        self._shelf = shelf
        self._chassis = (*chassis, *([] if shelf is None else [shelf.chassis]))
        self._read = read
        self._on_cap = on_cap
        self._limits = [Limit(exception=limit_exception) for _ in self._chassis]
        self.answers: list[Answer | None] = [None] * len(self._chassis)
        self._faults: dict[int, _Fault] = {}
        self._lock = threading.Lock()
        self._targets = {
            f"{ROOT}{path}": _Target(view, index) for path, view, index in self._routes()
        }

    def fail(self, index: int, status: int, times: int = 1) -> None:
        """Answer the next `times` requests to a chassis with `status`, DROP for silence."""
        with self._lock:
            self._faults[index] = _Fault(status, times)

    def limit_w(self, index: int) -> float | None:
        """Limit requested for a chassis, W; None if off."""
        return self._limits[index].watts

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        with self._lock:
            self.requests += 1
            try:
                return self._route(request)
            except Refusal as refusal:
                headers = (JSON_TYPE, *refusal.headers)
                return Response(refusal.status, _dump(refusal.body()), headers)

    def _routes(self) -> list[tuple[str, str, int]]:
        routes = [("", "Root", -1), ("/Chassis", "Collection", -1)]
        for index, chassis in enumerate(self._chassis):
            base = f"/Chassis/{chassis.name}"
            routes.append((base, "Chassis", index))
            views = (*WRITABLE, "Controls", *(BATTERY_VIEWS if self._is_shelf(index) else ()))
            routes += [(f"{base}/{view}", view, index) for view in views]
        return routes

    def _is_shelf(self, index: int) -> bool:
        return self._shelf is not None and index == len(self._chassis) - 1

    def _route(self, request: Request) -> Response:
        path = unquote(request.path.partition("?")[0]).rstrip("/")
        target = self._targets.get(path)
        if target is None:
            raise Refusal(404, "ResourceNotFound", f"no resource at {path}", (path,))
        fault = self._faults.get(target.chassis)
        if fault and fault.times > 0:
            fault.times -= 1
            if fault.status == DROP:
                return Response(DROP)
            raise Refusal(fault.status, "GeneralError", "injected fault")
        answer = self.answers[target.chassis] if target.chassis >= 0 else None
        if answer == "error":
            raise Refusal(500, "InternalError", "the service has an internal error")
        if answer != "slow":
            return self._serve(request, target, path)
        if self.slow_s is None:
            return Response(DROP)
        return self._serve(request, target, path)._replace(delay_s=self.slow_s)

    def _serve(self, request: Request, target: _Target, path: str) -> Response:
        if request.method == "GET":
            return self._get(target)
        if request.method == "PATCH" and target.view in WRITABLE:
            return self._patch(target, request)
        allow = "GET, PATCH" if target.view in WRITABLE else "GET"
        what = f"{request.method} is not supported on {path}"
        raise Refusal(405, "OperationNotAllowed", what, headers=(("Allow", allow),))

    def _get(self, target: _Target) -> Response:
        if target.chassis < 0:
            names = [quote(chassis.name, safe="") for chassis in self._chassis]
            return Response(200, _dump(service_view(target.view, names)), (JSON_TYPE,))
        limit = self._limits[target.chassis]
        document = self._document(target, limit)
        return Response(200, _dump(document), (JSON_TYPE, ("ETag", limit.etag)))

    def _document(self, target: _Target, limit: Limit) -> Document:
        if self._shelf is None or not self._is_shelf(target.chassis):
            watts = self._read(target.chassis)
        elif target.view in BATTERY_VIEWS:
            return battery_view(target.view, self._shelf)
        else:
            watts = self._shelf.read().feeds_w
        limit.observe(watts)
        chassis = self._chassis[target.chassis]
        document = chassis_view(target.view, chassis, limit, watts)
        if target.view == "Chassis" and self._is_shelf(target.chassis):
            document["PowerSubsystem"] = {"@odata.id": f"{document['@odata.id']}/PowerSubsystem"}
        return document

    def _patch(self, target: _Target, request: Request) -> Response:
        limit = self._limits[target.chassis]
        self._check_etag(request.headers.get("if-match"), limit.etag)
        chassis = self._chassis[target.chassis]
        change = parse_patch(target.view, request.body, chassis)
        limit.apply(change)
        if change.sets_watts:
            self.caps_written += 1
            self._apply(target.chassis, limit.watts)
        if self.patch_reply == 200:
            return self._get(target)
        return Response(204, headers=(("ETag", limit.etag),))

    def _apply(self, index: int, watts: float | None) -> None:
        if self.answers[index] == "ignore":
            return
        if self._shelf is not None and self._is_shelf(index):
            self._shelf.on_recharge(watts)
        else:
            self._on_cap(index, watts)

    def _check_etag(self, if_match: str | None, etag: str) -> None:
        if if_match is None:
            if self.require_etag:
                what = "PATCH needs If-Match: GET the resource and send its ETag"
                raise Refusal(428, "PreconditionRequired", what)
            return
        tags = {tag.strip() for tag in if_match.split(",")}
        if "*" not in tags and etag not in tags:
            what = f"ETag is now {etag}: GET the resource again"
            raise Refusal(412, "PreconditionFailed", what)


def _dump(document: Document) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def chassis_of(spec: RackSpec) -> list[Chassis]:
    """Every load of a rack as a chassis with its range of caps."""
    return [chassis_of_load(load) for load in spec.loads]


def chassis_of_load(load: LoadSpec) -> Chassis:
    """A load as a chassis; its range is that of whole W that holds all its caps."""
    return Chassis(load.name, math.floor(load.cap_floor_w), math.ceil(load.max_w))


def rack_service(
    rack: Rack,
    lock: AbstractContextManager[object] | None = None,
    *,
    require_etag: bool = False,
    patch_reply: int = 204,
    limit_exception: str = "NoAction",
    shelf: BatteryShelf | None = None,
) -> RedfishService:
    """Every load of a rack as a chassis; `lock` is held while the rack is read or capped.

    `shelf` brings its own callbacks, which `lock` does not guard.
    """
    held = lock or nullcontext()

    def read(index: int) -> float:
        with held:
            return rack.load_w[index]

    def on_cap(index: int, watts: float | None) -> None:
        with held:
            rack.set_cap(index, watts)

    return RedfishService(
        chassis_of(rack.spec),
        read,
        on_cap,
        require_etag=require_etag,
        patch_reply=patch_reply,
        limit_exception=limit_exception,
        shelf=shelf,
    )


class RedfishServer:
    """A `RedfishService` on a loopback socket; a context manager with `.url`.

    `latency_s` delays every reply, in real time (BMCs take 0.1 to 50 s).
    """

    def __init__(
        self,
        service: RedfishService,
        *,
        latency_s: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.service = service
        self._http = HttpServer(service.handle, host, port, latency_s)
        self.url = self._http.url

    def __enter__(self) -> Self:
        """Return itself: it serves from construction on."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.close()

    def close(self) -> None:
        """Stop serving and close every connection."""
        self._http.close()
