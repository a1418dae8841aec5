# SPDX-License-Identifier: Apache-2.0
"""JSON over one kept-alive HTTP/1.1 connection to a BMC, errors as sentences.

Uses httpx's transport without its client: no cookies, redirects or environment, which a BMC
must not steer, and a third less time per request.
"""

import base64
import json
import os
import ssl
from functools import cache
from typing import NamedTuple

import httpx

from edge.actuate.redfish_shape import Json
from edge.config_device import RedfishAccess
from edge.errors import ActuatorError, ConfigError

BODY_MAX = 1 << 20
"""Longest reply that is read, B; a Power resource is a few kB."""


class Answer(NamedTuple):
    """One reply; `document` is empty if there was no JSON object."""

    status: int
    document: Json
    etag: str | None


@cache
def _tls(verify: bool) -> ssl.SSLContext | bool:
    return httpx.create_ssl_context() if verify else False


class RedfishHttp:
    """Requests below one base URL. Not for use by several threads at once."""

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 2.0,
        credentials: tuple[str, str] | None = None,
        verify_tls: bool = True,
    ) -> None:
        try:
            self._base = httpx.URL(base_url)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ConfigError(
                f"{base_url}: {error}; write http://HOST or https://HOST:PORT"
            ) from None
        secure = self._base.scheme == "https"
        self._transport = httpx.HTTPTransport(verify=_tls(verify_tls and secure), http2=False)
        self._timeout_s = timeout_s
        limits = httpx.Timeout(timeout_s).as_dict()
        self._extensions = {"timeout": limits}
        headers = {
            "Host": self._base.netloc.decode("ascii"),
            "Accept": "application/json",
            "OData-Version": "4.0",
            "User-Agent": "rackedge",
        }
        if credentials is not None:
            token = base64.b64encode(":".join(credentials).encode()).decode("ascii")
            headers["Authorization"] = f"Basic {token}"
        self._get_headers = headers
        self._patch_headers = headers | {"Content-Type": "application/json"}
        self._urls: dict[str, httpx.URL] = {}

    def get(self, path: str) -> Answer:
        """Read a resource. A status of 400 and more is the caller's."""
        return self._exchange("GET", path, self._get_headers, None)

    def patch(self, path: str, body: Json, etag: str | None) -> Answer:
        """Change a resource, if it is still the one with `etag`."""
        headers = self._patch_headers
        if etag is not None:
            headers = headers | {"If-Match": etag}
        return self._exchange("PATCH", path, headers, json.dumps(body).encode())

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def refuse(self, method: str, path: str, answer: Answer) -> ActuatorError:
        """What a status of 400 and more means and what to do about it."""
        hint = HINTS.get(answer.status, "see the BMC's log")
        return ActuatorError(
            f"{method} {self._url(path)}: HTTP {answer.status}{_reason(answer.document)}; {hint}"
        )

    def _url(self, path: str) -> httpx.URL:
        if path not in self._urls:
            try:
                self._urls[path] = self._base.join(path)
            except httpx.InvalidURL as error:
                raise ActuatorError(f"{self._base}{path}: {error}; check chassis") from None
        return self._urls[path]

    def _exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        url = self._url(path)
        try:
            try:
                return self._once(method, url, headers, body)
            except httpx.RemoteProtocolError:
                # The BMC closed an idle connection just then. All our writes are absolute, so
                # saying it twice does no harm.
                return self._once(method, url, headers, body)
        except httpx.TimeoutException:
            text = f"no answer within {self._timeout_s:g} s; check the BMC or raise timeout_s"
            raise ActuatorError(f"{method} {url}: {text}") from None
        except (httpx.HTTPError, UnicodeError) as error:
            text = f"{error or type(error).__name__}; check the BMC's address, cable and TLS"
            raise ActuatorError(f"{method} {url}: {text}") from None

    def _once(
        self, method: str, url: httpx.URL, headers: dict[str, str], body: bytes | None
    ) -> Answer:
        request = httpx.Request(
            method, url, headers=headers, content=body, extensions=self._extensions
        )
        response = self._transport.handle_request(request)
        try:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > BODY_MAX:
                    raise ActuatorError(f"{method} {url}: reply above 1 MiB; is this a BMC?")
        finally:
            response.close()
        etag = response.headers.get("etag")
        return Answer(response.status_code, _parse(content, method, url), etag)


def connect(access: RedfishAccess, where: str) -> RedfishHttp:
    """The service of a section; `where` is its place in rack.toml.

    Raises ConfigError if the password's environment variable is not set.
    """
    return RedfishHttp(
        access.url,
        timeout_s=access.timeout_s,
        credentials=_credentials(access, where),
        verify_tls=access.verify_tls,
    )


def _credentials(access: RedfishAccess, where: str) -> tuple[str, str] | None:
    if access.username is None:
        return None
    if access.password_env is None:
        return access.username, ""
    password = os.environ.get(access.password_env)
    if password is None:
        raise ConfigError(
            f"{where}.password_env: the environment has no "
            f"{access.password_env}; set it before starting"
        )
    return access.username, password


def _parse(content: bytes, method: str, url: httpx.URL) -> Json:
    if not content.strip():
        return {}
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        return document
    raise ActuatorError(f"{method} {url}: the reply is not a JSON object; is this a Redfish BMC?")


def _reason(document: Json) -> str:
    """The service's own words, from @Message.ExtendedInfo (DSP0266)."""
    error = document.get("error")
    if not isinstance(error, dict):
        return ""
    info = error.get("@Message.ExtendedInfo")
    first = info[0] if isinstance(info, list) and info else error
    text = first.get("Message", error.get("message")) if isinstance(first, dict) else None
    return f": {text}" if isinstance(text, str) else ""


HINTS = {
    400: "check min_w and max_w against the BMC's range",
    401: "check username and the variable named by password_env",
    403: "give the user the right to configure power (ConfigureComponents)",
    404: "check chassis and shape",
    405: "this BMC does not let the limit be set here; try another shape",
    503: "the BMC is busy; it is tried again",
}
"""What to do about a status."""
