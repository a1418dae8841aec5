# SPDX-License-Identifier: Apache-2.0
"""Emulated BMCs, read and capped by ipmitool and python-ipmi; rubbish on their ports."""

import hmac
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress

import pyipmi
import pyipmi.interfaces
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyipmi.errors import CompletionCodeError

from edge.errors import ConfigError, PortError, RuntimeMissing
from hil.frontends.dcmi import Dcmi, LimitWatch, PowerLimit
from hil.frontends.ipmi import PASSWORD, USER, IpmiBmcs
from hil.frontends.ipmi_bmc import IDLE_S, SESSIONS_MAX, Bmc
from hil.frontends.ipmi_crypto import PROTECTED, SUITES, Keys
from hil.frontends.ipmi_packet import (
    OPEN_REQUEST,
    RMCP_ASF,
    RMCP_IPMI,
    checksum,
    parse,
    parse_message,
    wrap,
)
from hil.frontends.ipmi_session import Account
from hil.plant.server import LoadSpec
from tests.hil.frontend_rig import follow, make_rack, need

LOADS = (LoadSpec("a", 200.0, 1000.0, 300.0), LoadSpec("b", 200.0, 2000.0, 600.0))
GUID = bytes(range(16))


@pytest.fixture
def bmcs():
    with IpmiBmcs(LOADS) as frontend:
        frontend.refresh(0, [500.0, 700.0])
        yield frontend


@contextmanager
def python_ipmi(frontend, load, cipher_suite=3):
    """A session with the BMC of a load; cipher suite 3 or 17."""
    interface = pyipmi.interfaces.create_interface("rmcpplus", cipher_suite=cipher_suite)
    client = pyipmi.create_connection(interface)
    client.session.set_session_type_rmcp("127.0.0.1", frontend.ports[load])
    client.session.set_auth_type_user(USER, PASSWORD)
    client.target = pyipmi.Target(0x20)
    client.open()
    try:
        yield client
    finally:
        client.close()


def ipmitool(frontend, load, *words, password=PASSWORD, options=()):
    where = ("-I", "lanplus", "-H", "127.0.0.1", "-p", str(frontend.ports[load]), "-R", "1")
    command = (need("ipmitool"), *where, "-U", USER, "-P", password, *options, *words)
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def power(frontend, load, *words, **options):
    done = ipmitool(frontend, load, "dcmi", "power", *words, **options)
    return done.returncode, done.stdout + done.stderr


def test_a_limit_set_with_ipmitool_lowers_the_draw_once_it_is_active():
    rack = make_rack()
    with IpmiBmcs(rack.spec.loads) as frontend:
        follow(rack, frontend)
        code, text = power(frontend, 1, "reading")
        assert code == 0
        assert f"{round(rack.load_w[1])} Watts" in text
        assert power(frontend, 1, "set_limit", "limit", "5000")[0] == 0
        follow(rack, frontend)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)
        code, text = power(frontend, 1, "activate")
        assert (code, "successfully activated" in text) == (0, True)
        follow(rack, frontend)
        assert rack.load_w == [pytest.approx(8000, rel=0.01), pytest.approx(5000, rel=0.01)]
        text = power(frontend, 1, "get_limit")[1]
        assert "Power Limit Active" in text
        assert "5000 Watts" in text
        assert power(frontend, 1, "deactivate")[0] == 0
        follow(rack, frontend)
        assert rack.load_w[1] == pytest.approx(8000, rel=0.01)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("limit", "299"), "(84)"),
        (("limit", "1001"), "(84)"),
        (("correction", "999"), "(85)"),
        (("sample", "0"), "(89)"),
    ],
)
def test_ipmitool_is_told_what_is_out_of_range(bmcs, words, code):
    failed, text = power(bmcs, 0, "set_limit", *words)
    assert failed == 1
    assert code in text
    assert bmcs.take_caps() == []


@pytest.mark.parametrize("suite", [3, 17])
def test_ipmitool_gets_in_with_both_cipher_suites(bmcs, suite):
    assert power(bmcs, 0, "reading", options=("-C", str(suite)))[0] == 0


def test_ipmitool_is_kept_out_without_encryption_or_password(bmcs):
    assert power(bmcs, 0, "reading", options=("-C", "0"))[0] == 1
    assert power(bmcs, 0, "reading", password="wrong")[0] == 1


def test_a_user_may_read_and_not_set(bmcs):
    user = ("-L", "USER")
    assert power(bmcs, 0, "reading", options=user)[0] == 0
    code, text = power(bmcs, 0, "activate", options=user)
    assert (code, "(d4)" in text) == (1, True)
    assert bmcs.take_caps() == []


def test_ipmitool_discovers_power_management_and_a_chassis_that_is_on(bmcs):
    assert "Power management available" in ipmitool(bmcs, 0, "dcmi", "discover").stdout
    assert "IPMI Version              : 2.0" in ipmitool(bmcs, 0, "mc", "info").stdout
    assert "Chassis Power is on" in ipmitool(bmcs, 0, "power", "status").stdout
    assert "violation" not in ipmitool(bmcs, 0, "mc", "guid").stdout


@pytest.mark.parametrize("suite", [3, 17])
def test_a_limit_set_with_python_ipmi_lowers_the_draw(suite):
    rack = make_rack()
    with IpmiBmcs(rack.spec.loads) as frontend, python_ipmi(frontend, 0, suite) as client:
        follow(rack, frontend)
        with pytest.raises(CompletionCodeError) as refused:
            client.get_power_limit()
        assert refused.value.cc == 0x80
        client.set_power_limit(4000, 1000, 0x11, 1)
        client.activate_power_limit()
        follow(rack, frontend)
        assert rack.load_w[0] == pytest.approx(4000, rel=0.01)
        reading = client.get_power_reading(1)
        assert reading.current_power == pytest.approx(4000, rel=0.01)
        assert reading.maximum_power == pytest.approx(8000, rel=0.01)
        assert reading.timestamp == rack.now_ms // 1000
        assert client.get_power_limit().power_limit == 4000


def test_error_is_node_busy_and_ignore_acknowledges(bmcs):
    with python_ipmi(bmcs, 0) as client:
        bmcs.answers[0] = "error"
        with pytest.raises(CompletionCodeError) as refused:
            client.get_power_reading(1)
        assert refused.value.cc == 0xC0
        bmcs.answers[0] = "ignore"
        client.activate_power_limit()
        client.set_power_limit(400, 1000, 0x11, 1)
        assert client.get_power_limit().power_limit == 400
        assert bmcs.take_caps() == []


def test_slow_answers_come_late_and_only_from_that_bmc(bmcs):
    bmcs.slow_s, bmcs.answers[0] = 0.3, "slow"
    ping = RMCP_ASF + b"\x00\x00\x11\xbe\x80\x07\x00\x00"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(5)
        begun_s = time.monotonic()
        peer.sendto(ping, ("127.0.0.1", bmcs.ports[0]))
        peer.sendto(ping, ("127.0.0.1", bmcs.ports[1]))
        assert peer.recvfrom(99)[1][1] == bmcs.ports[1]
        answer, where = peer.recvfrom(99)
        assert where[1] == bmcs.ports[0]
        assert time.monotonic() - begun_s >= 0.3
    assert answer[8:10] == b"\x40\x07"


def test_a_draw_above_the_limit_for_longer_than_the_correction_time_is_an_exception():
    watch = LimitWatch()
    limit = PowerLimit(500, action=1, correction_ms=1000, active=True)
    over = [watch.exceeds(limit, 600.0, t) for t in range(0, 3000, 100)]
    assert [i for i, seen in enumerate(over) if seen] == [11]
    assert not watch.exceeds(limit, 505.0, 3000)
    assert not watch.exceeds(limit, 600.0, 3100)
    assert watch.exceeds(limit, 600.0, 4200)
    assert not LimitWatch().exceeds(PowerLimit(500), 600.0, 9999)


def test_the_bench_is_told_whom_to_power_off(bmcs):
    with python_ipmi(bmcs, 1) as client:
        client.set_power_limit(600, 1000, 0x01, 1)
        client.activate_power_limit()
    for t_ms in range(0, 3000, 100):
        bmcs.refresh(t_ms, [500.0, 700.0])
    assert bmcs.take_power_offs() == [1]
    assert bmcs.take_power_offs() == []
    assert bmcs.exceeded == [0, 1]


def make_bmc(caps):
    return Bmc(Dcmi(LOADS[0], caps.append), Account(USER.encode(), PASSWORD.encode()), GUID)


OPEN = bytes((1, 4, 0, 0, 9, 9, 9, 9)) + b"".join(
    bytes((kind, 0, 0, 8, 1, 0, 0, 0)) for kind in range(3)
)


def test_sessions_are_bounded_and_end_after_a_quiet_minute():
    bmc = make_bmc([])
    numbers = []
    for i in range(SESSIONS_MAX + 8):
        answer = parse(bmc.answer(wrap(OPEN_REQUEST, 0, 0, OPEN), float(i)))
        numbers.append(answer.payload[8:12])
    rakp1 = bytes((1, 0, 0, 0)) + numbers[-1] + bytes(16) + bytes((4, 0, 0, 5)) + USER.encode()
    quiet = wrap(0x12, 0, 0, rakp1)
    assert len(bmc._sessions) == SESSIONS_MAX
    assert bmc.answer(wrap(0x12, 0, 0, rakp1[:4] + numbers[0] + rakp1[8:]), 40.0) is None
    assert parse(bmc.answer(quiet, 41.0)).payload[1] == 0
    assert bmc.answer(quiet, 41.0 + IDLE_S + 1) is None


class Handshake:
    """A client that goes on whatever the BMC answers, as no real one does."""

    def __init__(self, name=USER, role=4):
        self.caps = []
        self.bmc = make_bmc(self.caps)
        self.number = self.say(OPEN_REQUEST, OPEN)[8:12]
        self.role_name = bytes((role, len(name))) + name.encode()
        head = bytes((1, 0, 0, 0)) + self.number + bytes(16)
        rakp1 = head + bytes((role, 0, 0, len(name))) + name.encode()
        answer = self.say(0x12, rakp1)
        self.status, self.random = answer[1], answer[8:24]

    def say(self, kind, payload):
        answer = self.bmc.answer(wrap(kind, 0, 0, payload), 0.0)
        return parse(answer).payload

    def finish(self, password=PASSWORD):
        """RAKP 3; returns the status in RAKP 4."""
        said = self.random + OPEN[4:8] + self.role_name
        code = hmac.digest(password.encode(), said, "sha1")
        return self.say(0x14, bytes((1, 0, 0, 0)) + self.number + code)[1]

    def ask(self, netfn, command, data):
        """A sealed request in the session; returns (completion code, data)."""
        password = PASSWORD.encode()
        key = hmac.digest(password, bytes(16) + self.random + self.role_name, "sha1")
        keys = Keys(SUITES[0], key, 20)
        head, body = bytes((0x20, netfn << 2)), bytes((0x81, 4, command)) + data
        message = head + checksum(head) + body + checksum(body)
        number = int.from_bytes(self.number, "little")
        packet = keys.seal(wrap(PROTECTED, number, 1, keys.encrypt(message)))
        answer = keys.decrypt(parse(self.bmc.answer(packet, 0.0)).payload)
        return answer[6], answer[7:-1]


def test_a_client_that_does_not_know_the_password_gets_no_session():
    client = Handshake()
    assert client.status == 0
    assert client.finish("wrong") == 0x0F
    assert client.finish() == 0


def test_an_unknown_user_is_told_so():
    assert Handshake(name="root").status == 0x0D


def test_a_role_that_is_no_users_is_refused():
    assert Handshake(role=5).status == 0x09


def test_privilege_never_rises_above_the_role_of_the_handshake():
    client = Handshake(role=2)
    assert client.finish() == 0
    assert client.ask(0x06, 0x3B, b"\x04") == (0x81, b"")
    assert client.ask(0x2C, 0x05, b"\xdc\x01\x00\x00") == (0xD4, b"\xdc")
    assert client.caps == []
    client = Handshake(role=4)
    assert client.finish() == 0
    assert client.ask(0x2C, 0x05, b"\xdc\x01\x00\x00") == (0xD4, b"\xdc")
    assert client.ask(0x06, 0x3B, b"\x04") == (0, b"\x04")
    assert client.ask(0x2C, 0x05, b"\xdc\x01\x00\x00") == (0, b"\xdc")
    assert client.caps == [1000.0]


@pytest.mark.parametrize("command", [0x01, 0x3B, 0x3C])
def test_without_a_session_nothing_but_the_way_in_is_answered(command):
    body = bytes((0x81, 0, command, 4))
    head = bytes((0x20, 0x06 << 2))
    message = head + checksum(head) + body + checksum(body)
    answer = parse(make_bmc([]).answer(wrap(0, 0, 0, message, old=True), 0.0))
    assert answer.payload[6] == 0xD4


packets = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(lambda data: RMCP_IPMI + data),
    st.builds(
        lambda kind, session, data: wrap(kind, session, 0, data),
        st.integers(0, 255),
        st.integers(0, 2**32 - 1) | st.just(0),
        st.binary(max_size=64),
    ),
    st.binary(max_size=40).map(lambda data: wrap(OPEN_REQUEST, 0, 0, OPEN[: len(data)] + data)),
)


@given(st.lists(packets, max_size=12))
@settings(max_examples=300, deadline=None)
def test_no_packet_breaks_a_bmc_or_sets_a_limit(rubbish):
    caps = []
    bmc = make_bmc(caps)
    for number, packet in enumerate(rubbish):
        bmc.answer(packet, float(number))
    assert caps == []
    assert bmc.answer(wrap(OPEN_REQUEST, 0, 0, OPEN), 20.0) is not None


@given(st.integers(0, 255), st.binary(max_size=20))
@settings(max_examples=300)
def test_no_command_breaks_dcmi_or_leaves_its_range(command, data):
    caps = []
    dcmi = Dcmi(LOADS[0], caps.append)
    code, answer = dcmi.answer(command, data)
    assert 0 <= code <= 0xFF
    assert len(answer) < 32
    assert 300 <= dcmi.limit.watts <= 1000
    assert caps in ([], [1000.0])


@given(st.binary(max_size=30))
def test_messages_with_wrong_checksums_are_none(data):
    message = parse_message(data)
    assert message is None or (sum(data[:3]) & 0xFF, sum(data[3:]) & 0xFF) == (0, 0)


def test_rubbish_on_the_socket_leaves_a_bmc_that_answers(bmcs):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for length in range(0, 1400, 7):
            peer.sendto(RMCP_IPMI[: length % 5] + bytes(length), ("127.0.0.1", bmcs.ports[0]))
        ping = RMCP_ASF + b"\x00\x00\x11\xbe\x80\x01\x00\x00"
        assert ask(peer, ping, bmcs.ports[0])[8] == 0x40


def ask(peer, packet, port):
    """Say it again until it is answered, as clients do: a full socket buffer loses datagrams."""
    peer.settimeout(0.5)
    for _ in range(20):
        peer.sendto(packet, ("127.0.0.1", port))
        with suppress(TimeoutError):
            return peer.recv(99)
    pytest.fail("no answer")


def test_a_taken_port_is_a_clear_error(bmcs):
    with pytest.raises(PortError, match="choose another port"):
        IpmiBmcs(LOADS, first_port=bmcs.ports[0]).start()


def test_a_password_too_long_for_ipmi_is_refused():
    with pytest.raises(ConfigError, match="at most 20 bytes"):
        IpmiBmcs(LOADS, password="x" * 21)


def test_without_cryptography_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(RuntimeMissing, match="pip install"):
        IpmiBmcs(LOADS).start()
