# SPDX-License-Identifier: Apache-2.0
"""The transport on real ptys, sockets and an RFC 2217 server, and what it says when it cannot."""

import errno
import fcntl
import os
import pty
import socket
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import serial

from edge.errors import PortError
from edge.link import Session, State, open_transport, port_errors
from edge.link import serial as transport_module
from edge.link.port_errors import explain

from .fake_board import FakeBoard
from .rfc2217_server import Rfc2217Echo

ALL_BYTES = bytes(range(256))


class Pty:
    """The board's end of a pty and the path of the host's end."""

    def __init__(self) -> None:
        self.fd, slave = pty.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        os.close(slave)

    def hang_up(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


@pytest.fixture
def board_end() -> Iterator[Pty]:
    end = Pty()
    yield end
    end.hang_up()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def read_exactly(transport, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = transport.read(2.0)
        assert piece, f"only {data!r} came"
        data += piece
    return data


def test_pty_carries_every_byte_both_ways(board_end):
    with closing(open_transport(board_end.path)) as port:
        port.write(ALL_BYTES)
        assert os.read(board_end.fd, 512) == ALL_BYTES
        os.write(board_end.fd, ALL_BYTES)
        assert read_exactly(port, 256) == ALL_BYTES


def test_read_returns_what_is_there_without_waiting_for_more(board_end):
    with closing(open_transport(board_end.path)) as port:
        os.write(board_end.fd, b"abc")
        assert port.read(60.0) == b"abc"
        assert port.read(0.0) == b""


def test_hang_up_in_the_middle_is_a_port_error(board_end):
    with closing(open_transport(board_end.path)) as port:
        board_end.hang_up()
        with pytest.raises(PortError, match="has gone away"):
            port.read(2.0)
        with pytest.raises(PortError, match="has gone away"):
            port.write(b"x")


def test_port_that_takes_no_bytes_does_not_block_for_ever(board_end, monkeypatch):
    monkeypatch.setattr(transport_module, "WRITE_TIMEOUT_S", 0.05)
    with (
        closing(open_transport(board_end.path)) as port,
        pytest.raises(PortError, match="takes no bytes"),
    ):
        port.write(bytes(1 << 20))


def test_closed_transport_may_be_closed_again_and_says_it_is_gone(board_end):
    port = open_transport(board_end.path)
    port.close()
    port.close()
    for use in (lambda: port.read(0.0), lambda: port.write(b"x")):
        with pytest.raises(PortError, match="has gone away"):
            use()


def test_port_is_ours_alone_and_the_error_names_who_has_it(board_end):
    with (
        closing(open_transport(board_end.path)),
        pytest.raises(PortError, match=rf"in use by .*\(pid {os.getpid()}\)"),
    ):
        open_transport(board_end.path)
    open_transport(board_end.path).close()


def test_modem_lines_are_both_raised_before_the_port_opens(monkeypatch, board_end):
    lines = []

    class Spy(serial.Serial):
        def open(self):
            lines.append((self.dtr, self.rts, self.exclusive))
            super().open()

    def unopened(url: str, *, do_not_open: bool, **settings) -> Spy:
        assert do_not_open
        port = Spy(None, **settings)
        port.port = url
        return port

    monkeypatch.setattr(serial, "serial_for_url", unopened)
    open_transport(board_end.path).close()
    assert lines == [(True, True, True)]


def test_pty_is_set_raw(board_end):
    with closing(open_transport(board_end.path)):
        slave = os.open(board_end.path, os.O_RDWR | os.O_NOCTTY)
        local_flags = termios.tcgetattr(slave)[3]
        os.close(slave)
    assert not local_flags & (termios.ECHO | termios.ICANON | termios.ISIG)


def test_socket_carries_bytes_and_a_closed_peer_is_a_port_error(listener):
    with closing(open_transport(f"socket://127.0.0.1:{listener.getsockname()[1]}")) as port:
        peer, _ = listener.accept()
        with peer:
            port.write(ALL_BYTES)
            assert peer.recv(512) == ALL_BYTES
            peer.sendall(b"reply")
            assert read_exactly(port, 5) == b"reply"
        with pytest.raises(PortError, match="has gone away"):
            port.read(2.0)


def test_loop_returns_what_was_written():
    with closing(open_transport("loop://")) as port:
        port.write(ALL_BYTES)
        assert read_exactly(port, 256) == ALL_BYTES
        assert port.read(0.0) == b""
        assert port.read(0.03) == b""


# pyserial 3.5 starts its reader thread with a method that Python has deprecated.
@pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:setName:DeprecationWarning")
def test_rfc2217_sets_the_line_and_carries_every_byte():
    with (
        Rfc2217Echo() as server,
        closing(open_transport(f"rfc2217://127.0.0.1:{server.port}", 230400)) as port,
    ):
        assert int.from_bytes(server.settings[1], "big") == 230400
        port.write(ALL_BYTES)
        assert read_exactly(port, 256) == ALL_BYTES
        server.hang_up()
        with pytest.raises(PortError, match="has gone away"):
            read_exactly(port, 1)


@pytest.mark.filterwarnings("ignore:setDaemon:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:setName:DeprecationWarning")
def test_rfc2217_to_a_server_that_does_not_speak_it_says_so(listener):
    url = f"rfc2217://127.0.0.1:{listener.getsockname()[1]}?timeout=0.1"
    with pytest.raises(PortError, match=r"does not speak RFC 2217; try socket://"):
        open_transport(url)


def test_session_over_a_pty_reaches_ready_and_survives_the_port_coming_back(board_end):
    session, now_ms = Session(owner=1, nonce=1), 0
    board, ends = FakeBoard(), [board_end, Pty()]
    for end in ends:
        os.set_blocking(end.fd, False)
        with closing(open_transport(end.path)) as port:
            session.start(now_ms)
            for _ in range(10):
                now_ms += 20
                port.write(session.data_to_send())
                os.write(end.fd, board.exchange(_available(end.fd), now_ms) or b"\0")
                session.receive(port.read(1.0), now_ms)
                session.poll(now_ms)
            assert session.state is State.READY
            end.hang_up()
            with pytest.raises(PortError):
                port.read(1.0)


def _available(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/dev/ttyNOPE", r"no port /dev/ttyNOPE: "),
        ("/dev/null", "not a serial port"),
        (__file__, "not a serial port"),
        ("socket://127.0.0.1:1", "connection refused; nothing listens"),
        ("rfc2217://127.0.0.1:1", "connection refused; nothing listens"),
        ("socket://127.0.0.1", r"write it as socket://HOST:PORT"),
        ("socket://127.0.0.1:x", r"write it as socket://HOST:PORT"),
        ("rfc2217://", r"write it as rfc2217://HOST:PORT"),
        ("soket://127.0.0.1:1", "no such kind of port"),
    ],
)
def test_target_that_cannot_be_opened_says_what_where_and_what_next(target, says):
    with pytest.raises(PortError, match=says) as caught:
        open_transport(target)
    assert target in str(caught.value)


def test_missing_port_lists_those_that_exist(monkeypatch):
    monkeypatch.setattr(port_errors, "ports", lambda: ["/dev/ttyACM0 (Pico)", "/dev/ttyUSB1"])
    text = explain("/dev/ttyACM9", FileNotFoundError(errno.ENOENT, "no"))
    assert text == "no port /dev/ttyACM9: there are /dev/ttyACM0 (Pico), /dev/ttyUSB1"


def test_machine_without_ports_says_plug_in(monkeypatch):
    monkeypatch.setattr(port_errors, "ports", list)
    assert "plug the board in" in explain("/dev/ttyACM9", FileNotFoundError(errno.ENOENT, "no"))


def test_no_permission_names_the_group():
    bad = serial.SerialException(errno.EACCES, "could not open port")
    assert "`dialout` group" in explain("/dev/ttyNOPE", bad)


def test_permission_that_the_system_denies_becomes_the_hint(board_end, monkeypatch):
    def denied(*_args):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(PortError, match=r"permission denied on /dev/pts/.* group"):
        open_transport(board_end.path)


def test_port_locked_by_another_process_names_that_process(board_end):
    locker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import fcntl, os, sys; fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY);"
            "fcntl.flock(fd, fcntl.LOCK_EX); print('locked', flush=True); sys.stdin.read()",
            board_end.path,
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with locker:
        assert locker.stdout.readline() == b"locked\n"
        with pytest.raises(PortError, match=rf"in use by .*\(pid {locker.pid}\)"):
            open_transport(board_end.path)
        locker.stdin.close()
    open_transport(board_end.path).close()


def test_a_port_that_hangs_up_as_it_is_opened_is_a_port_error(board_end, monkeypatch):
    ask = termios.tcgetattr

    def ask_and_lose(fd):
        settings = ask(fd)
        board_end.hang_up()
        return settings

    monkeypatch.setattr(termios, "tcgetattr", ask_and_lose)
    before = len(held()[0])
    with pytest.raises(PortError, match=r"no port|went away as it was opened"):
        open_transport(board_end.path)
    assert len(held()[0]) == before - 1  # our end of the pty


def test_a_port_that_is_still_there_but_dead_says_so():
    text = explain("/dev/tty", termios.error(errno.EIO, "Input/output error"))
    assert "/dev/tty went away as it was opened (input/output error)" in text


def held() -> tuple[list[Path], int]:
    return sorted(Path("/proc/self/fd").iterdir()), threading.active_count()


def test_failed_open_leaves_no_descriptor_and_no_thread_behind(board_end, listener):
    holder = os.open(board_end.path, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    before = held()
    for target in (board_end.path, "/dev/null", "/dev/ttyNOPE", "socket://127.0.0.1:1"):
        with pytest.raises(PortError):
            open_transport(target)
    assert held() == before
    os.close(holder)
