# SPDX-License-Identifier: Apache-2.0
"""One board and a client that waits, in virtual time, over lines and boards that misbehave."""

import json
from binascii import crc32
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from edge import board_status
from edge.board_client import BoardClient, BoardRefusal
from edge.board_config import Phase, Push, StoreError, changes, pull, read_file
from edge.board_duties import clear, end_maintenance, maintain
from edge.board_journal import Journal
from edge.errors import ConfigError, EdgeError, LinkAuthError, LinkError, LinkTimeout, PortError
from edge.link import fields
from firmware_py.link import messages as m
from firmware_py.store import copies
from firmware_py.store.compile import compile_json
from firmware_py.store.folder import Folder
from firmware_py.store.journal import Journal as BoardJournal
from firmware_py.store.journal_scan import Rows
from firmware_py.store.staged import NAME, ConfigStore
from tests.edge.link.fake_board import FakeBoard
from tests.firmware.keyed import KEY, give_key

RACK = {"version": 2, "loads": [0, 1], "groups": [{}, {}], "feeds": [{"rating_ma": 16_000}]}
OLD: bytes = compile_json(json.dumps(RACK).encode())[0]
NEW: bytes = compile_json(json.dumps(RACK | {"loads": [0, 1] * 16}).encode())[0]
STEP_MS = 20


class StoredBoard(FakeBoard):
    """With a key, a configuration in its flash and a state that a test sets."""

    def __init__(self, folder: Path) -> None:
        self.files = Folder(str(folder))
        copies.save(self.files, NAME, OLD)
        self.board_state = m.STATE_LOCAL
        self.board_flags = 0
        super().__init__()

    def _boot(self, boot_id: int, now_ms: int) -> None:
        super()._boot(boot_id, now_ms)
        state = self.state
        give_key(state, self.endpoint, nonce=bytes(15) + bytes([len(self.boot_ids)]))
        payload, seq, _ = copies.load(self.files, NAME)
        state.store = ConfigStore(self.files, seq, len(payload), crc32(payload), lambda _: None)
        self.kept = BoardJournal(self.files, len(self.boot_ids))
        state.journal = Rows(self.kept)

    def _tick(self, t_ms: int) -> bytes:
        from edge.link.messages import OWN

        state = self.state
        if not self.endpoint.greeted:
            return b""
        if state.maint_ms >= 0:
            self.board_state = m.STATE_MAINT if state.maint_ms else m.STATE_LOCAL
            state.maint_ms = -1
        state.state = self.board_state
        left_ms = self.lease.left_ms(state.now_ms)
        values = {field.name: 0 for field in OWN.layout("TELEMETRY").fields}
        values |= {"t_ms": t_ms, "state": self.board_state, "lease_left_ms": left_ms}
        values["flags"] = self.board_flags | (m.FLAG_LEASE if left_ms else 0)
        return self.event(*OWN.pack("TELEMETRY", **values))


class Wire:
    """A transport in virtual time; `damage` may change what passes, by direction."""

    def __init__(self, board: FakeBoard) -> None:
        self.board = board
        self.time_ms = 0
        self.damage: Callable[[str, bytes], bytes] = lambda _way, data: data
        self.closed = 0
        self._to_board = b""

    def now_ms(self) -> int:
        return self.time_ms

    def read(self, timeout_s: float) -> bytes:
        self.time_ms += STEP_MS
        heard, self._to_board = self._to_board, b""
        return self.damage("up", self.board.exchange(heard, self.time_ms))

    def write(self, data: bytes) -> None:
        if data:
            self._to_board += self.damage("down", data)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(StoredBoard(tmp_path))


def client(wire: Wire, **options) -> BoardClient:
    options = {"key": KEY, "want_lease": True} | options
    return BoardClient(lambda: wire, now_ms=wire.now_ms, **options)


def saved(wire: Wire) -> bytes:
    return bytes(copies.load(wire.board.files, NAME)[0])


def nobody_leads(wire: Wire) -> bool:
    return not wire.board.lease.held


def test_a_push_is_saved_and_the_lease_is_given_back(wire: Wire) -> None:
    told: list[int] = []
    with client(wire) as board:
        assert pull(board) == OLD
        push = Push()
        push.run(board, NEW, now=False, told=told.append)
        assert pull(board) == OLD  # until the next start
    assert push.phase is Phase.SAVED
    assert told[-1] == len(NEW)
    assert told == sorted(told)
    assert saved(wire) == NEW
    assert nobody_leads(wire)
    assert wire.closed == 1


@pytest.mark.parametrize("seed", range(8))
def test_a_bad_line_delays_a_push_and_changes_nothing_of_it(wire: Wire, seed: int) -> None:
    rng = Random(seed)

    def noise(_way: str, data: bytes) -> bytes:
        if rng.random() < 0.9 or not data:
            return data
        at = rng.randrange(len(data))
        return rng.choice([b"", data[:at], data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :]])

    wire.damage = noise
    push = Push()
    with suppress(EdgeError), client(wire) as board:  # three tries may all be hit
        push.run(board, NEW, now=False, told=lambda _: None)
    if push.phase is not Phase.UNSURE:
        assert saved(wire) == (NEW if push.phase is Phase.SAVED else OLD)


def after_writes(count: int, then: Callable[[], bytes]) -> Callable[[str, bytes], bytes]:
    """From the `count`th write on, what `then` gives or raises."""
    seen = 0

    def damage(way: str, data: bytes) -> bytes:
        nonlocal seen
        seen += way == "down"
        return then() if seen >= count else data

    return damage


def pulled_out() -> bytes:
    raise PortError("the port has gone away")


def interrupted() -> bytes:
    raise KeyboardInterrupt


@pytest.mark.parametrize("writes", range(1, 12))
@pytest.mark.parametrize("what", [pulled_out, bytes])
def test_a_cut_at_any_moment_leaves_the_old_or_the_new_and_the_push_knows(
    wire: Wire, writes: int, what: Callable[[], bytes]
) -> None:
    wire.damage = after_writes(writes, what)
    push = Push()
    with suppress(PortError, LinkError), client(wire) as board:
        push.run(board, NEW, now=False, told=lambda _: None)
    if push.phase is not Phase.UNSURE:
        assert saved(wire) == (NEW if push.phase is Phase.SAVED else OLD)
    assert wire.closed == 1


def test_ctrl_c_in_the_middle_gives_the_lease_back_at_once(wire: Wire) -> None:
    def stop(_done: int) -> None:
        raise KeyboardInterrupt

    push = Push()
    with pytest.raises(KeyboardInterrupt), client(wire) as board:
        push.run(board, NEW, now=False, told=stop)
    assert push.phase is Phase.KEPT
    assert saved(wire) == OLD
    assert nobody_leads(wire)
    assert wire.time_ms < 2_000  # not after the lease time has run out


def test_a_commit_that_nobody_confirms_is_told_as_unsure(wire: Wire) -> None:
    push = Push()

    def told(done: int) -> None:
        if done == len(NEW):
            wire.damage = lambda way, data: data if way == "down" else b""

    with pytest.raises(LinkError), client(wire) as board:
        push.run(board, NEW, now=False, told=told)
    assert push.phase is Phase.UNSURE
    assert saved(wire) == NEW


def test_a_refused_commit_keeps_the_old_one(wire: Wire) -> None:
    def refuse(_payload: bytes) -> None:
        raise ValueError

    wire.board.state.store._check = refuse
    push = Push()
    with pytest.raises(BoardRefusal, match="does not accept"), client(wire) as board:
        push.run(board, NEW, now=False, told=lambda _: None)
    assert push.phase is Phase.KEPT
    assert saved(wire) == OLD


def test_a_board_without_the_running_configuration_says_so(wire: Wire) -> None:
    with client(wire) as board:
        for _ in range(2):
            Push().run(board, NEW, now=False, told=lambda _: None)
        with pytest.raises(StoreError, match="no longer holds"):
            pull(board)


def test_a_lease_of_another_host_is_told_with_its_rest_and_left_alone(wire: Wire) -> None:
    other = client(wire, owner=99)
    other.__enter__()
    with pytest.raises(LinkError, match=r"another host holds the lease .* for \d\.\d s more"):
        client(wire).__enter__()
    assert wire.board.lease.owner == 99


@pytest.mark.parametrize("owner", [None, 7])
def test_a_lease_without_a_key_is_not_taken_over_unasked(wire: Wire, owner: int | None) -> None:
    other = client(wire, owner=99, key=None)
    other.__enter__()
    if owner is None:
        with pytest.raises(LinkError, match="another host holds the lease"):
            client(wire).__enter__()
        assert wire.board.lease.owner == 99
    else:  # who names an owner id knows what he does
        with client(wire, owner=owner):
            assert wire.board.lease.owner == owner


def test_the_same_owner_resumes(wire: Wire) -> None:
    client(wire, owner=5).__enter__()
    with client(wire, owner=5):
        assert wire.board.lease.owner == 5
    assert nobody_leads(wire)


def test_a_wrong_key_ends_before_anything_is_asked_of_the_board(wire: Wire) -> None:
    with pytest.raises(LinkAuthError, match="holds another key"):
        client(wire, key=bytes(32)).__enter__()
    assert nobody_leads(wire)
    assert wire.closed == 1


def test_without_a_key_the_refusal_names_the_option(wire: Wire) -> None:
    with pytest.raises(BoardRefusal, match=r"\(--key FILE\)"), client(wire, key=None) as board:
        board.command("RESET", reason=0)
    assert wire.board.state.reset == -1


def test_a_silent_board_is_no_wait_for_ever(wire: Wire) -> None:
    wire.damage = lambda _way, _data: b""
    with pytest.raises(LinkTimeout, match="no answer from the board"):
        client(wire).__enter__()
    assert wire.time_ms < 15_000


def test_a_reset_is_followed_to_the_next_boot(wire: Wire) -> None:
    with client(wire) as board:
        before = board.board.boot_id
        board.command("RESET", reason=0)
        wire.board.reboot(wire.time_ms)
        assert board.reboot(before).boot_id == wire.board.boot_ids[-1]


def test_a_board_that_does_not_restart_is_told(wire: Wire) -> None:
    with pytest.raises(LinkTimeout, match="has not started again"), client(wire) as board:
        board.reboot(board.board.boot_id)


def test_clear_tells_why_not(wire: Wire) -> None:
    with client(wire) as board:
        with pytest.raises(LinkError, match="nothing to clear"):
            clear(board)
        wire.board.board_state = m.STATE_SAFE
        with pytest.raises(LinkError, match="cause is still there"):
            clear(board)


def test_clear_sees_safe_end(wire: Wire) -> None:
    wire.board.board_state = m.STATE_SAFE
    wire.board.state.clearable = True
    with client(wire) as board:
        command = board.command

        def obeyed(name: str, **values: int) -> object:
            wire.board.board_state = m.STATE_LOCAL
            return command(name, **values)

        board.command = obeyed
        assert clear(board).text() == "cleared: left SAFE, now LOCAL"


def test_clear_sees_safe_come_back(wire: Wire) -> None:
    wire.board.board_state = m.STATE_SAFE
    wire.board.state.clearable = True
    with client(wire) as board, pytest.raises(LinkError, match="in SAFE again"):
        clear(board)


def test_maintenance_runs_its_time_and_ends(wire: Wire) -> None:
    left: list[int] = []
    with client(wire) as board:
        assert maintain(board, 5_000, left.append)
        assert wire.board.board_state == m.STATE_LOCAL
    assert left[0] == 5_000
    assert left == sorted(left, reverse=True)
    assert 5_000 <= wire.time_ms <= 7_000


def test_maintenance_longer_than_a_grant_is_renewed(wire: Wire) -> None:
    granted: list[int] = []
    with client(wire) as board:
        command = board.command

        def noted(name: str, **values: int) -> object:
            granted.append(values["ttl_ms"])
            return command(name, **values)

        board.command = noted
        board.stream = jump(wire, board.stream)
        assert maintain(board, 5_000_000, lambda _: None)
    assert len(granted) == 3
    assert granted[0] == 3_600_000
    assert granted[-1] == 0


def jump(wire: Wire, stream: Callable) -> Callable:
    """Time that passes sixty times as fast between two looks, the lease kept in between."""

    def jumping(seconds: float):
        if seconds == 1.0:
            wire.time_ms += 59_000
            wire.board.lease.grant(wire.time_ms, wire.board.lease.owner, 30_000)
            wire.board._next_tick_ms = wire.time_ms
        yield from stream(0.1 if seconds == 1.0 else seconds)

    return jumping


def test_ctrl_c_ends_maintenance_and_the_lease(wire: Wire) -> None:
    def stop(_left_ms: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), client(wire) as board:
        maintain(board, 60_000, stop)
    assert wire.board.board_state == m.STATE_LOCAL
    assert nobody_leads(wire)


def test_maintenance_ended_from_elsewhere_is_noticed(wire: Wire) -> None:
    def end(left_ms: int) -> None:
        if left_ms < 58_500:
            wire.board.board_state = m.STATE_LOCAL

    with client(wire) as board:
        assert not maintain(board, 60_000, end)
        assert not end_maintenance(board)


def test_a_board_that_restarts_ends_maintenance_as_an_error(wire: Wire) -> None:
    def restart(left_ms: int) -> None:
        if left_ms < 58_500:
            wire.board.reboot(wire.time_ms)
            wire.board.board_state = m.STATE_LOCAL

    with pytest.raises(LinkError, match="started again"), client(wire) as board:
        maintain(board, 60_000, restart)


def test_the_journal_is_read_on_from_where_it_was(wire: Wire) -> None:
    kept = wire.board.kept
    for group in range(40):
        kept.put(m.EV_SHED, group, m.SHED_HOST, 1_000_000)
        if group % 16 == 15:
            kept.flush(group * 400_000)
    kept.flush(40 * 400_000)
    with client(wire, key=None, want_lease=False) as board:
        journal = Journal(board)
        rows = list(journal.rows())
        assert [row.group for row in rows] == list(range(40))
        assert not list(journal.rows())
        kept.put(m.EV_MAINT, 0, 0, 0)
        kept.flush(60 * 400_000)
        assert [row.said.text for row in journal.rows()] == ["maintenance ended"]


def test_a_board_without_a_store_is_no_riddle(wire: Wire) -> None:
    wire.board.endpoint.served = wire.board.endpoint.served[:2]
    with client(wire) as board, pytest.raises(LinkError, match="no store for this"):
        list(Journal(board).rows())


def test_an_event_is_followed_also_while_an_answer_is_waited_for(
    wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    from edge.cli import _journal
    from edge.link.messages import OWN

    def damage(way: str, data: bytes) -> bytes:
        if way == "up" and 1_000 < wire.time_ms < 1_100:
            payload = OWN.pack("BOARD_EVENT", **SHED | {"t_ms": wire.time_ms})[1]
            data += wire.board.event(m.BOARD_EVENT, payload)
        if wire.time_ms > 8_000:
            raise KeyboardInterrupt
        return data

    wire.damage = damage
    with (
        pytest.raises(KeyboardInterrupt),
        client(wire, key=None, want_lease=False) as board,
    ):
        _journal.print_journal(board, follow=True, as_json=False)
    shown = [line for line in capsys.readouterr().out.splitlines() if "shed group 3" in line]
    assert len(shown) == 4  # each 20 ms step sent one


SHED = {"code": m.EV_SHED, "group": 3, "reason": m.SHED_HOST, "count": 1, "arg": 1_000_000}


def look_of(cooling: dict[str, int] | None, **telemetry: int) -> board_status.Look:
    seen = fields.Telemetry()._replace(fan_permille=0, fan_rpm=0, lease_left_ms=0)
    seen = seen._replace(**{"state": m.STATE_LOCAL, "flags": 0, "shed": 0, "t_ms": 0} | telemetry)
    fitted = None if cooling is None else fields.Cooling()._replace(**cooling)
    board = fields.HelloR()._replace(config_crc=0, reset_cause=0, tail="sim 0001")
    return board_status.Look(board, seen, (1_000_000, m.INVALID), fitted)


def shown(look: board_status.Look) -> str:
    json.dumps(board_status.document(look), allow_nan=False)
    return "\n".join(f"{what}: {how}" for what, how in board_status.lines(look))


def test_what_has_no_reading_is_said_not_shown_as_a_number() -> None:
    text = shown(look_of(None)) + shown(look_of({}))
    assert "feed A: no reading" in text
    assert "inlet no reading, outlet no reading" in text
    assert "loads: 1.00 no reading kW" in text
    assert str(m.INVALID // 1000) not in text


def test_what_is_wrong_stands_in_the_warnings() -> None:
    liquid = {"latched": 1 << m.INTERLOCK_LEAK, "failed": 0b10, "welded": 0b100, "stuck_open": 1}
    liquid |= {"pump_permille": 450, "supply_mc": 17_500, "flow_mlm": 12_300, "dew_mc": 9_000}
    flags = m.FLAG_LOCKOUT | m.FLAG_CONFIG_FALLBACK
    text = shown(look_of(liquid, state=m.STATE_SAFE, flags=flags, shed=0b101, ttt_a_ms=4_200))
    for words in (
        "state: SAFE: latched, fans full: remove the cause, then `rackedge board clear`",
        "locked out",
        "older copy",
        "fan 1 has failed",
        "interlock leak is latched",
        "relay of group 2 is welded",
        "relay of group 0 is stuck open",
        "off: 0,2 of",
        "BREAKER TRIPS in 4.2 s",
        "supply 17.5 °C",
        "flow 12.3 l/min",
        "dew point: 9.0 °C",
    ):
        assert words in text


COMMANDS = {
    ("config", "push"): ("--key", "--now", "--yes", "--json", "--owner", "--baud"),
    ("config", "pull"): ("--key", "--output", "--json", "--owner", "--baud"),
    ("board",): ("status", "journal", "clear", "maint", "reset", "key"),
    ("board", "status"): ("--json", "--baud", "needs no key"),
    ("board", "journal"): ("--follow", "--json", "needs no key"),
    ("board", "clear"): ("--key", "leave SAFE"),
    ("board", "maint"): ("--minutes", "--end", "Ctrl-C", "fans full"),
    ("board", "reset"): ("--key", "wait until it is back"),
    ("board", "key", "new"): ("64 hexadecimal digits", "key_file"),
}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_says_what_there_is(command: tuple[str, ...]) -> None:
    from typer.testing import CliRunner

    from edge.cli import app

    shown = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert not [word for word in COMMANDS[command] if word not in text]


def test_check_shows_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from edge.cli.check import check
    from tests.edge.test_control_key import TOML

    key = tmp_path / "board.key"
    key.write_text(KEY.hex())
    key.chmod(0o600)
    rack = tmp_path / "rack.toml"
    rack.write_text(TOML.format(key="board.key"))
    check(rack)
    assert f", key {key}\n" in capsys.readouterr().out
    check(rack, as_json=True)
    assert json.loads(capsys.readouterr().out)["config"]["board"]["key_file"] == str(key)


def test_changes_name_each_key_with_both_values() -> None:
    assert not changes(OLD, OLD)
    doubled = json.dumps(RACK | {"feeds": [{"rating_ma": 20_000}], "groups": [{"never": True}, {}]})
    found = changes(OLD, compile_json(doubled.encode())[0])
    assert [tuple(change) for change in found] == [
        ("groups[0].never", False, True),
        ("feeds[0].rating_ma", 16_000, 20_000),
    ]
    grown = changes(OLD, NEW)
    assert ("loads[2].group", None, 0) in [tuple(change) for change in grown]
    with pytest.raises(ConfigError, match="on the board"):
        changes(b"garbage", NEW)


def test_a_file_is_taken_by_what_is_in_it(tmp_path: Path) -> None:
    named = tmp_path / "any.name"
    named.write_bytes(OLD)
    assert read_file(named).binary == OLD
    named.write_text(json.dumps(RACK))
    assert read_file(named).binary == OLD
    named.write_bytes(OLD[:-1])
    with pytest.raises(ConfigError, match=r"any\.name"):
        read_file(named)
