"""Many pulls: how their times spread, place by place."""

from __future__ import annotations

import math

from regtools.pull.display import seconds

from .looks import PLACES, axes, below, pulls_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from regtools.pull.records import Pull

__all__ = ["ecdf"]


def ecdf(pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None) -> Axes:
    """Draw, for each place, the share of its pulls that were done within a time.

    Arguments:
        pulls: the pulls frame of a journal (columns ``place``, ``total_s``, ``ok``), or pulls.
        ax: where to draw; None makes a figure.

    Every pull is a point, the large open one is the median. Failed pulls never get done: with failures a line
    ends below 1, and with half of them or more there is no median.

    Raises:
        ValueError: there are no pulls.
    """
    frame = pulls_frame(pulls)
    if frame.empty:
        raise ValueError("there are no pulls to draw")
    places = sorted(
        ((str(place), *_done(group)) for place, group in frame.groupby("place", sort=False, dropna=False)),
        key=lambda each: _median(each[1], each[2]),
    )
    ax = ax if ax is not None else axes(4.2 + 0.1 * len(places))
    right = max((times[-1] for _, times, _ in places if times), default=1.0) * 1.06
    drawn = [_steps(ax, *each, right, number) for number, each in enumerate(places)]
    ax.set_xlim(0, right)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("total time of a pull (s)")
    ax.set_ylabel("share of pulls done within it")
    ax.set_title(f"Pulls by place, n = {len(frame)} pulls", fontsize="medium")
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    below(ax, drawn, columns=2)
    return ax


def _done(group: pd.DataFrame) -> tuple[list[float], int]:
    """Give the sorted times of the pulls that were done, and how many there were in all."""
    ok = group["ok"].fillna(False).astype(bool)
    return sorted(float(each) for each in group.loc[ok, "total_s"].dropna()), len(group)


def _median(times: list[float], count: int) -> float:
    """Give the median of all pulls, a failed one taking for ever; infinite if that is what it is."""
    every = times + [math.inf] * (count - len(times))
    low, high = every[(count - 1) // 2], every[count // 2]
    return (low + high) / 2


def _steps(ax: Axes, place: str, times: list[float], count: int, right: float, number: int) -> Line2D:
    """Draw one place: steps, points, median. Give its line for the legend."""
    from matplotlib.lines import Line2D

    colour, marker, dash = PLACES[number % len(PLACES)]
    shares = [(index + 1) / count for index in range(len(times))]
    median = _median(times, count)
    failed = f", {count - len(times)} failed" if len(times) < count else ""
    middle = f"median {seconds(median)}" if math.isfinite(median) else "no median"
    words = f"{place or 'all pulls'}: n = {count}{failed}, {middle}"
    last = shares[-1] if shares else 0.0
    ax.step(
        [0.0, *times, right], [0.0, *shares, last], where="post", color=colour, linestyle=dash, label=words
    )
    points: dict[str, Any] = {"marker": marker, "color": colour, "linestyle": "none"}
    ax.plot(times, shares, markersize=4, zorder=3, **points)
    if math.isfinite(median):
        ax.plot(median, 0.5, markersize=11, markerfacecolor="none", markeredgewidth=1.6, zorder=4, **points)
    return Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=4, label=words)
