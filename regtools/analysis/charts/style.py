"""How charts look: every colour, hatch, mark and size, and the words on them.

The title is the finding; units and numbers are below it; series are named at their ends. A text from outside
(a place, a host, an image) is written with :func:`words`, and each chart ends with :func:`finished`; so no
name is taken for a formula, and none breaks the file that a chart is saved to.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from itertools import chain, cycle
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from regtools.display import visible
from regtools.pull.http.values import clipped

from .canvas import use_palette

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
LARGE, SMALL, NOTE = 10.5, 9.0, 7.5  # sizes of texts, in points
MONOSPACE = "DejaVu Sans Mono"  # comes with matplotlib
LETTER, BOLD = 0.56, 0.64  # mean width of a letter of the proportional font, in font sizes
ADVANCE = 0.603  # width of a letter of MONOSPACE, in font sizes
LEADING = 1.5  # height of a line, in font sizes
DETAIL, END, PART = "detail", "end", "part"  # names of texts: below the title, at ends of series, above bars

# The ground is transparent. Ink is readable on a white page and on JupyterLab's dark one (4 : 1 or more on
# both), so it is neither black nor white; emphasis comes from weight.
INK = "#767676"
LINE = "#808080"  # axes, and lines between marks
PAIR = "#A0A0A0"  # lines behind the data
REST = "#8C8C8C"  # what the finding is not about, and a name that is not used
FAINT = 0.25  # opacity of grid lines
HOLLOW = "none"
BLACK, WHITE = "#000000", "#FFFFFF"  # letters on a filled ground only
LABEL: dict[str, Any] = {"facecolor": WHITE, "edgecolor": "none", "alpha": 0.8, "pad": 1}

# After Okabe and Ito, whose colours colour-blind readers can distinguish, made dark enough for white pages
# and bright enough for dark ones; marker and dash work without colour.
BLUE, VERMILION, GREEN, PURPLE = "#1F7FC4", "#D55E00", "#00895F", "#B65FA0"
OLIVE, TEAL, BROWN = "#8A7A00", "#2A8C95", "#A8693A"
SKY, YELLOW, DARK = "#56B4E9", "#F0E442", "#555555"  # parts of bars
FAILED = "#D93A4A"
EDGE: dict[str, Any] = {"edgecolor": DARK, "linewidth": 0.4}
CROSS: dict[str, Any] = {"marker": "x", "color": FAILED, "linestyle": "none", "zorder": 4}
MEDIAN: dict[str, Any] = {"markerfacecolor": HOLLOW, "markersize": 11, "markeredgewidth": 1.6, "zorder": 5}


class Look(NamedTuple):
    """How a place is drawn."""

    colour: str
    marker: str
    dash: Any


LOOKS = (
    Look(BLUE, "o", "-"),
    Look(VERMILION, "s", "--"),
    Look(GREEN, "^", "-."),
    Look(PURPLE, "D", ":"),
    Look(OLIVE, "v", (0, (5, 1))),
    Look(TEAL, "P", (0, (3, 1, 1, 1))),
    Look(BROWN, "X", (0, (1, 1))),
)
GREY = tuple(Look(REST, marker, "-") for marker in "<>hpd*")
# The places of the chapters keep their look through the whole book.
BOOK = {"near": 0, "far": 1, "thin": 2, "twin": 3, "origin": 4, "flaky": 5, "dead": 6}


class Fill(NamedTuple):
    """How a part of a bar is drawn, and what it is called."""

    words: str
    colour: str
    hatch: str = ""


# What a request's time is made of: column → look, ordered by lightness.
PHASES = {
    "dns_s": Fill("name look-up", DARK),
    "tcp_s": Fill("TCP connect", VERMILION, "//"),
    "tls_s": Fill("TLS handshake", PURPLE, "xx"),
    "ttfb_s": Fill("until first byte", YELLOW, ".."),
    "body_s": Fill("body", SKY),
}
# What a pull's time is made of: column → look; neighbours differ in grey.
STAGES = {
    "start_s": Fill("start of the program", WHITE, "||"),
    "auth_s": Fill("ping and token", YELLOW, ".."),
    "manifest_s": Fill("manifest", PURPLE, "xx"),
    "transfer_s": Fill("transfer", SKY),
    "wait_s": Fill("waiting to try again", DARK),
    "store_s": Fill("storing", GREEN, "\\\\"),
}


class Part(NamedTuple):
    """A part of a bar that is drawn: the edge beside its name, where it begins, and its length."""

    fill: Fill
    edge: float
    start: float
    length: float


class Mark(NamedTuple):
    """How a stop of a resolution is drawn, and what the key calls it."""

    marker: str
    colour: str
    filled: bool
    words: str = ""


STOPS = {
    "name": Mark("o", INK, True),
    "candidate": Mark("D", INK, False, "candidate: a full name"),
    "mirror": Mark("o", BLUE, True, "mirror"),
    "primary": Mark("s", "#00604F", True, "the registry itself"),
    "blocked": Mark("o", FAILED, False, "blocked: passed over"),
    "failed": Mark("X", FAILED, True, "no source can be made"),
}
TAGS = {"insecure": (YELLOW, BLACK), "blocked": (FAILED, WHITE)}  # word → background, letters


# -- figures ---------------------------------------------------------------------------------------------


def axes(height: float, **options: Any) -> Axes:
    """Return the Axes of a new figure.

    Args:
        height: in inches.
        options: of ``Figure.subplots``, instead of matplotlib's layout.
    """
    made: Axes = new_figure(height, layout=None if options else "constrained").subplots(**options)
    return made


def new_figure(
    height: float, *, dpi: int = DPI, layout: Literal["constrained"] | None = "constrained"
) -> Figure:
    """Return a new figure of the charts' width, whose PNG fits a notebook.

    Args:
        height: in inches.
        dpi: dots per inch.
        layout: of ``plt.figure``.
    """
    import matplotlib.pyplot as plt

    made = plt.figure(figsize=(WIDTH, height), dpi=dpi, layout=layout)
    use_palette(made)
    return made


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
    ax.grid(color=LINE, alpha=FAINT, axis=axis)
    ax.set_axisbelow(True)


def finished(ax: Axes) -> Axes:
    """Return the Axes on a transparent ground, in ink for any page, with all their texts as plain text.

    A ``$`` in a name then begins no formula.
    """
    from matplotlib.text import Text

    figure_of(ax).patch.set_alpha(0)
    ax.patch.set_alpha(0)
    ax.tick_params(color=LINE, labelcolor=INK, which="both")
    for side, spine in ax.spines.items():
        spine.set(color=LINE, visible=side in ("left", "bottom"))
    for label in (ax.xaxis.label, ax.yaxis.label, ax.title):
        label.set_color(INK)
    for text in ax.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
    return ax


# -- marks -----------------------------------------------------------------------------------------------


def looks(places: Iterable[str]) -> dict[str, Look]:
    """Return place → look: that of the book, else the next free one, and grey beyond the seventh."""
    names = list(dict.fromkeys(places))
    taken = {BOOK[name] for name in names if name in BOOK}
    free = [look for number, look in enumerate(LOOKS) if number not in taken]
    others = zip((name for name in names if name not in BOOK), chain(free, cycle(GREY)), strict=False)
    return {**{name: LOOKS[BOOK[name]] for name in names if name in BOOK}, **dict(others)}


def points(look: Look) -> dict[str, Any]:
    """Return how the points of a place are drawn, its median included."""
    size: dict[str, Any] = {"markersize": 3.6, "markeredgewidth": 0}
    return {"marker": look.marker, "color": look.colour, "linestyle": "none", "zorder": 3, **size}


def key(label: str, **options: Any) -> Line2D:
    """Return a line for the legend; the options are those of the line that it explains."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **options)


def stack(
    ax: Axes, y: float, start: float, lengths: Iterable[tuple[Fill, float]], height: float
) -> list[Part]:
    """Draw the parts of a bar end to end, and return them, without those that have no length."""
    parts = []
    for fill, length in lengths:
        if length > 0:
            ax.barh(y, length, height, start, color=fill.colour, hatch=fill.hatch, **EDGE)
            parts.append(Part(fill, y - height / 2, start, length))
            start += length
    return parts


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


def title(ax: Axes, finding: str, detail: str) -> None:
    """Write the finding above the chart and, below it and smaller, units and numbers."""
    for text in [each for each in ax.texts if each.get_gid() == DETAIL]:
        text.remove()
    size = LARGE if points_wide(ax) > NARROW else SMALL
    small = _lines(ax, detail, NOTE * LETTER)
    found = "\n".join(_lines(ax, finding, size * BOLD))
    ax.set_title(found, x=0, ha="left", fontsize=size, fontweight="bold", pad=len(small) * NOTE * LEADING + 6)
    beside: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "gid": DETAIL}
    ax.annotate("\n".join(small), (0, 1), (0, 6), va="bottom", fontsize=NOTE, color=INK, **beside)


def _lines(ax: Axes, text: str, letter: float) -> list[str]:
    room = max(int(points_wide(ax) * 0.96 / letter), 20)
    lines = textwrap.wrap(words(text).replace(" = ", "\xa0=\xa0"), room, break_on_hyphens=False)
    return [line.replace("\xa0", " ") for line in lines]


def ends(ax: Axes, series: Sequence[tuple[float, str, str, Look]]) -> None:
    """Write the name of each series beside its right end, and a note below the name; none covers another.

    Args:
        ax: with its limits set.
        series: height of the end (in data), name, note and look of each; those that end alike keep order.
    """
    bottom, top = ax.get_ylim()
    wide, high = points_wide(ax), float(ax.get_window_extent().height / ax.figure.dpi * 72)
    gap = min(3.3 * NOTE / high, 1 / max(len(series), 1))
    room = max(int(wide * 0.3 / (NOTE * LETTER)), 12)
    at = 1.0 + gap
    for end, name, note, look in sorted(series, key=lambda each: -each[0]):
        share = (end - bottom) / (top - bottom)
        at = min(at - gap, share)
        leader = {"arrowstyle": "-", "color": look.colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0}
        ax.annotate(
            f"{clipped(words(name), room)}\n{note}",
            (1, share),
            (1 + 14 / wide, at),
            xycoords="axes fraction",
            textcoords="axes fraction",
            arrowprops={**leader, "relpos": (0, 0.5)},
            color=look.colour,
            fontsize=NOTE,
            va="center",
            gid=END,
        )


def named(ax: Axes, parts: Sequence[Part], *, below_bars: bool = False) -> None:
    """Write beside one of its longest bars what each kind of part is; what finds no room goes into a legend.

    Args:
        ax: with its limits set, and rows one below the other at 0, 1, …
        parts: every part of every bar.
        below_bars: whether the edges are the lower ones, and names go below them.

    A kind that is thinner than a point wherever it occurs cannot be seen, and is left out.
    """
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    points = points_wide(ax) / (right - left)
    row = float(ax.get_window_extent().height / ax.figure.dpi * 72) / (bottom - top)
    kinds = {
        fill: [each for each in parts if each.fill == fill]
        for fill in dict.fromkeys(part.fill for part in parts)
    }
    for mine in kinds.values():
        mine.sort(key=lambda each: -each.length)
    seen = {fill: mine for fill, mine in kinds.items() if mine[0].length * points >= 1}
    taken: list[tuple[float, float, float]] = []
    homeless = []
    for fill, mine in sorted(seen.items(), key=lambda kind: -kind[1][0].length):
        half = len(fill.words) * NOTE * LETTER / 2 / points
        for part in mine:
            at = min(max(part.start + part.length / 2, left + half), right - half)
            if all(y != part.edge or at - half > end or at + half < begin for y, begin, end in taken):
                taken.append((part.edge, at - half, at + half))
                _pointed(ax, part, (at, part.edge + (4 if below_bars else -4) / row), below_bars)
                break
        else:
            homeless.append(fill)
    if homeless:
        below(ax, patches(homeless), columns=len(homeless))


def _pointed(ax: Axes, part: Part, at: tuple[float, float], below_bar: bool) -> None:
    """Write the words of a part, with a short line that leads to it."""
    colour = FAILED if part.fill.colour == FAILED else INK
    line: dict[str, Any] = {"arrowstyle": "-", "color": colour, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0}
    line["relpos"] = (0.5, 1 if below_bar else 0)
    look: dict[str, Any] = {"fontsize": NOTE, "color": colour, "ha": "center", "gid": PART}
    look["va"] = "top" if below_bar else "bottom"
    bar = (part.start + part.length / 2, part.edge)
    ax.annotate(words(part.fill.words), bar, at, arrowprops=line, **look)


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
        labelcolor=INK,
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
