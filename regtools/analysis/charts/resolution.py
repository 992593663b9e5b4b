"""What a name resolves to: the name, its candidates and their sources, in podman's order."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from regtools.registries.resolution import Resolution


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
        size, width = _SIZES[0], style.WIDTH * 72
        laid, height = _lay(stops, _columns(width, size))
        whole = {"left": 0, "right": 1, "bottom": 0, "top": 1}
        ax = style.axes(height * size * style.LEADING / 72, gridspec_kw=whole)
    else:
        width, room = _room(ax)
        for size in _SIZES:
            laid, height = _lay(stops, _columns(width, size))
            if height * size * style.LEADING <= room:
                break
    ax.set_xlim(0, width / size)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    _draw_route(ax, laid, size)
    for each in laid:
        _draw_stop(ax, each, size)
    _draw_key(ax, _key(stops, _columns(width, size)), height, size)
    return style.finished(ax)


def _room(ax: Axes) -> tuple[float, float]:
    """Return width and height of the Axes in points, after the figure has been laid out."""
    figure = ax.figure
    ax.set_axis_off()
    figure.canvas.draw()
    box = ax.get_window_extent()
    return box.width / figure.dpi * 72, box.height / figure.dpi * 72


# -- what is said ----------------------------------------------------------------------------------------


def _stops(res: Resolution) -> Iterator[_Stop]:
    asks = ("podman asks which one is meant; only the choice is pulled",) if res.prompt else ()
    yield _Stop(0, "name", res.image, (f"podman {res.conf.podman}: {res.why}", *asks))
    for number, candidate in enumerate(res.candidates, 1):
        yield _Stop(1, "candidate", candidate.name, (), str(number) if len(res.candidates) > 1 else "")
        error = candidate.error
        if error is not None:
            where = f" ({error.where})" if error.where else ""
            hint = (f"hint: {error.hint}",) if error.hint else ()
            yield _Stop(2, "failed", f"fails [{error.kind}]", (f"{error.message}{where}", *hint))
        for order, source in enumerate(candidate.sources, 1):
            look = "blocked" if source.blocked else source.kind
            details = (str(source.why), str(source.transport))
            tags = tuple(tag for tag in style.TAGS if getattr(source, tag))
            yield _Stop(2, look, source.reference, details, str(order), tags)


# -- where it is -------------------------------------------------------------------------------------


def _columns(width: float, size: float) -> int:
    """Return how many characters a line of ``width`` points has room for."""
    return int((width / size - 2 * _MARGIN) / style.ADVANCE)


def _lay(stops: list[_Stop], columns: int) -> tuple[list[_Laid], float]:
    """Break texts into lines of at most ``columns`` characters; return the stops and the height in lines."""
    laid = []
    y = 0.9
    for stop in stops:
        room = max(columns - int(_left(stop.level) / style.ADVANCE), 12)
        name = _broken_name(stop.name, room)
        beside = sum(len(tag) + 3 for tag in stop.tags)
        details = tuple(
            line
            for text in stop.details
            for line in textwrap.wrap(style.words(text), room, break_on_hyphens=False) or [""]
        )
        below = bool(stop.tags) and len(name[-1]) + beside > room
        laid.append(_Laid(stop, y, name, details, below))
        y += len(name) + below + len(details) + _GAP
    return laid, y + 0.6 + len(_key(stops, columns))


def _left(level: int) -> float:
    """Return where the text of a level begins."""
    return _MARGIN + _STEP * level + 2.2


def _broken_name(text: str, room: int) -> tuple[str, ...]:
    """Break a reference before its digest and after slashes; where a piece is longer still, anywhere."""
    lines = [""]
    for piece in re.findall(r"@?[^/@]*/?", style.words(text)):
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
            arrow = {"arrowstyle": "-|>", "linestyle": ":", "color": style.LINE, "mutation_scale": size}
            ax.annotate("", (_x(2), each.y - 0.6), (_x(2), last[2].y + 0.6), arrowprops=arrow)
        elif level:
            start = _x(level - 1)
            corner = [start, start, _x(level) - 0.7], [last[level - 1].y + 0.6, each.y, each.y]
            ax.plot(*corner, color=style.LINE, linewidth=1, zorder=1)
        last[level] = each
        if level < 2:
            last.pop(2, None)


def _draw_stop(ax: Axes, laid: _Laid, size: float) -> None:
    stop = laid.stop
    look = style.STOPS[stop.look]
    left = _left(stop.level)
    _mark(ax, _x(stop.level), laid.y, look, size)
    if stop.number:
        colour = style.WHITE if look.filled else style.INK
        _text(ax, _x(stop.level), laid.y, stop.number, size * 0.8, colour, weight="bold", ha="center")
    ink = style.REST if stop.look == "blocked" else style.INK
    for number, line in enumerate(laid.name):
        last = _text(ax, left, laid.y + number, line, size, ink, weight="bold")
    y = laid.y + len(laid.name)
    if laid.tags_below:
        last = _text(ax, left, y, "", size, ink)
    for tag in stop.tags:
        last = _tag(ax, tag, last, size)
    for number, line in enumerate(laid.details, laid.tags_below):
        _text(ax, left, y + number, line, size * 0.94, style.INK)


def _tag(ax: Axes, tag: str, before: Text, size: float) -> Text:
    background, colour = style.TAGS[tag]
    box = {**style.EDGE, "boxstyle": "round,pad=0.15", "facecolor": background, "linewidth": 0.5}
    font: dict[str, Any] = {"fontsize": size * 0.85, "family": style.MONOSPACE, "color": colour}
    beside: dict[str, Any] = {"xy": (1, 0.5), "xycoords": before, "va": "center_baseline"}
    made: Text = ax.annotate(tag, xytext=(size, 0), textcoords="offset points", bbox=box, **beside, **font)
    return made


def _key(stops: list[_Stop], columns: int) -> list[list[style.Mark]]:
    """Return what the marks mean, in rows that fit."""
    used = {stop.look for stop in stops}
    rows: list[list[style.Mark]] = [[]]
    room = columns
    for look in (look for name, look in style.STOPS.items() if name in used and look.words):
        if len(look.words) + _KEY_GAP > room and rows[-1]:
            rows.append([])
            room = columns
        rows[-1].append(look)
        room -= len(look.words) + _KEY_GAP
    return rows


def _draw_key(ax: Axes, rows: list[list[style.Mark]], height: float, size: float) -> None:
    for number, row in enumerate(rows):
        y = height - len(rows) - 0.1 + number
        x = _MARGIN + 0.6
        for look in row:
            _mark(ax, x, y, look, size * 0.7)
            _text(ax, x + 1.1, y, look.words, size * 0.85, style.INK)
            x += (len(look.words) + _KEY_GAP) * style.ADVANCE * 0.85


def _mark(ax: Axes, x: float, y: float, look: style.Mark, size: float) -> None:
    face = look.colour if look.filled else style.HOLLOW
    colours: dict[str, Any] = {"markerfacecolor": face, "markeredgecolor": look.colour}
    ax.plot(x, y, look.marker, markersize=size * 1.45, zorder=2, **colours)


def _text(ax: Axes, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> Text:
    options: dict[str, Any] = {"ha": "left", "va": "center_baseline", "zorder": 3, **more}
    return ax.text(x, y, text, fontsize=size, family=style.MONOSPACE, color=colour, **options)
