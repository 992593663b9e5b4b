"""What a pull's time is made of: its phases, and the sources that were asked in vain."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from regtools.display import seconds

from .style import (
    FAILED,
    MEDIAN,
    axes,
    below,
    chosen_places,
    grid,
    look,
    pulls_frame,
    spread_out,
    tick_words,
    title,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes

    from regtools.pull.records import Pull

__all__ = ["failover", "phases"]

# column → words in the legend, fill, hatch; from light to dark and back, so that neighbours differ in grey
_STAGES = {
    "start_s": ("start of the program", "#FFFFFF", "||"),
    "auth_s": ("ping and token", "#F0E442", ".."),
    "manifest_s": ("manifest", "#CC79A7", "xx"),
    "transfer_s": ("transfer", "#56B4E9", ""),
    "wait_s": ("waiting to try again", "#000000", ""),
    "store_s": ("storing", "#009E73", "\\\\"),
}
_ALWAYS = ("auth_s", "manifest_s", "transfer_s", "wait_s")  # the others are podman's and skopeo's
_MOST_POINTS = 400


def phases(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw, for each place, the median of each phase end to end, and below it every pull's whole time.

    Arguments:
        pulls: the pulls frame of a journal, or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, from the top down; None for all, the fastest first.

    Of pulls that were done. The large open point is the median of the whole time, the line through it reaches
    from quartile to quartile. Medians do not add up exactly, so the bar may end beside it.

    Raises:
        ValueError: there are no pulls, none was done with its phases known, or none of a place asked for.
    """
    frame = pulls_frame(pulls)
    missing = [name for name in _ALWAYS if name not in frame.columns]
    if missing:
        raise ValueError(f"the pulls have no {', '.join(missing)}: their phases are not known")
    wanted = chosen_places(frame, places)
    done = frame[frame["ok"] & frame["transfer_s"].notna()]
    if done.empty:
        raise ValueError("no pull was done with its phases known")
    ax = ax if ax is not None else axes(1.9 + 0.75 * len(wanted))
    words = []
    for number, place in enumerate(wanted):
        group = done[done["place"] == place]
        failed = int((~frame.loc[frame["place"] == place, "ok"]).sum())
        _stack(ax, group, number)
        _whole(ax, group["seconds"], number)
        words.append(f"{place or 'all pulls'}\nn = {len(group)}{f', {failed} failed' if failed else ''}")
    ax.set_ylim(len(wanted) - 0.45, -0.5)
    ax.set_xlim(left=0)
    tick_words(ax, range(len(wanted)), words, "y")
    ax.set_xlabel("time (s)")
    title(ax, f"Median of each phase, and every whole pull, n = {len(done)} pulls")
    grid(ax, "x")
    below(ax, _key(done), columns=5)
    return ax


def _stack(ax: Axes, group: pd.DataFrame, number: int) -> None:
    at = 0.0
    for column, (_, colour, hatch) in _STAGES.items():
        length = float(_lengths(group, column).median()) if len(group) else 0.0
        if length > 0:
            style: dict[str, Any] = {"edgecolor": "0.2", "linewidth": 0.3}
            ax.barh(number - 0.14, length, left=at, height=0.34, color=colour, hatch=hatch, **style)
            at += length


def _lengths(group: pd.DataFrame, column: str) -> pd.Series[float]:
    """Give a phase's seconds; a phase that a client does not tell is none."""
    import pandas as pd

    known = group[column] if column in group.columns else pd.Series(0.0, index=group.index)
    return pd.to_numeric(known).astype("Float64").fillna(0.0).astype("float64")


def _whole(ax: Axes, times: pd.Series[float], number: int) -> None:
    import numpy as np

    values = np.sort(times.to_numpy())
    if not len(values):
        return
    shown = values[np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).astype(int))]
    y = number + 0.22 + spread_out(len(shown), 0.16)
    ax.plot(shown, y, "o", color="0.35", markersize=3, alpha=0.7, zorder=3)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    ax.plot([low, high], [number + 0.22] * 2, color="black", linewidth=1.6, zorder=4)
    ax.plot(middle, number + 0.22, "o", color="black", **{**MEDIAN, "markersize": 9})


def _key(done: pd.DataFrame) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="0.2", linewidth=0.3, label=words)
        for column, (words, colour, hatch) in _STAGES.items()
        if float(_lengths(done, column).max()) > 0
    ]
    median: dict[str, Any] = {**MEDIAN, "markersize": 8, "label": "whole pull: median, quartiles"}
    return [*handles, Line2D([], [], color="black", marker="o", linewidth=1.6, **median)]


# -- sources asked in vain -------------------------------------------------------------------------------


def failover(
    pulls: pd.DataFrame | Iterable[Pull], requests: pd.DataFrame | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what each source that did not deliver cost before the next one was asked.

    Arguments:
        pulls: pulls, or the pulls frame of a journal.
        requests: the requests frame of the same journal, where frames are given.
        ax: where to draw; None makes a figure.

    One row for each host and kind of failure; every failed attempt is a point, the large open one is the
    median. The axis is logarithmic: a refusal costs milliseconds, silence costs minutes.

    Raises:
        ValueError: no source failed, or none whose requests are recorded.
    """
    from ..failures import failed_attempts

    lost = failed_attempts(pulls, requests)
    if lost.empty:
        raise ValueError("no source failed in these pulls, or the requests were not given")
    kinds = lost.groupby(["host", "kind"])["seconds"]
    found = [(f"{host}\n{kind}", values.to_numpy()) for (host, kind), values in kinds]
    groups = sorted(found, key=lambda each: float(_middle(each[1])))
    ax = ax if ax is not None else axes(1.6 + 0.6 * len(groups))
    least = max(float(lost["seconds"].min()), 1e-5)
    for number, (_, values) in enumerate(groups):
        colour, marker, _ = look(number)
        style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none"}
        ax.plot(values.clip(least), number + spread_out(len(values), 0.4), **style, markersize=4, zorder=3)
        middle = float(_middle(values))
        ax.plot(max(middle, least), number, **style, **MEDIAN)
        ax.annotate(
            f"{seconds(middle)}, n = {len(values)}",
            (max(middle, least), number - 0.26),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize="x-small",
            color=FAILED if middle >= 1 else "0.2",
        )
    ax.set_xscale("log")
    most = max(float(lost["seconds"].max()), least * 10)
    ax.set_xlim(10 ** (math.log10(least) - 0.5), 10 ** (math.log10(most) + 0.5))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g} s" if value >= 1 else f"{value * 1e3:g} ms")
    ax.set_ylim(len(groups) - 0.4, -0.8)
    tick_words(ax, range(len(groups)), [words for words, _ in groups], "y")
    ax.set_xlabel("time until the next source was asked")
    title(ax, f"Sources asked in vain, n = {len(lost)} attempts")
    grid(ax, "x")
    return ax


def _middle(values: Any) -> Any:
    import numpy as np

    return np.median(values)
