# SPDX-License-Identifier: Apache-2.0
"""How the service ends."""

import os
import signal

import pytest

from edge import service
from edge.errors import PortError
from tests.edge.fake_rack import rack_config


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_log_to_stderr", lambda _level: None)


def unreachable(*_args: object) -> None:
    raise PortError("socket://h:1: cannot connect; check host, port and network")


def test_sigterm_while_the_port_is_being_opened_is_an_orderly_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def open_slowly(*_args: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        unreachable()

    monkeypatch.setattr(service, "open_transport", open_slowly)
    service.serve(rack_config(1), dry_run=True)


def test_a_port_that_cannot_be_opened_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "open_transport", unreachable)
    with pytest.raises(PortError, match="cannot connect"):
        service.serve(rack_config(1), dry_run=True)
