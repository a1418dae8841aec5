# SPDX-License-Identifier: Apache-2.0
# From reset to a board that is ready to run. Needed once: run.py drops this module. Each step is
# far shorter than the watchdog, which is fed between them; a step that hangs resets the board.

import gc
import sys

import micropython

from ..compat import const
from ..store import fskind
from ..store.folder import Folder

_KEY_BYTES = const(32)
_KEY_HEX_MOST = const(68)  # and a line end
_NAME_MOST = const(90)  # far within a HELLO_R
_EV_CONFIG = const(13)
_REFUSED = const(2)


# The loop of this board. Raises ValueError if the configuration is not for it.
def start(port, watchdog, folder, slot):
    _quiet()
    files = Folder(folder)
    kind = fskind.kind(folder)
    writable = fskind.may_write(kind)
    keeper = _keeper(files, port, writable)
    watchdog.feed()
    settings = _settings(keeper)
    watchdog.feed()
    wired = _wired(port, settings, keeper.off_mask())
    watchdog.feed()
    app = _app(port, settings, keeper, _key(files))
    watchdog.feed()
    from .live import Live  # noqa: PLC0415
    from .ports import links  # noqa: PLC0415

    if not writable:
        sys.stderr.write("store: %s: nothing is saved\n" % fskind.NAMES[kind])
        app.events.put(_EV_CONFIG, 0, _REFUSED, kind)
    live = Live(port, watchdog, app, wired)
    links(live, settings)
    watchdog.feed()
    _fast(port, settings, live)
    live.slot = slot if writable else -1
    gc.collect()
    return live


# Link bytes are data, also 3, and an ISR that raises says why.
def _quiet():
    for name, value in (("kbd_intr", -1), ("alloc_emergency_exception_buf", 100)):
        if hasattr(micropython, name):
            getattr(micropython, name)(value)


def _keeper(files, port, writable):
    from ..store.keeper import Keeper  # noqa: PLC0415

    return Keeper(files, port.cause(), port.NAME, writable)


def _settings(keeper):
    from ..store.config import ConfigError, parse  # noqa: PLC0415

    data = keeper.config()
    if not data:
        raise ConfigError("both copies are damaged: copy cfg of a new make_image")
    return parse(data)


def _wired(port, settings, off_mask):
    from .wiring import build  # noqa: PLC0415

    return build(port, settings, off_mask)


# The key of privileged requests; b"" without one: then there are none.
def _key(files):
    from binascii import unhexlify  # noqa: PLC0415

    try:
        with files.open("key", "rb") as file:
            key = file.read(_KEY_HEX_MOST)
        if len(key) > _KEY_BYTES:  # as `rackedge board key new` writes it
            key = unhexlify(key.strip())
    except (OSError, ValueError):
        return b""
    return key if len(key) == _KEY_BYTES else b""


def _app(port, settings, keeper, key):
    from binascii import hexlify  # noqa: PLC0415

    from ..app import App  # noqa: PLC0415
    from ..link.commands import BoardInfo  # noqa: PLC0415

    name = port.NAME + " " + hexlify(port.uid()).decode()
    if settings.name:
        name = name + " " + settings.name
    info = BoardInfo(
        name[:_NAME_MOST],
        int.from_bytes(port.random(4), "little"),
        keeper.intent.boot_count,
        keeper.kind,
        port.random(16),
        settings.link.address if settings.link.mode else 0,
    )
    return App(settings, info, None, keeper, key)


# The timer, if clamps or meters need it, and with it the fast over-current path.
def _fast(port, settings, live):
    wired = live.wired
    if not wired.clamps and not wired.masters:
        return
    from . import fast_timer as f  # noqa: PLC0415

    fast = None
    permille = settings.shed.fast_permille
    if permille and wired.clamps and wired.bank is not None:
        ua = [0, 0]
        limits = [0, 0]
        for i in range(len(wired.clamps)):
            feed = wired.feeds[i]
            gate_ma = live.app.breakers[feed].gate_ma
            ua[feed] = wired.ua[i]
            limits[feed] = f.peak_counts(wired.clamps[i], gate_ma, permille)
        fast = f.MilliampTrip(settings.never, _opener(wired), ua)
        live.app.watch(fast, limits[0], limits[1])
    timer = f.FastTimer(wired.adcs, wired.clamps, wired.feeds, fast, wired.masters)
    live.timer = timer, port.timer(timer.callback)  # kept: a timer may end with its object


def _opener(wired):
    if not wired.slow_relays:
        return wired.bank.open_mask
    from .fast_timer import Scheduled  # noqa: PLC0415

    return Scheduled(wired.bank, micropython.schedule).open_mask
