"""The command ``regtools``, which is also ``python -m regtools``."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress


def run() -> int:
    """Run the command of this process, and end it at once; Ctrl-C ends it quietly during the imports, too."""
    try:
        from regtools.cli import main

        status = main()
        _leave(status)
        return status
    except KeyboardInterrupt:
        return 130


def _leave(status: int) -> None:
    """End the process, unless a thread still runs or a function is to be called at the end.

    Python would take apart what the imports have made, and that is a twentieth of a small pull. A profiler
    calls this module by its name (``python -m cProfile -m regtools``), and gets the usual end.
    """
    threads = sys.modules.get("threading")
    awaited = atexit._ncallbacks() or (threads is not None and threads.active_count() > 1)
    if not awaited and __name__ != "__main__":
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(status)
    import signal

    gc.freeze()  # the process ends, and its memory with it
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python that ends cannot raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(run())
    except KeyboardInterrupt:  # a signal that waits is delivered as a function begins
        sys.exit(130)
