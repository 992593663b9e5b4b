"""A line on the terminal that says how far long work is. Drawing only: the work itself knows nothing of it.

Nothing is drawn where the stream is no terminal. The line is drawn by a thread of its own, four times a
second, and gone when the block ends.
"""

from __future__ import annotations

import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, TextIO

    from regtools.pull.meter import Meter

__all__ = ["Line", "bar", "duration", "pull_line"]

_EVERY_S = 0.25
_BAR = 20


class Line:
    """Draws what ``text`` gives until the block ends; on a terminal only.

    Arguments:
        text: gives the line; called with the seconds since the start.
        stream: where to draw; None for standard error.
    """

    def __init__(self, text: Callable[[float], str], stream: TextIO | None = None) -> None:
        self._text = text
        self._stream = sys.stderr if stream is None else stream
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._begun = 0.0

    def __enter__(self) -> Self:
        if self._stream.isatty():
            self._begun = time.monotonic()
            self._thread = threading.Thread(target=self._draw, name="regtools-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self.clear()

    def clear(self) -> None:
        """Take the line away, so that other text can be printed; it comes back with the next stroke."""
        if self._thread is not None:
            with self._lock:
                self._put("\r\x1b[K")

    def _draw(self) -> None:
        while not self._stop.wait(_EVERY_S):
            text = self._text(time.monotonic() - self._begun)
            with self._lock:
                self._put(f"\r\x1b[K{text[: _width() - 1]}")

    def _put(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # the terminal is gone; the work goes on
            self._stop.set()


def pull_line(meter: Meter, seconds: float) -> str:
    """Give the line of one pull: bytes, rate, layers done.

    >>> from regtools.pull.meter import Meter
    >>> meter = Meter()
    >>> meter.begin("quay.io/team/app:1")
    >>> pull_line(meter, 1.0)
    'quay.io/team/app:1: asking for the manifest, 1 s'
    >>> meter.layers, meter.size, meter.layers_done, meter.fetched = 4, 40_000_000, 1, 10_000_000
    >>> pull_line(meter, 2.0)
    '[#####...............] 10.0 MB of 40.0 MB, 5.00 MB/s, 1 of 4 layers, quay.io/team/app:1'
    """
    from regtools.pull.display import size

    if not meter.size:
        doing = "asking for the manifest" if meter.source else "starting"
        return f"{meter.source + ': ' if meter.source else ''}{doing}, {seconds:.0f} s"
    share = meter.fetched / meter.size
    rate = size(meter.fetched / seconds) if seconds > 0 else "0 B"
    done = f"{size(meter.fetched)} of {size(meter.size)}, {rate}/s"
    return f"{bar(share)} {done}, {meter.layers_done} of {meter.layers} layers, {meter.source}"


def bar(share: float) -> str:
    """Draw a share from 0 to 1.

    >>> bar(0.5)
    '[##########..........]'
    """
    full = round(min(max(share, 0.0), 1.0) * _BAR)
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def duration(seconds: float) -> str:
    """Give a time that is left, in round figures.

    >>> duration(42), duration(200), duration(9000)
    ('42 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _width() -> int:
    import shutil

    return shutil.get_terminal_size().columns
