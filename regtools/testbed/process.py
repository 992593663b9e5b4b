"""The owner's end of a helper process, which ends when its owner does, however that ends.

A registry or a link runs in a process of its own, so that it disturbs no measurement. Owner and helper
talk in lines of JSON over the helper's standard input and output, and the helper goes away by itself:

* told so (``close()``), or when its input ends: the owner has ended, by whatever signal, and the kernel has
  closed the pipe for it;
* or when it has another parent than at its start: the owner is gone, but a process that the owner had
  forked still holds the pipe.

Not used: ``PR_SET_PDEATHSIG``. It fires when the *thread* that started the helper ends, which would take the
testbed away from everybody who opens it in a worker thread. And no temporary file is needed anywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from regtools.errors import RegtoolsError

if TYPE_CHECKING:
    from typing import Any

__all__ = ["Helper"]

ENTRY = "from regtools.testbed.helper import main; main()"
START_S = 30.0  # a loaded machine may need seconds to start a Python; more than this is a hang


class Helper:
    """The owner's end: starts the process, asks it, ends it.

    Args:
        room: ``registry`` or ``link``.
        order: what to serve, as plain data; the answer is kept in ``ready``.
        timeout: seconds that start-up, and later each question, may take.

    Raises:
        RegtoolsError: the process could not be started, ended, said no, or did not answer in time.
    """

    def __init__(self, room: str, order: dict[str, Any], *, timeout: float = START_S) -> None:
        if os.name != "posix":
            raise _trouble("the testbed needs a Unix-like system", "on Windows, run it inside WSL")
        self.room = room
        self._timeout = timeout
        self._lock = threading.Lock()
        self._text = b""
        self._asked = 0
        self._process = _start(room)
        self._end = weakref.finalize(self, _stop, self._process, os.getpid())
        try:
            self.ready = self.ask(order)
        except BaseException:
            self._process.kill()  # it has nothing to lose yet, and it may hang
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The helper's process number."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._end.alive and self._process.poll() is None

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send one message and give the answer."""
        with self._lock:
            if not self._end.alive:
                raise _trouble(f"the testbed's {self.room} is closed", "open a new Testbed")
            assert self._process.stdin is not None
            self._asked += 1
            with contextlib.suppress(BrokenPipeError):  # it has ended: reading says so, and how
                self._process.stdin.write(json.dumps({**message, "n": self._asked}).encode() + b"\n")
                self._process.stdin.flush()
            answer: dict[str, Any] = {}
            while answer.get("n") != self._asked:  # an interrupt may have left an older answer unread
                answer = json.loads(self._line())
        if "error" in answer:
            raise _trouble(f"the testbed's {self.room} says: {answer['error']}", answer.get("hint"))
        return answer

    def close(self) -> None:
        """End the process and wait until it has gone; more than once is harmless."""
        self._end()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        fd, until = self._process.stdout.fileno(), time.monotonic() + self._timeout
        while b"\n" not in self._text:
            if not _readable(fd, until - time.monotonic()):
                raise _trouble(
                    f"the testbed's {self.room} process did not answer within {self._timeout:g} s",
                    "is the machine overloaded? close the testbed and open it again",
                )
            piece = os.read(fd, 1 << 16)
            if not piece:
                status = self._process.wait()
                how = f"signal {-status}" if status < 0 else f"status {status}"
                raise _trouble(
                    f"the testbed's {self.room} process has ended ({how})",
                    "its standard error may say why; open a new Testbed",
                )
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        return line


def _readable(fd: int, seconds: float) -> bool:
    with selectors.DefaultSelector() as selector:  # not select(): notebooks may hold more than 1024 files
        selector.register(fd, selectors.EVENT_READ)
        return bool(selector.select(max(0.0, seconds)))


def _start(room: str) -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.Popen(
            # -P: a json.py that lies in the reader's folder is not ours.
            [sys.executable, "-P", "-c", ENTRY, room, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C in the terminal is for the owner, who then ends the helper.
            start_new_session=True,
        )
    except OSError as error:
        raise _trouble(
            f"the testbed's {room} process could not be started: {error.strerror or error}",
            "is the limit on processes reached, or memory short?",
        ) from error


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a process forked from the owner ends, not the owner
        return
    assert process.stdin is not None
    assert process.stdout is not None
    # The word, not only the end of input: a process forked from this one may hold the pipe open.
    with contextlib.suppress(OSError, ValueError):
        process.stdin.write(b'{"do": "stop"}\n')
        process.stdin.flush()
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()


def _trouble(message: str, hint: str | None) -> RegtoolsError:
    return RegtoolsError(message, kind="testbed-failed", stage="pull", hint=hint)
