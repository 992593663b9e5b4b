"""Many pulls: how their times spread, place by place and round by round.

The same chart several times, side by side: one panel for each image, vantage or client.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regtools.display import seconds

from .style import (
    DPI,
    FAILED,
    MEDIAN,
    WIDTH,
    axes,
    below,
    chosen_places,
    grid,
    look,
    named,
    pulls_frame,
    spread_out,
    tick_words,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from regtools.pull.records import Pull

__all__ = ["ecdf", "slopes", "small_multiples"]

_BLOCK = ("campaign", "vantage", "client", "cache_state", "round", "image")
_MOST_LINES = 300
_MOST_STEPS = 2000
_DECADE = 8.0  # times further apart than this are drawn on a logarithmic axis


def ecdf(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw, for each place, the share of its pulls that were done within a time.

    Arguments:
        pulls: the pulls frame of a journal (columns ``place``, ``total_s`` or ``seconds``, ``ok``), or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, and in which order; None for all, the fastest first.

    Every pull is a point (of very many, 2,000 evenly chosen), the large open one is the median. Failed pulls
    never get done: with failures a line ends below 1, and with half of them or more there is no median.

    Raises:
        ValueError: there are no pulls, or none of a place that was asked for.
    """
    frame = pulls_frame(pulls)
    wanted = chosen_places(frame, places)
    groups = [(place, *_done(frame[frame["place"] == place])) for place in wanted]
    ax = ax if ax is not None else axes(4.2 + 0.1 * len(groups))
    right = max((times[-1] for _, times, _ in groups if times), default=1.0) * 1.06
    drawn = [_steps(ax, *each, right, number) for number, each in enumerate(groups)]
    ax.set_xlim(0, right)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("total time of a pull (s)")
    ax.set_ylabel("share of pulls done within it")
    title(ax, f"Pulls by place, n = {sum(count for *_, count in groups)} pulls")
    grid(ax)
    below(ax, drawn, columns=2)
    return ax


def _done(group: pd.DataFrame) -> tuple[list[float], int]:
    """Give the sorted times of the pulls that were done, and how many there were in all."""
    times = group["seconds"].dropna()
    return sorted(float(each) for each in times[times < math.inf]), len(group)


def _median(times: list[float], count: int) -> float:
    """Give the median of all pulls, a failed one taking for ever; infinite if that is what it is."""
    if not count:
        return math.inf
    every = times + [math.inf] * (count - len(times))
    low, high = every[(count - 1) // 2], every[count // 2]
    return (low + high) / 2


def _steps(ax: Axes, place: str, times: list[float], count: int, right: float, number: int) -> Line2D:
    """Draw one place: steps, points, median. Give its line for the legend."""
    from matplotlib.lines import Line2D

    colour, marker, dash = look(number)
    shares = [(index + 1) / count for index in range(len(times))]
    median = _median(times, count)
    failed = f", {count - len(times)} failed" if len(times) < count else ""
    middle = f"median {seconds(median)}" if math.isfinite(median) else "no median"
    words = named(f"{place or 'all pulls'}: n = {count}{failed}, {middle}")
    last = shares[-1] if shares else 0.0
    chosen = range(len(times)) if len(times) <= _MOST_STEPS else _evenly(len(times))
    times, shares = [times[each] for each in chosen], [shares[each] for each in chosen]
    ax.step(
        [0.0, *times, right], [0.0, *shares, last], where="post", color=colour, linestyle=dash, label=words
    )
    points: dict[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
    ax.plot(times, shares, **points, markersize=4, zorder=3)
    if math.isfinite(median):
        ax.plot(median, 0.5, **points, **MEDIAN)
    return Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=4, label=words)


def _evenly(count: int) -> list[int]:
    """Choose of very many points as many as can be told apart, from the first to the last."""
    return [round(each * (count - 1) / (_MOST_STEPS - 1)) for each in range(_MOST_STEPS)]


# -- paired rounds ---------------------------------------------------------------------------------------


def slopes(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw each round as a line from place to place: what a paired comparison looks at.

    Arguments:
        pulls: the pulls frame of a journal, with ``round``; or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, from left to right; None for all, the fastest first.

    A line belongs to one image in one round; parallel lines are a difference that holds whatever the hour
    was like. Every pull is a point, the large open one is the median; a cross at the top is a pull that
    failed. Of more than 300 lines every so many is drawn, and the title says so. The axis is logarithmic
    where the times lie far apart, so that equal ratios are equally steep.

    Raises:
        ValueError: there are no pulls, none of them belongs to a round, or none to a place asked for.
    """
    frame = pulls_frame(pulls)
    if "round" not in frame.columns or frame["round"].isna().all():
        raise ValueError("no pull belongs to a round, so there are no pairs to draw")
    wanted = chosen_places(frame, places)
    frame = frame[frame["round"].notna() & frame["place"].isin(wanted)]
    keys = [name for name in _BLOCK if name in frame.columns]
    wide = frame.pivot_table("seconds", keys, "place", "median", dropna=False, observed=True)
    wide = wide.reindex(columns=wanted).dropna(how="all")
    ax = ax if ax is not None else axes(4.6)
    values = wide.to_numpy()
    finite = values[(values < math.inf) & (values > 0)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.5, 1.0)
    logarithmic = high / low > _DECADE
    top = high * (high / low) ** 0.08 if logarithmic else high * 1.1
    _lines(ax, values, top)
    failures = [_strip(ax, place, number, values[:, number], top) for number, place in enumerate(wanted)]
    if logarithmic:
        _logarithmic(ax)
    ax.set_ylim(low / 1.25 if logarithmic else 0, top * (1.15 if logarithmic else 1.06))
    ax.set_xlim(-0.4, len(wanted) - 0.6)
    ax.set_ylabel("total time of a pull (s)" + (", logarithmic" if logarithmic else ""))
    counted = [
        f"{place or 'all pulls'}\nn = {count}{f', {failed} failed' if failed else ''}"
        for place, (count, failed) in zip(wanted, failures, strict=True)
    ]
    tick_words(ax, range(len(wanted)), counted)
    drawn = f", {_MOST_LINES} of them drawn" if len(wide) > _MOST_LINES else ""
    title(ax, f"Each line is one round of one image, n = {len(wide)} lines{drawn}")
    grid(ax, "y")
    return ax


def _lines(ax: Axes, values: Any, top: float) -> None:
    import numpy as np

    chosen: Any = np.unique(np.linspace(0, len(values) - 1, _MOST_LINES).astype(int)) if len(values) else []
    for row in values[chosen]:
        there = ~np.isnan(row)
        heights = np.where(np.isinf(row), top, row)[there]
        ax.plot(np.flatnonzero(there), heights, color="0.7", linewidth=0.6, zorder=1)


def _strip(ax: Axes, place: str, number: int, values: Any, top: float) -> tuple[int, int]:
    """Draw one place's points, failures and median; give how many pulls and how many failures."""
    import numpy as np

    colour, marker, _ = look(number)
    there = values[~np.isnan(values)]
    done, failed = there[there < math.inf], int(np.isinf(there).sum())
    points: dict[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
    ax.plot(np.full(len(done), number), done, **points, markersize=4, zorder=3, label=named(place))
    if failed:
        offsets = number + spread_out(failed, 0.25)
        ax.plot(offsets, np.full(failed, top), "x", color=FAILED, markersize=6, markeredgewidth=1.6, zorder=4)
    median = _median(sorted(float(each) for each in done), len(there)) if len(there) else math.inf
    if math.isfinite(median):
        ax.plot(number, median, **points, **MEDIAN)
    return len(there), failed


def _logarithmic(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=20))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())


_PANEL = 3.6  # inches
_MOST_PANELS = 24


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

    Arguments:
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
    import matplotlib.pyplot as plt

    table = pulls_frame(pulls)
    if by not in table.columns:
        raise ValueError(f"the pulls have no column {by!r}")
    values = sorted(map(str, table[by].dropna().unique()))
    if not 1 <= len(values) <= _MOST_PANELS:
        raise ValueError(f"{by} has {len(values)} values; 1 to {_MOST_PANELS} can be drawn side by side")
    width = figure.get_figwidth() if figure is not None else WIDTH
    across = min(columns or max(1, int(width / _PANEL)), len(values))
    down = math.ceil(len(values) / across)
    if figure is None:
        figure = plt.figure(figsize=(WIDTH, 4.2 * down), dpi=DPI, layout="constrained")
    grid: Any = figure.subplots(down, across, sharex=share, sharey=share, squeeze=False)
    order = chosen_places(table, None)
    made = []
    for value, ax in zip(values, grid.flat, strict=False):
        part = table[table[by].astype("string") == value]
        there = set(part["place"])
        _draw(chart or ecdf, part, ax, [place for place in order if place in there])
        words = f"{value or '(no name)'}: n = {len(part)} pulls"
        _head(ax, words)
        made.append(ax)
    for ax in grid.flat[len(values) :]:
        ax.set_axis_off()
    return made


def _draw(chart: Callable[..., Axes], part: pd.DataFrame, ax: Axes, places: list[str]) -> None:
    chart(part, ax=ax, places=places)


def _head(ax: Axes, text: str) -> None:
    from .style import title

    title(ax, text)
