"""A program on a terminal of its own, with somebody who types when it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence

SECONDS = 60


def on_terminal(
    command: Sequence[str], environ: Mapping[str, str], *, when: str, keys: str
) -> tuple[int, str]:
    """Run a command on a terminal and type ``keys`` once it has written ``when``.

    Returns:
        The exit status, and all that was written, prompts and control sequences included.
    """
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, env=dict(environ), stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    ) as process:
        os.close(theirs)
        said, typed, end = "", False, time.monotonic() + SECONDS
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.1)[0]:
                try:
                    said += os.read(ours, 65536).decode(errors="replace")
                except OSError:  # the other side is closed: the program has ended
                    break
            if not typed and when in said:
                os.write(ours, keys.encode())
                typed = True
        else:
            process.kill()
        os.close(ours)
        return process.wait(), said
