"""Writing results: a file appears whole or not at all.

Charts as files: drawn without a window, written or refused in plain words.

Reading measurements for a command: what a journal has lost is told on standard error.

A line on the terminal that says how far long work is. Drawing only: the work itself knows nothing of it.

Nothing is drawn where the stream is no terminal. The line is drawn by a thread of its own, four times a
second, and gone when the block ends.
"""

# pathlib costs as much to import as tomli, and start-up counts here.
# ruff: noqa: PTH101, PTH105, PTH108, PTH110, PTH113, PTH116, PTH123
from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

from regtools.errors import Place, RegtoolsError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self, TextIO

    import pandas as pd
    from matplotlib.figure import Figure

    from regtools.pull.meter import Meter

__all__ = [
    "Line",
    "bar",
    "duration",
    "measured",
    "pull_line",
    "reason",
    "save",
    "without_window",
    "write_text",
]


def write_text(text: str, output: str | None) -> None:
    """Write UTF-8 with LF ends whatever the locale, to a file or to standard output.

    Raises:
        OSError: it cannot be written; the file is then as it was.
    """
    if output is None:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(output)  # through a link, so that the link stays one
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as stream:  # a device or a pipe has no beside
            stream.write(text.encode())
        return
    import tempfile

    folder, base = os.path.split(target)
    handle, beside = tempfile.mkstemp(prefix=f".{base}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
        os.chmod(beside, _mode(target))
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def reason(error: Exception) -> str:
    """Give the system's words for what went wrong."""
    return getattr(error, "strerror", None) or str(error)


def _mode(target: str) -> int:
    """Give the mode an ordinary write would leave: the file's own, or what the umask allows."""
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        umask = os.umask(0)
        os.umask(umask)
        return 0o666 & ~umask


def without_window() -> None:
    """Choose the drawing that needs no screen; call it before anything is drawn."""
    import matplotlib

    matplotlib.use("agg")


def save(figure: Figure, path: str) -> None:
    """Write a figure to a file; the suffix says the format.

    Raises:
        RegtoolsError: kind ``file-unwritable``.
    """
    import matplotlib.pyplot as plt

    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:  # ValueError: a format that matplotlib does not know
        reason = error.strerror if isinstance(error, OSError) else str(error)
        message = f"the chart cannot be written: {reason}"
        raise RegtoolsError(message, kind="file-unwritable", stage="load", where=Place(path)) from error
    finally:
        plt.close(figure)


def measured(command: str, paths: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read files into one table of pulls and one of requests.

    Raises:
        RegtoolsError: a file is missing, or is no journal, CSV or Parquet file.
    """
    import warnings

    from regtools.analysis.measurements import read_measurements
    from regtools.campaigns.journal import JournalWarning

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", JournalWarning)
        tables = read_measurements(paths)
    for each in caught:
        print(f"regtools {command}: {each.message}", file=sys.stderr)
    return tables


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
    from regtools.display import size

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
