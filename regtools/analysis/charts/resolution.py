"""What a name resolves to: the name, its candidates and their sources, in podman's order."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .style import (
    ADVANCE,
    DIM,
    EDGE,
    GONE,
    INK,
    LEADING,
    LINE,
    MONOSPACE,
    PAPER,
    STOPS,
    TAGS,
    WIDTH,
    axes,
    finished,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from regtools.registries.resolution import Candidate, Resolution, Source

    from .style import Mark

__all__ = ["resolution"]

# Lengths are in font sizes, heights in lines.
_SIZES = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5, 5.0, 4.5)  # points; the first that fits is taken
_STEP = 3.6  # indentation of a level
_MARGIN = 1.2
_GAP = 0.55  # lines between two stops
_KEY_GAP = 8  # characters: a mark, and the room between two


@dataclass(frozen=True, slots=True)
class _Stop:
    """One stop: its level, its look (a key of ``STOPS``), its name, lines about it, its number and tags."""

    level: int
    look: str
    name: str
    details: tuple[str, ...]
    number: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Laid:
    """A stop in lines: where its name begins, the lines of name and details, whether tags are below it."""

    stop: _Stop
    y: float
    name: tuple[str, ...]
    details: tuple[str, ...]
    tags_below: bool

    @property
    def lines(self) -> int:
        return len(self.name) + self.tags_below + len(self.details)


def resolution(res: Resolution, ax: Axes | None = None) -> Axes:
    """Draw what a name resolves to: the name, below it each candidate, below that its sources in order.

    Args:
        res: what :meth:`RegistriesConf.resolve` returned.
        ax: where to draw; None makes a figure as high as the picture needs. Texts are broken, and where that
            is not enough made smaller, to fit the Axes as they are now.

    A round stop is a mirror, a square one the registry itself, an empty one a source that is blocked, so that
    podman does not contact it; ``insecure`` marks sources whose certificates are not verified and where plain
    HTTP is allowed. Each stop says why it is there, with file and line. ``print(res)`` also shows what was
    not used, and why.
    """
    stops = list(_stops(res))
    if ax is None:
        size, width = _SIZES[0], WIDTH * 72
        laid, height = _lay(stops, _columns(width, size))
        whole = {"left": 0, "right": 1, "bottom": 0, "top": 1}
        ax = axes(height * size * LEADING / 72, gridspec_kw=whole)
    else:
        width, room = _room(ax)
        for size in _SIZES:
            laid, height = _lay(stops, _columns(width, size))
            if height * size * LEADING <= room:
                break
    ax.set_xlim(0, width / size)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    _draw_route(ax, laid, size)
    for each in laid:
        _draw_stop(ax, each, size)
    _draw_key(ax, _key(stops, _columns(width, size)), height, size)
    return finished(ax)


def _room(ax: Axes) -> tuple[float, float]:
    """Return width and height of the Axes in points, after the figure has been laid out."""
    figure = ax.figure
    ax.set_axis_off()
    figure.canvas.draw()
    box = ax.get_window_extent()
    return box.width / figure.dpi * 72, box.height / figure.dpi * 72


# -- what is said ----------------------------------------------------------------------------------------


def _stops(res: Resolution) -> Iterator[_Stop]:
    details = [f"podman {res.conf.podman}: {res.why}"]
    if res.prompt:
        details.append("podman asks which one is meant; only the choice is pulled")
    yield _Stop(0, "name", res.image, tuple(details))
    for number, candidate in enumerate(res.candidates, 1):
        yield from _candidate(candidate, str(number) if len(res.candidates) > 1 else "")


def _candidate(candidate: Candidate, number: str) -> Iterator[_Stop]:
    yield _Stop(1, "candidate", candidate.name, (), number)
    error = candidate.error
    if error is not None:
        where = f" ({error.where})" if error.where else ""
        hint = (f"hint: {error.hint}",) if error.hint else ()
        yield _Stop(2, "failed", f"fails [{error.kind}]", (f"{error.message}{where}", *hint))
    for order, source in enumerate(candidate.sources, 1):
        yield _source(source, str(order))


def _source(source: Source, number: str) -> _Stop:
    tags = [word for word, wanted in (("insecure", source.insecure), ("blocked", source.blocked)) if wanted]
    look = "blocked" if source.blocked else source.kind
    details = (str(source.why), str(source.transport))
    return _Stop(2, look, source.reference, details, number, tuple(tags))


# -- where it is -------------------------------------------------------------------------------------


def _columns(width: float, size: float) -> int:
    """Return how many characters a line of ``width`` points has room for."""
    return int((width / size - 2 * _MARGIN) / ADVANCE)


def _lay(stops: list[_Stop], columns: int) -> tuple[list[_Laid], float]:
    """Break texts into lines of at most ``columns`` characters; return the stops and the height in lines."""
    laid = []
    y = 0.9
    for stop in stops:
        room = max(columns - int(_left(stop.level) / ADVANCE), 12)
        name = _broken_name(stop.name, room)
        beside = sum(len(tag) + 3 for tag in stop.tags)
        details = tuple(
            line
            for text in stop.details
            for line in textwrap.wrap(words(text), room, break_on_hyphens=False) or [""]
        )
        laid.append(_Laid(stop, y, name, details, bool(stop.tags) and len(name[-1]) + beside > room))
        y += laid[-1].lines + _GAP
    return laid, y + 0.6 + len(_key(stops, columns))


def _left(level: int) -> float:
    """Return where the text of a level begins."""
    return _MARGIN + _STEP * level + 2.2


def _broken_name(text: str, room: int) -> tuple[str, ...]:
    """Break a reference before its digest and after slashes; where a piece is longer still, anywhere."""
    lines = [""]
    for piece in re.findall(r"@?[^/@]*/?", words(text)):
        if lines[-1] and len(lines[-1]) + len(piece) > room:
            lines.append("")
        lines[-1] += piece
        while len(lines[-1]) > room:
            lines[-1:] = [lines[-1][:room], lines[-1][room:]]
    return tuple(lines)


# -- how it looks ----------------------------------------------------------------------------------------


def _x(level: int) -> float:
    return _MARGIN + _STEP * level + 0.6


def _draw_route(ax: Axes, laid: list[_Laid], size: float) -> None:
    """Draw the lines from the name to each candidate, and from there through its sources."""
    last: dict[int, _Laid] = {}
    for each in laid:
        level = each.stop.level
        if level == 2 and 2 in last:  # the next place is asked where the one before did not have the image
            ax.annotate(
                "",
                xy=(_x(2), each.y - 0.6),
                xytext=(_x(2), last[2].y + 0.6),
                arrowprops={"arrowstyle": "-|>", "linestyle": ":", "color": LINE, "mutation_scale": size},
            )
        elif level:
            parent = last[level - 1]
            ax.plot(
                [_x(level - 1), _x(level - 1), _x(level) - 0.7],
                [parent.y + 0.6, each.y, each.y],
                color=LINE,
                linewidth=1,
                zorder=1,
            )
        last[level] = each
        if level < 2:
            last.pop(2, None)


def _draw_stop(ax: Axes, laid: _Laid, size: float) -> None:
    stop = laid.stop
    look = STOPS[stop.look]
    left = _left(stop.level)
    _mark(ax, _x(stop.level), laid.y, look, size)
    if stop.number:
        colour = PAPER if look.filled else INK
        _text(ax, _x(stop.level), laid.y, stop.number, size * 0.8, colour, weight="bold", ha="center")
    ink = GONE if stop.look == "blocked" else INK
    for number, line in enumerate(laid.name):
        last = _text(ax, left, laid.y + number, line, size, ink, weight="bold")
    y = laid.y + len(laid.name)
    if laid.tags_below:
        last = _text(ax, left, y, "", size, ink)
    for tag in stop.tags:
        last = _tag(ax, tag, last, size)
    for number, line in enumerate(laid.details, laid.tags_below):
        _text(ax, left, y + number, line, size * 0.94, DIM)


def _tag(ax: Axes, tag: str, before: Text, size: float) -> Text:
    background, colour = TAGS[tag]
    box = {**EDGE, "boxstyle": "round,pad=0.15", "facecolor": background, "linewidth": 0.5}
    made: Text = ax.annotate(
        tag,
        xy=(1, 0.5),
        xycoords=before,
        xytext=(size, 0),
        textcoords="offset points",
        va="center_baseline",
        fontsize=size * 0.85,
        family=MONOSPACE,
        color=colour,
        bbox=box,
    )
    return made


def _key(stops: list[_Stop], columns: int) -> list[list[Mark]]:
    """Return what the marks mean, in rows that fit."""
    rows: list[list[Mark]] = [[]]
    room = columns
    for look in (look for name, look in STOPS.items() if any(stop.look == name for stop in stops)):
        if look.words and len(look.words) + _KEY_GAP > room and rows[-1]:
            rows.append([])
            room = columns
        if look.words:
            rows[-1].append(look)
            room -= len(look.words) + _KEY_GAP
    return rows


def _draw_key(ax: Axes, rows: list[list[Mark]], height: float, size: float) -> None:
    for number, row in enumerate(rows):
        y = height - len(rows) - 0.1 + number
        x = _MARGIN + 0.6
        for look in row:
            _mark(ax, x, y, look, size * 0.7)
            _text(ax, x + 1.1, y, look.words, size * 0.85, DIM)
            x += (len(look.words) + _KEY_GAP) * ADVANCE * 0.85


def _mark(ax: Axes, x: float, y: float, look: Mark, size: float) -> None:
    face = look.colour if look.filled else PAPER
    colours: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": look.colour}
    ax.plot(x, y, look.marker, markersize=size * 1.45, zorder=2, **colours)


def _text(ax: Axes, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> Text:
    options: dict[str, Any] = {"ha": "left", "va": "center_baseline", "zorder": 3, **more}
    return ax.text(x, y, text, fontsize=size, family=MONOSPACE, color=colour, **options)
