"""Charts of measured pulls: matplotlib, each function gives the Axes that it drew on.

Readable in grey and without telling colours apart: phases differ in lightness and hatching, places in
marker and dash. Raw points are always there, with the median; means never. Without ``ax`` a chart makes a
figure of its own, 1152 pixels wide.
"""

from __future__ import annotations

import math

from regtools.pull.display import seconds, size
from regtools.pull.records import Pull, frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from regtools.pull.records import Request

__all__ = ["ecdf", "waterfall"]

_WIDTH = 8.0  # inches
_DPI = 144

# phase → its words in the legend, fill (Okabe and Ito's colours, ordered by lightness), hatch.
_PHASES = {
    "dns_s": ("name look-up", "#000000", ""),
    "tcp_s": ("TCP connect", "#D55E00", "//"),
    "tls_s": ("TLS handshake", "#CC79A7", "xx"),
    "ttfb_s": ("until first byte", "#F0E442", ".."),
    "body_s": ("body", "#56B4E9", ""),
}
_FAILED = "#D55E00"

# colour, marker and dash of the first, second, … place
_PLACES: tuple[tuple[str, str, Any], ...] = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#000000", "v", (0, (5, 1))),
    ("#E69F00", "P", (0, (3, 1, 1, 1))),
    ("#56B4E9", "X", (0, (1, 1))),
)


def waterfall(pull: Pull, ax: Axes | None = None) -> Axes:
    """Draw one pull's requests over time: a lane for each worker, each bar cut by phase.

    Arguments:
        pull: a :class:`~regtools.pull.records.Pull`.
        ax: where to draw; None makes a figure.

    A cross ends a request that failed; a dotted line marks where a further source was asked.
    """
    workers = sorted({request.worker for request in pull.requests})
    ax = ax if ax is not None else _axes(1.7 + 0.55 * max(2, len(workers)))
    unit, factor = ("s", 1.0) if pull.total_s >= 1 else ("ms", 1000.0)
    lanes = {worker: number for number, worker in enumerate(workers)}
    longest = max(pull.total_s, 1e-6)
    for request in pull.requests:
        _bar(ax, request, lanes[request.worker], factor, longest)
    for moment, number in _further_sources(pull):
        ax.axvline(moment * factor, color="0.35", linestyle=":", linewidth=1)
        ax.text(moment * factor, -0.62, f" source {number}", fontsize="x-small", va="center", color="0.25")
    ax.set_yticks(list(lanes.values()), [f"worker {worker}" for worker in lanes])
    ax.set_ylim(max(len(lanes), 1) - 0.4, -0.8)
    ax.set_xlim(0, longest * factor * 1.02)
    ax.set_xlabel(f"time since the pull began ({unit})")
    verdict = (
        seconds(pull.total_s) if pull.ok else f"failed after {seconds(pull.total_s)} [{pull.error_kind}]"
    )
    ax.set_title(
        f"{pull.reference or pull.image}: {verdict}, n = {pull.n_requests} requests", fontsize="medium"
    )
    _legend(ax, pull)
    return ax


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
    frame = _frame(pulls)
    if frame.empty:
        raise ValueError("there are no pulls to draw")
    places = sorted(
        ((str(place), *_done(group)) for place, group in frame.groupby("place", sort=False, dropna=False)),
        key=lambda each: _median(each[1], each[2]),
    )
    ax = ax if ax is not None else _axes(4.2 + 0.1 * len(places))
    right = max((times[-1] for _, times, _ in places if times), default=1.0) * 1.06
    drawn = [_steps(ax, *each, right, number) for number, each in enumerate(places)]
    ax.set_xlim(0, right)
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("total time of a pull (s)")
    ax.set_ylabel("share of pulls done within it")
    ax.set_title(f"Pulls by place, n = {len(frame)} pulls", fontsize="medium")
    ax.grid(color="0.9")
    ax.set_axisbelow(True)
    _below(ax, drawn, columns=2)
    return ax


def _axes(height: float) -> Axes:
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(_WIDTH, height), dpi=_DPI, layout="constrained")
    return ax


def _bar(ax: Axes, request: Request, lane: int, factor: float, longest: float) -> None:
    at = request.t0_s
    for phase, (_, colour, hatch) in _PHASES.items():
        length = getattr(request, phase)
        if length:
            ax.barh(
                lane,
                length * factor,
                left=at * factor,
                height=0.55,
                color=colour,
                hatch=hatch,
                edgecolor="0.2",
                linewidth=0.3,
            )
            at += length
    end = (request.t0_s + request.total_s) * factor
    if request.error_kind is not None:
        ax.plot(
            end, lane, marker="x", color=_FAILED, markersize=7, markeredgewidth=2, linestyle="none", zorder=4
        )
    if request.total_s / longest > 0.12:  # narrower bars have no room for words
        middle = (request.t0_s + request.total_s / 2) * factor
        ax.text(
            middle,
            lane,
            _words(request),
            ha="center",
            va="center",
            fontsize="x-small",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )


def _words(request: Request) -> str:
    if request.error_kind is not None:
        return f"{request.kind}: {request.error_kind}"
    if request.layer is not None:
        return f"layer {request.layer}, {size(request.bytes)}"
    return request.kind


def _further_sources(pull: Pull) -> list[tuple[float, int]]:
    """Give where each source after the first was asked: seconds and the source's number, from 1."""
    first: dict[int, float] = {}
    for request in pull.requests:
        first.setdefault(request.attempt, request.t0_s)
    return [(moment, attempt + 1) for attempt, moment in first.items() if attempt > 0]


def _legend(ax: Axes, pull: Pull) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = [
        Patch(facecolor=colour, hatch=hatch, edgecolor="0.2", linewidth=0.3, label=words)
        for phase, (words, colour, hatch) in _PHASES.items()
        if any(getattr(request, phase) for request in pull.requests)
    ]
    if any(request.error_kind is not None for request in pull.requests):
        cross = Line2D([], [], marker="x", color=_FAILED, markeredgewidth=2, linestyle="none", label="failed")
        handles.append(cross)
    if handles:
        _below(ax, handles, columns=len(handles))


def _below(ax: Axes, handles: list[Any], columns: int) -> None:
    """Put the legend under the axis: nowhere else is there sure to be no data."""
    pad = 5.5  # font sizes; clears the axis and its label
    ax.legend(
        handles=handles,
        ncols=columns,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        borderaxespad=pad,
        fontsize="x-small",
        frameon=False,
    )


def _frame(pulls: pd.DataFrame | Iterable[Pull]) -> pd.DataFrame:
    import pandas as pd

    return pulls if isinstance(pulls, pd.DataFrame) else frames([pull.row() for pull in pulls], [])[0]


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

    colour, marker, dash = _PLACES[number % len(_PLACES)]
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
