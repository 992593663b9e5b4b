"""Where text leaves: everything that a command prints or writes goes through this module.

Names, file contents and answers of registries are foreign text. They may hold escape sequences,
bells, characters that turn the direction of writing, or bytes that are not UTF-8. :func:`say`,
:func:`complain` and :func:`say_json` print all of these as escapes, so that no text moves the cursor.
"""

# Paths are text here: pathlib costs as much to import as tomli, and start-up counts.
from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

from regtools.display import printable, size, terminal_width, text_width, visible
from regtools.display import wrapped as wrapped
from regtools.errors import Place, RegtoolsError, unreadable, unwritable
from regtools.files import write_file
from regtools.values import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from regtools.pull.meter import Meter
    from regtools.registries.checks import Finding, Report

# Exit statuses; 70 is EX_SOFTWARE of sysexits.h.
OK, NO, USAGE, FAULT = 0, 1, 2, 70

_EVERY_S = 0.25
_BAR = 20


# -- text --------------------------------------------------------------------------------------------------


def say(text: object = "", *, bold: bool = False, end: str = "\n") -> None:
    """Print text on standard output at once, with control characters as escapes.

    Args:
        text: one line or several; line feeds and tabs stay.
        bold: whether it is a heading, drawn bold on a terminal that shows colours.
        end: what follows.
    """
    shown = printable(str(text))
    print(f"\x1b[1m{shown}\x1b[0m" if bold and wants_colour(sys.stdout) else shown, end=end, flush=True)


def say_verdict(text: str, *, good: bool = True) -> None:
    """Print an answer; its first paragraph, the verdict, is bold green or yellow where colours are wanted."""
    verdict, blank, rest = printable(text).partition("\n\n")
    shown = f"\x1b[1;{32 if good else 33}m{verdict}\x1b[0m" if wants_colour(sys.stdout) else verdict
    print(shown + blank + rest, flush=True)


def complain(trouble: object, *, about: str | None = None) -> None:
    """Print an error, a warning or a note on standard error, with control characters as escapes.

    Args:
        trouble: an error, or text.
        about: the file that a text is about; both are then wrapped to the terminal's width.
    """
    if isinstance(trouble, RegtoolsError):
        show(trouble, sys.stderr)
    elif about is not None:
        lines = wrapped(str(trouble), f"{visible(about)}: ", "    ", width=text_width(sys.stderr))
        print("\n".join(lines), file=sys.stderr)
    else:
        print(printable(str(trouble)), file=sys.stderr)


def show(diagnostic: RegtoolsError | Finding, stream: TextIO | None = None) -> None:
    """Print place, message, source line and hint, in colour where wanted; what they quote is escaped.

    Message and hint are wrapped to the terminal's width.
    """
    stream = stream or sys.stdout
    shown = diagnostic.render(colour=wants_colour(stream), width=text_width(stream))
    print(shown, file=stream, flush=True)


def counted(report: Report) -> str:
    """Return how many findings of each severity there are."""
    numbers = ((report.count(word), word) for word in ("error", "warning", "note"))
    return ", ".join(f"{number} {word}{'' if number == 1 else 's'}" for number, word in numbers)


def say_json(value: object, *, indent: int | None = 2, stream: TextIO | None = None) -> None:
    """Print a value as JSON; what no terminal should interpret is written as JSON's own escapes.

    Args:
        value: anything that JSON has a form for.
        indent: spaces a level; None for one line.
        stream: where it goes; None for standard output.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    if not text.replace("\n", "").isprintable():
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    print(text, file=stream or sys.stdout, flush=True)


def wants_colour(stream: object) -> bool:
    """Return whether ``stream`` is a terminal that shows colours and NO_COLOR is not set (no-color.org)."""
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


# -- files -------------------------------------------------------------------------------------------------


def write(text: str, path: str | None, *, what: str = "it") -> None:
    """Write a result as UTF-8 with the line ends that it has, to a file or to standard output.

    A file or a pipe gets the text as it is; a terminal gets it with control characters as escapes.

    Args:
        text: the whole result.
        path: the file; None for standard output.
        what: subject of the error's sentence, such as ``"the report"``.

    Raises:
        RegtoolsError: kind ``file-unwritable``; a file is then as it was.
    """
    if path is not None:
        write_file(path, text, what=what)
    elif sys.stdout.isatty():
        say(text, end="")
    else:
        try:
            sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise unwritable("standard output", error, what=what) from error


def holds(path: str, text: str) -> bool | None:
    """Return whether a file holds just this text; None if there is no file.

    Raises:
        RegtoolsError: kind ``file-unreadable``.
    """
    if not os.path.isfile(path):  # noqa: PTH113 - a device or a pipe holds nothing
        return None
    data = text.encode("utf-8", "surrogateescape")
    try:
        with open(path, "rb") as stream:  # noqa: PTH123
            return stream.read(len(data) + 1) == data
    except OSError as error:
        raise unreadable(path, error) from error


def refuse_other(path: str, text: str) -> None:
    """Raise an error if a file is there and holds something else than this text.

    Raises:
        RegtoolsError: kind ``file-exists``.
    """
    if holds(path, text) is False:
        message, hint = "this file is there and holds something else", "--force replaces it"
        raise RegtoolsError(message, kind="file-exists", stage="load", where=Place(path), hint=hint)


def draw_without_window() -> None:
    """Choose matplotlib's drawing that needs no screen; call this before anything is drawn."""
    import matplotlib

    matplotlib.use("agg")


def save_chart(draw: Callable[[], object], path: str) -> None:
    """Draw without a window and write the picture to a file; the suffix names the format.

    Args:
        draw: draws with matplotlib's pyplot.
        path: the file.

    Raises:
        RegtoolsError: kind ``file-unwritable``; also for a format that matplotlib does not know.
    """
    draw_without_window()
    import matplotlib.pyplot as plt

    draw()
    picture = BytesIO()
    try:
        plt.savefig(picture, format=os.path.splitext(path)[1][1:] or "png")  # noqa: PTH122 - see the top
    except ValueError as error:
        raise unwritable(path, error, what="the chart") from error
    finally:
        plt.close()
    write_file(path, picture.getvalue(), what="the chart")
    complain(f"chart: {path}")


# -- progress ----------------------------------------------------------------------------------------------


@contextmanager
def progress(text: Callable[[float], str]) -> Iterator[None]:
    """Draw a line that says how far long work is, four times a second, until the block ends.

    Nothing is drawn if standard error is not a terminal; the work itself does not depend on the drawing.

    Args:
        text: returns the line; called with the seconds since the start.
    """
    stream = sys.stderr
    if not stream.isatty():
        yield
        return
    import threading

    ended = threading.Event()

    def put(line: str) -> None:
        with suppress(OSError, ValueError):  # the terminal is gone; the work continues
            stream.write(f"\r\x1b[K{line}")
            stream.flush()

    def draw() -> None:
        begun = time.monotonic()
        while not ended.wait(_EVERY_S):
            put(visible(text(time.monotonic() - begun))[: terminal_width(stream) - 1])

    thread = threading.Thread(target=draw, name="regtools-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        put("")


def pull_line(meter: Meter, seconds: float) -> str:
    """Return the line of one pull: bytes, rate, layers done.

    >>> from regtools.pull.meter import Meter
    >>> meter = Meter()
    >>> meter.begin("quay.io/team/app:1")
    >>> pull_line(meter, 1.0)
    'quay.io/team/app:1: asking for the manifest, 1 s'
    >>> meter.layers, meter.size, meter.layers_done, meter.fetched = 4, 40_000_000, 1, 10_000_000
    >>> pull_line(meter, 2.0)
    '[#####...............] 10.0 MB of 40.0 MB, 5.00 MB/s, 1 of 4 layers, quay.io/team/app:1'
    """
    if not meter.size:
        doing = f"{meter.source}: asking for the manifest" if meter.source else "starting"
        return f"{doing}, {seconds:.0f} s"
    rate = size(meter.fetched / seconds) if seconds > 0 else "0 B"
    done = f"{bar(meter.fetched / meter.size)} {size(meter.fetched)} of {size(meter.size)}, {rate}/s"
    return f"{done}, {meter.layers_done} of {meter.layers} layers, {meter.source}"


def bar(share: float) -> str:
    """Draw a share from 0 to 1.

    >>> bar(0.5)
    '[##########..........]'
    """
    full = round(min(max(share, 0.0), 1.0) * _BAR)
    return f"[{'#' * full}{'.' * (_BAR - full)}]"


def duration(seconds: float) -> str:
    """Return the time that is left in round figures.

    >>> duration(42), duration(200), duration(9000)
    ('42 s', '3 min', '2 h 30 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
