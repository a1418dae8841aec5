# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium on a pipe (Chrome DevTools Protocol), without any network."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time

import pytest

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)
PATIENCE_S = 30.0


def program():
    """Path of a Chromium; skips the test without one, fails it in CI."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("no Chromium in CI: install it")
        pytest.skip("Chromium is not installed")
    return found


class Browser:
    """One page. `problems` collects what its console and its loader complain about."""

    def __init__(self, directory, width=1280, height=900):
        down, up = os.pipe(), os.pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (down[0], up[1])]
        command = [program(), *FLAGS, f"--user-data-dir={directory / 'profile'}", "about:blank"]
        actions = [
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            *((os.POSIX_SPAWN_DUP2, fd, place) for fd, place in zip(theirs, (3, 4), strict=True)),
        ]
        self._pid = os.posix_spawn(
            command[0], command, os.environ, file_actions=actions, setpgroup=0
        )
        for fd in (*theirs, down[0], up[1]):
            os.close(fd)
        self._write, self._read = down[1], up[0]
        self._held, self._number, self._session = b"", 0, None
        self._events, self.problems, self.requests = [], [], []
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(each["targetId"] for each in targets if each["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._write)
        os.close(self._read)

    def call(self, method, **params):
        """Result of one command."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        answer = self._until(lambda m: m.get("id") == message["id"])
        assert "error" not in answer, answer
        return answer["result"]

    def _until(self, wanted):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            while b"\0" not in self._held:
                left_s = deadline - time.monotonic()
                ready, _, _ = select.select([self._read], [], [], max(left_s, 0))
                assert ready, "Chromium does not answer"
                data = os.read(self._read, 1 << 20)
                assert data, "Chromium has ended"
                self._held += data
            raw, _, self._held = self._held.partition(b"\0")
            message = json.loads(raw)
            self._note(message)
            if wanted(message):
                return message

    def _note(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.problems.append(str(params["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def size(self, width, height):
        """Size of the window."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def open(self, url):
        """Load a page and wait until its script has run."""
        if self.do("location.href").split("#")[0] == url.split("#")[0]:
            self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def do(self, expression):
        """Value of an expression in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, expression):
        """Until it is true."""
        deadline = time.monotonic() + PATIENCE_S
        while not self.do(f"Boolean({expression})"):
            assert time.monotonic() < deadline, expression
            self.do("new Promise(done => setTimeout(done, 20))")

    def mouse(self, kind, x, y, **more):
        """`mousePressed`, `mouseMoved`, `mouseReleased`, `mouseWheel` at page pixels."""
        more = {"button": "left", "clickCount": 1} | more
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def key(self, key):
        """Press and release."""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path):
        """PNG of what is in the window."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))
