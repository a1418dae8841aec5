# SPDX-License-Identifier: Apache-2.0
"""`rackedge board` and `config push|pull` against the firmware on the VM behind a pty."""

import json
import select
import signal
import stat
import subprocess
import sys
import time

import pytest

from edge import cli
from edge.board_client import BoardClient
from edge.board_config import pull
from edge.config import parse_config
from edge.control import Daemon, MonotonicClock
from edge.errors import LinkError
from edge.executor import InlineExecutor
from edge.link import serial
from edge.link.auth import read_key
from edge.link.serial import open_transport
from firmware_py import channels as ch
from firmware_py.board.example import document
from firmware_py.link import messages as m
from firmware_py.store.compile import compile_json
from tests.hil.keyed_board import KEY, RACK, KeyedBoard
from tests.hil.live_rig import ENV, MAIN

PATIENCE_S = 15.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """For what changes nothing, and never more than a few leases: the journal is rationed."""
    with KeyedBoard(tmp_path_factory.mktemp("board")) as made:
        with BoardClient(lambda: open_transport(made.path)) as client:
            until(lambda: client.telemetry().state == m.STATE_LOCAL)
        yield made


@pytest.fixture
def board(tmp_path):
    with KeyedBoard(tmp_path) as made:
        yield made


@pytest.fixture
def rackedge(monkeypatch, capsys):
    """The command, in this process: (exit code, stdout, stderr)."""

    def run(*args, key=None):
        more = [] if key is None else ["--key", str(key)]
        monkeypatch.setattr(sys, "argv", ["rackedge", *map(str, args), *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return ended.value.code or 0, out, err

    return run


@pytest.fixture
def settled(board):
    """A board past its self-test."""
    with BoardClient(lambda: open_transport(board.path)) as client:
        until(lambda: client.telemetry().state == m.STATE_LOCAL)
    return board


def in_force(board):
    with BoardClient(lambda: open_transport(board.path), key=KEY, want_lease=True) as client:
        return pull(client)


def status(board, rackedge):
    code, out, err = rackedge("board", "status", board.path, "--json")
    assert code == 0, err
    return json.loads(out)


def changed(where, **sections):
    """A file with other sections; returns its path."""
    path = where.config.with_name("changed.json")
    path.write_text(json.dumps(RACK | sections))
    return path


# Looking


def test_status_shows_one_look_to_people_and_to_scripts(shared, rackedge):
    code, out, err = rackedge("board", "status", shared.path)
    assert (code, err) == (0, "")
    shown = dict(line.split("  ", 1) for line in out.splitlines())
    assert shown["board"].strip().startswith("sim 0001, firmware")
    assert shown["state"].strip() == "LOCAL"
    assert "1.50 kW, breaker holds" in shown["feed A"]
    assert "inlet 24.0 °C, outlet 36.0 °C" in shown["air"]
    assert "6000 6000 rpm" in shown["each fan"]
    seen = status(shared, rackedge)
    assert seen["state"] == "LOCAL"
    assert seen["loads_w"] == [1000.0, 2000.0]
    assert seen["feeds"][0] == {"name": "A", "power_w": 1500.0, "time_to_trip_s": None} | {
        "breaker_heat_ratio": seen["feeds"][0]["breaker_heat_ratio"]
    }
    assert seen["cooling"]["fans_rpm"][:3] == [6000, 6000, None]
    assert seen["cooling"]["supply_c"] is None
    assert seen["lease"] == {"held": False, "left_s": 0.0}


def test_the_journal_needs_no_key_and_is_in_words(shared, rackedge):
    code, out, err = rackedge("board", "journal", shared.path)
    assert (code, err) == (0, "")
    assert "board started: first start" in out
    assert time.strftime("%Y-%m-%d") in out  # of events since this boot
    code, out, _ = rackedge("board", "journal", shared.path, "--json")
    rows = json.loads(out)["rows"]
    assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
    assert {"boot", "state"} <= {row["kind"] for row in rows}
    times = [row["time"] for row in rows if row["time"] is not None]
    assert all(0 <= time.time() - at < 600 for at in times)


# The configuration


def test_what_is_pushed_is_in_force_after_a_reset_and_can_be_pulled(board, rackedge, tmp_path):
    first = changed(board, loads=[0, 1, 1])
    code, out, err = rackedge("config", "push", board.path, first, key=board.key_file)
    assert (code, err) == (0, "")
    assert "saved; in force from the next start on" in out
    code, out, err = rackedge("board", "reset", board.path, key=board.key_file)
    assert (code, err) == (0, "")
    binary = compile_json(first.read_bytes())[0]
    crc = int.from_bytes(binary[8:12], "little")
    assert f"is back: boot {board.boots}, started as requested, config {crc:08x}" in out
    target = tmp_path / "pulled.bin"
    code, out, err = rackedge("config", "pull", board.path, "-o", target, key=board.key_file)
    assert (code, out) == (0, "")
    assert target.read_bytes() == binary
    code, out, _ = rackedge("config", "pull", board.path, "--json", key=board.key_file)
    target.write_text(out)
    assert compile_json(target.read_bytes())[0] == binary


def test_a_push_with_now_shows_the_changes_and_reads_back_what_runs(board, rackedge):
    old = changed(board)
    assert rackedge("config", "push", board.path, old, "--now", key=board.key_file)[0] == 0
    new = changed(board, feeds=[{"rating_ma": 20_000}, {"rating_ma": 16_000}])
    code, out, err = rackedge("config", "push", board.path, new, "--now", key=board.key_file)
    assert code == 0
    assert "  feeds[0].rating_ma  16000 -> 20000\n" in out
    assert "saved, and in force" in out
    assert err == "rackedge: saved; waiting for the board to start again\n"  # no progress: no tty
    binary = compile_json(new.read_bytes())[0]
    assert in_force(board) == binary
    code, out, err = rackedge("config", "push", board.path, new, "--json", key=board.key_file)
    done = json.loads(out)
    assert (code, done["changes"], done["in_force"]) == (0, [], False)
    assert done["new_crc"] == done["old_crc"] == int.from_bytes(binary[8:12], "little")
    assert "no key changes" in err


def test_a_file_for_another_board_is_refused_before_anything_is_written(board, rackedge):
    before = rackedge("board", "status", board.path)[1]
    file = changed(board)
    file.write_text(json.dumps(document("rp2")))
    code, out, err = rackedge("config", "push", board.path, file, key=board.key_file)
    assert (code, out) == (2, "")
    assert f"{file}: is for board rp2, and {board.path} is sim 0001; nothing was changed" in err
    file.write_text("{")
    code, _, err = rackedge("config", "push", board.path, file, key=board.key_file)
    assert code == 2
    assert "not JSON" in err
    assert before.splitlines()[0] == rackedge("board", "status", board.path)[1].splitlines()[0]


class Terminal:
    """Standard input of somebody who answers."""

    def __init__(self, answer):
        self._answer = answer

    def isatty(self):
        return True

    def readline(self, *_):
        return self._answer


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_on_a_terminal_it_asks_first(board, rackedge, monkeypatch, answer, code):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    file = changed(board, loads=[1, 1])
    got, _, err = rackedge("config", "push", board.path, file, key=board.key_file)
    assert got == code
    assert "Write it for the next start?" in err
    assert ("nothing was changed" in err) is (code == 1)
    assert not status(board, rackedge)["lease"]["held"]


class Cut:
    """A transport whose cable is pulled, or whose user presses Ctrl-C, at a write."""

    def __init__(self, port, writes, then):
        self._port = port
        self._writes = writes
        self._then = then

    def read(self, timeout_s):
        return self._port.read(timeout_s)

    def write(self, data):
        self._writes -= bool(data)
        if data and self._writes == 0:
            self._then()
        self._port.write(data)

    def close(self):
        self._port.close()


def opened(monkeypatch, then):
    """Whatever opens a port from now on gets one that is cut in the middle of its second use."""
    ports = iter((10_000, 9))
    monkeypatch.setattr(
        serial,
        "open_transport",
        lambda target, baud=115_200: Cut(open_transport(target, baud), next(ports), then),
    )


def test_a_cable_pulled_in_a_push_leaves_the_old_one_and_says_so(board, rackedge, monkeypatch):
    before = in_force(board)
    with monkeypatch.context() as patch:
        opened(patch, board.cable.unplug)
        file = changed(board, loads=[0, 1] * 16)
        code, _, err = rackedge("config", "push", board.path, file, key=board.key_file)
    board.cable.plug()
    assert code == 3
    assert "has gone away" in err
    assert "nothing was changed: the board keeps the configuration it had" in err
    assert wait_for_free_lease(board, rackedge)
    assert in_force(board) == before


def wait_for_free_lease(board, rackedge):
    """It ends by itself within 3 s."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        if not status(board, rackedge)["lease"]["held"]:
            return True
    return False


def test_ctrl_c_in_a_push_leaves_the_old_one_and_gives_the_lease_back(board, rackedge, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    before = in_force(board)
    with monkeypatch.context() as patch:
        opened(patch, interrupt)
        file = changed(board, loads=[0, 1] * 16)
        code, _, err = rackedge("config", "push", board.path, file, key=board.key_file)
    assert code == cli.INTERRUPTED
    assert err.endswith(
        "interrupted: nothing was changed: the board keeps the configuration it had\n"
    )
    assert not status(board, rackedge)["lease"]["held"]
    assert in_force(board) == before


# Keys and leases


def test_without_the_key_nothing_privileged_is_done(shared, rackedge, tmp_path):
    wrong = tmp_path / "wrong.key"
    wrong.write_text("00" * 32)
    wrong.chmod(0o600)
    boots = shared.boots
    for command in (("board", "reset"), ("board", "clear"), ("config", "pull", "--json")):
        where = (*command[:2], shared.path, *command[2:])
        code, out, err = rackedge(*where)
        assert (code, out) == (4, "")
        assert "give this host the key of this board (--key FILE)" in err
        code, out, err = rackedge(*where, key=wrong)
        assert (code, out) == (4, "")
        assert "the board holds another key than this host" in err
    assert shared.boots == boots


def test_a_lease_in_other_hands_is_told_and_left_there(shared, rackedge):
    other = BoardClient(lambda: open_transport(shared.path), key=KEY, want_lease=True)
    other.__enter__()
    other._close_port()  # the line is free, the lease is not
    code, out, err = rackedge("board", "reset", shared.path, key=shared.key_file)
    assert (code, out) == (4, "")
    assert "another host holds the lease of this board, for " in err
    assert wait_for_free_lease(shared, rackedge)


def test_a_port_in_use_names_who_uses_it(shared, rackedge):
    held = open_transport(shared.path)
    try:
        code, out, err = rackedge("board", "status", shared.path)
    finally:
        held.close()
    assert (code, out) == (3, "")
    assert "is in use by" in err


def test_a_new_key_is_secret_and_never_replaces_one(rackedge, tmp_path):
    path = tmp_path / "new.key"
    code, out, err = rackedge("board", "key", "new", path)
    assert (code, out) == (0, "")
    assert "a new key" in err
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = read_key(path)
    code, out, err = rackedge("board", "key", "new", path)
    assert (code, out) == (2, "")
    assert "is there already" in err
    assert read_key(path) == first
    assert rackedge("board", "key", "new", tmp_path / "no" / "place")[0] == 2


# What a technician does


def test_safe_is_cleared_once_the_leak_is_dry(board, rackedge):
    code, _, err = rackedge("board", "clear", board.path, key=board.key_file)
    assert code == 4
    assert "nothing to clear" in err
    board.readings[ch.IN_LEAK] = 1
    until(lambda: status(board, rackedge)["state"] == "SAFE")
    assert status(board, rackedge)["shed_groups"] == [0, 1]
    code, _, err = rackedge("board", "clear", board.path, key=board.key_file)
    assert code == 4
    assert "the cause is still there" in err
    board.readings[ch.IN_LEAK] = 0
    time.sleep(0.3)  # the board takes a reading each tick
    code, out, _ = rackedge("board", "clear", board.path, "--json", key=board.key_file)
    assert code == 0
    assert json.loads(out)["before"] == "SAFE"
    assert json.loads(out)["after"] != "SAFE"


def until(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass"


class Running:
    """The command as a process, read line by line."""

    def __init__(self, *args):
        self._process = subprocess.Popen(
            [*MAIN, *map(str, args)],
            env=ENV,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
        )
        self.said = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def until(self, text):
        end_s = time.monotonic() + PATIENCE_S
        while text not in self.said:
            assert time.monotonic() < end_s, f"no {text!r} in {self.said!r}"
            assert self._process.poll() is None, self.said
            if select.select([self._process.stdout], [], [], 0.1)[0]:
                self.said += self._process.stdout.read(4096).decode()

    def interrupt(self):
        """Ctrl-C; its exit code."""
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(PATIENCE_S)
        self.said += self._process.stdout.read().decode()
        assert "Traceback" not in self.said
        return code


def test_maintenance_lasts_until_ctrl_c_and_then_the_board_is_free(settled, rackedge):
    board = settled
    command = ("board", "maint", board.path, "--minutes", "5", "--key", board.key_file)
    with Running(*command) as running:
        running.until("is in maintenance, fans full")
        assert running.interrupt() == cli.INTERRUPTED
    assert "interrupted: maintenance is over" in running.said
    assert not status(board, rackedge)["lease"]["held"]
    texts = rackedge("board", "journal", board.path)[1]
    assert "maintenance for 5 min" in texts
    assert "maintenance ended" in texts
    code, out, _ = rackedge("board", "maint", board.path, "--end", key=board.key_file)
    assert (code, out) == (0, "the board was not in maintenance\n")


def test_a_cable_pulled_in_maintenance_ends_it_and_that_is_said(settled, rackedge):
    board = settled
    command = ("board", "maint", board.path, "--minutes", "5", "--key", board.key_file)
    with Running(*command) as running:
        running.until("is in maintenance")
        board.cable.unplug()
        assert running._process.wait(PATIENCE_S) == 3
        running.said += running._process.stdout.read().decode()
    assert "has gone away" in running.said
    assert "maintenance ends by itself within 3 s" in running.said
    board.cable.plug()
    assert wait_for_free_lease(board, rackedge)
    until(lambda: status(board, rackedge)["state"] == "LOCAL")


@pytest.mark.parametrize("options", [(), ("--end", "--minutes", "1")])
def test_maintenance_wants_one_of_its_options(shared, rackedge, options):
    code, _, err = rackedge("board", "maint", shared.path, *options, key=shared.key_file)
    assert (code, err) == (2, "rackedge: give either --minutes N or --end\n")


def test_the_journal_can_be_followed(board, rackedge):
    with Running("board", "journal", board.path, "--follow") as running:
        running.until("board started")
        board.readings[ch.IN_LEAK] = 1
        running.until("to SAFE")
        running.until("coolant leak")
        assert running.interrupt() == cli.INTERRUPTED
    shed = [line for line in running.said.splitlines() if "shed group 1: coolant leak" in line]
    assert len(shed) == len(set(shed))
    board.readings[ch.IN_LEAK] = 0
    time.sleep(0.3)
    assert rackedge("board", "clear", board.path, key=board.key_file)[0] == 0


# The daemon


def daemon_of(board, key_file):
    name = "" if key_file is None else f"key_file = {json.dumps(str(key_file))}"
    config = parse_config(
        f'[rack]\nname = "r"\n[board]\nport = {json.dumps(board.path)}\nowner = 77\n{name}\n'
        '[[feeds]]\nname = "A"\nbreaker_a = 16\n[[feeds]]\nname = "B"\nbreaker_a = 16\n'
        + "".join(
            f'[[loads]]\nname = "n{i}"\nchannel = {i}\ngroup = {i}\nmin_w = 100\nmax_w = 2000\n'
            'actuator = { kind = "dryrun" }\n'
            for i in range(2)
        )
    )
    return Daemon(
        config,
        clock=MonotonicClock(),
        open_transport=lambda: open_transport(board.path),
        executor=InlineExecutor([NoDevice(), NoDevice()]),
    )


class NoDevice:
    def apply(self, watts):
        from edge.actuate.base import Applied

        return Applied(watts, None)

    verify = apply

    def read(self):
        from edge.actuate.base import Reading

        return Reading(1000.0, 2000.0, None)

    def close(self):
        pass


def stepped(daemon, condition):
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "it did not come to pass"
        daemon.step(0.02)


def test_a_daemon_with_the_key_holds_a_lease_that_nobody_else_can_end(shared, rackedge):
    daemon = daemon_of(shared, shared.key_file)
    daemon.start()
    try:
        stepped(daemon, lambda: daemon.session.lease.held)
    finally:
        daemon._port.close()  # killed: its lease goes on
    forger = BoardClient(lambda: open_transport(shared.path), owner=77, want_lease=True)
    with pytest.raises(LinkError, match="wants this command authenticated"):
        forger.__enter__()
    assert wait_for_free_lease(shared, rackedge)


def test_a_daemon_with_a_wrong_key_caps_and_takes_no_lease(shared, rackedge, tmp_path, caplog):
    wrong = tmp_path / "wrong.key"
    wrong.write_text("00" * 32)
    wrong.chmod(0o600)
    daemon = daemon_of(shared, wrong)
    daemon.start()
    try:
        with caplog.at_level("ERROR", "rackedge"):
            stepped(daemon, lambda: caplog.records and daemon.stats.caps_written >= 2)
            seen = daemon.stats.link.telemetry
            stepped(daemon, lambda: daemon.stats.link.telemetry > seen + 20)
    finally:
        daemon.close()
    assert [r.message for r in caplog.records if "holds another key" in r.message] == [
        r.message for r in caplog.records
    ]
    assert len(caplog.records) == 1
    assert not status(shared, rackedge)["lease"]["held"]


def test_without_a_store_the_board_says_what_is_missing(rackedge, tmp_path):
    with KeyedBoard(tmp_path, store=False) as board:
        until(lambda: status(board, rackedge)["state"] == "LOCAL")
        code, _, err = rackedge("board", "journal", board.path)
        assert code == 4
        assert "has no store for this (JOURNAL_READ)" in err
        file = changed(board)
        code, _, err = rackedge("config", "push", board.path, file, key=board.key_file)
        assert code == 4
        assert "has no store for this" in err
        assert "nothing was changed" in err
        assert rackedge("board", "status", board.path)[0] == 0
