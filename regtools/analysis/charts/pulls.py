"""Many pulls: how their times spread, place by place and round by round, in one chart or side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regtools.display import seconds
from regtools.pull.records import Pull

from ..measurements import pulls_frame, time_column
from ..pairing import plural
from . import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray


_BLOCK = ("campaign", "vantage", "client", "cache_state", "round", "image")
_MOST_LINES = 300
_MOST_STEPS = 500
_MOST_PANELS = 24
_HIGH = 3.6  # inches, of a panel
_COARSE, _COARSER = 100, 84  # dots per inch of more than two, and of more than four rows of panels
ORDER = "places of all panels"  # in the attrs of a frame that is drawn in several
_DECADE = 8.0  # ratio of the longest to the shortest time from which an axis is logarithmic


def pulls_to_draw(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    """Return pulls as a frame with ``place``, ``ok`` and ``seconds``, which are infinite for a failed pull.

    Raises:
        ValueError: there are none.
        RegtoolsError: the table lacks a column that a chart needs.
    """
    table = pulls_frame(pulls)
    if table.empty:
        raise ValueError("there are no pulls to draw")
    time = time_column(table, ("place", "seconds", "ok"))
    ok = table["ok"].astype("boolean").fillna(False).astype(bool)
    return table.assign(
        place=table["place"].astype("string").fillna(""),
        seconds=pd.to_numeric(table[time]).astype("Float64").astype("float64").where(ok, math.inf),
        ok=ok,
    )


def chosen_places(table: pd.DataFrame, places: Sequence[str] | None) -> list[str]:
    """Return the places to draw, in order: as given, or from the fastest median to the slowest.

    Raises:
        ValueError: none of the given places was measured.
    """
    there = [str(each) for each in table["place"].unique()]
    if places is not None:
        if not set(places) & set(there):
            asked = ", ".join(map(repr, places))
            raise ValueError(f"no pulls of {asked}; there are {', '.join(sorted(there))}")
        return list(places)
    medians = table.groupby("place")["seconds"].median()
    return sorted(there, key=lambda place: (float(medians[place]), place))


# -- all times -------------------------------------------------------------------------------------------


def ecdf(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw, for each place, the share of its pulls that were done within a time.

    Args:
        pulls: the pulls frame of a journal (columns ``place``, ``total_s`` or ``seconds``, ``ok``), or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, and in which order; None for all, the fastest first.

    Every pull is a point (of more than 500, evenly chosen ones), the large open one is the median. Failed
    pulls are never done: with failures a line ends below 1, and with half of them or more there is no median.

    Raises:
        ValueError: there are no pulls, or none of a place that was asked for.
    """
    frame = pulls_to_draw(pulls)
    wanted = chosen_places(frame, places)
    times = frame["seconds"].fillna(math.inf)
    groups = [times[frame["place"] == place].sort_values().to_numpy() for place in wanted]
    ax = ax if ax is not None else style.axes(max(3.6, 0.9 + 0.33 * len(groups)))
    done = np.concatenate([each[each < math.inf] for each in groups])
    right = 1.06 * float(done.max(initial=0.0)) or 1.06
    looks = _looks(frame, wanted)
    drawn = [_steps(ax, place, each, right, looks[place]) for place, each in zip(wanted, groups, strict=True)]
    ax.set_xlim(0, right)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("total time of a pull (s)")
    ax.set_ylabel("share of pulls done within it")
    count = plural(sum(map(len, groups)), "pull")
    detail = f"share of pulls done within a time (s); large: median; n = {count}"
    style.title(ax, _medians(wanted, groups), detail)
    style.grid(ax)
    style.ends(ax, drawn)
    return style.finished(ax)


def _looks(frame: pd.DataFrame, wanted: Sequence[str]) -> dict[str, style.Look]:
    """Return place → look, the same in each panel of small multiples."""
    return style.looks(frame.attrs.get(ORDER) or wanted)


def _medians(places: Sequence[str], groups: Sequence[NDArray[np.float64]]) -> str:
    """Return the finding: the median of the first place, and that of the last one that has a median."""
    found = [
        (place or "all pulls", middle)
        for place, times in zip(places, groups, strict=True)
        if len(times) and math.isfinite(middle := float(np.median(times)))
    ]
    if not found:
        return "No place delivered half of its pulls"
    told = [f"{place} {seconds(middle)}" for place, middle in dict([found[0], found[-1]]).items()]
    return f"Median pull: {', '.join(told)}"


def _steps(
    ax: Axes, place: str, times: NDArray[np.float64], right: float, look: style.Look
) -> tuple[float, str, str, style.Look]:
    """Draw one place's sorted times: steps, points, median. Return height, name, note and look of its end."""
    colour, _, dash = look
    count, done = len(times), int((times < math.inf).sum())
    median = float(np.median(times)) if count else math.inf
    middle = f"median {seconds(median)}" if math.isfinite(median) else "no median"
    text = style.label(f"{place or 'all pulls'}: {style.tally(count, count - done)}, {middle}")
    points = style.points(look)
    at = np.unique(np.linspace(0, done - 1, min(done, _MOST_STEPS)).round().astype(int))
    times, shares = times[at], (at + 1) / max(count, 1)
    ends = [0.0, *times, right], [0.0, *shares, done / max(count, 1)]
    ax.step(*ends, where="post", color=colour, linestyle=dash, label=text)
    ax.plot(times, shares, **points)
    if math.isfinite(median):
        ax.plot(median, 0.5, **{**points, **style.MEDIAN})
    note = f"{middle.removeprefix('median ')}, {style.tally(count, count - done)}"
    return done / max(count, 1), place or "all pulls", note, look


# -- paired rounds ---------------------------------------------------------------------------------------


def slopes(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw each round as a line from place to place: what a paired comparison looks at.

    Args:
        pulls: the pulls frame of a journal, with ``round``; or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, from left to right; None for all, the fastest first.

    A line is one image in one round; parallel lines show a difference that does not depend on the hour. Every
    pull is a point, the large open one is the median; a cross at the top is a pull that failed. Of more than
    300 lines evenly chosen ones are drawn, and the title says so. The axis is logarithmic where the times are
    far apart, so that equal ratios are equally steep.

    Raises:
        ValueError: there are no pulls, none of them belongs to a round, or none to a place asked for.
    """
    frame = pulls_to_draw(pulls)
    if "round" not in frame.columns or frame["round"].isna().all():
        raise ValueError("no pull belongs to a round, so there are no pairs to draw")
    wanted = chosen_places(frame, places)
    frame = frame[frame["round"].notna() & frame["place"].isin(wanted)]
    keys = [name for name in _BLOCK if name in frame.columns]
    wide = frame.pivot_table("seconds", keys, "place", "median", dropna=False, observed=True)
    values = wide.reindex(columns=wanted).dropna(how="all").to_numpy()
    ax = ax if ax is not None else style.axes(4.0)
    finite = values[(values < math.inf) & (values > 0)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.5, 1.0)
    logarithmic = high / low > _DECADE
    top = high * (high / low) ** 0.08 if logarithmic else high * 1.1
    _lines(ax, values, top)
    looks = _looks(frame, wanted)
    notes = [_strip(ax, at, column, top, looks[wanted[at]]) for at, column in enumerate(values.T)]
    if logarithmic:
        _logarithmic(ax)
    ax.set_ylim(low / 1.25 if logarithmic else 0, top * (1.15 if logarithmic else 1.06))
    ax.set_xlim(-0.4, len(wanted) - 0.6)
    ax.set_ylabel("total time of a pull (s)" + (", logarithmic" if logarithmic else ""))
    style.tick_words(ax, "x", wanted, notes)
    drawn = f", {_MOST_LINES} of them drawn" if len(values) > _MOST_LINES else ""
    detail = f"each line is one round of one image, s; large: median; n = {len(values)} lines{drawn}"
    style.title(ax, _won(wanted, values), detail)
    style.grid(ax, "y")
    return style.finished(ax)


def _won(places: Sequence[str], values: NDArray[np.float64]) -> str:
    """Return the finding: in how many of their common rounds the first place was faster than the next."""
    if len(places) < 2:
        return f"{places[0] or 'all pulls'}, round by round"
    one, other = values[:, 0], values[:, 1]
    both = ~(np.isnan(one) | np.isnan(other)) & (np.isfinite(one) | np.isfinite(other))
    return (
        f"{places[0]} is faster than {places[1]} in {int((one < other)[both].sum())} of {both.sum()} rounds"
    )


def _lines(ax: Axes, values: NDArray[np.float64], top: float) -> None:
    chosen = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MOST_LINES)).astype(int))
    for row in np.minimum(values, top)[chosen]:
        there = ~np.isnan(row)
        ax.plot(np.flatnonzero(there), row[there], color=style.PAIR, linewidth=0.6, zorder=1)


def _strip(ax: Axes, number: int, values: NDArray[np.float64], top: float, look: style.Look) -> str:
    """Draw one place's points (at most 500), failures and median; return how many there are."""
    there = values[~np.isnan(values)]
    done = there[there < math.inf]
    failed = len(there) - len(done)
    points = style.points(look)
    shown = np.sort(done)[np.unique(np.linspace(0, len(done) - 1, min(len(done), _MOST_STEPS)).astype(int))]
    ax.plot(np.full(len(shown), number), shown, **points)
    if failed:
        at = number + style.spread_out(min(failed, _MOST_STEPS), 0.25)
        ax.plot(at, np.full(len(at), top), markersize=6, markeredgewidth=1.6, **style.CROSS)
    median = float(np.median(there)) if len(there) else math.inf
    if math.isfinite(median):
        ax.plot(number, median, **{**points, **style.MEDIAN})
    return style.tally(len(there), failed)


def _logarithmic(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=20))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


# -- side by side ----------------------------------------------------------------------------------------


def small_multiples(
    pulls: pd.DataFrame | Iterable[Pull],
    chart: Callable[..., Axes] | None = None,
    *,
    by: str = "image",
    columns: int | None = None,
    share: bool = False,
    figure: Figure | None = None,
) -> list[Axes]:
    """Draw a chart for each image (or vantage, client, …), with the same look for the same place throughout.

    Args:
        pulls: the pulls frame of a journal, or pulls.
        chart: ``ecdf``, ``slopes`` or ``phases``, or a function like them; None for ``ecdf``.
        by: the column that has one panel for each of its values.
        columns: panels in a row; None for as many as the width has room for.
        share: whether all panels have the same scales, so that lengths can be compared across.
        figure: where to draw; None makes one. A figure that has a layout keeps it.

    Returns: the Axes, panel by panel; their figure is ``axes[0].figure``.

    Raises:
        ValueError: there are no pulls, no such column, or more than 24 values.
    """
    table = pulls_to_draw(pulls)
    if by not in table.columns:
        raise ValueError(f"the pulls have no column {by!r}")
    values = sorted(map(str, table[by].dropna().unique()))
    if not 1 <= len(values) <= _MOST_PANELS:
        raise ValueError(f"{by} has {len(values)} values; 1 to {_MOST_PANELS} can be drawn side by side")
    width = figure.get_figwidth() if figure is not None else style.WIDTH
    across = min(columns or max(1, int(width / style.PANEL)), len(values))
    down = math.ceil(len(values) / across)
    if figure is None:
        figure = style.new_figure(
            _HIGH * down, dpi=style.DPI if down <= 2 else _COARSE if down <= 4 else _COARSER
        )
    panels: Any = figure.subplots(down, across, sharex=share, sharey=share, squeeze=False)
    order = table.attrs[ORDER] = chosen_places(table, None)
    made = []
    for value, ax in zip(values, panels.flat, strict=False):
        part = table[table[by].astype("string") == value]
        there = set(part["place"])
        (chart or ecdf)(part, ax=ax, places=[place for place in order if place in there])
        finding = ax.get_title().replace("\n", " ")
        style.title(ax, value or "(no name)", f"{finding}; n = {plural(len(part), 'pull')}")
        made.append(style.finished(ax))
    for ax in panels.flat[len(values) :]:
        ax.set_axis_off()
    return made
