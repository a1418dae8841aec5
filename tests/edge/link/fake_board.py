# SPDX-License-Identifier: Apache-2.0
"""A board in memory on the real firmware endpoint, and a line that damages what passes.

Virtual time only. Every value the board sends follows from (boot, tick), so a test can tell a
wrong value from a right one.
"""

from collections import deque
from dataclasses import dataclass
from random import Random

from edge.core import encode_frame
from edge.link.messages import OWN
from edge.link.session import Session
from firmware_py.decide.lease import Lease
from firmware_py.link import messages as m
from firmware_py.link.commands import BoardInfo, BoardState
from firmware_py.link.endpoint import Endpoint
from firmware_py.link.events import Events
from firmware_py.link.outbox import Outbox

TICK_MS = 100
LOADS = 4


def expected_telemetry(boot_id: int, t_ms: int) -> dict[str, int]:
    rng = Random(boot_id * 1_000_003 + t_ms)
    values = {field.name: rng.randrange(256) for field in OWN.layout("TELEMETRY").fields}
    return values | {"t_ms": t_ms, "feed_a_mw": rng.randrange(-(2**30), 2**30)}


def expected_loads(boot_id: int, t_ms: int) -> list[int]:
    rng = Random(boot_id * 1_000_003 + t_ms + 1)
    return [rng.randrange(-(2**30), 2**30) for _ in range(LOADS)]


class RecordingLease(Lease):
    """Notes every SHED that is executed."""

    def __init__(self, executed: list[int]) -> None:
        self._executed = executed
        self._shed_off = 0
        super().__init__()
        executed.clear()

    @property
    def shed_off(self) -> int:
        return self._shed_off

    @shed_off.setter
    def shed_off(self, off: int) -> None:
        self._shed_off = off
        self._executed.append(off)


class FakeBoard:
    """Boots, answers, and sends TELEMETRY and LOADS each tick once it has seen a HELLO."""

    def __init__(self, boot_id: int = 0x1234_5678) -> None:
        self.executed: list[int] = []
        """SHED values executed since the first boot, 0 (release) left out."""
        self.boot_ids: list[int] = []
        self.sent_events = 0
        self._boot(boot_id, 0)

    def _boot(self, boot_id: int, now_ms: int) -> None:
        self.boot_ids.append(boot_id)
        executed: list[int] = []
        self.lease = RecordingLease(executed)
        self._now_executed = executed
        info = BoardInfo("fake 0001", boot_id, len(self.boot_ids))
        self.state = BoardState(info, self.lease, Events(), loads=LOADS, groups=16)
        self.outbox = Outbox(bytearray(4096))
        self.endpoint = Endpoint(self.state, self.outbox)
        self._booted_ms = now_ms
        self._next_tick_ms = now_ms + TICK_MS
        self._seq = 0

    def reboot(self, now_ms: int) -> None:
        self._boot((self.boot_ids[-1] * 69069 + 1) & 0xFFFF_FFFF, now_ms)

    def exchange(self, data: bytes, now_ms: int) -> bytes:
        """Bytes to the board; what it says until `now_ms`."""
        self.endpoint.receive(data, len(data), now_ms)
        self.executed += [off for off in self._now_executed if off]
        self._now_executed.clear()
        out = bytes(self.outbox.buf[: self.outbox.n])
        self.outbox.clear()
        while now_ms >= self._next_tick_ms:
            out += self._tick(self._next_tick_ms - self._booted_ms)
            self.lease.expire(self._next_tick_ms)
            self._next_tick_ms += TICK_MS
        return out

    def _tick(self, t_ms: int) -> bytes:
        if not self.endpoint.greeted:
            return b""
        boot_id = self.boot_ids[-1]
        loads = OWN.pack("LOADS", tail=expected_loads(boot_id, t_ms))
        frames = [OWN.pack("TELEMETRY", **expected_telemetry(boot_id, t_ms)), loads]
        return b"".join(self.event(type_, payload) for type_, payload in frames)

    def event(self, type_: int, payload: bytes) -> bytes:
        frame = encode_frame(m.EVENT, type_, self._seq, self.endpoint.session, payload)
        self._seq = (self._seq + 1) & 0xFFFF
        self.sent_events += 1
        return frame


KINDS = ("drop", "double", "flip", "truncate", "noise", "stall", "swap")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with what is sent in one step."""

    step: int
    kind: str
    seed: int


class Line:
    """One direction: first in, first out, except for `swap`. One chunk a step."""

    def __init__(self, faults: list[Fault], *, swaps: bool) -> None:
        self._faults = faults
        self._swaps = swaps
        self._queue: deque[tuple[int, bytes]] = deque()  # (step from which it may leave, chunk)

    def carry(self, data: bytes, step: int) -> bytes:
        ready = step
        for fault in (fault for fault in self._faults if fault.step == step):
            if fault.kind == "stall":
                ready = step + 1 + fault.seed % 40
            else:
                data = self._damage(data, fault)
        if data:
            self._queue.append((ready, data))
        out = b""
        while self._queue and self._queue[0][0] <= step:
            out += self._queue.popleft()[1]
        return out

    def _damage(self, data: bytes, fault: Fault) -> bytes:
        rng = Random(fault.seed)
        if fault.kind == "noise":
            return rng.randbytes(rng.randrange(1, 300)) + data
        if not data or fault.kind == "drop":
            return b""
        at = rng.randrange(len(data))
        if fault.kind == "double":
            return data + data
        if fault.kind == "truncate":
            return data[:at]
        if fault.kind == "flip":
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        return _swap_frames(data) if self._swaps else data


def _swap_frames(data: bytes) -> bytes:
    frames = [b"\0" + body + b"\0" for body in data.split(b"\0") if body]
    return b"".join(reversed(frames))


class Rig:
    """Session, two lines and a board in one virtual clock."""

    def __init__(self, session: Session, board: FakeBoard, faults=(), back=(), step_ms=20) -> None:
        self.session = session
        self.board = board
        self.now_ms = 0
        self.step = 0
        self.events = []
        self._step_ms = step_ms
        self._down = Line(list(faults), swaps=False)
        self._up = Line(list(back), swaps=True)
        session.start(0)

    def run(self, steps: int) -> list:
        """Advance; returns the events of these steps."""
        first = len(self.events)
        for _ in range(steps):
            heard = self._down.carry(self.session.data_to_send(), self.step)
            said = self._up.carry(self.board.exchange(heard, self.now_ms), self.step)
            self.events += self.session.receive(said, self.now_ms)
            self.events += self.session.poll(self.now_ms)
            self.step += 1
            self.now_ms += self._step_ms
        return self.events[first:]


def rig(**session) -> Rig:
    """A healthy line and board; `session` overrides owner 7 and nonce 1."""
    return Rig(Session(**({"owner": 7, "nonce": 1} | session)), FakeBoard())


def kinds(events) -> list[type]:
    return [type(event) for event in events]


def only(events, kind) -> list:
    return [event for event in events if isinstance(event, kind)]
