"""A real Chromium without a window, driven over the DevTools protocol, for tests of what a reader sees.

::

    with Browser(folder) as browser:
        browser.open("http://127.0.0.1:8888/lab")
        browser.wait("document.querySelector('.jp-Notebook') !== null")
        browser.evaluate("1 + 1")        # a value of JSON; promises are awaited
        browser.picture(Path("page.png"))

Nothing leaves the machine: host names other than loopback lead nowhere, and what a page asked for is in
``browser.asked``, what it complained of in ``browser.complaints``.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

import websocket

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--lang=en-US",
    "--remote-debugging-port=0",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost",
)


class Browser:
    """One tab of a Chromium with a profile of its own in ``folder``."""

    def __init__(self, folder: Path, *, width: int = 1300, height: int = 900) -> None:
        self._profile = folder / "chromium"
        self._ids = itertools.count(1)
        self._size = (width, height)
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        program = shutil.which("chromium") or "chromium"
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._socket = websocket.create_connection(self._tab(), timeout=90, suppress_origin=True)
            for domain in ("Page", "Runtime", "Network", "Log"):
                self.send(f"{domain}.enable")
            self.resize(*self._size)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._socket.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tab(self) -> str:
        port = self._profile / "DevToolsActivePort"
        for _ in range(300):
            if port.exists() and (lines := port.read_text().splitlines()):
                with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json") as answer:
                    tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
                if tabs:
                    address: str = tabs[0]["webSocketDebuggerUrl"]
                    return address
            assert self._process.poll() is None, "Chromium ended at once"
            time.sleep(0.1)
        raise AssertionError("Chromium opened no port in half a minute")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; note the events that come before it."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            self._note(message)
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(params["exceptionDetails"].get("text", "exception"))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(params["entry"]["text"])
            case "Page.javascriptDialogOpening":
                opening = {
                    "id": next(self._ids),
                    "method": "Page.handleJavaScriptDialog",
                    "params": {"accept": True},
                }
                self._socket.send(json.dumps(opening))

    def open(self, address: str) -> None:
        self.send("Page.navigate", url=address)

    def resize(self, width: int, height: int) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def evaluate(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, expression: str, seconds: float = 60) -> Any:
        """Wait until an expression is true and return its value."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(AssertionError):
                if value := self.evaluate(expression):
                    return value
            time.sleep(0.1)
        raise AssertionError(f"after {seconds:.0f} s not yet: {expression}\n{self.complaints}")

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
