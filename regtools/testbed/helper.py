"""The helper's end: what runs in a process of its own, and sees to it that this process ends.

See :mod:`.process` for the conversation and for the ways in which it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Control", "main", "raise_file_limit"]

ROOMS = {"registry": "regtools.testbed.registry", "link": "regtools.testbed.relay"}
POLL_S = 0.5  # how often to look whether the parent still lives


class Control:
    """The helper's end: reads messages, answers them, and sees to it that the process ends."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        # What a library prints must not get between the lines of the conversation.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._number = 1  # of the message that is answered next
        self._written: list[tuple[Path, tuple[int, int], bytes]] = []

    def order(self) -> dict[str, Any]:
        """Wait for the first message: what to serve."""
        line = sys.stdin.buffer.readline()
        if not line:
            os._exit(0)
        order: dict[str, Any] = json.loads(line)
        return order

    def ready(self, answer: dict[str, Any], handle: Callable[[str], dict[str, Any]]) -> None:
        """Answer the first message; from now on ``handle`` answers every other, in a thread."""
        self.reply(answer)
        threading.Thread(target=self._converse, args=(handle,), daemon=True).start()
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def reply(self, answer: dict[str, Any]) -> None:
        """Send one answer."""
        try:
            os.write(self._out, json.dumps({**answer, "n": self._number}).encode() + b"\n")
        except BrokenPipeError:
            self.leave()

    def leave(self, *_: object) -> None:
        """End the process at once; the kernel closes its ports."""
        for path, identity, text in self._written:
            with contextlib.suppress(OSError):
                found = path.lstat()
                # A number alone is no proof: file systems give it again to the next file. The owner may have
                # been killed before it had written everything.
                if (found.st_dev, found.st_ino) == identity and text.startswith(path.read_bytes()):
                    path.unlink()
        os._exit(0)

    def _converse(self, handle: Callable[[str], dict[str, Any]]) -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            self._number = message.get("n", 0)
            match message["do"]:
                case "stop":
                    break
                case "remove-at-exit":
                    path, (device, number) = Path(message["path"]), message["identity"]
                    self._written.append((path, (device, number), message["text"].encode()))
                    self.reply({})
                case do:
                    self.reply(handle(do))
        self.leave()

    def _watch_parent(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(POLL_S)
        self.leave()


def raise_file_limit() -> None:
    """Allow as many open sockets as the system grants without asking; 200 clients are no reason to stop."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def main() -> None:
    """Run one room, named on the command line, for the parent named there."""
    room, parent = sys.argv[1], int(sys.argv[2])
    control = Control(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, control.leave)
    if os.getppid() != parent:  # it ended before we began
        os._exit(0)
    order = control.order()
    try:
        import_module(ROOMS[room]).serve(order, control)
    except ModuleNotFoundError as error:
        control.reply({"error": f"no module {error.name}", "hint": "pip install 'podman-regtools[lab]'"})
    except OSError as error:
        control.reply({"error": error.strerror or str(error), "hint": "are ports or files used up?"})
