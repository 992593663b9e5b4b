"""How charts look: every colour, hatch, mark and size, and the words on them.

A text from outside (a place, a host, an image) is written with :func:`words`, and each chart ends with
:func:`finished`; so no name is taken for a formula, and none breaks the file that a chart is saved to.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from regtools.display import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from numpy.typing import NDArray

WIDTH = 8.0  # inches
DPI = 144
PANEL = 3.6  # inches, the least width of one of several charts
NARROW = 330  # points; below, texts are smaller
LARGE, SMALL, NOTE = 10, 8.5, "x-small"  # sizes of texts, in points
MONOSPACE = "DejaVu Sans Mono"  # comes with matplotlib
LETTER = 0.56  # mean width of a letter of the proportional font, in font sizes
ADVANCE = 0.603  # width of a letter of MONOSPACE, in font sizes
LEADING = 1.5  # height of a line, in font sizes

INK, PAPER = "black", "white"
DIM = "0.3"  # words beside the data
GONE = "0.45"  # a name that is not used
LINE = "0.35"  # lines between marks
PAIR = "0.7"  # lines behind the data
GRID = "0.9"
EDGE: dict[str, Any] = {"edgecolor": "0.2", "linewidth": 0.3}
LABEL: dict[str, Any] = {"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 1}

# Okabe and Ito's colours, which colour-blind readers can distinguish; marker and dash work without colour.
BLACK, BLUE, SKY, GREEN, YELLOW = "#000000", "#0072B2", "#56B4E9", "#009E73", "#F0E442"
ORANGE, VERMILION, PURPLE, TEAL = "#E69F00", "#D55E00", "#CC79A7", "#004D40"
PLACES: tuple[tuple[str, str, Any], ...] = (
    (BLUE, "o", "-"),
    (VERMILION, "s", "--"),
    (GREEN, "^", "-."),
    (PURPLE, "D", ":"),
    (BLACK, "v", (0, (5, 1))),
    (ORANGE, "P", (0, (3, 1, 1, 1))),
    (SKY, "X", (0, (1, 1))),
)
FAILED = VERMILION
CROSS: dict[str, Any] = {"marker": "x", "color": FAILED, "linestyle": "none", "zorder": 4}
MEDIAN: dict[str, Any] = {"markerfacecolor": "none", "markersize": 11, "markeredgewidth": 1.6, "zorder": 5}


class Fill(NamedTuple):
    """How a part of a bar is drawn, and what the legend calls it."""

    words: str
    colour: str
    hatch: str = ""


# What a request's time is made of: column → look, ordered by lightness.
PHASES = {
    "dns_s": Fill("name look-up", BLACK),
    "tcp_s": Fill("TCP connect", VERMILION, "//"),
    "tls_s": Fill("TLS handshake", PURPLE, "xx"),
    "ttfb_s": Fill("until first byte", YELLOW, ".."),
    "body_s": Fill("body", SKY),
}
# What a pull's time is made of: column → look; neighbours differ in grey.
STAGES = {
    "start_s": Fill("start of the program", PAPER, "||"),
    "auth_s": Fill("ping and token", YELLOW, ".."),
    "manifest_s": Fill("manifest", PURPLE, "xx"),
    "transfer_s": Fill("transfer", SKY),
    "wait_s": Fill("waiting to try again", BLACK),
    "store_s": Fill("storing", GREEN, "\\\\"),
}


class Mark(NamedTuple):
    """How a stop of a resolution is drawn, and what the key calls it."""

    marker: str
    colour: str
    filled: bool
    words: str = ""


STOPS = {
    "name": Mark("o", BLACK, True),
    "candidate": Mark("D", BLACK, False, "candidate: a full name"),
    "mirror": Mark("o", BLUE, True, "mirror"),
    "primary": Mark("s", TEAL, True, "the registry itself"),
    "blocked": Mark("o", FAILED, False, "blocked: passed over"),
    "failed": Mark("X", FAILED, True, "no source can be made"),
}
TAGS = {"insecure": (YELLOW, INK), "blocked": (FAILED, PAPER)}  # word → background, letters


# -- figures ---------------------------------------------------------------------------------------------


def axes(height: float, **options: Any) -> Axes:
    """Return the Axes of a new figure.

    Args:
        height: in inches.
        options: of ``plt.subplots``, instead of matplotlib's layout.
    """
    import matplotlib.pyplot as plt

    ax: Axes
    _, ax = plt.subplots(figsize=(WIDTH, height), dpi=DPI, **(options or {"layout": "constrained"}))
    return ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure that the Axes belong to."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    return figure


def points_wide(ax: Axes) -> float:
    """Return the current width of the Axes in points."""
    return float(ax.get_window_extent().width / ax.figure.dpi * 72)


def grid(ax: Axes, axis: Literal["both", "x", "y"] = "both") -> None:
    """Draw faint lines behind the data."""
    ax.grid(color=GRID, axis=axis)
    ax.set_axisbelow(True)


def finished(ax: Axes) -> Axes:
    """Return the Axes with all their texts as plain text: a ``$`` in a name begins no formula."""
    from matplotlib.text import Text

    for text in ax.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
    return ax


# -- marks -----------------------------------------------------------------------------------------------


def look(number: int) -> tuple[str, str, Any]:
    """Return colour, marker and dash of the first, second, … place, from 0."""
    return PLACES[number % len(PLACES)]


def points(number: int) -> dict[str, Any]:
    """Return how the points of a place are drawn, its median included."""
    colour, marker, _ = look(number)
    return {"marker": marker, "color": colour, "linestyle": "none", "markersize": 4, "zorder": 3}


def line(number: int) -> dict[str, Any]:
    """Return how the line of a place is drawn in the legend."""
    colour, marker, dash = look(number)
    return {"color": colour, "marker": marker, "linestyle": dash, "markersize": 4}


def key(label: str, **options: Any) -> Line2D:
    """Return a line for the legend; the options are those of the line that it explains."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **options)


def stack(ax: Axes, y: float, start: float, lengths: Iterable[tuple[Fill, float]], height: float) -> None:
    """Draw the parts of a bar end to end, without those that have no length."""
    for fill, length in lengths:
        if length > 0:
            ax.barh(y, length, height, start, color=fill.colour, hatch=fill.hatch, **EDGE)
            start += length


def patches(fills: Iterable[Fill]) -> list[Patch]:
    """Return the parts of bars for the legend."""
    from matplotlib.patches import Patch

    return [Patch(facecolor=fill.colour, hatch=fill.hatch, label=fill.words, **EDGE) for fill in fills]


def spread_out(count: int, width: float) -> NDArray[np.float64]:
    """Return offsets that keep the points of a strip apart, the same every time.

    >>> [round(float(each), 2) for each in spread_out(3, 1.0)]
    [0.12, -0.26, 0.35]
    """
    steps = np.arange(1, count + 1, dtype=np.float64) * 0.6180339887
    return np.asarray((steps % 1 - 0.5) * width, dtype=np.float64)


# -- words -----------------------------------------------------------------------------------------------


def words(text: str) -> str:
    """Return a text from outside as a chart can show it: control characters as escapes, a tab as a space."""
    return visible(text.replace("\t", " "))


def label(text: str) -> str:
    """Return a text for a legend; matplotlib hides labels that begin with ``_``, so a space comes first."""
    return f" {words(text)}" if text.startswith("_") else words(text)


def tally(n: int, failed: int) -> str:
    """Return the words for a number of pulls and how many of them failed."""
    return f"n = {n}{f', {failed} failed' if failed else ''}"


def title(ax: Axes, text: str) -> None:
    """Write the title, in as many lines as it needs."""
    size = LARGE if points_wide(ax) > NARROW else SMALL
    room = max(int(points_wide(ax) * 0.92 / (size * LETTER)), 20)
    lines = textwrap.wrap(words(text).replace(" = ", "\xa0=\xa0"), room, break_on_hyphens=False)
    ax.set_title("\n".join(lines).replace("\xa0", " "), fontsize=size)


def below(ax: Axes, handles: Sequence[Line2D | Patch], columns: int) -> None:
    """Put the legend under the axis, in as many columns as fit: only there are surely no data."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=1)
    fit = int(points_wide(ax) * 1.1 // (longest * 7 * LETTER + 32))
    ax.legend(
        handles=handles,
        ncols=max(1, min(columns, fit)),
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=5.5,  # font sizes; clears the axis and its label
        fontsize=NOTE,
        frameon=False,
    )


def tick_words(ax: Axes, axis: Literal["x", "y"], names: Sequence[str], notes: Sequence[str]) -> None:
    """Write names with notes below them at 0, 1, …; those of the x axis turned where they would touch."""
    lines = [(words(name) or "all pulls", words(note)) for name, note in zip(names, notes, strict=True)]
    which = ax.xaxis if axis == "x" else ax.yaxis
    which.set_ticks(range(len(lines)), ["\n".join(pair) for pair in lines])
    if axis == "x":
        longest = max((len(line) for pair in lines for line in pair), default=0)
        size = 9 if points_wide(ax) >= NARROW else 7.5
        turned = longest * size * LETTER * len(lines) > points_wide(ax) * 0.98
        for text in which.get_ticklabels():
            text.set(fontsize=size, rotation=30 if turned else 0, ha="right" if turned else "center")
            text.set_rotation_mode("anchor" if turned else "default")
