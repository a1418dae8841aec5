# SPDX-License-Identifier: Apache-2.0
"""Why a port cannot be used, in a sentence that says what to do next."""

import errno
import os
import stat
from pathlib import Path
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

NETWORK = ("socket", "rfc2217")
SCHEMES = (*NETWORK, "loop")


def explain(target: str, bad: Exception, *, was_open: bool = False) -> str:
    """Message for what pyserial raised while opening, or while using, `target`."""
    if was_open:
        return _gone(target, bad)
    if "://" in target:
        return _bad_url(target) or _unreachable(target, bad)
    return _device(target, bad)


def ports() -> list[str]:
    """Serial ports of this machine, each as `device (what it says it is)`."""
    found = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return [
        str(port.device) + (f" ({port.description})" if port.description not in {"", "n/a"} else "")
        for port in found
    ]


def _gone(target: str, bad: Exception) -> str:
    if isinstance(bad, serial.SerialTimeoutException):
        return (
            f"{target} takes no bytes any more: the board has stopped reading; "
            "check flow control and power, then reconnect"
        )
    return (
        f"{target} has gone away ({_reason(bad)}): unplugged, powered off or closed at the other "
        "end; check cable and power"
    )


def _bad_url(target: str) -> str | None:
    scheme = target.split("://", 1)[0].lower()
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        return f"{target}: no such kind of port; use a device path or one of {known}"
    try:
        complete = bool(urlsplit(target).hostname and urlsplit(target).port)
    except ValueError:
        complete = False
    if scheme in NETWORK and not complete:
        return f"{target}: host or port is missing; write it as {scheme}://HOST:PORT"
    return None


def _unreachable(target: str, bad: Exception) -> str:
    if _code(bad) == errno.ECONNREFUSED:
        return (
            f"{target}: connection refused; nothing listens there: start the serial server or the "
            "emulated board, and check host and port"
        )
    if "RFC2217" in str(bad):
        return f"{target}: the server there does not speak RFC 2217; try socket:// instead"
    return f"{target}: cannot connect ({_reason(bad)}); check host, port and network"


def _device(target: str, bad: Exception) -> str:
    code, path = _code(bad), Path(target)
    if code in (errno.EACCES, errno.EPERM):
        return f"permission denied on {target}: {_permission_hint(path)}"
    if not path.exists():
        there = ", ".join(ports())
        return f"no port {target}: " + (
            f"there are {there}" if there else "this machine has no serial port; plug the board in"
        )
    if code in (errno.EAGAIN, errno.EBUSY):
        return f"{target} is in use{_users(path)}: stop that program, or use another port"
    if code in (errno.EIO, errno.ENXIO, errno.ENODEV):
        return (
            f"{target} went away as it was opened ({_reason(bad)}): unplugged, powered off or "
            "closed at the other end; check cable and power"
        )
    if not stat.S_ISCHR(path.stat().st_mode) or code == errno.ENOTTY:
        return f"{target} is not a serial port; `ls /dev/serial/by-id` lists those on USB"
    return f"{target} cannot be opened ({_reason(bad)}); check the port and the baud rate"


def _permission_hint(path: Path) -> str:
    try:
        group = path.group()
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        group = "dialout"
    return f"add yourself to the `{group}` group (sudo usermod -aG {group} $USER), log in again"


def _users(path: Path) -> str:
    """` by name (pid 1), ...` of the processes that hold the port, as far as we may look."""
    device, users = path.resolve(), set()
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if link.readlink() == device:
                process = link.parents[1]
                users.add(f"{(process / 'comm').read_text().strip()} (pid {process.name})")
        except OSError:
            continue
    return f" by {', '.join(sorted(users))}" if users else ""


def _cause(bad: BaseException) -> BaseException:
    """The system's own exception, that pyserial wraps into text."""
    while bad.__context__ is not None and not getattr(bad, "errno", None):
        bad = bad.__context__
    return bad


def _code(bad: BaseException) -> int | None:
    cause = _cause(bad)
    code = getattr(cause, "errno", None)
    if code is None and cause.args and isinstance(cause.args[0], int):
        return cause.args[0]  # termios.error
    return code


def _reason(bad: BaseException) -> str:
    text = getattr(_cause(bad), "strerror", None)
    code = _code(bad)
    if not text and code:
        text = os.strerror(code)
    return str(text or bad).lower()
