"""What a start needs: free ports, an upstream that takes the login, and patience."""

from __future__ import annotations

import re
import secrets
import socket
import time
from contextlib import suppress

from regtools.errors import RegtoolsError

from . import status
from .engines import Engine
from .settings import Settings, bad, failed

START_S = 60.0  # for the first answer; it takes a tenth of a second, unless the machine is busy
REDIS_S = 5.0
# Below those that the system gives to programs that ask for any port: between this look and the start of the
# cache only a program that wants this very port can take it.
PORTS = range(20_000, 32_000)
# What distribution writes before it ends; a stack or its usage follows.
REASON = re.compile(r"^panic:|level=(fatal|panic)|^configuration error")


def wait(engine: Engine, settings: Settings) -> None:
    """Wait until the registry answers, and a moment for Redis.

    Raises:
        RegtoolsError: it has ended, or does not answer; the message holds what it wrote last.
    """
    until = time.monotonic() + START_S
    while not status.answers(settings.address):
        ended = engine.has_ended()
        if ended or time.monotonic() > until:
            raise _why_not(engine, settings, ended)
        time.sleep(0.05)
    # The cache works without Redis, and its status says so: a short wait is enough.
    until = time.monotonic() + REDIS_S
    while "redis" in engine.parts and engine.running("redis") and time.monotonic() < until:
        with suppress(RegtoolsError):
            engine.redis("PING")
            return
        time.sleep(0.05)


def _why_not(engine: Engine, settings: Settings, ended: bool) -> RegtoolsError:
    what = "the registry has ended" if ended else f"the registry did not answer within {START_S:g} s"
    reachable, words = status.upstream_state(settings.upstream)
    if not reachable:
        message = f"{what}: {words}, and distribution asks the upstream once when it starts"
        hint = "start it when the upstream answers again; what is stored is not lost"
        return failed(message, hint)
    lines = [line for line in engine.logs("registry", 60).splitlines() if line.strip()]
    reason = next(filter(REASON.search, reversed(lines)), lines[-1] if lines else "")
    return failed(what, f"it wrote: {reason}" if reason else "it wrote nothing")


def check_login(settings: Settings) -> None:
    """Raise for an upstream to which this release of distribution would not send its login."""
    if settings.private and settings.registry == "2" and status.wants_basic(settings.upstream):
        message = "the upstream wants HTTP Basic, and distribution 2.x sends a login to token servers only"
        hint = "use distribution 3.x (--registry 3), or an upstream with a token server, such as Docker Hub"
        raise bad(message, hint)


def check_port(address: str, harm: str = "") -> None:
    """Raise if another program listens at ``host:port``; ``harm`` completes the message."""
    host, _, port = address.rpartition(":")
    with suppress(OSError), socket.create_connection((host.strip("[]"), int(port)), 2) as found:
        # If no process listens, the system may choose this port for our end, which then meets itself.
        if found.getsockname() != found.getpeername():
            message = f"another program answers at {address} already{harm}"
            hint = "end it, or make the cache at another port: regtools cache init --port N --force"
            raise failed(message, hint)


def free_ports(bind: str) -> int:
    """Return the first of three free ports in a row: the registry's, the debug server's and Redis's.

    Raises:
        RegtoolsError: kind ``cache-failed``: a hundred random places had none.
    """
    for _ in range(100):
        port = secrets.choice(PORTS)
        if all(_is_free(port + more, bind) for more in range(3)):
            return port
    raise failed("there are no three free ports in a row", "choose one with port=")


def _is_free(port: int, bind: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((bind if bind.count(".") == 3 else "127.0.0.1", port))
        except OSError:
            return False
    return True
