"""A helper process and both ends of the conversation with it.

The testbed's registry and its links run in processes of their own, so that they disturb no measurement. Owner
(:class:`Helper`) and helper (:class:`Control`) exchange lines of JSON over the helper's standard input and
output. The helper ends

* when ``close()`` is called, or when its input ends: the owner has ended, by whatever signal, and the
  kernel has closed the pipe;
* when its parent is no longer the owner: the owner has ended, but a process that it had forked still holds
  the pipe.

``PR_SET_PDEATHSIG`` would not do: it fires when the *thread* that started the helper ends, which would take
the testbed away from everybody who opens it in a worker thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from regtools.errors import IN_BROWSER, RegtoolsError, absent_from_browsers

with contextlib.suppress(ImportError):  # Windows, where no helper starts
    import resource


ROOMS = {"registry": "regtools.testbed.registry", "link": "regtools.testbed.relay"}
ENTRY = "from regtools.testbed.process import main; main()"
START_S = 30.0  # a loaded machine may need seconds to start Python; more than this is a hang
POLL_S = 0.5  # how often the helper checks that its parent still lives
OPEN_FILES = 8192  # sockets of the helper, as far as the system grants them without asking


def bad(message: str, hint: str, *, stage: str = "load") -> RegtoolsError:
    """Return the error for what a testbed cannot be made from, or does not have."""
    return RegtoolsError(message, kind="bad-testbed", stage=stage, hint=hint)


def failed(message: str, hint: str | None = None) -> RegtoolsError:
    """Return the error for a testbed, or a practice terminal, that does not run as it should."""
    return RegtoolsError(message, kind="testbed-failed", stage="pull", hint=hint)


class Closing(ABC):
    """Something that is open until ``close()`` or the end of its ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """End it, and free what it holds; more than once is harmless."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Helper(Closing):
    """The owner's end: starts the process, asks it, ends it.

    Args:
        room: ``registry`` or ``link``.
        order: what to serve, as plain data; the answer is kept in ``ready``.
        timeout: seconds that the start, and later each question, may take.

    Raises:
        RegtoolsError: the process could not be started, ended, refused, or did not answer in time.
    """

    def __init__(self, room: str, order: dict[str, Any], *, timeout: float = START_S) -> None:
        if os.name != "posix":
            raise failed("the testbed needs a Unix-like system", "on Windows, run it inside WSL")
        if IN_BROWSER:
            raise absent_from_browsers("the testbed")
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
        """Send one message and return the answer.

        Raises:
            RegtoolsError: kind ``testbed-failed``: the process has ended, or reports an error.
        """
        with self._lock:
            if not self._end.alive:
                raise failed(f"the testbed's {self.room} is closed", "open a new Testbed")
            self._asked += 1
            with contextlib.suppress(BrokenPipeError):  # it has ended: reading reports it, and how
                _send(self._process, {**message, "n": self._asked})
            answer: dict[str, Any] = {}
            while answer.get("n") != self._asked:  # an interrupt may have left an older answer unread
                answer = json.loads(self._line())
        if "error" in answer:
            raise failed(f"the testbed's {self.room} says: {answer['error']}", answer.get("hint"))
        return answer

    def close(self) -> None:
        """End the process and wait until it has gone; more than once is harmless."""
        self._end()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        fd, until = self._process.stdout.fileno(), time.monotonic() + self._timeout
        while b"\n" not in self._text:
            with selectors.DefaultSelector() as selector:  # unlike select(), for more than 1024 open files
                selector.register(fd, selectors.EVENT_READ)
                if not selector.select(max(0.0, until - time.monotonic())):
                    message = f"the testbed's {self.room} process did not answer within {self._timeout:g} s"
                    hint = "is the machine overloaded? close the testbed and open it again"
                    raise failed(message, hint)
            piece = os.read(fd, 1 << 16)
            if not piece:
                status = self._process.wait()
                how = f"signal {-status}" if status < 0 else f"status {status}"
                message = f"the testbed's {self.room} process has ended ({how})"
                hint = "its standard error may say why; open a new Testbed"
                raise failed(message, hint)
            self._text += piece
        line, _, self._text = self._text.partition(b"\n")
        return line


def _start(room: str) -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    try:
        return subprocess.Popen(
            # -P: a json.py in the reader's folder is not ours.
            [sys.executable, "-P", "-c", ENTRY, room, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C in the terminal is for the owner, which then ends the helper.
            start_new_session=True,
        )
    except OSError as error:
        message = f"the testbed's {room} process could not be started: {error.strerror or error}"
        hint = "is the limit on processes reached, or memory short?"
        raise failed(message, hint) from error


def _send(process: subprocess.Popen[bytes], message: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(message).encode() + b"\n")
    process.stdin.flush()


def _stop(process: subprocess.Popen[bytes], owner: int) -> None:
    if os.getpid() != owner:  # a process forked from the owner ends, not the owner
        return
    assert process.stdin is not None
    assert process.stdout is not None
    # A message, not only the end of input: a process forked from this one may hold the pipe open.
    with contextlib.suppress(OSError, ValueError):
        _send(process, {"do": "stop"})
    with contextlib.suppress(OSError):
        process.stdin.close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        process.stdout.close()


class Control:
    """The helper's end: reads messages, answers them, and makes sure that the process ends."""

    def __init__(self, parent: int) -> None:
        self._parent = parent
        # What a library prints must not get between the lines of the conversation.
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._number = 1  # of the message that is answered next
        self._written: list[tuple[Path, list[int], bytes]] = []

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
                # The number alone proves nothing: file systems reuse it. The owner may have been killed
                # before it had written everything.
                if [found.st_dev, found.st_ino] == identity and text.startswith(path.read_bytes()):
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
                    written = (Path(message["path"]), message["identity"], message["text"].encode())
                    self._written.append(written)
                    self.reply({})
                case do:
                    self.reply(handle(do))
        self.leave()

    def _watch_parent(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(POLL_S)
        self.leave()


def main() -> None:
    """Run one room, named on the command line, for the parent named there."""
    room, parent = sys.argv[1], int(sys.argv[2])
    control = Control(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, control.leave)
    if os.getppid() != parent:  # it ended before we began
        os._exit(0)
    order = control.order()
    with contextlib.suppress(OSError, ValueError):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        import_module(ROOMS[room]).serve(order, control)
    except ModuleNotFoundError as error:
        control.reply({"error": f"no module {error.name}", "hint": "pip install 'podman-regtools[lab]'"})
    except OSError as error:
        control.reply({"error": error.strerror or str(error), "hint": "are ports or files used up?"})
