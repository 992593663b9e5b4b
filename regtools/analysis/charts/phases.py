"""What a pull's time is made of: its phases, and the sources that were asked without success."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from regtools.display import seconds
from regtools.pull.records import Pull

from ..failures import failed_attempts
from ..pairing import plural
from . import style
from .pulls import ORDER, chosen_places, pulls_to_draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_ALWAYS = ("auth_s", "manifest_s", "transfer_s", "wait_s")  # the others are podman's and skopeo's
_MOST_POINTS = 400
_DOT: dict[str, Any] = {"markersize": 3, "alpha": 0.6, "markeredgewidth": 0, "zorder": 3}
_ABOVE: dict[str, Any] = {"xytext": (0, 2), "textcoords": "offset points", "ha": "center", "va": "bottom"}
_WHOLE: dict[str, Any] = {"color": style.INK, "linewidth": 1.6}


def phases(
    pulls: pd.DataFrame | Iterable[Pull], ax: Axes | None = None, *, places: Sequence[str] | None = None
) -> Axes:
    """Draw, for each place, the median of each phase end to end, and below it every pull's whole time.

    Args:
        pulls: the pulls frame of a journal, or pulls.
        ax: where to draw; None makes a figure.
        places: which to draw, from the top down; None for all, the fastest first.

    Only pulls that were done are drawn. The large open point is the median of the whole time, the line
    through it reaches from quartile to quartile. Medians do not add up exactly, so the bar may end beside it.

    Raises:
        ValueError: there are no pulls, none was done with its phases known, or none of a place asked for.
    """
    frame = pulls_to_draw(pulls)
    missing = [name for name in _ALWAYS if name not in frame.columns]
    if missing:
        raise ValueError(f"the pulls have no {', '.join(missing)}: their phases are not known")
    wanted = chosen_places(frame, places)
    done = frame[frame["ok"] & frame["transfer_s"].notna()]
    if done.empty:
        raise ValueError("no pull was done with its phases known")
    ax = ax if ax is not None else style.axes(1.9 + 0.75 * len(wanted))
    stages = {name: fill for name, fill in style.STAGES.items() if name in done.columns}
    lengths = done[list(stages)].astype("Float64").fillna(0.0).astype("float64")
    drawn, notes, looks = [], [], style.looks(frame.attrs.get(ORDER) or wanted)
    for number, place in enumerate(wanted):
        mine = done["place"] == place
        parts = zip(stages.values(), lengths[mine].median() if mine.any() else (), strict=False)
        drawn += style.stack(ax, number - 0.14, 0.0, parts, height=0.34)
        _whole(ax, done.loc[mine, "seconds"], number, looks[place])
        notes.append(style.tally(int(mine.sum()), int((~frame.loc[frame["place"] == place, "ok"]).sum())))
    ax.set_ylim(len(wanted) - 0.45, -0.75)
    ax.set_xlim(left=0)
    style.tick_words(ax, "y", wanted, notes)
    ax.set_xlabel("time (s)")
    marks = "bars: median of each phase; points: whole pulls, large: median, line: quartiles"
    detail = f"{marks}; s; n = {plural(len(done), 'pull')}"
    style.title(ax, _most(stages, done, lengths), detail)
    style.grid(ax, "x")
    style.named(ax, drawn)
    return style.finished(ax)


def _most(stages: dict[str, style.Fill], done: pd.DataFrame, lengths: pd.DataFrame) -> str:
    """Return the finding: the phase that takes most, in the place with the longest pulls."""
    medians = done.groupby("place")["seconds"].median()
    place = str(medians.idxmax())
    parts = lengths[done["place"] == place].median()
    stage = str(parts.idxmax())
    name, share = place or "these pulls", parts[stage] / max(float(parts.sum()), 1e-12)
    return f"Most of the time of {name} is {stages[stage].words}: {share:.0%} of {seconds(medians[place])}"


def _whole(ax: Axes, times: pd.Series[float], number: int, look: style.Look) -> None:
    values = np.sort(times.to_numpy())
    if not len(values):
        return
    shown = values[np.unique(np.linspace(0, len(values) - 1, _MOST_POINTS).astype(int))]
    y = number + 0.22
    ax.plot(shown, y + style.spread_out(len(shown), 0.16), "o", color=look.colour, **_DOT)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    ax.plot([low, high], [y, y], zorder=4, **_WHOLE)
    ax.plot(middle, y, "o", color=style.INK, **{**style.MEDIAN, "markersize": 9})


# -- sources asked without success -----------------------------------------------------------------------


def failover(
    pulls: pd.DataFrame | Iterable[Pull], requests: pd.DataFrame | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what each source that did not deliver cost before the next one was asked.

    Args:
        pulls: pulls, or the pulls frame of a journal.
        requests: the requests frame of the same journal, where frames are given.
        ax: where to draw; None makes a figure.

    One row for each host and kind of failure; every failed attempt is a point, the large open one is the
    median. The axis is logarithmic: a refusal costs milliseconds, silence costs minutes.

    Raises:
        ValueError: no source failed, or none whose requests are recorded.
    """
    lost = failed_attempts(pulls, requests)
    if lost.empty:
        raise ValueError("no source failed in these pulls, or the requests were not given")
    kinds = lost.groupby(["host", "kind"])["seconds"]
    groups = sorted(
        ((str(host), str(kind), float(values.median()), values) for (host, kind), values in kinds),
        key=lambda each: each[2],
    )
    ax = ax if ax is not None else style.axes(1.6 + 0.6 * len(groups))
    least = max(float(lost["seconds"].min()), 1e-5)
    looks = style.looks(host for host, *_ in groups)
    for number, (host, _, middle, values) in enumerate(groups):
        at, points = max(middle, least), style.points(looks[host])
        ax.plot(values.clip(least), number + style.spread_out(len(values), 0.4), **points)
        ax.plot(at, number, **{**points, **style.MEDIAN})
        colour = style.FAILED if middle >= 1 else style.INK
        note = f"{seconds(middle)}, n = {len(values)}"
        ax.annotate(note, (at, number - 0.26), fontsize=style.NOTE, color=colour, **_ABOVE)
    ax.set_xscale("log")
    most = max(float(lost["seconds"].max()), least * 10)
    ax.set_xlim(10 ** (math.log10(least) - 0.5), 10 ** (math.log10(most) + 0.5))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:g} s" if value >= 1 else f"{value * 1e3:g} ms")
    ax.set_ylim(len(groups) - 0.4, -0.8)
    style.tick_words(ax, "y", [host for host, *_ in groups], [kind for _, kind, *_ in groups])
    ax.set_xlabel("time until the next source was asked")
    host, kind, middle, _ = groups[-1]
    detail = f"time that failed sources cost, logarithmic; large: median; n = {plural(len(lost), 'attempt')}"
    style.title(ax, f"{host} [{kind}] costs a pull {seconds(middle)}", detail)
    style.grid(ax, "x")
    return style.finished(ax)
